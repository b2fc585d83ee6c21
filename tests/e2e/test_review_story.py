"""A reviewer's morning in a real browser: cases judged by keys and without script, and what that does to money."""

from pathlib import Path

import pytest

pytestmark = pytest.mark.browser

ARTIFACTS = Path(__file__).parents[2] / "test-artifacts"
PAGES = (
    "",
    "cases",
    "conversions",
    "clicks",
    "ledger",
    "reports/models",
    "programs",
    "partners",
    "links",
    "users",
    "audit",
    "account",
)


def sign_in(page, demo):
    page.goto(demo["admin_url"])
    page.fill("input[name=email]", demo["email"])
    page.fill("input[name=password]", demo["password"])
    page.click("button[type=submit]")
    page.wait_for_url("**/admin/**")


def case_with(api, rule):
    """Return the undecided case whose findings name a rule."""
    for each in api.get("/v1/cases?filter[status]=open")["data"]:
        case = api.get(f"/v1/cases/{each['id']}")
        if rule in {finding["rule"] for finding in case["findings"] if finding["fired"]}:
            return case
    pytest.fail(f"No open case names {rule}.")


def test_keys_alone_reject_a_self_referral_and_its_commission_is_void(demo, staff, api):
    case = case_with(api, "self_email")
    assert {each["status"] for each in case["commissions"]} == {"frozen"}

    staff.goto(f"{demo['admin_url']}cases/{case['id']}")
    assert "mailbox" in staff.inner_text("main").lower()
    staff.keyboard.press("x")
    staff.wait_for_selector("#public_text")
    staff.focus("[data-submit]")
    with staff.expect_navigation():
        staff.keyboard.press("Enter")

    after = api.get(f"/v1/cases/{case['id']}")
    assert after["status"] == "decided"
    assert {each["status"] for each in after["conversions"]} == {"rejected"}
    assert {each["status"] for each in after["commissions"]} == {"void"}
    assert after["verdicts"][0]["public_text"]


def test_the_queue_is_walked_by_keys(demo, staff):
    staff.goto(f"{demo['admin_url']}cases")
    staff.keyboard.press("j")
    chosen = staff.get_attribute("tr.is-chosen", "data-case")
    staff.keyboard.press("o")
    staff.wait_for_url(f"**{chosen}*")


def test_without_script_a_crowd_is_cleared_and_its_money_waits_for_the_hold(demo, browser, api):
    case = case_with(api, "same_ip_leads")
    context = browser.new_context(java_script_enabled=False, locale="en-GB")
    page = context.new_page()
    sign_in(page, demo)

    page.goto(f"{demo['admin_url']}cases/{case['id']}?action=clear")
    page.fill("#note", "A course at one school, confirmed by phone.")
    with page.expect_navigation():
        page.click("[data-submit]")

    after = api.get(f"/v1/cases/{case['id']}")
    assert after["status"] == "decided"
    assert {each["status"] for each in after["commissions"]} == {"pending"}
    assert {each["status"] for each in after["conversions"]} == {"accepted"}
    page.goto(f"{demo['admin_url']}audit?object={case['id']}")
    assert page.locator("main").inner_text().count("UTC") >= 2
    context.close()


@pytest.mark.parametrize("width", [360, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "ru"])
def test_every_page_fits_its_screen_breaks_no_policy_and_is_kept_as_a_picture(demo, browser, width, scheme, language):
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, locale="ru-RU" if language == "ru" else "en-GB"
    )
    page = context.new_page()
    complaints = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    sign_in(page, demo)
    page.goto(f"{demo['admin_url']}account")
    page.select_option("select[name=language]", language)
    page.click("form:has(select[name=language]) button[type=submit]")
    ARTIFACTS.mkdir(exist_ok=True)

    for path in PAGES:
        page.goto(f"{demo['admin_url']}{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        assert page.evaluate("document.documentElement.lang") == language
        page.screenshot(
            path=ARTIFACTS / f"{path.replace('/', '-') or 'overview'}_{width}_{scheme}_{language}.png", full_page=True
        )

    page.goto(f"{demo['admin_url']}account")
    page.select_option("select[name=language]", "en")
    page.click("form:has(select[name=language]) button[type=submit]")
    context.close()
    assert complaints == []
