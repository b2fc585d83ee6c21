"""The smallest build in a real browser: what it has of the default one, and that it has no more."""

import base64
import re
import time

import pytest

pytestmark = pytest.mark.browser

STATE = re.compile(r"1\.([\w-]{22})\.([\w-]+)\.([0-9a-z]+)~([\w-]{22})\.([\w-]+)\.([0-9a-z]+)")


@pytest.fixture
def core(site):
    site.build = "x.core.js"
    return site


def states(context):
    found = [STATE.fullmatch(cookie["value"]) for cookie in context.cookies() if cookie["name"] == "_mv"]
    assert all(found)
    return [match.groups() for match in found]


def test_landing_stores_the_click_and_reports_it_once(core, context, page):
    page.goto(core.url("/shop?token=S1&via=ANNA#top"))
    [event] = core.wait_events(1)
    page.reload()
    page.evaluate("() => molva.ready()")

    [(last, code, at, first, _, _)] = states(context)
    assert (event["t"], event["k"], event["r"], event["p"]) == ("click", "pk_test", "ANNA", "via")
    assert event["c"] == event["w"] == last == first
    assert code == "ANNA"
    assert abs(int(at, 36) - time.time()) < 10
    assert event["u"] == core.url("/shop")
    assert core.headers[0]["Content-Type"].startswith("text/plain")
    assert len(core.events) == 1


def test_unreferred_page_sends_and_stores_nothing(core, context, page):
    page.goto(core.url("/?utm_source=x"))

    assert page.evaluate("() => molva.ready()") is None
    assert (core.events, context.cookies()) == ([], [])
    assert page.evaluate("() => localStorage.length") == 0


def test_another_code_is_the_last_touch_and_the_first_stays(core, context, page):
    for code in ("ANNA", "BEN"):
        page.goto(core.url(f"/?via={code}"))
        page.evaluate("() => molva.ready()")

    [(_, last, _, _, first, _)] = states(context)
    assert (last, first) == ("BEN", "ANNA")


def test_void_code_is_forgotten_and_the_earlier_one_returns(core, context, page):
    core.answer = lambda event: {"void": True} if event["r"] == "NOBODY" else {}
    page.goto(core.url("/?via=ANNA"))
    page.evaluate("() => molva.ready()")
    before = states(context)

    page.goto(core.url("/?via=NOBODY"))
    page.evaluate("() => molva.ready()")

    assert states(context) == before
    assert page.evaluate("() => molva.get().code") == "ANNA"


def test_void_code_alone_leaves_no_referral(core, context, page):
    core.answer = lambda _event: {"void": True}

    page.goto(core.url("/?via=NOBODY"))

    assert page.evaluate("() => molva.ready()") is None
    assert context.cookies() == []


def test_stub_is_drained_and_ready_fires_on_a_return_visit(core, page):
    page.goto(core.url("/?via=ANNA"))
    core.wait_events(1)
    core.stub = True
    core.attributes = "async"
    sale = "molva('sale', {order: 7, amount: '9.90', currency: 'EUR'})"
    core.body = f"<script>molva('ready', r => {{ window.got = r }}); {sale}</script>"

    page.goto(core.url("/thanks"))
    sent = core.wait_events(2)[1]

    assert (sent["t"], sent["o"], sent["m"], sent["y"]) == ("sale", 7, "9.90", "EUR")
    assert sent["c"] == core.events[0]["c"]
    assert page.wait_for_function("() => window.got").evaluate("got => got.code") == "ANNA"


def test_mirror_revives_a_lost_cookie(core, context, page):
    page.goto(core.url("/?via=ANNA"))
    core.wait_events(1)
    context.clear_cookies()

    page.goto(core.url("/later"))

    assert page.evaluate("() => molva.get().code") == "ANNA"


@pytest.mark.parametrize(
    ("host", "domain"),
    [("a.b.example.test", ".example.test"), ("www.shop.co.uk", ".shop.co.uk"), ("127.0.0.1", "127.0.0.1")],
)
def test_cookie_domain_is_probed(core, context, page, host, domain):
    page.goto(core.url("/?via=ANNA", host))
    [event] = core.wait_events(1)

    assert [cookie["domain"] for cookie in context.cookies()] == [domain]
    assert event.get("g", "") == (domain[1:] if domain[0] == "." else "")


@pytest.mark.parametrize(
    "obstacle",
    [
        "Object.defineProperty(window, 'localStorage', { get() { throw new Error('refused') } })",
        "Object.defineProperty(Document.prototype, 'cookie', { get() { throw new Error('refused') } })",
        "delete window.fetch",
        "delete Crypto.prototype.randomUUID",
    ],
    ids=["storage", "cookies", "fetch", "random-uuid"],
)
def test_what_is_absent_breaks_no_page(core, page, obstacle):
    page.add_init_script(obstacle)

    page.goto(core.url("/?via=ANNA"))

    page.evaluate("() => molva.ready()")
    assert page.evaluate("() => molva.lead(null)")["ok"] is False


def test_global_privacy_control_is_honoured(core, context, page):
    page.add_init_script("Object.defineProperty(navigator, 'globalPrivacyControl', { value: true })")

    page.goto(core.url("/?via=ANNA"))

    assert page.evaluate("() => molva.ready()") is None
    assert page.evaluate("() => molva.sale({order: 1})")["ok"] is False
    assert (core.events, context.cookies()) == ([], [])


def test_second_tag_does_nothing(core, page):
    core.body = core.tag()

    page.goto(core.url("/?via=ANNA"))
    page.evaluate("() => molva.ready()")

    assert len(core.events) == 1


def test_ids_are_128_random_bits(core, page):
    page.goto(core.url("/?via=ANNA"))
    [event] = core.wait_events(1)

    assert len(base64.urlsafe_b64decode(event["c"] + "==")) == 16
