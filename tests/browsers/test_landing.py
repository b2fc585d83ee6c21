"""A referred landing, coming back, and what forbids tracking, in every browser."""

import time

import pytest

from .state import cookie_texts, parse_state, state_of

pytestmark = pytest.mark.browser

SHOP = "https://shop.test"
SENT_WITHOUT_CONSENT_S = 0.5  # a request that must not be there would have come by then
WITHOUT_STORAGE = "Object.defineProperty(window, 'localStorage', { get() { throw new Error('refused') } });"
WITHOUT_COOKIES = (
    "Object.defineProperty(Document.prototype, 'cookie',"
    " { get() { throw new Error('refused') }, set() { throw new Error('refused') } });"
)
SALE = "molva.sale({ order: '%s', amount: 1999, currency: 'EUR' })"


def test_landing_is_stored_and_the_server_shows_one_click(session, sites, molva):
    session.goto(f"{SHOP}/plans?x=1&via=ANNA#top")

    referral = session.evaluate("molva.ready()")
    [event] = sites.wait_events("click", 1)
    [click] = molva.clicks()
    state = state_of(session)
    assert session.evaluate("JSON.parse(localStorage._mv).r.s") == cookie_texts(session)[0]
    assert referral["id"] == state.last_id == state.first_id == event["c"] == event["w"]
    assert (click["id"], click["visitor_id"]) == (f"clk_{state.last_id}", f"vis_{state.first_id}")
    assert (click["source"], click["is_bot"]) == ("snippet", False)
    assert click["page_url"] == f"{SHOP}/plans?x=1&via=ANNA"
    assert event["s"] & 3 == 3, "The state bits say that cookie and storage took it."


def test_partner_and_lifetime_come_with_the_answer(session, sites, molva):
    session.goto(f"{SHOP}/?via=anna")

    referral = session.evaluate("molva.ready()")

    assert referral["code"] == "ANNA"
    assert referral["partner"]["name"] == "Anna"
    [cookie] = [one for one in session.cookies() if one.name == "_mv"]
    assert cookie.is_secure
    assert abs(cookie.expires_at_s - time.time() - 60 * 86400) < 3600


def test_unreferred_page_asks_nothing_and_ready_settles_with_null(session, sites):
    session.goto(f"{SHOP}/?utm_source=x&page=2")

    assert session.evaluate("molva.ready()") is None
    assert session.evaluate("molva.get()") is None
    session.goto(f"{SHOP}/next")
    assert session.evaluate("molva.ready()") is None
    assert sites.received == []
    assert session.cookies() == []
    assert session.evaluate("localStorage.length") == 0


def test_unknown_code_is_forgotten_and_the_known_one_stays(session, sites, molva):
    session.goto(f"{SHOP}/?via=ANNA")
    sites.wait_events("click", 1)

    session.goto(f"{SHOP}/?ref=producthunt")
    sites.wait_events("click", 2)

    assert session.evaluate("molva.ready()")["code"] == "ANNA"
    session.wait_for("molva.get().code === 'ANNA'")
    assert state_of(session).last_code == "ANNA"
    assert len(molva.clicks()) == 1


def test_reload_and_back_make_no_second_click(session, sites, molva):
    session.goto(f"{SHOP}/?via=ANNA")
    [event] = sites.wait_events("click", 1)

    session.reload()
    session.evaluate("molva.ready()")
    session.goto(f"{SHOP}/next")
    session.evaluate("molva.ready()")
    session.back()
    session.wait_for("location.search && window.molva && molva.get()")
    session.evaluate("molva.ready()")

    sites.wait_events("click", 1)
    assert [click["id"] for click in molva.clicks()] == [f"clk_{event['c']}"]
    assert state_of(session).last_id == event["c"]


def test_another_code_is_the_last_touch_and_the_first_stays(session, sites, molva):
    session.goto(f"{SHOP}/?via=ANNA")
    sites.wait_events("click", 1)
    session.goto(f"{SHOP}/?via=BEN")
    first, last = sites.wait_events("click", 2)

    state = state_of(session)
    assert (state.last_code, state.first_code) == ("BEN", "ANNA")
    assert (state.last_id, state.first_id) == (last["c"], first["c"])
    assert {click["visitor_id"] for click in molva.clicks()} == {f"vis_{first['c']}"}


def test_mirror_revives_a_lost_cookie(session, sites):
    session.goto(f"{SHOP}/?via=ANNA")
    session.evaluate("molva.ready()")  # The answer sets the cookie too.
    [event] = sites.wait_events("click", 1)
    session.evaluate("document.cookie = '_mv=;Path=/;Domain=shop.test;Max-Age=0;Secure'")
    assert cookie_texts(session) == []

    session.goto(f"{SHOP}/next")

    assert session.evaluate("molva.ready()")["id"] == event["c"]


@pytest.mark.parametrize("outage", ["cut", "busy"])
def test_unreachable_server_is_asked_again_on_the_next_page(session, sites, molva, order, outage):
    sites.outage = outage
    session.goto(f"{SHOP}/?via=ANNA")
    assert session.evaluate("molva.ready()")["code"] == "ANNA"
    sale = session.evaluate(SALE % order)
    assert (sale["ok"], sale["queued"]) == (False, True)
    assert molva.clicks() == []

    sites.outage = ""
    session.goto(f"{SHOP}/next")

    [event] = sites.wait_events("click", 1)
    sites.wait_events("sale", 1)
    assert [click["id"] for click in molva.clicks()] == [f"clk_{event['c']}"]
    assert [one["external_id"] for one in molva.conversions()] == [order]
    session.wait_for("!localStorage._mvq")


@pytest.mark.parametrize(
    ("before", "bits"),
    [
        pytest.param(WITHOUT_STORAGE, 1, id="storage"),
        pytest.param(WITHOUT_COOKIES, 2, id="cookies"),
        pytest.param(WITHOUT_STORAGE + WITHOUT_COOKIES, 0, id="both"),
    ],
)
def test_throwing_storage_stops_neither_page_nor_click(session, sites, molva, order, before, bits):
    sites.before = before
    session.goto(f"{SHOP}/?via=ANNA")

    [event] = sites.wait_events("click", 1)
    assert session.evaluate("molva.ready()")["id"] == event["c"]
    assert session.evaluate(SALE % order)["ok"] is True
    [sale] = sites.wait_events("sale", 1)
    assert sale["c"] == event["c"]
    assert len(molva.clicks()) == 1
    assert event["s"] & 3 == bits


def test_pending_consent_keeps_everything_in_memory_until_granted(session, sites, molva, order):
    sites.attributes = 'data-consent="pending"'
    session.goto(f"{SHOP}/?via=ANNA")

    assert session.evaluate("molva.ready()") is None
    refused = session.evaluate(SALE % order)
    assert (refused["ok"], refused["reason"]) == (False, "consent")
    time.sleep(SENT_WITHOUT_CONSENT_S)
    assert sites.received == []
    assert session.cookies() == []
    assert session.evaluate("localStorage.length") == 0

    session.evaluate("molva.consent('granted')")

    [event] = sites.wait_events("click", 1)
    assert state_of(session).last_id == event["c"]
    assert event["s"] & 256
    assert session.wait_for("molva.get()")["consent"] == "granted"
    assert len(molva.clicks()) == 1


def test_denied_consent_clears_what_was_kept(session, sites):
    session.goto(f"{SHOP}/?via=ANNA")
    session.evaluate("molva.ready()")
    sites.wait_events("click", 1)

    session.evaluate("molva.consent('denied')")

    assert session.evaluate("molva.get()") is None
    assert cookie_texts(session) == []
    assert session.evaluate("localStorage._mv || null") is None


def test_global_privacy_control_is_honoured(session, sites, order):
    sites.before = "Object.defineProperty(navigator, 'globalPrivacyControl', { value: true });"
    session.goto(f"{SHOP}/?via=ANNA")

    assert session.evaluate("molva.ready()") is None
    refused = session.evaluate(SALE % order)
    assert (refused["ok"], refused["reason"]) == (False, "gpc")
    assert sites.received == []
    assert session.cookies() == []
    assert session.evaluate("localStorage.length") == 0


def test_opted_out_person_is_left_alone_until_they_return(session, sites):
    session.goto(f"{SHOP}/")
    session.evaluate("molva.optout(true)")

    session.goto(f"{SHOP}/?via=ANNA")

    assert session.evaluate("molva.ready()") is None
    assert sites.received == []
    assert cookie_texts(session) == []
    session.evaluate("molva.optout(false)")
    session.goto(f"{SHOP}/?via=ANNA")
    sites.wait_events("click", 1)


def test_server_sets_the_same_cookie_once_more(session, sites):
    """Safari keeps a cookie from a response longer than one a script wrote."""
    session.goto(f"{SHOP}/?via=ANNA")
    session.evaluate("molva.ready()")
    sites.wait_events("click", 1)

    [text] = [value for name, value in sites.received[0].answer_headers if name.lower() == "set-cookie"]
    name, _, rest = text.partition("=")
    value, *attributes = rest.split("; ")
    assert name == "_mv"
    assert {"Path=/", "Max-Age=5184000", "SameSite=Lax", "Domain=shop.test", "Secure"} == set(attributes)
    assert [value] == cookie_texts(session)
    assert parse_state(value) == state_of(session)
