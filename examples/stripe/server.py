"""A shop server that sells over Stripe Checkout and tells Molva what was paid.

The form's field `referral` (the snippet fills it) goes to Stripe with the Checkout Session and comes back in its
webhook; only there, when the money has arrived, is the sale reported. Plain HTTP, no SDK. Read it as an example; run it
with `uvicorn --factory server:from_environment`.
"""

import asyncio
import hashlib
import hmac
import json
import os
import re
import time
import urllib.error
import urllib.request
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

QUANTITY_MAX = 9
SEND_SECONDS = 10
SIGNATURE_SECONDS = 300  # Stripe's own libraries take no older webhook
BODY_MAX = 256 * 1024  # bytes of a webhook

# What Stripe keeps as client_reference_id: letters, digits, - and _, at most 200. A click's id is shorter.
CLICK_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

# Stripe counts these in hundredths although ISO 4217 gives them no minor unit (Stripe's page on currencies).
STRIPE_HUNDREDTHS = frozenset({"ISK", "UGX"})


class ShopConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Addresses and keys; `stripe_url` is Stripe's API, the tests put a stand-in there."""

    shop_url: str
    molva_url: str
    molva_publishable_key: str
    molva_secret_key: str
    stripe_secret_key: str
    stripe_signing_secret: str
    stripe_price: str
    stripe_url: str = "https://api.stripe.com"


class SendError(RuntimeError):
    """The other side refused or did not answer; `status` is None without an answer."""

    def __init__(self, status: int | None, text: str) -> None:
        super().__init__(text)
        self.status = status


def session_parameters(config: ShopConfig, form: dict[str, str], referral: str) -> dict[str, str]:
    """Return the form body that makes a Checkout Session; without a usable click id it carries none."""
    quantity = form.get("quantity", "1")
    parameters = {
        "mode": "payment",
        "line_items[0][price]": config.stripe_price,
        "line_items[0][quantity]": quantity if re.fullmatch(f"[1-{QUANTITY_MAX}]", quantity) else "1",
        "success_url": f"{config.shop_url}/thanks",
        "cancel_url": config.shop_url,
    }
    if CLICK_ID.fullmatch(referral):
        parameters["client_reference_id"] = referral
        # The metadata of the payment outlives the session, so a person finds the click beside the payment as well.
        parameters["metadata[referral]"] = referral
        parameters["payment_intent_data[metadata][referral]"] = referral
    return parameters


def is_signed(secret: str, *, header: str, body: bytes, now_s: int) -> bool:
    """Tell whether Stripe signed this body within the last minutes: HMAC-SHA256 of `t.body`, in the header as v1."""
    parts = [part.partition("=") for part in header.split(",")[:20]]
    times = [value for name, _, value in parts if name.strip() == "t"]
    if len(times) != 1 or not re.fullmatch(r"[0-9]{1,12}", times[0]) or abs(now_s - int(times[0])) > SIGNATURE_SECONDS:
        return False
    wanted = hmac.new(secret.encode(), f"{times[0]}.".encode() + body, hashlib.sha256).hexdigest()
    given = [value for name, _, value in parts if name.strip() == "v1"]
    return any(hmac.compare_digest(wanted.encode(), value.strip().encode()) for value in given)


def report_of(event: dict[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """Return (kind, body) of what Molva shall learn of a Stripe event; None for events that are no money yet."""
    thing = event["data"]["object"]
    if event["type"] in {"checkout.session.completed", "checkout.session.async_payment_succeeded"}:
        # Slow payment methods complete the session first and succeed days later.
        return ("sale", sale_of(thing)) if thing["payment_status"] == "paid" else None
    if event["type"] in {"refund.created", "refund.updated"}:
        return ("refund", refund_of(thing)) if thing["status"] == "succeeded" and thing.get("payment_intent") else None
    return None


def sale_of(session: dict[str, Any]) -> dict[str, Any]:
    """Return the sale a paid session stands for; its number is that of the payment, which refunds name too."""
    currency = session["currency"].upper()
    totals = session.get("total_details") or {}
    referral = session.get("client_reference_id") or (session.get("metadata") or {}).get("referral") or ""
    customer = {"external_id": session.get("customer"), "email": (session.get("customer_details") or {}).get("email")}
    sale = {
        "external_id": session.get("payment_intent") or session["id"],
        "amount": minor_units(session["amount_total"], currency),
        "currency": currency,
        "tax": minor_units(totals.get("amount_tax") or 0, currency),
        "shipping": minor_units(totals.get("amount_shipping") or 0, currency),
        "customer": {name: value for name, value in customer.items() if value},
    }
    if CLICK_ID.fullmatch(referral):
        sale["click_id"] = referral
    return sale


def refund_of(refund: dict[str, Any]) -> dict[str, Any]:
    """Return the refund; the same number again with the same body changes nothing."""
    currency = refund["currency"].upper()
    return {
        "external_id": refund["id"],
        "refund_of": refund["payment_intent"],
        "amount": minor_units(refund["amount"], currency),
        "currency": currency,
    }


def minor_units(amount: int, currency: str) -> int:
    """Return an amount of Stripe in the minor units of ISO 4217."""
    return amount // 100 if currency in STRIPE_HUNDREDTHS else amount


def post(url: str, body: bytes, headers: dict[str, str]) -> dict[str, Any]:
    """Post and return the JSON answer; raises SendError. Blocks: call it in a thread."""
    request = urllib.request.Request(url, data=body, headers=headers, method="POST")  # noqa: S310  Our own settings.
    try:
        with urllib.request.urlopen(request, timeout=SEND_SECONDS) as response:  # noqa: S310
            answer: dict[str, Any] = json.loads(response.read())
            return answer
    except urllib.error.HTTPError as error:
        with error:
            raise SendError(error.code, error.read(2000).decode(errors="replace")) from error
    except (OSError, ValueError) as error:
        raise SendError(None, f"no answer: {error}") from error


class Shop:
    """The pages and the webhook."""

    def __init__(self, config: ShopConfig) -> None:
        self.config = config

    async def home(self, _request: Request) -> Response:
        """Show the order form; the snippet adds the field `referral` when it is sent."""
        key = self.config.molva_publishable_key
        tag = f'<script async src="{self.config.molva_url}/r/x.js" data-key="{key}"></script>'
        form = '<form method="post" action="/checkout"><label>How many? <input name="quantity" value="1"></label>'
        return HTMLResponse(f"<!doctype html><title>Shop</title>{tag}<h1>Shop</h1>{form}<button>Buy</button></form>")

    async def checkout(self, request: Request) -> Response:
        """Make a Checkout Session and send the buyer there."""
        form = {name: str(value) for name, value in (await request.form(max_fields=20)).items()}
        body = urlencode(session_parameters(self.config, form, form.get("referral", ""))).encode()
        headers = {
            "Authorization": f"Bearer {self.config.stripe_secret_key}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        try:
            session = await asyncio.to_thread(post, f"{self.config.stripe_url}/v1/checkout/sessions", body, headers)
        except SendError:
            return PlainTextResponse("The payment page cannot be reached; please try again.", 502)
        return RedirectResponse(session["url"], 303)

    async def thanks(self, _request: Request) -> Response:
        """Thank the buyer; the sale is reported by the webhook, not here, where anybody may come."""
        return HTMLResponse("<!doctype html><title>Thank you</title><h1>Thank you for your order</h1>")

    async def webhook(self, request: Request) -> Response:
        """Take Stripe's webhook; whatever is not 2xx Stripe sends again, for days."""
        body = await request.body()
        header = request.headers.get("stripe-signature", "")
        if not is_signed(self.config.stripe_signing_secret, header=header, body=body, now_s=int(time.time())):
            return PlainTextResponse("The signature does not fit; check the signing secret.", 400)
        found = report_of(json.loads(body))
        if found is None:
            return PlainTextResponse("nothing to report")
        kind, report = found
        headers = {"Authorization": f"Bearer {self.config.molva_secret_key}", "Content-Type": "application/json"}
        try:
            url = f"{self.config.molva_url}/v1/track/{kind}"
            await asyncio.to_thread(post, url, json.dumps(report).encode(), headers)
        except SendError as error:
            # 409 and 422 would come again for ever; `molva events list` shows what was refused.
            is_final = error.status in {HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY}
            return PlainTextResponse(f"Molva: {error}", 200 if is_final else 502)
        return PlainTextResponse("reported")


def create_app(config: ShopConfig) -> Starlette:
    """Return the shop as an application."""
    shop = Shop(config)
    return Starlette(
        routes=[
            Route("/", shop.home),
            Route("/checkout", shop.checkout, methods=["POST"]),
            Route("/thanks", shop.thanks),
            Route("/stripe/webhook", shop.webhook, methods=["POST"]),
        ],
        max_body_size=BODY_MAX,
    )


def from_environment() -> Starlette:
    """Return the shop with its settings from the environment, named like the fields in capitals."""
    fields = [field for field in ShopConfig.__struct_fields__ if field != "stripe_url"]
    return create_app(ShopConfig(**{field: os.environ[field.upper()] for field in fields}))
