"""A demo shop that shows how a shop works with Molva: the tag on every page, the sale from the server.

`molva demo` starts it beside an installation; read it as an example for a shop of your own. It keeps its
orders in memory, sells nothing, and never lets tracking break a purchase.
"""

import asyncio
import contextlib
import hashlib
import json
import re
import secrets
import time
import urllib.error
import urllib.request
from collections import OrderedDict
from collections.abc import AsyncIterator
from decimal import Decimal
from http import HTTPStatus
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec
from babel.numbers import format_currency, get_currency_precision
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HERE = Path(__file__).parent

ORDERS_MAX = 1000  # records; the oldest go, this is a demo in memory
QUANTITY_MAX = 9
NAME_MAX = 100  # characters
EMAIL_MAX = 254  # characters, RFC 5321
AGENT_MAX = 512  # characters of a user agent that are worth reporting
SEND_SECONDS = 10  # per attempt; the buyer never waits for it
RETRY_FIRST_SECONDS = 1.0
RETRY_MAX_SECONDS = 300.0
TRIES_MAX = 50  # about three hours and a half; then the record says "gave up" for a person to see

BROWSER_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
COOKIE = re.compile(r"1\.([A-Za-z0-9_-]{1,64})\.[^.~]+\.\w+~([A-Za-z0-9_-]{1,64})\.[^.~]+\.\w+")
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


class ShopConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What a shop needs to know of Molva.

    `molva_url` is the address the shop's server calls, `script_url` the one the browser loads the tag from.
    """

    molva_url: str
    script_url: str
    publishable_key: str
    secret_key: str
    shop_name: str = "Demo shop"
    currency: str = "EUR"


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """Something to buy; `price_minor` in minor units of the shop's currency."""

    slug: str
    title: str
    line: str
    text: str
    price_minor: int


PRODUCTS = (
    Product(
        slug="mug",
        title="Demo mug",
        line="Holds 300 ml of anything warm.",
        text="Glazed by nobody, shipped nowhere: a mug made for trying out a checkout.",
        price_minor=1900,
    ),
    Product(
        slug="notebook",
        title="Demo notebook",
        line="120 blank pages for first ideas.",
        text="Thread-bound in theory. Every page is as empty as the warehouse behind it.",
        price_minor=1450,
    ),
    Product(
        slug="lamp",
        title="Demo lamp",
        line="A calm light for late work.",
        text="Dims to nothing, because there is nothing: it exists so that an order can be larger.",
        price_minor=8900,
    ),
    Product(
        slug="bag",
        title="Demo bag",
        line="Carries a week of groceries.",
        text="Plain canvas, long handles, no stock. Good for orders with a quantity above one.",
        price_minor=2400,
    ),
)
BY_SLUG = {product.slug: product for product in PRODUCTS}


class Report(msgspec.Struct, kw_only=True):
    """What Molva shall learn, and how far that has come."""

    number: str
    kind: Literal["sale", "lead"]
    body: dict[str, Any]
    status: Literal["waiting", "sent", "refused", "gave up"] = "waiting"
    tries: int = 0
    next_try_at: float = 0.0
    answer: str = ""


class Reporter:
    """Keeps every report and delivers it in the background until Molva has taken or refused it."""

    def __init__(self, config: ShopConfig) -> None:
        self._config = config
        self._wake = asyncio.Event()
        self.reports: OrderedDict[str, Report] = OrderedDict()

    def add(self, report: Report) -> None:
        """Keep a report for delivery at once; never fails and never waits."""
        self.reports[report.number] = report
        while len(self.reports) > ORDERS_MAX:
            self.reports.popitem(last=False)
        self._wake.set()

    async def run(self) -> None:
        """Deliver what is due, sleep until the next is, for ever."""
        while True:
            self._wake.clear()
            for report in [report for report in self.reports.values() if report.status == "waiting"]:
                if report.next_try_at <= time.monotonic():
                    await self._deliver(report)
            due = [report.next_try_at for report in self.reports.values() if report.status == "waiting"]
            pause = max(0.0, min(due) - time.monotonic()) if due else None
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), pause)

    async def _deliver(self, report: Report) -> None:
        report.tries += 1
        status, report.answer = await asyncio.to_thread(send, self._config, report)
        if status is not None and status < HTTPStatus.BAD_REQUEST:
            report.status = "sent"
        elif status is not None and status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in {408, 429}:
            report.status = "refused"  # the same again would be refused again
        elif report.tries >= TRIES_MAX:
            report.status = "gave up"
        else:
            pause = min(RETRY_MAX_SECONDS, RETRY_FIRST_SECONDS * 2 ** (report.tries - 1))
            report.next_try_at = time.monotonic() + pause


# No proxy: the installation stands beside the shop, and the key goes nowhere else.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def send(config: ShopConfig, report: Report) -> tuple[int | None, str]:
    """Post one report; returns the status (None: no answer) and a short text. Blocks: call it in a thread."""
    request = urllib.request.Request(  # noqa: S310  the address is the operator's own setting
        f"{config.molva_url.rstrip('/')}/v1/track/{report.kind}",
        data=json.dumps(report.body).encode(),
        headers={
            "Authorization": f"Bearer {config.secret_key}",
            "Content-Type": "application/json",
            # The order number makes every retry the same request.
            "Idempotency-Key": f"{report.kind}-{report.number}",
        },
        method="POST",
    )
    try:
        with OPENER.open(request, timeout=SEND_SECONDS) as response:
            return response.status, "taken"
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(2000).decode(errors="replace")
    except (OSError, ValueError) as error:
        return None, f"no answer: {error}"


def read_ids(request: Request, form_value: str) -> dict[str, str]:
    """Return `click_id` and `visitor_id` as far as they are known.

    The click id comes from the form field the snippet adds (the cookie's last touch stands in when it is
    missing); the visitor is the id of the cookie's first touch.
    """
    ids: dict[str, str] = {}
    cookie = COOKIE.fullmatch(request.cookies.get("_mv", ""))
    if cookie is not None:
        ids = {"click_id": cookie[1], "visitor_id": cookie[2]}
    if BROWSER_ID.fullmatch(form_value):
        ids["click_id"] = form_value
    return ids


def buyer_facts(request: Request) -> dict[str, str]:
    """Return the buyer's address and user agent, which the shop's server alone knows."""
    facts = {"user_agent": request.headers.get("user-agent", "")[:AGENT_MAX]}
    if request.client is not None:
        facts["ip"] = request.client.host
    return {name: value for name, value in facts.items() if value}


def customer_of(email: str, name: str = "") -> dict[str, str]:
    """Return the customer as Molva takes it; the same address is always the same customer."""
    external_id = f"demo-{hashlib.sha256(email.lower().encode()).hexdigest()[:16]}"
    customer = {"external_id": external_id, "email": email, "name": name}
    return {field: value for field, value in customer.items() if value}


class Shop:
    """The pages; one instance per application."""

    def __init__(self, config: ShopConfig, reporter: Reporter) -> None:
        self.config = config
        self.reporter = reporter
        self.templates = Jinja2Templates(directory=HERE / "templates")
        self.templates.env.globals.update(config=config, products=PRODUCTS)
        self.templates.env.filters["money"] = self.money

    def money(self, amount_minor: int) -> str:
        """Return an amount as a person reads it."""
        amount = Decimal(amount_minor).scaleb(-get_currency_precision(self.config.currency))
        return format_currency(amount, self.config.currency, locale="en")

    def page(self, request: Request, name: str, *, status: int = 200, **context: Any) -> Response:
        """Render one template."""
        return self.templates.TemplateResponse(request, name, context, status_code=status)

    async def home(self, request: Request) -> Response:
        """Show the products and the newsletter form."""
        return self.page(request, "home.html")

    async def product(self, request: Request) -> Response:
        """Show one product."""
        return self.page(request, "product.html", product=find_product(request.path_params["slug"]))

    async def checkout(self, request: Request) -> Response:
        """Show the order form, or take the order."""
        given = request.query_params if request.method == "GET" else await request.form(max_fields=20)
        fields = {name: str(given.get(name, "")).strip() for name in ("product", "quantity", "name", "email")}
        product = find_product(fields["product"])
        quantity = int(fields["quantity"]) if re.fullmatch(f"[1-{QUANTITY_MAX}]", fields["quantity"]) else 1
        total = product.price_minor * quantity
        errors: dict[str, str] = {}
        if request.method == "POST":
            errors = check_person(fields)
            if not errors:
                number = f"D-{secrets.token_hex(5).upper()}"
                ids = read_ids(request, str(given.get("referral", "")))
                self.reporter.add(
                    Report(
                        number=number,
                        kind="sale",
                        body={
                            "external_id": number,
                            "amount": total,
                            "currency": self.config.currency,
                            "customer": customer_of(fields["email"], fields["name"]),
                            "items": [{"sku": product.slug, "quantity": quantity, "amount": total}],
                            **ids,
                            **buyer_facts(request),
                        },
                    )
                )
                return RedirectResponse(f"/thanks/{number}", status_code=303)
        return self.page(
            request,
            "checkout.html",
            status=422 if errors else 200,
            product=product,
            quantity=quantity,
            total=total,
            fields=fields,
            errors=errors,
        )

    async def thanks(self, request: Request) -> Response:
        """Thank for an order, whether or not Molva has heard of it yet."""
        report = self.find_report(request, "sale")
        return self.page(request, "thanks.html", number=report.number, total=report.body["amount"])

    async def newsletter(self, request: Request) -> Response:
        """Take a sign-up; it is a lead."""
        form = await request.form(max_fields=20)
        email = str(form.get("email", "")).strip()
        errors = check_person({"name": "-", "email": email})
        if errors:
            return self.page(request, "home.html", status=422, errors=errors, email=email)
        number = f"N-{secrets.token_hex(5).upper()}"
        ids = read_ids(request, str(form.get("referral", "")))
        body = {"external_id": number, "customer": customer_of(email), **ids, **buyer_facts(request)}
        self.reporter.add(Report(number=number, kind="lead", body=body))
        return RedirectResponse(f"/welcome/{number}", status_code=303)

    async def welcome(self, request: Request) -> Response:
        """Greet a new reader; the page's script reports the same lead from the browser."""
        return self.page(request, "welcome.html", number=self.find_report(request, "lead").number)

    async def orders(self, request: Request) -> Response:
        """Show what was reported and what still waits."""
        return self.page(request, "orders.html", reports=list(reversed(self.reporter.reports.values()))[:50])

    def find_report(self, request: Request, kind: str) -> Report:
        """Return the record a thank-you page is about, or 404."""
        report = self.reporter.reports.get(request.path_params["number"])
        if report is None or report.kind != kind:
            raise HTTPException(404)
        return report

    async def not_found(self, request: Request, _error: Exception) -> Response:
        """Say that a page does not exist."""
        return self.page(request, "not_found.html", status=404)


def find_product(slug: str) -> Product:
    """Return the product or 404."""
    if slug not in BY_SLUG:
        raise HTTPException(404)
    return BY_SLUG[slug]


def check_person(fields: dict[str, str]) -> dict[str, str]:
    """Return what is wrong with the typed name and address, by field."""
    errors: dict[str, str] = {}
    if not 0 < len(fields["name"]) <= NAME_MAX:
        errors["name"] = f"Please type a name of at most {NAME_MAX} characters."
    if len(fields["email"]) > EMAIL_MAX or not EMAIL.fullmatch(fields["email"]):
        errors["email"] = "Please type an e-mail address such as name@example.com."
    return errors


class PolicyHeaders:
    """Adds the content policy: everything from this shop, the tag and its calls from Molva alone."""

    def __init__(self, app: ASGIApp, *, script_url: str) -> None:
        parts = urlsplit(script_url)
        origin = f"{parts.scheme}://{parts.netloc}"
        self.app = app
        self.policy = (
            f"default-src 'self'; script-src 'self' {origin}; connect-src 'self' {origin}; "
            "object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
        ).encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with the header added to its answer."""

        async def send_with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"content-security-policy", self.policy)]
            await send(message)

        await self.app(scope, receive, send_with_policy)


def create_app(config: ShopConfig) -> Starlette:
    """Return the shop as an application; its delivery loop lives as long as the application does."""
    reporter = Reporter(config)
    shop = Shop(config, reporter)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        delivery = asyncio.create_task(reporter.run())
        yield
        delivery.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await delivery

    return Starlette(
        routes=[
            Route("/", shop.home),
            Route("/products/{slug}", shop.product),
            Route("/checkout", shop.checkout, methods=["GET", "POST"]),
            Route("/thanks/{number}", shop.thanks),
            Route("/newsletter", shop.newsletter, methods=["POST"]),
            Route("/welcome/{number}", shop.welcome),
            Route("/orders", shop.orders),
            Mount("/static", StaticFiles(directory=HERE / "static")),
        ],
        middleware=[Middleware(PolicyHeaders, script_url=config.script_url)],
        exception_handlers={404: shop.not_found},
        lifespan=lifespan,
        max_body_size=64 * 1024,
    )
