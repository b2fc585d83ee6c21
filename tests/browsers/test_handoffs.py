"""The click handed on: to forms, and to links that lead to another site of the program, in every browser."""

import pytest

from .state import cookie_texts, state_of

pytestmark = pytest.mark.browser

SHOP = "https://shop.test"
BRAND = "https://brand.test"
FORM = "<form method=post action=/order><input name=email><button>go</button></form>"
BOTH_SITES = 'data-domains="shop.test brand.test"'

SENDERS = [
    pytest.param("", id="button"),
    pytest.param("document.forms[0].requestSubmit()", id="requestSubmit"),
    pytest.param("document.forms[0].submit()", id="submit"),
    pytest.param("fetch('/order', { method: 'POST', body: new FormData(document.forms[0]) })", id="fetch"),
]


@pytest.mark.parametrize("send", SENDERS)
def test_form_carries_the_click_id(session, sites, send):
    session.goto(f"{SHOP}/?via=ANNA")
    [click] = sites.wait_events("click", 1)
    sites.body = FORM
    session.goto(f"{SHOP}/checkout")
    session.fill("input", "e@example.com")

    if send:
        session.evaluate(f"void {send}")
    else:
        session.click("button")

    assert sites.wait_posts(1) == [[("email", "e@example.com"), ("referral", click["c"])]]


def test_form_of_an_unreferred_person_is_left_as_it_is(session, sites):
    sites.body = FORM
    session.goto(f"{SHOP}/checkout")
    session.fill("input", "e@example.com")

    session.click("button")

    assert sites.wait_posts(1) == [[("email", "e@example.com")]]


def test_marked_inputs_are_filled_for_pages_that_serialise_by_hand(session, sites):
    sites.body = "<form><input id=empty data-referral-fill><input id=own data-referral-fill value=mine></form>"
    session.goto(f"{SHOP}/?via=ANNA")
    [click] = sites.wait_events("click", 1)

    session.click("#empty")

    assert session.wait_for("document.querySelector('#empty').value") == click["c"]
    assert session.evaluate("document.querySelector('#own').value") == "mine"


def test_link_to_the_other_site_is_the_same_visitor_and_one_click(session, sites, molva):
    sites.attributes = BOTH_SITES
    sites.body = f'<a href="{BRAND}/plans?x=1#top">brand</a>'
    session.goto(f"{SHOP}/?via=ANNA")
    [click] = sites.wait_events("click", 1)

    session.click("a")
    session.wait_for("location.hostname === 'brand.test' && window.molva && molva.get()")

    assert session.evaluate("molva.ready()")["id"] == click["c"]
    assert session.evaluate("[location.search.includes('x=1'), location.hash]") == [True, "#top"]
    state = state_of(session)
    assert (state.last_id, state.first_id, state.last_code) == (click["c"], click["c"], "ANNA")
    assert {event["c"] for event in sites.events("click")} == {click["c"]}
    assert [(one["id"], one["visitor_id"]) for one in molva.clicks()] == [(f"clk_{click['c']}", f"vis_{click['c']}")]


def test_sale_on_the_other_site_names_the_click(session, sites, molva, order):
    sites.attributes = BOTH_SITES
    sites.body = f'<a href="{BRAND}/plans">brand</a>'
    session.goto(f"{SHOP}/?via=ANNA")
    [click] = sites.wait_events("click", 1)
    session.click("a")
    session.wait_for("location.hostname === 'brand.test' && window.molva && molva.get()")
    session.goto(f"{BRAND}/thanks")

    assert session.evaluate(f"molva.sale({{ order: '{order}', amount: 100, currency: 'EUR' }})")["ok"] is True

    [sale] = sites.wait_events("sale", 1)
    assert (sale["c"], sale["w"]) == (click["c"], click["c"])
    assert [one["external_id"] for one in molva.conversions()] == [order]


def test_link_to_a_site_that_is_not_listed_stays_as_it_is(session, sites):
    sites.attributes = BOTH_SITES
    sites.body = '<a href="https://other.test/plans?x=1">other</a>'
    session.goto(f"{SHOP}/?via=ANNA")
    sites.wait_events("click", 1)

    session.click("a")
    session.wait_for("location.hostname === 'other.test' && !!window.molva")

    assert session.evaluate("location.search") == "?x=1"
    assert session.evaluate("molva.ready()") is None
    assert cookie_texts(session) == []


def test_address_made_by_link_is_adopted(session, sites, molva):
    sites.attributes = BOTH_SITES
    session.goto(f"{SHOP}/?via=ANNA")
    [click] = sites.wait_events("click", 1)

    address = session.evaluate(f"molva.link('{BRAND}/plans?x=1#top')")
    session.goto(address)

    assert address.startswith(f"{BRAND}/plans?x=1&_mv=")
    assert session.evaluate("molva.ready()")["id"] == click["c"]
    assert len(molva.clicks()) == 1


def test_token_that_was_shared_later_is_a_new_click(session, sites, molva):
    """An address copied to somebody else must not make them the same visitor."""
    sites.attributes = BOTH_SITES
    # A clock that is ten minutes behind makes the old token.
    sites.before = "{ const now = Date.now; Date.now = () => now() - 600000 }"
    session.goto(f"{SHOP}/?via=ANNA")
    address = session.evaluate(f"molva.link('{BRAND}/plans')")
    old = state_of(session).last_id
    sites.before = ""

    session.goto(address)

    assert session.evaluate("molva.ready()")["code"] == "ANNA"
    assert state_of(session).last_id != old
    assert len(molva.clicks()) == 2


@pytest.mark.parametrize("destination", [SHOP, BRAND])
def test_referral_link_and_its_landing_are_one_click(session, sites, molva, destination):
    session.goto(f"{molva.link}?url={destination}/plans")

    assert session.wait_for("window.molva && molva.ready()")["code"] == "ANNA"
    assert session.evaluate("location.origin") == destination
    [click] = molva.clicks()
    assert click["id"] == f"clk_{state_of(session).last_id}"
