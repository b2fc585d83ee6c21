"""What only Chromium can be made to do: the back/forward cache, prerendering, routes without loads, strict policies."""

import time
from collections.abc import Iterator

import pytest

from .chromium import Chromium, ChromiumSession
from .sites import Sites
from .state import state_of

pytestmark = pytest.mark.browser

SHOP = "https://shop.test"
LANDING = f"{SHOP}/landing?via=ANNA"
PRERENDER_S = 0.7  # a click of a page nobody sees would have come by then
STRICT_POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; img-src data:;"
    " require-trusted-types-for 'script'; trusted-types 'none'"
)
COUNT_TIMERS = (
    "window.timers = [];"
    "for (const name of ['setTimeout', 'setInterval', 'requestAnimationFrame', 'requestIdleCallback']) {"
    " const own = window[name]; window[name] = (...given) => { timers.push(name); return own(...given) } }"
)
ABSENT = {
    "cookies": "Object.defineProperty(Document.prototype, 'cookie', { get() { throw 1 }, set() { throw 1 } })",
    "local-storage": "Object.defineProperty(window, 'localStorage', { get() { throw 1 } })",
    "storage-null": "Object.defineProperty(window, 'localStorage', { value: null })",
    "storage-full": "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError') }",
    "random-uuid": "Object.defineProperty(crypto, 'randomUUID', { value: undefined })",
    "subtle": "Object.defineProperty(crypto, 'subtle', { value: undefined })",
    "fetch": "delete window.fetch",
    "beacon": "delete Navigator.prototype.sendBeacon",
    "abort-timeout": "delete AbortSignal.timeout",
    "navigation": "Object.defineProperty(window, 'navigation', { value: undefined })",
    "performance-entries": "performance.getEntriesByType = undefined",
}


@pytest.fixture(scope="module")
def chromium(launch) -> Iterator[Chromium]:
    started = Chromium(launch(), bfcache=True)
    yield started
    started.close()


@pytest.fixture
def session(chromium: Chromium, sites: Sites) -> Iterator[ChromiumSession]:
    """A session that must stay free of uncaught errors and of errors in the console."""
    made = chromium.new_session()
    errors: list[str] = []
    made.page.on("pageerror", lambda error: errors.append(str(error)))
    made.page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    yield made
    made.close()
    assert errors == []


# Leaving and entering pages


def test_page_out_of_the_back_forward_cache_counts_no_second_click(session, sites, molva):
    sites.before = "addEventListener('pageshow', event => { window.persisted = event.persisted });"
    session.goto(LANDING)
    session.evaluate("molva.ready()")  # A page with a request on its way is not kept.
    [click] = sites.wait_events("click", 1)
    session.goto(f"{SHOP}/next")

    session.back()

    session.wait_for("location.pathname === '/landing' && window.persisted === true")
    assert session.evaluate("molva.ready()")["id"] == click["c"]
    sites.wait_events("click", 1)
    assert len(molva.clicks()) == 1


def test_page_out_of_the_back_forward_cache_reads_again(session, sites, molva):
    sites.before = "addEventListener('pageshow', event => { window.persisted = event.persisted });"
    session.goto(LANDING)
    session.evaluate("molva.ready()")
    session.goto(f"{SHOP}/next?via=BEN")
    session.evaluate("molva.ready()")
    sites.wait_events("click", 2)

    session.back()

    session.wait_for("location.pathname === '/landing' && window.persisted === true")
    assert session.evaluate("molva.get()")["code"] == "BEN"
    assert len(molva.clicks()) == 2


@pytest.fixture
def prerendering(session, sites):
    """A page whose link is being prerendered."""
    rules = '{"prerender": [{"source": "list", "urls": ["/landing?via=ANNA"], "eagerness": "immediate"}]}'
    sites.body = f'<script type="speculationrules">{rules}</script><a href="/landing?via=ANNA">go</a>'
    session.goto(f"{SHOP}/")
    deadline = time.monotonic() + 30
    while len(sites.pages) < 2 and time.monotonic() < deadline:
        session.page.wait_for_timeout(50)
    assert [(page.url, page.purpose) for page in sites.pages[1:]] == [(LANDING, "prefetch;prerender")]
    session.page.wait_for_timeout(PRERENDER_S * 1000)
    return session


def test_prerendered_page_nobody_sees_is_no_click(prerendering, sites, molva):
    assert sites.received == []
    assert prerendering.cookies() == []
    assert molva.clicks() == []


def test_prerendered_page_clicks_once_it_is_shown(prerendering, sites, molva):
    """The debugging protocol makes Chromium load the page anew instead of showing the prerendered one; still one click.

    tests/snippet/test_trouble.py shows a page that was prerendered, with the browser's part played.
    """
    prerendering.click("a")

    [click] = sites.wait_events("click", 1)
    assert click["u"] == LANDING
    assert len(molva.clicks()) == 1


# Routes without loads


def test_code_of_a_new_route_is_a_landing(session, sites, molva):
    session.goto(f"{SHOP}/")
    session.evaluate("molva.ready()")

    session.evaluate("void history.pushState({ mine: 1 }, '', '/plans?via=ANNA')")
    [first] = sites.wait_events("click", 1)
    session.evaluate("void history.replaceState({ mine: 2 }, '', '/plans?via=BEN&x=1')")
    last = sites.wait_events("click", 2)[1]

    assert (first["r"], last["r"]) == ("ANNA", "BEN")
    assert last["u"] == f"{SHOP}/plans?via=BEN&x=1"
    assert session.evaluate("history.state") == {"mine": 2}
    assert session.evaluate("molva.get()")["code"] == "BEN"
    assert state_of(session).first_code == "ANNA"
    assert len(molva.clicks()) == 2


def test_routes_and_query_churn_are_no_clicks(session, sites, molva):
    session.goto(LANDING)
    sites.wait_events("click", 1)

    for number in range(5):
        session.evaluate(f"void history.pushState(null, '', '/page/{number}?via=ANNA&sort={number}')")
        session.evaluate(f"void history.replaceState(null, '', '/page/{number}?sort={number}#part')")
    session.goto(f"{SHOP}/next")
    session.evaluate("molva.ready()")

    sites.wait_events("click", 1)
    assert len(molva.clicks()) == 1


def test_routes_are_left_alone_when_switched_off(session, sites):
    sites.attributes = 'data-spa="off"'
    session.goto(f"{SHOP}/")
    session.evaluate("molva.ready()")

    session.evaluate("void history.pushState(null, '', '/plans?via=ANNA')")
    session.page.wait_for_timeout(PRERENDER_S * 1000)

    assert sites.received == []


# The page's own rules


def test_strictest_policy_needs_no_exception(session, sites, molva, order):
    sites.headers = {"Content-Security-Policy": STRICT_POLICY}
    sites.before = (
        "window.violations = [];"
        "addEventListener('securitypolicyviolation', event => violations.push(event.violatedDirective));"
    )
    sites.attributes = 'data-domains="brand.test"'
    session.goto(LANDING)

    [click] = sites.wait_events("click", 1)
    assert session.evaluate(f"molva.sale({{ order: '{order}', amount: 100, currency: 'EUR' }})")["ok"] is True
    assert session.evaluate("molva.ready()")["id"] == click["c"]
    assert session.evaluate("violations") == []
    assert len(molva.clicks()) == 1


def test_form_in_a_shadow_root_carries_the_click_id(session, sites):
    session.goto(LANDING)
    [click] = sites.wait_events("click", 1)
    sites.body = (
        "<div id=host></div><script>document.querySelector('#host').attachShadow({ mode: 'open' }).innerHTML ="
        ' "<form method=post action=/order><input name=email value=e><button>go</button></form>"</script>'
    )
    session.goto(f"{SHOP}/checkout")

    session.click("button")

    assert sites.wait_posts(1) == [[("email", "e"), ("referral", click["c"])]]


# What it costs, and what may be missing


def test_no_timer_is_ever_set(session, sites, order):
    sites.before = COUNT_TIMERS
    session.goto(LANDING)
    sites.wait_events("click", 1)

    session.evaluate(f"molva.sale({{ order: '{order}', amount: 100, currency: 'EUR' }})")
    session.evaluate("molva.ready()")

    assert session.evaluate("timers") == []


def test_nothing_is_written_into_the_page_on_load(session, sites):
    session.goto(LANDING)
    session.evaluate("molva.ready()")

    served = "new DOMParser().parseFromString(text, 'text/html').documentElement.outerHTML"
    written = f"fetch('/same').then(answer => answer.text()).then(text => {served})"
    assert session.evaluate("document.documentElement.outerHTML") == session.evaluate(written)


@pytest.mark.parametrize("missing", ABSENT)
def test_browser_without_it_shows_no_error(session, sites, order, missing):
    sites.before = ABSENT[missing]
    sites.attributes = 'data-domains="brand.test"'

    session.goto(LANDING)

    assert session.evaluate("molva.ready()")["code"] == "ANNA"
    answer = session.evaluate(f"molva.lead({{ id: '{order}', email: 'anna@example.com' }})")
    assert isinstance(answer["ok"], bool)
    session.goto(f"{SHOP}/next")
    session.evaluate("molva.ready()")
