"""Options of the tag and calls of the global, in a real browser."""

import time

import pytest

from .reading import STATE, base36, cookie_of, referral, state_of

pytestmark = pytest.mark.browser


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


# Beyond a landing


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


def test_answer_after_a_reset_brings_nothing_back(site, context, page):
    page.add_init_script(
        "const send = fetch; window.fetch = async (...given) => { const answer = await send(...given);"
        " await new Promise(go => { window.go = go }); return answer }"
    )
    page.goto(site.url("/?via=anna"))
    site.wait_events(1)
    page.wait_for_function("() => window.go")

    page.evaluate("() => { molva.reset(); window.go() }")
    page.wait_for_timeout(100)

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
