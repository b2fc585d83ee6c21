"""A reviewer's morning in a real browser: cases judged by keys and without script, and what that does to money."""

import json
import urllib.request
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
    """Return the undecided case whose findings name a rule; after a verdict the next one is taken at once."""
    for each in api.get("/v1/cases?limit=100")["data"]:
        if each["status"] not in {"open", "claimed"}:
            continue
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


def bought_by_partner(demo, number, mailbox="nord-blog@partner.example"):
    """A sale to a partner's own mailbox, reported by the shop's server: joins the partner's case, or opens one."""
    partner = json.loads(
        urllib.request.urlopen(
            urllib.request.Request(
                demo["admin_url"].removesuffix("/admin/") + "/v1/track/sale?wait=true",
                data=json.dumps(
                    {
                        "external_id": f"E2E-{number}",
                        "amount": 10_000,
                        "currency": "EUR",
                        "partner_code": demo["partner_link"].rpartition("/")[2].upper(),
                        "customer": {"email": mailbox, "external_id": f"e2e-{number}"},
                    }
                ).encode(),
                headers={"Authorization": f"Bearer {demo['secret_key']}", "Content-Type": "application/json"},
            ),
            timeout=30,
        ).read()
    )
    return partner["case_id"]


def press(page, key):
    with page.expect_navigation():
        page.keyboard.press(key)


def test_keys_alone_judge_case_after_case_and_take_the_last_back(demo, staff, api):
    """Held on, asked, cleared and taken back without a mouse; the next case opens by itself."""
    case_id = bought_by_partner(demo, 1)
    staff.goto(f"{demo['admin_url']}cases/{case_id}")
    for key, status in (("h", "claimed"), ("q", "waiting_partner"), ("a", "decided")):
        staff.goto(f"{demo['admin_url']}cases/{case_id}")
        press(staff, key)
        staff.wait_for_selector("[data-submit]:focus")
        press(staff, "Enter")
        assert api.get(f"/v1/cases/{case_id}")["status"] == status
        assert case_id not in staff.url.partition("?")[0]

    staff.wait_for_selector("[data-undo]")
    press(staff, "z")

    after = api.get(f"/v1/cases/{case_id}")
    assert after["status"] == "waiting_partner"
    assert {each["status"] for each in after["commissions"]} == {"frozen"}
    assert [each["action"] for each in after["verdicts"]] == ["hold", "ask", "clear", "undo"]
    assert case_id in staff.url


def test_keys_help_and_search_on_the_queue(demo, staff):
    staff.goto(f"{demo['admin_url']}cases")
    staff.keyboard.press("?")
    assert staff.is_visible("text=take the last verdict back, for 10 seconds")
    staff.keyboard.press("?")
    staff.keyboard.press("/")
    assert staff.evaluate("document.activeElement.id") == "q"


def test_by_mouse_a_partner_is_banned_and_it_is_taken_back(demo, staff, api):
    case_id = bought_by_partner(demo, 2)
    staff.goto(f"{demo['admin_url']}cases/{case_id}")
    with staff.expect_navigation():
        staff.click(".verdict-ban")
    assert "earns nothing new" in staff.inner_text(".verdict-ban")
    with staff.expect_navigation():
        staff.click("[data-submit]")
    assert "Banned:" in staff.inner_text(".notice")
    with staff.expect_navigation():
        staff.click("[data-undo] button")

    assert "everything is as it was" in staff.inner_text(".notice")
    assert api.get(f"/v1/cases/{case_id}")["status"] in {"claimed", "waiting_partner"}


def test_the_way_back_leaves_the_page_after_ten_seconds(demo, staff):
    case_id = bought_by_partner(demo, 3)
    staff.goto(f"{demo['admin_url']}cases/{case_id}?action=hold")
    with staff.expect_navigation():
        staff.click("[data-submit]")
    staff.wait_for_selector("[data-undo]")
    staff.wait_for_selector("[data-undo]", state="detached", timeout=12_000)


def test_two_browsers_never_meet_over_one_case(demo, staff, browser, api):
    case_id = bought_by_partner(demo, 4)
    staff.goto(f"{demo['admin_url']}users")
    staff.fill("form[action='/admin/users'] input[name=email]", "second@demo.example")
    staff.check("form[action='/admin/users'] input[name=role][value=manager]")
    with staff.expect_navigation():
        staff.click("form[action='/admin/users'] button[type=submit]")
    password = staff.inner_text(".snippet-text")
    context = browser.new_context(locale="en-GB")
    other = context.new_page()
    sign_in(other, demo | {"email": "second@demo.example", "password": password})
    staff.goto(f"{demo['admin_url']}cases/{case_id}")
    if given_back := staff.query_selector("form[action$='/unclaim'] button"):  # an earlier story held it
        with staff.expect_navigation():
            given_back.click()
    other.goto(f"{demo['admin_url']}cases/{case_id}")

    press(staff, "x")
    staff.wait_for_selector("[data-submit]")
    press(other, "x")

    assert "works on this case" in other.inner_text("main")
    assert other.query_selector("[data-submit]") is None
    other.goto(f"{demo['admin_url']}cases")
    if button := other.query_selector("form[action='/admin/cases/next'] button"):
        with other.expect_navigation():
            button.click()
        assert case_id not in other.url
    with staff.expect_navigation():
        staff.click("[data-submit]")
    assert api.get(f"/v1/cases/{case_id}")["status"] == "decided"
    context.close()


def test_partner_answers_and_appeals_without_script_and_the_reviewer_reads_it(demo, staff, browser, api):
    case_id = bought_by_partner(demo, 5)
    partner_id = api.get(f"/v1/cases/{case_id}")["partner_id"]
    staff.goto(f"{demo['admin_url']}cases/{case_id}?action=ask")
    staff.fill("#public_text", "Who is this customer?")
    with staff.expect_navigation():
        staff.click("[data-submit]")
    staff.goto(f"{demo['admin_url']}partners/{partner_id}")
    link = next(text for text in staff.locator("code").all_text_contents() if "/p/" in text)
    context = browser.new_context(java_script_enabled=False, locale="en-GB", viewport={"width": 360, "height": 800})
    page = context.new_page()
    page.goto(link)
    page.click("button[type=submit]")
    assert "Who is this customer?" in page.inner_text("main")
    page.fill("textarea[name=text]", "My sister, who really bought it.")
    page.click("text=Send the answer")
    assert "Your answer is with the reviewers." in page.inner_text("main")

    staff.goto(f"{demo['admin_url']}cases/{case_id}?action=reject")
    assert "My sister" in staff.inner_text("main")
    with staff.expect_navigation():
        staff.click("[data-submit]")
    page.goto(link)
    page.click("button[type=submit]")
    page.click("summary:has-text('Appeal by')")
    page.fill("textarea[name=text]", "It was a real purchase.")
    page.click("text=Send the appeal")
    assert "Your appeal is with the reviewers." in page.inner_text("main")
    ARTIFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTIFACTS / "partner_360_light_en.png", full_page=True)
    assert page.content().count("self_email") == 0

    staff.goto(f"{demo['admin_url']}cases/{case_id}?action=clear")
    with staff.expect_navigation():
        staff.click("[data-submit]")
    after = api.get(f"/v1/cases/{case_id}")
    assert after["status"] == "decided"
    assert [each["kind"] for each in after["messages"]] == ["reply", "appeal"]
    assert {each["status"] for each in after["conversions"]} == {"accepted"}
    context.close()


def test_without_script_many_are_judged_with_their_sums_shown_first(demo, browser, api):
    ids = [bought_by_partner(demo, 6), bought_by_partner(demo, 7)]
    context = browser.new_context(java_script_enabled=False, locale="en-GB")
    page = context.new_page()
    sign_in(page, demo)
    page.goto(f"{demo['admin_url']}cases")
    for case_id in dict.fromkeys(ids):
        page.check(f"input[name=case][value={case_id}]")
    page.select_option("#bulk-action", "reject")
    with page.expect_navigation():
        page.click("#bulk button")
    assert "€" in page.inner_text(".bulk-total")
    assert "decided" not in {api.get(f"/v1/cases/{each}")["status"] for each in ids}
    page.screenshot(path=ARTIFACTS / "bulk_1280_light_en.png", full_page=True)
    with page.expect_navigation():
        page.click("main form button[type=submit]")

    assert {api.get(f"/v1/cases/{each}")["status"] for each in ids} == {"decided"}
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

    case_id = bought_by_partner(demo, f"{width}-{scheme}-{language}")
    paths = (*PAGES, f"cases/{case_id}", f"cases/{case_id}?action=ban", "cases?tour=on")
    names = dict(zip(paths[-3:], ("case", "case-ban", "tour"), strict=True))
    for path in paths:
        page.goto(f"{demo['admin_url']}{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        assert page.evaluate("document.documentElement.lang") == language
        page.screenshot(
            path=ARTIFACTS / f"{names.get(path, path.replace('/', '-')) or 'overview'}_{width}_{scheme}_{language}.png",
            full_page=True,
        )

    page.goto(f"{demo['admin_url']}account")
    page.select_option("select[name=language]", "en")
    page.click("form:has(select[name=language]) button[type=submit]")
    context.close()
    assert complaints == []
