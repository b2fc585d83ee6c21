"""The compat build in a browser: each vendor's documented installation works on after only its src was changed."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, Route

import snippet

pytestmark = pytest.mark.browser

SRC = "/r/x.compat.js?key=pk_test"

# The installations as the vendors document them: stub, first calls, tag; the src is ours.
REWARDFUL = f"""
<script>(function (w, r) {{
  w._rwq = r; w[r] = w[r] || function () {{ (w[r].q = w[r].q || []).push(arguments) }}
}})(window, 'rewardful');</script>
<script async src="{SRC}" data-rewardful="449653"></script>"""

FIRSTPROMOTER = f"""
<script>(function (w) {{ w.fpr = w.fpr || function () {{
  w.fpr.q = w.fpr.q || []; w.fpr.q[arguments[0] == 'set' ? 'unshift' : 'push'](arguments);
}}; }})(window);
fpr("init", {{ cid: "4z8yt1oa" }});
fpr("click");</script>
<script src="{SRC}" async></script>"""

TAPFILIATE = f"""
<script src="{SRC}" type="text/javascript" async data-currency="EUR"></script>
<script type="text/javascript">
(function (t, a, p) {{ t.TapfiliateObject = a; t[a] = t[a] || function () {{
  (t[a].q = t[a].q || []).push(arguments) }} }})(window, 'tap');
tap('create', '6462-fcbeaa');
tap('detect');</script>"""

TOLT = f"""<script src="{SRC}" data-tolt="ef1c6a5b"></script>"""

DUB = f"""
<script>!(function (c, n) {{
  c[n] = c[n] || function () {{ (c[n].q = c[n].q || []).push(arguments); }};
  ["trackClick", "trackLead", "trackSale"].forEach((t) => (c[n][t] = (...a) => c[n](t, ...a)));
  var s = document.createElement("script");
  s.defer = 1;
  s.src = "{SRC}";
  s.setAttribute("data-publishable-key", "dub_pk_xxxxxxxx");
  s.setAttribute("data-domains", '{{"refer":"go.example"}}');
  document.head.appendChild(s);
}})(window, "dubAnalytics");</script>"""

PARTNERSTACK = f"""
<script>(function () {{
  var gs = document.createElement('script'); gs.src = '{SRC}'; gs.type = 'text/javascript'; gs.async = 'true';
  gs.onload = gs.onreadystatechange = function () {{
    var rs = this.readyState; if (rs && rs != 'complete' && rs != 'loaded') return;
    try {{ growsumo._initialize('pk_old'); if (typeof growsumoInit === 'function') growsumoInit(); }} catch (e) {{}}
  }};
  var s = document.getElementsByTagName('script')[0]; s.parentNode.insertBefore(gs, s);
}})();</script>"""

PAP = f"""
<script id="pap_x2s6df8d" src="{SRC}" type="text/javascript" data-currency="EUR"></script>
<script type="text/javascript">
PostAffTracker.setAccountId('default1');
PostAffTracker.track();</script>"""

VENDORS = {
    "rewardful": (REWARDFUL, "via"),
    "firstpromoter": (FIRSTPROMOTER, "fpr"),
    "tapfiliate": (TAPFILIATE, "ref"),
    "tolt": (TOLT, "via"),
    "dub": (DUB, "via"),
    "partnerstack": (PARTNERSTACK, "via"),
    "pap": (PAP, "a_aid"),
}

every_vendor = pytest.mark.parametrize(
    ("head", "parameter"), [pytest.param(*given, id=vendor) for vendor, given in VENDORS.items()]
)

PARTNER = {"name": "Anna"}
DISCOUNT = {"kind": "percent", "value": 20, "code": "ANNA20"}


@pytest.fixture
def show(site, page: Page, monkeypatch) -> Callable[..., None]:
    """Give a function that opens a page with a head of its own, into which the compat build is served."""

    def fulfill(route: Route) -> None:
        route.fulfill(content_type="text/javascript", body=snippet.script(None, "x.compat.js").body)

    def opened(head: str, *, path: str = "/?via=anna", body: str = "") -> None:
        html = f"<!doctype html><title>t</title><link rel=icon href=data:,>{head}<body>{body}</body>"
        monkeypatch.setattr(site, "html", lambda: html)
        page.goto(site.url(path))

    page.route("**/r/x.compat.js*", fulfill)
    return opened


def click_id(page: Page) -> str:
    return str(page.evaluate("() => molva.ready().then(referral => referral.id)"))


def reports(site, count: int) -> list[dict[str, Any]]:
    """Give the lead and sale events after the one click, stripped to what the page said."""
    kept = [event for event in site.wait_events(count + 1) if event["t"] != "click"]
    return [{key: event[key] for key in ("t", "o", "x", "m", "y", "q") if key in event} for event in kept]


def script(text: str) -> str:
    return f"<script>{text}</script>"


# Every vendor


@every_vendor
def test_the_changed_src_brings_key_and_click(site, show, page, head, parameter):
    show(head, path=f"/?{parameter}=anna")

    [event] = site.wait_events(1)

    assert (event["k"], event["t"], event["r"], event["p"]) == ("pk_test", "click", "anna", parameter)
    assert click_id(page) == event["c"]


@every_vendor
def test_a_form_carries_the_click(site, show, page, head, parameter):
    show(head, path=f"/?{parameter}=anna", body="<form method=post action=/signup><button>Sign up</button></form>")
    expected = click_id(page)

    page.click("button")

    page.wait_for_url("**/signup")
    assert dict(site.posts[0])["referral"] == expected


@every_vendor
def test_an_unreferred_page_sends_nothing_and_shows_no_referral(site, show, page, head, parameter):
    show(head, path="/")

    assert page.evaluate("() => molva.ready()") is None
    assert (
        page.evaluate(
            "() => [Rewardful.referral, FPROM.data.tid, window.tolt_data, DubAnalytics.partner].filter(Boolean)"
        )
        == []
    )
    assert site.events == []


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(
            '<script src="/r/x.compat.js" data-key="pk_test" data-rewardful="449653"></script>', id="data-key"
        ),
        pytest.param('<script src="/r/x.compat.js" data-rewardful="pk_test"></script>', id="rewardful"),
        pytest.param('<script src="/r/x.compat.js" data-tolt="pk_test"></script>', id="tolt"),
        pytest.param('<script src="/r/x.compat.js" data-publishable-key="pk_test"></script>', id="dub"),
        pytest.param(
            FIRSTPROMOTER.replace("4z8yt1oa", "pk_test").replace("?key=pk_test", ""), id="firstpromoter-account"
        ),
        pytest.param(DUB.replace("dub_pk_xxxxxxxx", "dub_pk_live"), id="address-before-old-key"),
    ],
)
def test_the_key_is_found(site, show, head):
    show(head)

    assert site.wait_events(1)[0]["k"] == "pk_test"


# Results where pages look for them


@pytest.mark.parametrize(
    ("head", "expression", "result"),
    [
        pytest.param(REWARDFUL, "Rewardful.referral", "ID", id="rewardful"),
        pytest.param(REWARDFUL, "Rewardful.affiliate.name", "Anna", id="rewardful-affiliate"),
        pytest.param(REWARDFUL, "Rewardful.coupon.code", "ANNA20", id="rewardful-coupon"),
        pytest.param(FIRSTPROMOTER, "FPROM.data.tid", "ID", id="firstpromoter-tid"),
        pytest.param(FIRSTPROMOTER, "FPROM.data.ref_id", "anna", id="firstpromoter-ref"),
        pytest.param(TAPFILIATE, "tap.vids[0]", "ID", id="tapfiliate"),
        pytest.param(TOLT, "tolt_referral", "ID", id="tolt"),
        pytest.param(TOLT, "tolt_data.click_id", "ID", id="tolt-click"),
        pytest.param(TOLT, "tolt_data.partner_id", "anna", id="tolt-partner"),
        pytest.param(DUB, "DubAnalytics.partner.name", "Anna", id="dub-partner"),
        pytest.param(DUB, "DubAnalytics.discount.value", 20, id="dub-discount"),
        pytest.param(PARTNERSTACK, "growsumo.data.partner_key", "anna", id="partnerstack"),
    ],
)
def test_results_are_where_pages_look_for_them(site, show, page, head, expression, result):
    site.answer = lambda event: {"c": event.get("c"), "ttl": 86400, "partner": PARTNER, "discount": DISCOUNT}

    show(head)

    expected = click_id(page)
    assert page.evaluate(f"() => {expression}") == (expected if result == "ID" else result)


@pytest.mark.parametrize(
    ("head", "call"),
    [
        pytest.param(REWARDFUL, "rewardful('ready', () => seen(Rewardful.referral))", id="rewardful"),
        pytest.param(FIRSTPROMOTER, "fpr('onReady', () => seen(FPROM.data.tid))", id="firstpromoter"),
        pytest.param(TAPFILIATE, "tap('getTrackingId', null, id => seen(id))", id="tapfiliate"),
        pytest.param(DUB, "dubAnalytics('ready', () => seen(DubAnalytics.referral))", id="dub"),
    ],
)
@pytest.mark.parametrize("when", ["before", "after"])
def test_ready_is_called_with_the_result_at_hand(site, show, page, head, call, when):
    page.add_init_script("window.got = []; window.seen = id => got.push(id)")

    show(head + script(call) if when == "before" else head)
    expected = click_id(page)
    if when == "after":
        page.evaluate(f"() => {{ {call} }}")
    page.wait_for_function("() => got.length")

    assert page.evaluate("() => got") == [expected]


def test_ready_is_called_without_a_referral(show, page):
    show(REWARDFUL + script("rewardful('ready', () => { window.got = !Rewardful.referral })"), path="/")

    page.wait_for_function("() => window.got === true")


@pytest.mark.parametrize("when", ["before", "after"])
def test_rewardful_source_names_the_partner(site, show, page, when):
    call = "rewardful('source', 'bert')"
    show(REWARDFUL + script(call) if when == "before" else REWARDFUL, path="/")
    page.evaluate("() => molva.ready()")
    if when == "after":
        page.evaluate(f"() => {{ {call} }}")

    assert [event["r"] for event in site.wait_events(1)] == ["bert"]


def test_partnerstack_calls_its_init_function(site, show, page):
    show(PARTNERSTACK + script("function growsumoInit() { window.got = growsumo.data.partner_key }"))

    page.wait_for_function("() => window.got === 'anna'")


# Leads and sales

CALLS = [
    pytest.param(REWARDFUL, "rewardful('convert', { email: 'Joe@Mail.example' })", [{"t": "lead"}], id="rewardful"),
    pytest.param(
        FIRSTPROMOTER,
        "fpr('referral', { uid: '42', email: 'joe@mail.example' })",
        [{"t": "lead", "o": "42", "x": "42"}],
        id="firstpromoter",
    ),
    pytest.param(
        FIRSTPROMOTER, "fpr('referral', { email: 'joe@mail.example' })", [{"t": "lead"}], id="firstpromoter-email"
    ),
    pytest.param(
        TAPFILIATE,
        "tap('conversion', 'ORD-1', 49.9, { currency: 'USD', coupon: 'X', meta_data: { email: 'joe@mail.example' } })",
        [{"t": "sale", "o": "ORD-1", "m": "49.9", "y": "USD", "q": "X"}],
        id="tapfiliate-sale",
    ),
    pytest.param(
        TAPFILIATE,
        "tap('conversion', 'ORD-2', 0.1 + 0.2)",
        [{"t": "sale", "o": "ORD-2", "m": "0.3", "y": "EUR"}],
        id="tapfiliate-noise",
    ),
    pytest.param(
        TAPFILIATE,
        "tap('customer', 17, { meta_data: { plan: 'pro' } })",
        [{"t": "lead", "o": 17, "x": 17}],
        id="tapfiliate-customer",
    ),
    pytest.param(TAPFILIATE, "tap('lead', 'l-1')", [{"t": "lead", "o": "l-1", "x": "l-1"}], id="tapfiliate-lead"),
    pytest.param(TAPFILIATE, "tap('trial', 't-1')", [{"t": "lead", "o": "t-1", "x": "t-1"}], id="tapfiliate-trial"),
    pytest.param(
        DUB,
        "dubAnalytics.trackLead({ clickId: '', eventName: 'Sign Up', customerExternalId: '42',"
        " customerName: 'Joe', customerEmail: 'joe@mail.example', customerAvatar: 'https://x.example/@joe' })",
        [{"t": "lead", "o": "42", "x": "42"}],
        id="dub-lead",
    ),
    pytest.param(
        DUB,
        "dubAnalytics.trackLead({ eventName: 'Sign Up', customerExternalId: 'joe@mail.example',"
        " customerEmail: undefined })",
        [{"t": "lead"}],
        id="dub-email-as-id",
    ),
    pytest.param(
        DUB,
        "dubAnalytics.trackSale({ customerExternalId: '42', amount: 4990, invoiceId: 'inv-1', currency: 'usd',"
        " paymentProcessor: 'stripe' })",
        [{"t": "sale", "o": "inv-1", "x": "42", "m": 4990, "y": "usd"}],
        id="dub-sale",
    ),
]


@pytest.mark.parametrize(("head", "call", "expected"), CALLS)
@pytest.mark.parametrize("when", ["before", "after"])
def test_calls_become_reports(site, show, page, head, call, expected, when):
    show(head + script(call) if when == "before" else head)
    click_id(page)
    if when == "after":
        page.evaluate(f"() => {{ {call} }}")

    assert reports(site, len(expected)) == expected
    click, report = sorted(site.events, key=lambda event: event["t"])
    assert report["c"] == click["c"]
    assert ("h" in report) == ("@mail" in call.lower() and "meta_data" not in call)
    assert "@mail" not in json.dumps(site.events).lower()


def test_tolt_signup_is_a_lead_and_fills_the_data(site, show, page):
    show(TOLT)
    click_id(page)

    result = page.evaluate("() => tolt.signup('42')")

    assert reports(site, 1) == [{"t": "lead", "o": "42", "x": "42"}]
    assert result["customer_id"] == page.evaluate("() => tolt_data.customer_id") == "42"
    assert result["click_id"] == click_id(page)


def test_tolt_signup_with_an_address_never_sends_it(site, show, page):
    show(TOLT)
    click_id(page)

    page.evaluate("() => tolt.signup('joe@mail.example')")

    assert reports(site, 1) == [{"t": "lead"}]
    assert "@mail" not in json.dumps(site.events)


@pytest.mark.parametrize(
    ("filled", "expected"),
    [
        pytest.param("growsumo.data.customer_key = '42'", {"t": "lead", "o": "42", "x": "42"}, id="key"),
        pytest.param("growsumo.data.customer_key = 'joe@mail.example'", {"t": "lead"}, id="email-as-key"),
        pytest.param("", {"t": "lead"}, id="email-alone"),
    ],
)
def test_partnerstack_signup_is_a_lead_and_calls_back(site, show, page, filled, expected):
    show(PARTNERSTACK)
    click_id(page)

    page.evaluate(
        "() => { growsumo.data.name = 'Joe'; growsumo.data.email = 'joe@mail.example';"
        f" {filled}; growsumo.createSignup(() => {{ window.got = true }}) }}"
    )
    page.wait_for_function("() => window.got")

    assert reports(site, 1) == [expected]
    assert "@mail" not in json.dumps(site.events)


def test_pap_sales_are_reported_at_register(site, show):
    show(
        PAP
        + script(
            "var sale = PostAffTracker.createSale(); sale.setTotalCost('120.50'); sale.setFixedCost('20.50');"
            "sale.setOrderID('ORD-1'); sale.setProductID('p'); sale.setCoupon('X'); sale.setCurrency('USD');"
            "sale.setCampaignID('c'); sale.setData1('joe@mail.example'); sale.doNotDeleteCookies();"
            "PostAffTracker.writeCookieToCustomField('f'); PostAffTracker.setVisitorId('v');"
            "var more = PostAffTracker.createSale(); more.setTotalCost('7'); more.setOrderID('ORD-2');"
            "PostAffTracker.register();"
        ),
        path="/?a_aid=anna",
    )

    first, second = sorted(reports(site, 2), key=lambda report: report["o"])  # sent side by side
    assert first == {"t": "sale", "o": "ORD-1", "m": "120.5", "y": "USD", "q": "X"}
    assert second == {"t": "sale", "o": "ORD-2", "m": "7", "y": "EUR"}
    assert "@mail" not in json.dumps(site.events)


# The old vendor's live cookie

REWARDFUL_COOKIE = (
    "%7B%22id%22%3A%22ab12-cd34%22%2C%22affiliate%22%3A%7B%22id%22%3A%22ef-1%22%2C%22name%22%3A%22Anna%22%2C"
    "%22token%22%3A%22anna%22%7D%2C%22campaign%22%3A%7B%22id%22%3A%22c1%22%7D%7D"
)
OLD_COOKIES = [
    pytest.param("rewardful.referral", REWARDFUL_COOKIE, id="rewardful"),
    pytest.param("_fprom_ref", "anna", id="firstpromoter"),
    pytest.param("tolt_referral", "%22anna%22", id="tolt"),
    pytest.param("growSumoPartnerKey", "anna", id="partnerstack"),
    pytest.param("ps_partner_key", "anna", id="partnerstack-newer"),
]


def keep(context: BrowserContext, site, name: str, value: str) -> None:
    context.add_cookies([{"name": name, "value": value, "url": site.url()}])


@pytest.mark.parametrize(("name", "value"), OLD_COOKIES)
def test_a_live_cookie_is_taken_over_exactly_once(site, show, context, page, name, value):
    keep(context, site, name, value)

    show(REWARDFUL, path="/pricing")
    [event] = site.wait_events(1)
    page.reload()
    click_id(page)

    assert (event["t"], event["r"], event["s"] & 4) == ("click", "anna", 4)
    assert page.evaluate("() => Rewardful.referral") == event["c"]
    assert len(site.events) == 1


def test_a_code_in_the_address_beats_the_old_cookie(site, show, context, page):
    keep(context, site, "_fprom_ref", "bert")

    show(FIRSTPROMOTER, path="/?fpr=anna")
    click_id(page)

    assert [(event["r"], event["s"] & 4) for event in site.wait_events(1)] == [("anna", 0)]


def test_an_unknown_old_code_is_asked_about_once(site, show, context, page):
    keep(context, site, "_fprom_ref", "gone")
    site.answer = lambda event: {"void": True}

    show(FIRSTPROMOTER, path="/pricing")
    site.wait_events(1)
    assert page.evaluate("() => molva.ready()") is None
    page.reload()

    assert page.evaluate("() => molva.ready()") is None
    assert len(site.events) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("tap_vid", "8a2f-11", id="tapfiliate"),
        pytest.param("dub_id", "xyz", id="dub"),
        pytest.param("PAPVisitorId", "b2d774", id="pap"),
        pytest.param("rewardful.referral", "not-json", id="broken"),
        pytest.param("_fprom_ref", "", id="empty"),
    ],
)
def test_a_cookie_without_a_code_is_left_alone(site, show, context, page, name, value):
    keep(context, site, name, value)

    show(REWARDFUL, path="/pricing")

    assert page.evaluate("() => molva.ready()") is None
    assert site.events == []


# The host page


@pytest.mark.parametrize(
    ("head", "call"),
    [
        pytest.param(REWARDFUL, "rewardful('nonsense'); rewardful(); rewardful('convert')", id="rewardful"),
        pytest.param(
            FIRSTPROMOTER,
            "fpr('set', 'x', 1); fpr('crossDomain', ['a.example']); fpr('urlTracking'); fpr('referral')",
            id="firstpromoter",
        ),
        pytest.param(TAPFILIATE, "tap('setMeta', {}); tap('conversion'); tap('getTrackingId')", id="tapfiliate"),
        pytest.param(DUB, "dubAnalytics.trackClick({}); dubAnalytics.trackSale(); dubAnalytics(null)", id="dub"),
    ],
)
@pytest.mark.parametrize("when", ["before", "after"])
def test_unknown_and_broken_calls_throw_nothing(site, show, page, head, call, when):
    show(head + script(call) if when == "before" else head)
    click_id(page)
    if when == "after":
        page.evaluate(f"() => {{ {call} }}")

    page.wait_for_timeout(100)  # What must not happen gives no sign.
    assert [event["t"] for event in site.events] == ["click"]


@pytest.mark.parametrize(
    ("head", "call"),
    [
        pytest.param(TOLT, "tolt.signup()", id="tolt"),
        pytest.param(PARTNERSTACK, "growsumo.createSignup()", id="partnerstack"),
        pytest.param(PAP, "PostAffTracker.register(PostAffTracker.createAction('x').setStatus('A'))", id="pap"),
    ],
)
def test_empty_signups_and_sales_are_not_sent(site, show, page, head, call):
    show(head)
    click_id(page)

    page.evaluate(f"() => {{ {call} }}")

    page.wait_for_timeout(100)  # What must not happen gives no sign.
    assert [event["t"] for event in site.events] == ["click"]


@every_vendor
def test_an_objection_leaves_the_globals_and_sends_nothing(site, show, page, head, parameter):
    page.add_init_script("Object.defineProperty(navigator, 'globalPrivacyControl', { value: true })")
    show(head, path=f"/?{parameter}=anna")

    assert page.evaluate("() => molva.ready()") is None
    page.evaluate("() => tolt.signup('42').then(() => growsumo.createSignup())")

    assert page.evaluate("() => typeof Rewardful.referral") == "undefined"
    assert site.events == []


def test_a_global_of_the_page_that_is_no_stub_stays(show, page):
    show(script("window.tap = value => value + 1; window.fpr = { own: 7 }") + TOLT)
    click_id(page)

    assert page.evaluate("() => [tap(1), fpr.own]") == [2, 7]


@pytest.mark.parametrize(("name", "value"), OLD_COOKIES)
def test_an_objection_leaves_the_old_cookie_unasked_and_stores_nothing(site, show, context, page, name, value):
    keep(context, site, name, value)
    page.add_init_script("Object.defineProperty(navigator, 'globalPrivacyControl', { value: true })")

    show(TOLT)

    assert page.evaluate("() => molva.ready()") is None
    assert site.events == []
    assert page.evaluate("() => localStorage.length") == 0
