"""A landing in a real browser: what is read, stored and sent, and what coming back changes."""

import json
import re
import time

import pytest

from .reading import ID, STATE, base36, cookie_of, record, referral, state_of

pytestmark = pytest.mark.browser


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
    assert page.evaluate("() => localStorage.length") == 0


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
