"""The story the demo tells, lived through in a real browser."""

import re

import pytest

pytestmark = pytest.mark.browser


def buy(page, *, name, email):
    """Buy the first product on offer and return the order's number."""
    page.click("a:has-text('Demo mug')")
    page.click("main form button")
    page.fill("input[name=name]", name)
    page.fill("input[name=email]", email)
    page.click("main form button")
    page.wait_for_selector("h1:has-text('Thank')")
    match = re.search(r"\b[A-Z]+-[A-Z0-9-]+\b", page.inner_text("main"))
    assert match, page.inner_text("main")
    return match[0]


def decided(api, order):
    """Return the outcome of an order once Molva has decided it."""
    path = f"/v1/conversions?filter[external_id]={order}"
    sale = api.wait_for(path, lambda each: each["status"] != "received")
    return api.get(f"/v1/conversions/{sale['id']}")


def land(page, demo, code):
    """Arrive with a referral code; returns once the click is acknowledged."""
    with page.expect_response(lambda response: response.url.endswith("/r/e")) as answered:
        page.goto(f"{demo['shop_url']}?via={code}")
    assert answered.value.status == 200
    return answered.value.json()


def test_a_referred_purchase_is_credited_with_its_reasons(demo, visitor, api):
    page = visitor.new_page()

    answer = land(page, demo, "nord-blog-demo")
    order = buy(page, name="Erika Beispiel", email="erika@customer.example")

    outcome = decided(api, order)
    assert outcome["status"] in ("accepted", "in_review")
    assert outcome["attribution"]["winner"][0]["touch"] == f"clk_{answer['c']}"
    assert outcome["commissions"][0]["amount"] == 380
    assert outcome["commissions"][0]["currency"] == "EUR"


def test_the_cookie_is_first_party_and_survives_a_plain_return(demo, visitor, api):
    page = visitor.new_page()
    land(page, demo, "studio-quart-demo")

    page.goto(demo["shop_url"])
    order = buy(page, name="Max Beispiel", email="max@customer.example")

    assert decided(api, order)["attribution"]["via"] in ("click_id", "visitor")
    assert any(cookie["name"] == "_mv" for cookie in visitor.cookies())


def test_a_referral_link_leads_to_the_shop_and_earns(demo, visitor, api):
    page = visitor.new_page()

    page.goto(demo["partner_link"])
    assert page.url.startswith(demo["shop_url"])
    assert "via=NORD-BLOG-DEMO" in page.url
    order = buy(page, name="Lena Beispiel", email="lena@customer.example")

    outcome = decided(api, order)
    assert len(outcome["commissions"]) == 1


def test_an_unreferred_page_sends_nothing(demo, visitor):
    page = visitor.new_page()
    requests = []
    page.on("request", lambda request: requests.append(request.url))

    page.goto(demo["shop_url"], wait_until="networkidle")

    assert not [url for url in requests if url.endswith("/r/e")]


def test_a_blocked_script_leaves_the_shop_working(demo, visitor, api):
    page = visitor.new_page()
    page.route("**/r/**", lambda route: route.abort())

    page.goto(f"{demo['shop_url']}?via=nord-blog-demo")
    order = buy(page, name="Ida Beispiel", email="ida@customer.example")

    assert decided(api, order)["status"] == "unattributed"


def test_a_partner_who_buys_through_the_own_link_goes_to_review(demo, visitor, api):
    page = visitor.new_page()
    land(page, demo, "letters-on-coffee-demo")

    order = buy(page, name="The partner", email="Letters@partner.example")

    outcome = decided(api, order)
    assert outcome["status"] == "in_review"
    assert {each["status"] for each in outcome["commissions"]} == {"frozen"}
    findings = api.get(f"/v1/cases/{outcome['case_id']}")["findings"]
    assert "self_email" in {finding["rule"] for finding in findings if finding["fired"]}
