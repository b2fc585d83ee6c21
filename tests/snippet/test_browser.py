"""What the snippet does in a real browser."""

import base64
import hashlib
import json
import re
import time
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page

pytestmark = pytest.mark.browser

ID = r"[\w-]{22}"
STATE = re.compile(rf"1\.({ID})\.([^.~]+)\.([0-9a-z]+)~({ID})\.([^.~]+)\.([0-9a-z]+)")


def cookie_of(context: BrowserContext, name: str = "_mv") -> dict[str, Any] | None:
    found = [cookie for cookie in context.cookies() if cookie["name"] == name]
    assert len(found) <= 1
    return dict(found[0]) if found else None


def state_of(context: BrowserContext) -> list[str]:
    cookie = cookie_of(context)
    assert cookie is not None
    match = STATE.fullmatch(cookie["value"])
    assert match is not None, cookie["value"]
    return list(match.groups())


def referral(page: Page) -> Any:
    return page.evaluate("() => molva.ready()")


def record(page: Page) -> dict[str, Any]:
    """What the snippet keeps in localStorage: r the referral, q what waits, d the cookie's domain, o the opt-out."""
    return page.evaluate("() => JSON.parse(localStorage.getItem('_mv')) || {}")


# Landing


def test_landing_stores_cookie_and_mirror_before_the_request(site, context, page):
    page.add_init_script(
        "const send = fetch; window.fetch = (...given) => {"
        " window.seen = [document.cookie, localStorage._mv]; return send(...given) }"
    )

    page.goto(site.url("/?via=anna"))
    site.wait_events(1)

    cookie, mirror = page.evaluate("() => window.seen")
    state = json.loads(mirror)["r"]["s"]
    assert STATE.fullmatch(state)
    assert cookie == f"_mv={state}"
    assert site.headers[0]["Cookie"] == cookie


def test_click_carries_the_wire_keys(site, context, page):
    before_ms = time.time() * 1000

    page.goto(site.url("/shop?x=1&via=anna#top"), referer="https://blog.example.test/post")
    [event] = site.wait_events(1)

    last_id, code, _, first_id, _, _ = state_of(context)
    assert (event["v"], event["k"], event["t"], event["r"], event["p"]) == (1, "pk_test", "click", "anna", "via")
    assert event["c"] == last_id == event["w"] == first_id
    assert code == "anna"
    assert re.fullmatch(ID, event["i"])
    assert event["i"] != event["c"]
    assert event["u"] == site.url("/shop?x=1&via=anna")
    assert event["f"].startswith("https://blog.example.test")
    assert 0 <= event["a"] < 5000
    assert abs(event["z"] - before_ms) < 10_000
    assert event["g"] == ""  # localhost is no cookie domain
    assert site.headers[0]["Content-Type"].startswith("text/plain")


def test_times_in_the_cookie_are_seconds(site, context, page):
    page.goto(site.url("/?via=anna"))
    site.wait_events(1)

    assert abs(int(state_of(context)[2], 36) - time.time()) < 10


def test_unreferred_page_sends_and_stores_nothing(site, context, page):
    page.goto(site.url("/?utm_source=x&referral=1&from=y"))

    assert referral(page) is None
    assert site.events == []
    assert context.cookies() == []
    assert page.evaluate("() => localStorage.length") == 0


@pytest.mark.parametrize(
    ("address", "code", "parameter"),
    [
        pytest.param("/?ref=b&via=a", "a", "via", id="list-order"),
        pytest.param("/?fpr=q#via=h", "q", "fpr", id="query-before-hash"),
        pytest.param("/#via=h", "h", "via", id="hash"),
        pytest.param("/#/plans?deal=h2", "h2", "deal", id="hash-route"),
        pytest.param("/?a_aid=%20Anna-B%20", "Anna-B", "a_aid", id="trimmed-case-kept"),
        pytest.param("/?a_aid=+Anna20+", "Anna20", "a_aid", id="plus-is-a-blank"),
        pytest.param("/?via=%20&ref=r", "r", "ref", id="blank-is-none"),
        pytest.param(f"/?via={'x' * 65}&ref=r", "r", "ref", id="too-long-is-none"),
        pytest.param(f"/?via={'x' * 64}", "x" * 64, "via", id="longest"),
        pytest.param("/?via=e%CC%81&ref=r", "r", "ref", id="other-letters-are-none"),
        pytest.param("/?via=anna%40mail&ref=r", "r", "ref", id="part-of-a-value-is-none"),
    ],
)
def test_code_is_read_from_the_address(site, context, page, address, code, parameter):
    page.goto(site.url(address))
    [event] = site.wait_events(1)

    assert (event["r"], event["p"]) == (code, parameter)
    assert referral(page)["code"] == code
    state_of(context)


def test_known_secrets_are_cut_from_the_address(site, page):
    page.goto(
        site.url("/?via=a&token=S1&Email=S2&x=1&access_token=S3&code=S4&state=1&api_key=S5&sid=S6&side=ok"),
        referer=site.url("/login?password=S7"),
    )
    [event] = site.wait_events(1)

    assert not re.search(r"S\d", event["u"] + event["f"])
    assert "x=1" in event["u"]
    assert "side=ok" in event["u"]


# Coming back


def test_reload_and_same_code_make_no_new_click(site, context, page):
    page.goto(site.url("/?via=anna"))
    site.wait_events(1)
    before = state_of(context)

    page.reload()
    page.goto(site.url("/other?via=anna"))
    referral(page)

    assert len(site.events) == 1
    assert state_of(context) == before


@pytest.mark.parametrize(("minutes", "clicks"), [(29, 0), (31, 1)])
def test_same_code_is_a_new_click_after_half_an_hour(site, context, page, minutes, clicks):
    at = int(time.time()) - minutes * 60
    touch = f"{'A' * 22}.anna.{base36(at)}"
    context.add_cookies([{"name": "_mv", "value": f"1.{touch}~{touch}", "url": site.url()}])

    page.goto(site.url("/?via=anna"))
    referral(page)

    assert len(site.events) == clicks


def test_reload_after_half_an_hour_makes_no_new_click(site, context, page):
    page.goto(site.url("/?via=anna"))
    site.wait_events(1)
    first = state_of(context)
    two_hours_ago = base36(int(time.time()) - 7200)
    page.evaluate(
        "at => { const { s } = JSON.parse(localStorage._mv).r;"
        " document.cookie = '_mv=' + s.replace(/\\.\\w+(~|$)/g, at + '$1'); localStorage.clear() }",
        f".{two_hours_ago}",
    )

    page.reload()
    referral(page)

    assert len(site.events) == 1
    assert state_of(context)[0] == first[0]


def base36(number: int) -> str:
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    return base36(number // 36) + digits[number % 36] if number >= 36 else digits[number]


def test_another_code_is_the_last_touch_and_the_first_stays(site, context, page):
    page.goto(site.url("/?via=anna"))
    page.goto(site.url("/?via=ben"))
    events = site.wait_events(2)

    last_id, last, _, first_id, first, _ = state_of(context)
    assert (last, first) == ("ben", "anna")
    assert (last_id, first_id) == (events[1]["c"], events[0]["c"])
    assert events[1]["w"] == events[0]["c"]
    assert referral(page)["first"] == {"id": first_id, "code": "anna"}


def test_ready_in_the_stub_fires_on_a_return_visit(site, page):
    page.goto(site.url("/?via=anna"))
    site.wait_events(1)
    site.stub = True
    site.body = "<script>window.got = 'nothing'; molva('ready', r => { window.got = r })</script>"
    site.attributes = "async"

    page.goto(site.url("/later"))
    page.wait_for_function("() => window.got !== 'nothing'")

    assert page.evaluate("() => window.got.code") == "anna"
    assert len(site.events) == 1


def test_mirror_revives_a_lost_cookie(site, context, page):
    page.goto(site.url("/?via=anna"))
    site.wait_events(1)
    context.clear_cookies()

    page.goto(site.url("/later"))

    assert referral(page)["code"] == "anna"


def test_expired_mirror_is_forgotten(site, page):
    touch = f"{'A' * 22}.anna.{base36(int(time.time()) - 61 * 86400)}"
    page.goto(site.url("/"))
    kept = {"r": {"s": f"1.{touch}~{touch}", "u": int(time.time()) - 1}, "q": {}}
    page.evaluate("value => { localStorage._mv = value }", json.dumps(kept))

    page.goto(site.url("/later"))

    assert referral(page) is None


@pytest.mark.parametrize("value", ["", "x", "2.a.b.c~d.e.f", "1.a.b.c~d.e", "1.%%.b.c~d.e.f"])
def test_malformed_cookie_is_no_referral_and_stops_nothing(site, context, page, value):
    context.add_cookies([{"name": "_mv", "value": value, "url": site.url()}])
    page.goto(site.url("/"))
    assert referral(page) is None

    page.goto(site.url("/?via=anna"))

    assert site.wait_events(1)[0]["r"] == "anna"
    assert state_of(context)[1] == "anna"


def test_strange_code_in_the_cookie_keeps_conversions_alive(site, context, page):
    touch = f"{'A' * 22}.%FF.{base36(int(time.time()))}"
    context.add_cookies([{"name": "_mv", "value": f"1.{touch}~{touch}", "url": site.url()}])
    page.goto(site.url("/"))

    result = page.evaluate("() => molva.lead({id: 'L1'})")

    assert result["ok"] is True
    assert referral(page) is None


def test_host_only_cookie_does_not_hide_a_new_click(site, context, page):
    """The server's link sets a host-only cookie; the snippet's own carries the probed domain."""
    touch = f"{'A' * 22}.old.{base36(int(time.time()) - 9)}"
    host = "shop.example.test"
    context.add_cookies([{"name": "_mv", "value": f"1.{touch}~{touch}", "url": site.url(host=host)}])

    page.goto(site.url("/?via=new", host))
    site.wait_events(1)
    page.goto(site.url("/later", host))

    assert referral(page)["code"] == "new"
    assert state_of(context)[4] == "old"


# The server's answer


def test_answer_gives_partner_discount_and_lifetime(site, context, page):
    discount = {"kind": "percent", "value": 10}
    site.answer = lambda event: {
        "c": event["c"],
        "r": "Anna",
        "ttl": 7200,
        "partner": {"name": "P"},
        "discount": discount,
    }

    page.goto(site.url("/?via=anna"))
    fresh = referral(page)
    page.goto(site.url("/later"))
    later = referral(page)

    assert fresh == later
    assert (later["code"], later["partner"], later["discount"]) == ("Anna", {"name": "P"}, discount)
    cookie = cookie_of(context)
    assert cookie is not None
    assert 7000 < cookie["expires"] - time.time() <= 7201


def test_default_lifetime_is_sixty_days_and_days_is_clamped(site, context, page):
    site.answer = lambda _event: {}
    page.goto(site.url("/?via=anna"))
    referral(page)
    cookie = cookie_of(context)
    assert cookie is not None
    assert abs(cookie["expires"] - time.time() - 60 * 86400) < 60

    site.attributes = 'data-days="7"'
    page.goto(site.url("/?via=ben"))
    referral(page)
    cookie = cookie_of(context)
    assert cookie is not None
    assert abs(cookie["expires"] - time.time() - 7 * 86400) < 60


def test_void_code_is_forgotten(site, context, page):
    site.answer = lambda _event: {"void": True}

    page.goto(site.url("/?ref=producthunt"))

    assert referral(page) is None
    assert context.cookies() == []
    assert "producthunt" not in page.evaluate("() => localStorage._mv")


def test_void_code_leaves_the_earlier_referral_and_its_partner(site, context, page):
    site.answer = lambda event: {"void": True} if event["r"] == "nobody" else {"partner": {"name": event["r"]}}
    for code in ("first", "anna"):
        page.goto(site.url(f"/?via={code}"))
        referral(page)
    before = state_of(context)

    page.goto(site.url("/?ref=nobody"))

    assert referral(page)["partner"] == {"name": "anna"}
    assert state_of(context) == before
    assert record(page)["r"]["s"] == cookie_of(context)["value"]


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

    page.wait_for_function("count => Object.keys(JSON.parse(localStorage._mv).q).length === count", arg=kept)


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


# Tags and options


def test_same_tag_twice_is_one_click(site, page):
    site.body = site.tag() + site.tag()

    page.goto(site.url("/?via=anna"))
    referral(page)

    site.wait_events(1)


@pytest.mark.parametrize("known", ["pk_test", "pk_other", "both"])
def test_two_keys_are_one_click_each_and_one_referral(site, context, page, known):
    site.body = site.tag(key="pk_other")
    site.answer = lambda event: {} if known in (event["k"], "both") else {"void": True}

    page.goto(site.url("/?via=anna"))
    one, other = site.wait_events(2)
    referral(page)
    page.wait_for_function("() => molva.get()")

    assert {one["k"], other["k"]} == {"pk_test", "pk_other"}
    assert one["i"] != other["i"]
    assert state_of(context)[1] == "anna"


def test_two_keys_share_one_listener_set(site, page):
    site.body = site.tag(key="pk_other") + "<form><input name=a></form>"
    page.goto(site.url("/?via=anna"))
    site.wait_events(2)

    values = page.evaluate("() => new FormData(document.forms[0]).getAll('referral')")

    assert len(values) == 1


def test_own_tag_is_found_without_current_script(site, page):
    site.body = "<script>fetch('/r/x.js').then(r => r.text()).then(source => new Function(source)())</script>"
    site.tag = lambda **_options: '<script type="text/plain" src="/r/x.js" data-key="pk_found"></script>'
    try:
        page.goto(site.url("/?via=anna"))
        assert site.wait_events(1)[0]["k"] == "pk_found"
    finally:
        del site.tag


def test_options_rename_what_filter_lists_learn(site, context, page):
    site.attributes = 'data-name="partner" data-cookie="_zz" data-params="pal, buddy" data-api="/r/"'

    page.goto(site.url("/?via=no&buddy=anna"))
    [event] = site.wait_events(1)

    assert (event["r"], event["p"]) == ("anna", "buddy")
    assert cookie_of(context, "_zz") is not None
    assert page.evaluate("() => [partner.get().code, typeof window.molva]") == ["anna", "undefined"]


def test_params_with_plus_are_added(site, page):
    site.attributes = 'data-params="+buddy"'

    page.goto(site.url("/?buddy=b&a_aid=a"))

    assert site.wait_events(1)[0]["r"] == "a"


def test_nonsense_options_fall_back_to_their_defaults(site, context, page):
    site.attributes = (
        'data-params=" , " data-cookie="a b;c" data-days="soon" data-domain="evil.test" data-api="http://["'
    )

    page.goto(site.url("/?via=anna", "shop.example.test"))
    [event] = site.wait_events(1)

    cookie = cookie_of(context)
    assert cookie is not None
    assert cookie["domain"] == ".example.test"
    assert event["g"] == "example.test"


@pytest.mark.parametrize(
    ("host", "attributes", "domain"),
    [
        pytest.param("a.b.example.test", "", "example.test", id="two-labels"),
        pytest.param("shop.co.uk", "", "shop.co.uk", id="public-suffix"),
        pytest.param("www.shop.co.uk", "", "shop.co.uk", id="widened"),
        pytest.param("a.b.example.test", 'data-domain="b.example.test"', "b.example.test", id="pinned"),
        pytest.param("a.b.example.test", 'data-domain=".b.example.test"', ".b.example.test", id="pinned-with-dot"),
        pytest.param("a.b.example.test", 'data-domain=""', None, id="host-only"),
        pytest.param("127.0.0.1", "", None, id="address"),
        pytest.param("localhost", "", None, id="localhost"),
        pytest.param("intranet", "", None, id="single-label"),
    ],
)
def test_cookie_domain_is_probed(site, context, page, host, attributes, domain):
    site.attributes = attributes

    page.goto(site.url("/?via=anna", host))
    [event] = site.wait_events(1)

    cookie = cookie_of(context)
    assert cookie is not None
    assert event["g"] == (domain or "")
    assert cookie["domain"] == (f".{domain.lstrip('.')}" if domain else host)
    assert STATE.fullmatch(cookie["value"])


def test_cookie_is_shared_with_a_sibling_host(site, page):
    page.goto(site.url("/?via=anna", "blog.example.test"))
    referral(page)

    page.goto(site.url("/", "app.example.test"))

    assert referral(page)["code"] == "anna"


def test_probed_domain_travels_with_later_events(site, page):
    page.goto(site.url("/?via=anna", "shop.example.test"))
    referral(page)
    page.goto(site.url("/later", "shop.example.test"))

    page.evaluate("() => molva.lead({id: 'L'})")

    assert site.wait_events(2)[1]["g"] == "example.test"


@pytest.mark.parametrize(
    ("page_host", "api_host", "cookie_sent"),
    [("shop.example.test", "ref.example.test", True), ("shop.example.test", "molva.test", False)],
)
def test_credentials_go_to_the_same_site_only(site, page, page_host, api_host, cookie_sent):
    site.attributes = f'data-api="{site.url("/r", api_host)}"'

    page.goto(site.url("/?via=anna", page_host))
    site.wait_events(1)

    assert ("Cookie" in site.headers[0]) is cookie_sent


def test_form_gets_the_click_id(site, page):
    page.goto(site.url("/?via=anna"))
    site.wait_events(1)
    site.body = "<form method=post action=/order><input name=email value=e><button>go</button></form>"
    page.goto(site.url("/checkout"))

    page.click("button")
    page.wait_for_function("() => document.title === 'posted'")

    assert site.posts == [[("email", "e"), ("referral", site.events[0]["c"])]]


@pytest.mark.parametrize(
    ("attributes", "field", "values"),
    [
        pytest.param("", "<input name=referral value=mine>", ["mine"], id="existing-value-stays"),
        pytest.param('data-field="rid"', "", [], id="other-name"),
        pytest.param('data-field=""', "", [], id="off"),
    ],
)
def test_form_field_is_configurable_and_never_overwritten(site, page, attributes, field, values):
    site.attributes = attributes
    site.body = f"<form>{field}</form>"
    page.goto(site.url("/?via=anna"))
    [event] = site.wait_events(1)

    form = page.evaluate("() => [...new FormData(document.forms[0])]")

    assert [value for name, value in form if name == "referral"] == values
    assert ["rid", event["c"]] in form or "rid" not in attributes


def test_debug_says_why_it_returned_early(site, page):
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    site.attributes = "data-debug"

    page.goto(site.url("/"))
    referral(page)

    assert any("molva" in line and "code" in line for line in said)


def test_quiet_without_debug(site, page):
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))

    page.goto(site.url("/?via=anna"))
    referral(page)
    page.evaluate("() => molva('nothing')")

    assert said == []


def test_element_named_like_the_global_is_no_obstacle(site, page):
    site.body = '<div id="molva"></div>'

    page.goto(site.url("/?via=anna"))

    assert referral(page)["code"] == "anna"


# What the snippet learnt to do beyond a landing


def test_clean_takes_code_and_token_out_and_keeps_the_rest(site, page):
    site.attributes = "data-clean"
    touch = f"{'B' * 22}.anna.{base36(int(time.time()))}"

    page.goto(site.url(f"/p?a=1&via=anna&_mv={touch}&b=2#top"))
    site.wait_events(1)

    assert page.evaluate("() => location.href") == site.url("/p?a=1&b=2#top")


@pytest.mark.parametrize(
    ("address", "cleaned"),
    [("/?via=anna", "/"), ("/?via=anna#x", "/#x"), ("/?x=anna&via=anna", "/?x=anna"), ("/?via=anna&x=1", "/?x=1")],
)
def test_clean_leaves_a_tidy_address(site, page, address, cleaned):
    site.attributes = "data-clean"

    page.goto(site.url(address))
    site.wait_events(1)

    assert page.evaluate("() => location.href") == site.url(cleaned)


def test_cookie_of_a_longer_name_is_not_ours(site, context, page):
    context.add_cookies([{"name": "a_mv", "value": "x", "url": site.url()}])
    page.goto(site.url("/?via=anna"))
    site.wait_events(1)

    page.goto(site.url("/later"))

    assert referral(page)["code"] == "anna"


@pytest.mark.parametrize("value", ["yes", "GRANTED", ""])
def test_unknown_consent_counts_as_the_default(site, page, value):
    site.attributes = f'data-consent="{value}"'

    page.goto(site.url("/?via=anna"))

    assert site.wait_events(1)[0]["r"] == "anna"


def test_late_answer_does_not_bring_a_newer_touch_down(site, page):
    """The first answer comes after the second landing; peers put the old referral back then."""
    page.goto(site.url("/"))
    page.evaluate(
        "() => { const send = fetch; let first = true;"
        " window.fetch = async (...given) => { const answer = await send(...given);"
        " if (first) { first = false; await new Promise(go => { window.go = go }) } return answer } }"
    )
    page.evaluate("() => { history.pushState(0, '', '/a?via=anna'); history.pushState(0, '', '/b?via=ben') }")
    site.wait_events(2)

    page.evaluate("() => window.go()")
    page.wait_for_timeout(100)

    assert referral(page)["code"] == "ben"


@pytest.mark.parametrize("path", ["/checkout", "/checkout/pay", "/cart"])
def test_codes_on_skipped_paths_are_ignored(site, page, path):
    site.attributes = 'data-skip="/checkout /cart"'
    page.goto(site.url("/?via=anna"))
    site.wait_events(1)

    page.goto(site.url(f"{path}?via=thief"))

    assert referral(page)["code"] == "anna"
    assert len(site.events) == 1


def test_code_on_a_path_that_only_begins_alike_counts(site, page):
    site.attributes = 'data-skip="/checkout"'

    page.goto(site.url("/checkout-guide?via=anna"))

    assert site.wait_events(1)[0]["r"] == "anna"


def test_first_touch_stays_where_the_owner_wants_it(site, page):
    site.attributes = 'data-touch="first"'
    page.goto(site.url("/?via=anna"))
    site.wait_events(1)

    page.goto(site.url("/?via=ben"))

    assert referral(page)["code"] == "anna"
    assert len(site.events) == 1


def test_driven_browsers_are_dropped_where_the_owner_wants_it(site, context, page):
    site.attributes = 'data-bots="drop"'

    page.goto(site.url("/?via=anna"))

    assert referral(page) is None
    assert (site.events, context.cookies()) == ([], [])


def test_opt_out_forgets_and_lasts_until_it_is_taken_back(site, context, page):
    page.goto(site.url("/?via=anna"))
    site.wait_events(1)
    page.evaluate("() => molva.optout(true)")
    page.goto(site.url("/?via=ben"))
    assert referral(page) is None
    result = page.evaluate("() => molva.sale({order: 1, amount: 1, currency: 'EUR'})")
    assert (result["ok"], result["reason"]) == (False, "optout")
    assert context.cookies() == []

    page.evaluate("() => molva.optout(false)")
    page.goto(site.url("/?via=ben"))

    assert site.wait_events(2)[1]["r"] == "ben"


def test_set_remembers_a_code_and_reports_it(site, page):
    page.goto(site.url("/"))

    code = page.evaluate("() => molva.set('ANNA').then(referral => referral.code)")

    assert code == "ANNA"
    assert site.wait_events(1)[0]["r"] == "ANNA"


def test_reset_forgets_the_referral_everywhere(site, context, page):
    page.goto(site.url("/?via=anna"))
    site.wait_events(1)

    page.evaluate("() => molva.reset()")

    assert page.evaluate("() => molva.get()") is None
    assert context.cookies() == []
    assert page.evaluate("() => localStorage.length") == 0


def test_document_hears_ready_and_change(site, page):
    page.add_init_script(
        "window.heard = []; for (const word of ['ready', 'change']) document.addEventListener('molva:' + word,"
        " ({ detail }) => heard.push([word, detail && detail.code]))"
    )

    page.goto(site.url("/?via=anna"))
    page.wait_for_function("() => heard.some(([word]) => word === 'ready')")

    heard = page.evaluate("() => heard")
    assert heard[0] == ["change", "anna"]
    assert heard[-1] == ["ready", "anna"]


def test_meta_that_is_no_json_is_refused_and_blocks_nothing(site, page):
    page.goto(site.url("/"))

    result = page.evaluate("() => { const meta = {}; meta.self = meta; return molva.lead({id: 1, meta}) }")

    assert (result["ok"], result["queued"]) == (False, False)
    assert page.evaluate("() => molva.lead({id: 2})")["ok"] is True
