"""The demo shop: pages with the tag, sales and leads from its server, and no purchase broken by tracking."""

import re
import socket
import time
from typing import Any

import pytest

BUYER = {"product": "mug", "quantity": "2", "name": "Test Person", "email": "Buyer@example.test"}
CLICK = "c" * 22
COOKIE = f"1.{'l' * 22}.anna.t00000~{'f' * 22}.ben.t00000"


def wait_for(claim: Any) -> None:
    deadline = time.monotonic() + 30
    while not claim() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert claim()


@pytest.mark.parametrize("path", ["/", "/products/mug", "/checkout?product=mug", "/orders", "/nowhere"])
def test_every_page_carries_the_tag_and_no_inline_script(make_client, path):
    with make_client() as client:
        page = client.get(path)

    assert '<script async src="https://molva.example.test/r/x.js" data-key="pk_test_1"></script>' in page.text
    assert not re.search(r"<script(?![^>]*\bsrc=)", page.text)
    assert "demo shop with demo products" in page.text
    assert "sk_test_1" not in page.text


def test_policy_allows_the_tag_and_nothing_else_from_outside(make_client):
    with make_client() as client:
        policy = client.get("/").headers["content-security-policy"]

    assert "script-src 'self' https://molva.example.test;" in policy
    assert "connect-src 'self' https://molva.example.test;" in policy


def test_order_is_reported_from_the_server(make_client, molva):
    with make_client() as client:
        page = client.post(
            "/checkout",
            data={**BUYER, "referral": CLICK},
            headers={"cookie": f"_mv={COOKIE}", "user-agent": "TestBrowser/1"},
        )
        wait_for(lambda: molva.calls)

    [(path, headers, body)] = molva.calls
    assert page.status_code == 200
    assert "Thank you for your order" in page.text
    assert body["external_id"] in page.text
    assert path == "/v1/track/sale"
    assert headers["authorization"] == "Bearer sk_test_1"
    assert body["external_id"] in headers["idempotency-key"]
    assert (body["amount"], body["currency"]) == (3800, "EUR")
    assert (body["click_id"], body["visitor_id"]) == (CLICK, "f" * 22)
    assert body["user_agent"] == "TestBrowser/1"
    assert body["ip"]
    assert body["customer"]["email"] == "Buyer@example.test"
    assert body["customer"]["name"] == "Test Person"


def test_cookie_stands_in_for_a_missing_form_field(make_client, molva):
    with make_client() as client:
        client.post("/checkout", data=BUYER, headers={"cookie": f"_mv={COOKIE}"})
        wait_for(lambda: molva.calls)

    assert molva.calls[0][2]["click_id"] == "l" * 22


@pytest.mark.parametrize(
    ("referral", "cookie"), [("", ""), ("<script>", "nonsense"), ("x" * 65, "1.a.b"), ("a b", "1.;~;")]
)
def test_unreadable_ids_are_left_out(make_client, molva, referral, cookie):
    with make_client() as client:
        client.post("/checkout", data={**BUYER, "referral": referral}, headers={"cookie": f"_mv={cookie}"})
        wait_for(lambda: molva.calls)

    assert not {"click_id", "visitor_id"} & set(molva.calls[0][2])


def test_outage_never_breaks_a_purchase_and_the_report_arrives_later(make_client, molva, shop, monkeypatch):
    monkeypatch.setattr(shop, "RETRY_FIRST_SECONDS", 0.05)
    molva.status = 503
    with make_client() as client:
        page = client.post("/checkout", data=BUYER)
        assert "Thank you for your order" in page.text
        wait_for(lambda: molva.calls)
        assert "waiting" in client.get("/orders").text

        molva.status = 202
        wait_for(lambda: "badge sent" in client.get("/orders").text)

    assert len({headers["idempotency-key"] for _, headers, _ in molva.calls}) == 1
    assert len({str(body) for _, _, body in molva.calls}) == 1


def test_unreachable_server_never_breaks_a_purchase(make_client):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with make_client(molva_url=f"http://127.0.0.1:{closed.getsockname()[1]}") as client:
            page = client.post("/checkout", data=BUYER)
            wait_for(lambda: '<td class="number">1</td>' in client.get("/orders").text)

            assert "Thank you for your order" in page.text
            assert "badge waiting" in client.get("/orders").text


def test_refusal_is_final_and_shown(make_client, molva):
    molva.status = 422
    with make_client() as client:
        client.post("/checkout", data=BUYER)
        wait_for(lambda: "badge refused" in client.get("/orders").text)

    assert len(molva.calls) == 1


def test_retries_end(make_client, molva, shop, monkeypatch):
    monkeypatch.setattr(shop, "RETRY_FIRST_SECONDS", 0.0)
    monkeypatch.setattr(shop, "TRIES_MAX", 3)
    molva.status = 500
    with make_client() as client:
        client.post("/checkout", data=BUYER)
        wait_for(lambda: "badge gave-up" in client.get("/orders").text)

    assert len(molva.calls) == 3


def test_newsletter_is_a_lead_from_server_and_browser(make_client, molva):
    with make_client() as client:
        page = client.post("/newsletter", data={"email": "reader@example.test", "referral": CLICK})
        wait_for(lambda: molva.calls)

    [(path, _, body)] = molva.calls
    assert path == "/v1/track/lead"
    assert body["click_id"] == CLICK
    assert body["customer"]["email"] == "reader@example.test"
    assert f'data-lead="{body["external_id"]}"' in page.text


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"name": ""}, "type a name"),
        ({"name": "x" * 101}, "type a name"),
        ({"email": "nobody"}, "type an e-mail address"),
        ({"email": "a b@c.d"}, "type an e-mail address"),
    ],
)
def test_wrong_input_is_answered_on_the_form_and_not_reported(make_client, molva, changes, text):
    with make_client() as client:
        page = client.post("/checkout", data={**BUYER, **changes})

    assert page.status_code == 422
    assert text in page.text
    assert molva.calls == []


@pytest.mark.parametrize("quantity", ["0", "10", "-1", "x", "", "1.5"])
def test_nonsense_quantity_counts_as_one(make_client, molva, quantity):
    with make_client() as client:
        client.post("/checkout", data={**BUYER, "quantity": quantity})
        wait_for(lambda: molva.calls)

    assert molva.calls[0][2]["amount"] == 1900


@pytest.mark.parametrize("path", ["/products/none", "/thanks/D-0", "/welcome/N-0", "/checkout?product=none"])
def test_unknown_things_are_404(make_client, path):
    with make_client() as client:
        page = client.get(path)

    assert page.status_code == 404
    assert "no such page" in page.text


def test_typed_text_is_escaped(make_client):
    with make_client() as client:
        page = client.post("/checkout", data={**BUYER, "name": "<b>x", "email": '"><script>'})

    assert "<b>x" not in page.text
    assert "<script>" not in page.text


def test_amounts_follow_the_currency(make_client, molva):
    with make_client(currency="JPY") as client:
        assert "¥1,900" in client.get("/").text
        client.post("/checkout", data=BUYER)
        wait_for(lambda: molva.calls)

    assert (molva.calls[0][2]["amount"], molva.calls[0][2]["currency"]) == (3800, "JPY")


def test_oldest_records_go_first(make_client, shop, monkeypatch):
    monkeypatch.setattr(shop, "ORDERS_MAX", 2)
    with make_client() as client:
        first = client.post("/checkout", data=BUYER).url.path
        for _ in range(2):
            client.post("/checkout", data=BUYER)

        assert client.get(first).status_code == 404
