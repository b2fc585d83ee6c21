"""Leads and sales that a page reports, in every browser, up to the server's decision."""

import base64
import hashlib
import json

import pytest

pytestmark = pytest.mark.browser

SHOP = "https://shop.test"
STUB = "<script>window.molva=window.molva||function(){(molva.q=molva.q||[]).push(arguments)}</script>"


def touches_of(molva, conversion_id):
    """Return the touches the decision looked at."""
    return [each["touch"] for each in molva.decided(conversion_id)["attribution"]["considered"]]


def test_sale_on_a_later_page_is_decided_for_the_click(session, sites, molva, order):
    session.goto(f"{SHOP}/?via=ANNA")
    [click] = sites.wait_events("click", 1)
    session.goto(f"{SHOP}/basket")
    session.goto(f"{SHOP}/thanks")

    answer = session.evaluate(
        f"molva.sale({{ order: '{order}', amount: 1999, currency: 'EUR', customer: 'c-1', meta: {{ plan: 'a' }} }})"
    )

    assert (answer["ok"], answer["queued"]) == (True, False)
    [sale] = sites.wait_events("sale", 1)
    assert (answer["id"], sale["c"], sale["w"]) == (sale["i"], click["c"], click["c"])
    [shown] = molva.conversions()
    assert (shown["kind"], shown["external_id"], shown["trust"]) == ("sale", order, "unverified")
    assert (shown["amount"], shown["currency"]) == (1999, "EUR")
    assert f"clk_{click['c']}" in touches_of(molva, shown["id"])


def test_lead_carries_the_address_as_a_hash_alone(session, sites, molva, order):
    session.goto(f"{SHOP}/?via=ANNA")
    [click] = sites.wait_events("click", 1)

    answer = session.evaluate(f"molva.lead({{ id: '{order}', email: ' Anna@Example.com ', customer: 'c-2' }})")

    assert answer["ok"] is True
    [lead] = sites.wait_events("lead", 1)
    assert base64.b64decode(lead["h"]) == hashlib.sha256(b"anna@example.com").digest()
    assert "example.com" not in json.dumps(lead).lower()
    [shown] = molva.conversions()
    assert (shown["kind"], shown["external_id"]) == ("lead", order)
    assert f"clk_{click['c']}" in touches_of(molva, shown["id"])


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        pytest.param("'19.99'", "EUR", 1999, id="decimal"),
        pytest.param("1999", "EUR", 1999, id="minor-units"),
        pytest.param("'500'", "JPY", 500, id="no-decimals"),
        pytest.param("'1.234'", "KWD", 1234, id="three-decimals"),
    ],
)
def test_amount_arrives_in_minor_units(session, sites, molva, order, amount, currency, minor):
    session.goto(f"{SHOP}/")

    given = f"{{ order: '{order}', amount: {amount}, currency: '{currency}' }}"
    answer = session.evaluate(f"molva.sale({given})")

    assert answer["ok"] is True, answer
    [shown] = molva.conversions()
    assert (shown["amount"], shown["currency"]) == (minor, currency)


@pytest.mark.parametrize("amount", ["19.99", "'1,99'", "-1", "NaN", "'19.999'"])
def test_wrong_amount_is_refused_with_a_reason(session, sites, molva, order, amount):
    session.goto(f"{SHOP}/")

    answer = session.evaluate(f"molva.sale({{ order: '{order}', amount: {amount}, currency: 'EUR' }})")

    assert (answer["ok"], answer["queued"]) == (False, False)
    assert answer["reason"]
    assert molva.conversions() == []


def test_same_order_twice_is_one_conversion(session, sites, molva, order):
    session.goto(f"{SHOP}/?via=ANNA")
    sale = f"molva.sale({{ order: '{order}', amount: 500, currency: 'EUR' }})"

    first = session.evaluate(sale)
    session.goto(f"{SHOP}/thanks")
    second = session.evaluate(sale)

    assert (first["ok"], second["ok"]) == (True, True)
    assert len(molva.conversions()) == 1


def test_calls_before_the_script_are_kept_for_it(session, sites, molva, order):
    sites.attributes = "async"
    sites.body = (
        STUB + f"<script>molva('lead', {{ id: '{order}' }}); molva('ready', r => {{ window.got = r }})</script>"
    )

    session.goto(f"{SHOP}/?via=ANNA")

    assert session.wait_for("window.got")["code"] == "ANNA"
    [lead] = sites.wait_events("lead", 1)
    [click] = sites.wait_events("click", 1)
    assert lead["c"] == click["c"]
    assert [one["external_id"] for one in molva.conversions()] == [order]


def test_sale_of_a_page_that_leaves_at_once_arrives(session, sites, molva, order):
    session.goto(f"{SHOP}/?via=ANNA")
    sites.wait_events("click", 1)
    sale = f"molva('sale', {{ order: '{order}', amount: 100, currency: 'EUR' }})"
    sites.body = f"<button onclick=\"{sale}; location = '/thanks'\">pay</button>"
    session.goto(f"{SHOP}/checkout")

    session.click("button")
    session.wait_for("location.pathname === '/thanks'")

    sites.wait_events("sale", 1)
    assert [one["external_id"] for one in molva.conversions()] == [order]


def test_custom_event_is_answered(session, sites):
    session.goto(f"{SHOP}/?via=ANNA")
    [click] = sites.wait_events("click", 1)

    answer = session.evaluate("molva.track('trial_started', { plan: 'a' })")

    assert answer["ok"] is True, answer
    [event] = sites.wait_events("trial_started", 1)
    assert (event["c"], event["d"]) == (click["c"], {"plan": "a"})
