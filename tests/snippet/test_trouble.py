"""What the snippet does where storage, network or the visitor refuse, in a real browser."""

import json
import re
import time

import pytest

from .reading import ID, record, referral, state_of

pytestmark = pytest.mark.browser


# Trouble on the way


def test_blocked_endpoint_leaves_the_page_working_and_queues(site, context, page):
    context.route("**/r/e", lambda route: route.abort())
    page.goto(site.url("/?via=anna"))
    assert referral(page)["code"] == "anna"
    result = page.evaluate("() => molva('sale', {order: 'O1', amount: 1999, currency: 'EUR'})")
    assert (result["ok"], result["queued"]) == (False, True)
    assert site.events == []

    context.unroute("**/r/e")
    page.goto(site.url("/later"))
    events = site.wait_events(2)

    assert {event["t"] for event in events} == {"click", "sale"}
    assert result["id"] in {event["i"] for event in events}
    assert all(event["a"] > 0 for event in events)
    page.wait_for_function("() => !Object.keys(JSON.parse(localStorage._mv).q).length")


def test_queue_is_flushed_when_the_network_returns(site, context, page):
    context.route("**/r/e", lambda route: route.abort())
    page.goto(site.url("/?via=anna"))
    referral(page)
    context.unroute("**/r/e")

    page.evaluate("() => dispatchEvent(new Event('online'))")

    assert site.wait_events(1)[0]["r"] == "anna"


def test_refusals_are_final_and_outages_are_retried(site, page):
    page.goto(site.url("/"))

    for status, queued in [(400, False), (422, False), (429, True), (500, True), (503, True)]:
        site.status = status
        result = page.evaluate("() => molva.lead({id: 'L1'})")
        assert (result["ok"], result["queued"]) == (False, queued)
        assert (result["id"] in record(page)["q"]) is queued


def test_queue_keeps_twenty_events(site, context, page):
    context.route("**/r/e", lambda route: route.abort())
    page.goto(site.url("/"))

    queued = page.evaluate(
        "async () => { const all = [];"
        " for (let n = 0; n < 22; n++) all.push((await molva.lead({id: n})).queued); return all }"
    )

    assert queued == [True] * 20 + [False] * 2
    assert len(record(page)["q"]) == 20


@pytest.mark.parametrize(("days", "kept"), [(6, 1), (8, 0)])
def test_queue_forgets_what_waits_longer_than_a_week(site, context, page, days, kept):
    context.route("**/r/e", lambda route: route.abort())
    page.goto(site.url("/"))
    old = {"t": "lead", "k": "pk_test", "i": "old", "b": (time.time() - days * 86400) * 1000}
    page.evaluate("record => { localStorage._mv = record }", json.dumps({"r": {}, "q": {"old": old}}))

    with page.expect_event("requestfailed"):
        page.goto(site.url("/later"))

    page.wait_for_function(
        "count => Object.keys(JSON.parse(localStorage._mv || '{\"q\":{}}').q).length === count", arg=kept
    )


@pytest.mark.parametrize("nonsense", ["[null,{", "5", "null", "[]", '{"q":5,"r":{"s":5}}', "1.a.b.c~d.e.f"])
def test_nonsense_in_storage_stops_nothing(site, page, nonsense):
    page.goto(site.url("/"))
    page.evaluate("nonsense => { localStorage._mv = nonsense }", nonsense)

    page.goto(site.url("/?via=anna"))

    assert site.wait_events(1)[0]["r"] == "anna"
    assert referral(page)["code"] == "anna"


def test_storage_absent_still_reports_the_click(site, page):
    page.add_init_script(
        "for (const [owner, name] of [[window, 'localStorage'], [Document.prototype, 'cookie']])"
        " Object.defineProperty(owner, name,"
        " { get() { throw new Error('refused') }, set() { throw new Error('refused') } })"
    )

    page.goto(site.url("/?via=anna"))
    [event] = site.wait_events(1)

    assert referral(page)["id"] == event["c"]
    result = page.evaluate("() => molva.sale({order: 'O1', amount: 1, currency: 'EUR'})")
    assert result["ok"] is True
    assert site.events[1]["c"] == event["c"]


def test_random_uuid_absent_still_makes_ids(site, page):
    page.add_init_script("delete Crypto.prototype.randomUUID; delete Crypto.prototype.subtle")

    page.goto(site.url("/?via=anna"))

    assert re.fullmatch(ID, site.wait_events(1)[0]["c"])


def test_fetch_absent_leaves_the_page_working(site, page):
    page.add_init_script("delete window.fetch")

    page.goto(site.url("/?via=anna"))

    assert referral(page)["code"] == "anna"


# What forbids tracking


def test_gpc_is_honoured(site, context, page):
    page.add_init_script("Object.defineProperty(navigator, 'globalPrivacyControl', { value: true })")

    page.goto(site.url("/?via=anna"))

    assert referral(page) is None
    result = page.evaluate("() => molva.sale({order: 'O', amount: 1, currency: 'EUR'})")
    assert (result["ok"], result["queued"], result["reason"]) == (False, False, "gpc")
    assert site.events == []
    assert context.cookies() == []
    assert page.evaluate("() => localStorage.length") == 0


def test_gpc_may_be_ignored_by_the_owner(site, page):
    page.add_init_script("Object.defineProperty(navigator, 'globalPrivacyControl', { value: true })")
    site.attributes = 'data-gpc="ignore"'

    page.goto(site.url("/?via=anna"))

    assert site.wait_events(1)[0]["s"] & 128


def test_page_framed_by_another_site_is_ignored(site, context, page):
    frame = f"<iframe src={site.url('/?via=anna', 'stuffed.test')}></iframe>"
    site.body = f'<script>top === window && document.write("{frame}")</script>'

    page.goto(site.url("/", "evil.test"))
    page.frames[1].wait_for_function("() => window.molva")

    assert page.frames[1].evaluate("() => molva.ready()") is None
    assert site.events == []
    assert context.cookies() == []


def test_page_framed_by_its_own_site_counts(site, page):
    site.body = "<script>top === window && document.write('<iframe src=\"/?via=anna\"></iframe>')</script>"

    page.goto(site.url("/"))

    assert site.wait_events(1)[0]["r"] == "anna"


def test_prerendered_page_waits_for_its_activation(site, context, page):
    page.add_init_script("Object.defineProperty(document, 'prerendering', { value: true, configurable: true })")
    page.goto(site.url("/?via=anna"))
    assert context.cookies() == []
    assert site.events == []

    page.evaluate(
        "() => { Object.defineProperty(document, 'prerendering', { value: false });"
        " document.dispatchEvent(new Event('prerenderingchange')) }"
    )

    [event] = site.wait_events(1)
    assert event["r"] == "anna"
    assert event["s"] & 16, "The state bits say that the page was prerendered."


HIDDEN = (
    "Object.defineProperty(document, 'hidden', { value: true, configurable: true });"
    "Object.defineProperty(document, 'visibilityState', { value: 'hidden', configurable: true })"
)


def test_hidden_page_stores_at_once_and_sends_when_seen(site, context, page):
    page.add_init_script(HIDDEN)
    page.goto(site.url("/?via=anna"))
    state_of(context)
    assert site.events == []

    page.evaluate(
        "() => { Object.defineProperty(document, 'hidden', { value: false });"
        " Object.defineProperty(document, 'visibilityState', { value: 'visible' });"
        " document.dispatchEvent(new Event('visibilitychange')) }"
    )

    assert site.wait_events(1)[0]["s"] & 1024 == 0


def test_page_never_seen_sends_when_it_goes(site, page):
    page.add_init_script(HIDDEN)
    page.goto(site.url("/?via=anna"))

    page.goto("about:blank")

    assert site.wait_events(1)[0]["s"] & 1024
