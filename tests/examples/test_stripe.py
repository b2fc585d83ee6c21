"""The Stripe example: the click's id goes out with the session, comes back signed, and only paid money is reported."""

import hashlib
import hmac
import importlib.util
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs

import msgspec
import pytest
from starlette.testclient import TestClient

from tracker.api.track import RefundBody, TrackBody

SERVER = Path(__file__).parents[2] / "examples/stripe/server.py"
CLICK = "Xb3vQ0-_" + "a" * 14
SECRET = "whsec_test"


@pytest.fixture(scope="session")
def stripe() -> ModuleType:
    spec = importlib.util.spec_from_file_location("stripe_example", SERVER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Outside:
    """Stands in for Stripe and Molva and records what they are asked."""

    def __init__(self) -> None:
        self.status = 200
        self.calls: list[tuple[str, dict[str, str], bytes]] = []
        outside = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                outside.calls.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                answer = b'{"url": "https://checkout.stripe.com/c/pay/cs_test_1"}'
                self.send_response(outside.status)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_words: Any) -> None:
                """Keep the test output quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> Iterator[Outside]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    outside = Outside()
    thread = threading.Thread(target=outside.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield outside
    outside.server.shutdown()
    thread.join(10)
    outside.server.server_close()


@pytest.fixture
def config(stripe: ModuleType, outside: Outside) -> Any:
    return stripe.ShopConfig(
        shop_url="https://shop.example",
        molva_url=outside.url,
        molva_publishable_key="pk_test_1",
        molva_secret_key="sk_test_molva",
        stripe_secret_key="sk_test_stripe",
        stripe_signing_secret=SECRET,
        stripe_price="price_1",
        stripe_url=outside.url,
    )


@pytest.fixture
def client(stripe: ModuleType, config: Any) -> Iterator[TestClient]:
    with TestClient(stripe.create_app(config), follow_redirects=False) as client:
        yield client


def session(**changes: Any) -> dict[str, Any]:
    made = {
        "id": "cs_test_1",
        "payment_intent": "pi_1",
        "payment_status": "paid",
        "amount_total": 4990,
        "currency": "eur",
        "client_reference_id": CLICK,
        "metadata": {"referral": CLICK},
        "customer": None,
        "customer_details": {"email": "buyer@example.test"},
        "total_details": {"amount_tax": 790, "amount_shipping": 400, "amount_discount": 0},
    }
    return {"type": "checkout.session.completed", "data": {"object": {**made, **changes}}}


def refund(**changes: Any) -> dict[str, Any]:
    made = {"id": "re_1", "payment_intent": "pi_1", "amount": 1000, "currency": "eur", "status": "succeeded"}
    return {"type": "refund.created", "data": {"object": {**made, **changes}}}


def signature(body: bytes, *, secret: str = SECRET, at: int | None = None) -> str:
    stamp = int(time.time()) if at is None else at
    mac = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={stamp},v1={'0' * 64},v1={mac},v0=x"


def send(client: TestClient, event: dict[str, Any]) -> Any:
    body = json.dumps(event).encode()
    return client.post("/stripe/webhook", content=body, headers={"stripe-signature": signature(body)})


def test_session_carries_the_click_three_times(stripe, config):
    parameters = stripe.session_parameters(config, {"quantity": "3"}, CLICK)

    assert parameters["client_reference_id"] == CLICK
    assert parameters["metadata[referral]"] == CLICK
    assert parameters["payment_intent_data[metadata][referral]"] == CLICK
    assert parameters["line_items[0][quantity]"] == "3"
    assert parameters["success_url"] == "https://shop.example/thanks"


@pytest.mark.parametrize("referral", ["", "a/b", "a b", "<script>", "x" * 65, "я"])
def test_session_without_a_usable_click_carries_none(stripe, config, referral):
    assert "referral" not in str(stripe.session_parameters(config, {}, referral))
    assert "client_reference_id" not in stripe.session_parameters(config, {}, referral)


@pytest.mark.parametrize("quantity", ["0", "10", "-1", "x", ""])
def test_nonsense_quantity_counts_as_one(stripe, config, quantity):
    assert stripe.session_parameters(config, {"quantity": quantity}, "")["line_items[0][quantity]"] == "1"


def test_order_form_carries_the_tag_and_leads_to_stripe(client, outside):
    assert f'src="{outside.url}/r/x.js" data-key="pk_test_1"' in client.get("/").text

    answer = client.post("/checkout", data={"quantity": "2", "referral": CLICK})

    [(path, headers, body)] = outside.calls
    assert (answer.status_code, answer.headers["location"]) == (303, "https://checkout.stripe.com/c/pay/cs_test_1")
    assert path == "/v1/checkout/sessions"
    assert headers["authorization"] == "Bearer sk_test_stripe"
    assert parse_qs(body.decode())["client_reference_id"] == [CLICK]


def test_refusing_payment_page_is_said_to_the_buyer(client, outside):
    outside.status = 402

    assert client.post("/checkout", data={"quantity": "2"}).status_code == 502


def test_paid_session_is_reported_as_a_sale_the_api_takes(client, outside):
    assert send(client, session()).text == "reported"

    [(path, headers, body)] = outside.calls
    assert path == "/v1/track/sale"
    assert headers["authorization"] == "Bearer sk_test_molva"
    assert json.loads(body) == {
        "external_id": "pi_1",
        "amount": 4990,
        "currency": "EUR",
        "tax": 790,
        "shipping": 400,
        "customer": {"email": "buyer@example.test"},
        "click_id": CLICK,
    }
    msgspec.json.decode(body, type=TrackBody)


def test_refund_is_reported_against_the_same_number(client, outside):
    send(client, refund())

    [(path, _, body)] = outside.calls
    assert path == "/v1/track/refund"
    assert json.loads(body) == {"external_id": "re_1", "refund_of": "pi_1", "amount": 1000, "currency": "EUR"}
    msgspec.json.decode(body, type=RefundBody)


@pytest.mark.parametrize(
    "event",
    [
        session(payment_status="unpaid"),
        refund(status="pending"),
        refund(payment_intent=None),
        {"type": "customer.created", "data": {"object": {}}},
    ],
    ids=["unpaid", "pending-refund", "refund-of-nothing", "another-event"],
)
def test_what_is_no_money_yet_is_not_reported(client, outside, event):
    assert send(client, event).status_code == 200
    assert outside.calls == []


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"payment_intent": None}, {"external_id": "cs_test_1"}),
        ({"client_reference_id": None}, {"click_id": CLICK}),
        ({"client_reference_id": "cart 17"}, {"click_id": None}),
        ({"customer": "cus_1"}, {"customer": {"external_id": "cus_1", "email": "buyer@example.test"}}),
        ({"currency": "jpy"}, {"amount": 4990}),
        ({"currency": "ugx", "amount_total": 500000}, {"amount": 5000}),
        ({"total_details": None, "customer_details": None}, {"tax": 0, "customer": {}}),
    ],
    ids=["no-payment", "metadata", "foreign-reference", "customer", "yen", "ugandan-shilling", "bare"],
)
def test_sale_of_a_session(stripe, changes, wanted):
    sale = stripe.sale_of(session(**changes)["data"]["object"])

    assert {name: sale.get(name) for name in wanted} == wanted


@pytest.mark.parametrize(
    "header",
    [
        lambda body: "",
        lambda body: signature(body, secret="whsec_other"),
        lambda body: signature(body + b" "),
        lambda body: signature(body, at=int(time.time()) - 400),
        lambda body: signature(body).replace("t=", "t=x"),
        lambda body: signature(body) + f",t={int(time.time())}",
    ],
    ids=["none", "other-secret", "other-body", "old", "no-time", "two-times"],
)
def test_unsigned_webhook_is_refused(client, outside, header: Callable[[bytes], str]):
    body = json.dumps(session()).encode()

    answer = client.post("/stripe/webhook", content=body, headers={"stripe-signature": header(body)})

    assert answer.status_code == 400
    assert outside.calls == []


@pytest.mark.parametrize(("status", "answered"), [(503, 502), (401, 502), (429, 502), (409, 200), (422, 200)])
def test_what_may_help_later_is_asked_for_again(client, outside, status, answered):
    outside.status = status

    assert send(client, session()).status_code == answered


def test_settings_come_from_the_environment(stripe, monkeypatch):
    for field in stripe.ShopConfig.__struct_fields__:
        monkeypatch.setenv(field.upper(), f"value-of-{field}")

    with TestClient(stripe.from_environment()) as client:
        assert "value-of-molva_publishable_key" in client.get("/").text
