"""What the snippet does in a real browser."""

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


def local(page: Page, key: str) -> str | None:
    return page.evaluate("key => localStorage.getItem(key)", key)


# Landing


def test_landing_stores_cookie_and_mirror_before_the_request(site, context, page):
    page.add_init_script(
        "const send = fetch; window.fetch = (...given) => {"
        " window.seen = [document.cookie, localStorage._mv]; return send(...given) }"
    )

    page.goto(site.url("/?via=anna"))
    site.wait_events(1)

    cookie, mirror = page.evaluate("() => window.seen")
    assert STATE.fullmatch(mirror)
    assert cookie == f"_mv={mirror}"
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
    assert "g" not in event  # localhost is no cookie domain
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
        pytest.param("/?ref=e%CC%81", "\u00e9", "ref", id="nfc"),
        pytest.param("/?via=%20&ref=r", "r", "ref", id="blank-is-none"),
        pytest.param(f"/?via={'x' * 65}&ref=r", "r", "ref", id="too-long-is-none"),
        pytest.param(f"/?via={'x' * 64}", "x" * 64, "via", id="longest"),
        pytest.param("/?via=a.b~c%2Fd%3Be", "a.b~c/d;e", "via", id="separators"),
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


def test_long_address_is_shortened(site, page):
    page.goto(site.url("/?via=a&x=" + "y" * 5000))

    assert len(site.wait_events(1)[0]["u"]) <= 2048


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
    page.evaluate(
        "at => { document.cookie = '_mv=' + localStorage._mv.replace(/\\.\\w+(~|$)/g, at + '$1') }",
        "." + base36(int(time.time()) - 7200),
    )
    page.evaluate("() => localStorage.removeItem('_mv')")

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
    page.evaluate("value => { localStorage._mv = value }", f"1.{touch}~{touch}")

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


def test_undecodable_code_in_the_cookie_keeps_conversions_alive(site, context, page):
    touch = f"{'A' * 22}.%FF.{base36(int(time.time()))}"
    context.add_cookies([{"name": "_mv", "value": f"1.{touch}~{touch}", "url": site.url()}])
    page.goto(site.url("/"))

    result = page.evaluate("() => molva.lead({id: 'L1'})")

    assert result["ok"] is True
    assert site.events[0]["c"] == "A" * 22


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
    assert local(page, "_mv") is None


def test_void_code_leaves_the_earlier_referral_and_its_partner(site, context, page):
    site.answer = lambda event: {"void": True} if event["r"] == "nobody" else {"partner": {"name": event["r"]}}
    for code in ("first", "anna"):
        page.goto(site.url(f"/?via={code}"))
        referral(page)
    before = state_of(context)

    page.goto(site.url("/?ref=nobody"))

    assert referral(page)["partner"] == {"name": "anna"}
    assert state_of(context) == before
    assert local(page, "_mv") == cookie_of(context)["value"]


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
    page.wait_for_function("() => !localStorage._mvq")


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
        result = page.evaluate("() => { delete localStorage._mvq; return molva.lead({id: 'L1'}) }")
        assert (result["ok"], result["queued"], result["status"]) == (False, queued, status)
        assert bool(local(page, "_mvq")) is queued


def test_queue_keeps_twenty_events_and_forgets_old_ones(site, context, page):
    context.route("**/r/e", lambda route: route.abort())
    page.goto(site.url("/"))
    page.evaluate("() => { localStorage._mvq = JSON.stringify([{i: 'old', a: 6048e5 + 1, z: Date.now()}]) }")

    kept = page.evaluate(
        "async () => { for (let n = 0; n < 22; n++) await molva.lead({id: 'L' + n});"
        " return JSON.parse(localStorage._mvq).map(event => event.o) }"
    )

    assert kept == [f"L{n}" for n in range(2, 22)]


def test_nonsense_in_storage_stops_nothing(site, page):
    page.goto(site.url("/"))
    page.evaluate("() => { for (const key of ['_mv', '_mvq', '_mvd', '_mvp']) localStorage[key] = '[null,{' }")

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


def test_crypto_absent_still_makes_ids(site, page):
    page.add_init_script("delete window.crypto; Object.defineProperty(window, 'crypto', { value: undefined })")

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
    assert (sale["t"], sale["o"], sale["m"], sale["y"]) == ("sale", "77", 1999, "EUR")
    assert (sale["x"], sale["q"], sale["d"]) == ("c-1", "SAVE", {"plan": "a"})
    assert (sale["c"], sale["w"], sale["r"]) == (last_id, first_id, "ben")


AMOUNTS = [
    ("1999", "EUR", 1999),
    ("0", "EUR", 0),
    ("'19.99'", "EUR", 1999),
    ("'19.9'", "EUR", 1990),
    ("'20'", "EUR", 2000),
    ("'500'", "JPY", 500),
    ("'1.234'", "KWD", 1234),
    ("'1.5'", "CLF", 15000),
    ("'7.5'", "XOF", None),
    ("'1.5'", "IQD", 1500),
    ("'0.1'", "USD", 10),
    ("19.99", "EUR", None),
    ("'19.999'", "EUR", None),
    ("'1,99'", "EUR", None),
    ("'-1'", "EUR", None),
    ("-1", "EUR", None),
    ("NaN", "EUR", None),
    ("'1e3'", "EUR", None),
    ("''", "EUR", None),
    ("null", "EUR", None),
    ("[5]", "EUR", None),
    ("1999", "EURO", None),
    ("1999", "", None),
]


def test_amounts_become_minor_units_or_are_refused(site, page):
    page.goto(site.url("/"))
    calls = ", ".join(
        f"molva.sale({{order: 'O{n}', amount: {a}, currency: '{c}'}})" for n, (a, c, _) in enumerate(AMOUNTS)
    )

    results = page.evaluate(f"() => Promise.all([{calls}])")

    sent = {event["o"]: event["m"] for event in site.events}
    assert sent == {f"O{n}": minor for n, (_, _, minor) in enumerate(AMOUNTS) if minor is not None}
    assert [result["ok"] for result in results] == [minor is not None for _, _, minor in AMOUNTS]
    assert {result["reason"] for result in results if not result["ok"]} == {"amount"}


def test_address_of_a_person_never_travels(site, page):
    page.goto(site.url("/"))

    page.evaluate("() => molva.lead({id: 'L1', email: 'anna@example.com'})")

    [event] = site.wait_events(1)
    assert (event["t"], event["o"]) == ("lead", "L1")
    assert "anna" not in str(event)


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
    page.evaluate("() => molva.q.push(['lead', {id: 'C'}])")
    assert site.wait_events(4)[3]["o"] == "C"


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

    assert site.wait_events(1)[0]["r"] == "anna"


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
    site.attributes = 'data-name="partner" data-cookie="_zz" data-params="pal, +buddy" data-api="/r/"'

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
    assert event.get("g") == domain
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
