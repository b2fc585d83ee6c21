"""Leads, sales and calls of the page, in a real browser."""

import base64
import hashlib

import pytest

from .reading import state_of

pytestmark = pytest.mark.browser


# Conversions


def test_sale_after_return_names_click_and_visitor(site, context, page):
    page.goto(site.url("/?via=anna"))
    page.goto(site.url("/?via=ben"))
    site.wait_events(2)
    page.goto(site.url("/thanks"))

    result = page.evaluate(
        "() => molva('sale', {order: 77, amount: '19.99', currency: 'eur',"
        " customer: 'c-1', coupon: 'SAVE', meta: {plan: 'a'}})"
    )
    sale = site.wait_events(3)[2]

    last_id, _, _, first_id, _, _ = state_of(context)
    assert result["ok"] is True
    assert result["id"] == sale["i"]
    assert result["queued"] is False
    assert (sale["t"], sale["o"], sale["m"], sale["y"]) == ("sale", 77, "19.99", "eur")
    assert (sale["x"], sale["q"], sale["d"]) == ("c-1", "SAVE", {"plan": "a"})
    assert (sale["c"], sale["w"], sale["r"]) == (last_id, first_id, "ben")


def test_amounts_travel_as_given_because_the_server_reads_them(site, page):
    page.goto(site.url("/"))

    page.evaluate(
        "() => Promise.all([1999, '19.99', 19.99].map(amount => molva.sale({order: 'O', amount, currency: 'EUR'})))"
    )

    assert {event["m"] for event in site.wait_events(3)} == {1999, "19.99", 19.99}


def test_refusal_of_the_server_comes_with_its_reason(site, page):
    site.status = 422
    site.answer = lambda _event: {"detail": "m: 19.99 is no amount."}
    page.goto(site.url("/"))

    result = page.evaluate("() => molva.sale({order: 'O', amount: 19.99, currency: 'EUR'})")

    assert (result["ok"], result["queued"], result["reason"]) == (False, False, "m: 19.99 is no amount.")


def test_address_of_a_person_never_travels(site, page):
    page.goto(site.url("/"))

    page.evaluate("() => molva.lead({id: 'L1', email: ' Anna@Example.com '})")

    [event] = site.wait_events(1)
    assert (event["t"], event["o"]) == ("lead", "L1")
    assert "anna" not in str(event).lower()
    assert base64.b64decode(event["h"]) == hashlib.sha256(b"anna@example.com").digest()


WRONG_CALLS = [
    "molva('nothing')",
    "molva()",
    "molva.lead()",
    "molva.sale(null)",
    "molva('sale', 5)",
    "molva.lead({meta: 5n})",
]


def test_wrong_calls_never_throw(site, page):
    page.goto(site.url("/"))

    for call in WRONG_CALLS:
        assert page.evaluate(f"async () => {{ await {call}; return 'quiet' }}") == "quiet", call


def test_throwing_callback_stays_in_its_own_house(site, page):
    page.goto(site.url("/?via=anna"))

    assert page.evaluate("() => molva.ready(() => { throw new Error('mine') }).then(r => r.code)") == "anna"


def test_stub_calls_are_delivered_in_order(site, page):
    site.stub = True
    site.attributes = "defer"
    site.body = "<script>molva('lead', {id: 'A'}); molva('lead', {id: 'B'})</script>"

    page.goto(site.url("/?via=anna"))
    events = site.wait_events(3)

    assert sorted(event.get("o", "") for event in events) == ["", "A", "B"]
