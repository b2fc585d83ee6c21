import re

import msgspec
import pytest
from starlette.testclient import TestClient

PASSWORD = "correct horse battery"
BASE = "http://127.0.0.1:8000"
HOUR_MS = 3_600_000
MINUTE_MS = 60_000


def test_right_password_opens_the_pages(browser):
    answer = browser.sign_in("owner")

    assert answer.status_code == 303
    assert answer.headers["location"] == "/admin/"
    cookie = answer.headers["set-cookie"]
    assert "molva_session=" in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie
    assert browser.get("/admin/").status_code == 200


def test_https_cookie_is_for_this_host_and_secure(browser, services):
    services.settings = msgspec.structs.replace(services.settings, base_url="https://prm.example")
    page = browser.get("/login")
    nonce = re.search(r"(__Host-molva_login=[^;]+)", page.headers["set-cookie"])
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert nonce
    assert token
    form = {"csrf_token": token[1], "email": "owner@example.com", "password": PASSWORD}

    answer = browser.client.post("/login", data=form, headers={"Cookie": nonce[1]}, follow_redirects=False)

    cookie = next(each for each in answer.headers.get_list("set-cookie") if "molva_session" in each)
    assert cookie.startswith("__Host-molva_session=")
    assert "Secure" in cookie
    assert "Path=/" in cookie
    assert answer.headers["strict-transport-security"].startswith("max-age=31536000")


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("owner@example.com", "wrong password here"),
        ("nobody@example.com", PASSWORD),
        ("", ""),
        ("owner@example.com", "x" * 5000),
        ("' OR 1=1 --", "' OR 1=1 --"),
        ("owner@example.com", "\x01\x02"),
    ],
)
def test_wrong_sign_in_gets_one_answer(browser, email, password):
    form = {"csrf_token": browser.token("/login"), "email": email, "password": password}

    answer = browser.client.post("/login", data=form)

    assert answer.status_code == 422
    assert "E-mail or password is wrong" in answer.text
    assert "set-cookie" not in answer.headers or "molva_session" not in answer.headers["set-cookie"]


@pytest.mark.parametrize(
    ("wanted", "lands"),
    [
        ("/admin/partners?q=a", "/admin/partners?q=a"),
        ("https://evil.example/", "/admin/"),
        ("//evil.example/", "/admin/"),
        ("/admin//evil.example", "/admin/"),
        ("/admin/\\evil.example", "/admin/"),
        ("/admin/\r\nSet-Cookie: a=b", "/admin/"),
        ("/r/to/maria", "/admin/"),
    ],
)
def test_sign_in_leads_back_to_our_pages_only(browser, wanted, lands):
    form = {
        "csrf_token": browser.token("/login"),
        "email": "owner@example.com",
        "password": PASSWORD,
        "next": wanted,
    }

    answer = browser.client.post("/login", data=form, follow_redirects=False)

    assert answer.headers["location"] == lands


def test_page_without_session_leads_to_sign_in_and_back(browser):
    answer = browser.client.get("/admin/partners?status=active", follow_redirects=False)

    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=/admin/partners%3Fstatus%3Dactive"


def test_signed_in_person_skips_the_sign_in_page(owner):
    assert owner.client.get("/login", follow_redirects=False).status_code == 303


def test_every_sign_in_makes_a_new_session(owner):
    first = owner.client.cookies["molva_session"]

    owner.client.cookies.delete("molva_session")
    owner.sign_in("owner")

    assert owner.client.cookies["molva_session"] != first


def test_planted_cookie_is_never_adopted(browser):
    form = {"csrf_token": browser.token("/login"), "email": "owner@example.com", "password": PASSWORD}
    nonce = browser.client.cookies["molva_login"]
    browser.client.cookies.clear()
    planted = {"Cookie": f"molva_session=planted; molva_login={nonce}"}

    answer = browser.client.post("/login", data=form, headers=planted, follow_redirects=False)

    assert answer.status_code == 303
    assert "planted" not in browser.client.cookies["molva_session"]


@pytest.mark.parametrize(
    ("steps", "lives"),
    [
        pytest.param([7 * HOUR_MS], True, id="seven hours idle"),
        pytest.param([8 * HOUR_MS + 1], False, id="eight hours idle"),
        pytest.param([7 * HOUR_MS] * 3, True, id="used within the day"),
        pytest.param([7 * HOUR_MS] * 3 + [4 * HOUR_MS], False, id="a day and an hour"),
    ],
)
def test_session_lives_eight_hours_idle_and_a_day_at_most(owner, services, steps, lives):
    for step in steps:
        services.clock.advance(step)
        answer = owner.client.get("/admin/account", follow_redirects=False)

    assert (answer.status_code == 200) is lives


def test_sign_out_ends_the_session_for_copies_too(owner):
    stolen = owner.client.cookies["molva_session"]

    answer = owner.send("/logout")
    owner.client.cookies.set("molva_session", stolen)

    assert answer.url.path == "/login"
    assert owner.client.get("/admin/account", follow_redirects=False).status_code == 303


def test_sign_out_without_session_is_no_error(browser):
    assert browser.client.post("/logout", follow_redirects=False).status_code == 303


def test_ten_wrong_passwords_then_none_is_looked_at(browser, services):
    services.address = "198.51.100.1"
    codes = [browser.sign_in("owner", "wrong password here").status_code for _ in range(11)]

    assert codes == [422] * 10 + [429]
    assert browser.sign_in("owner").status_code == 429
    services.clock.advance(15 * MINUTE_MS + 1)
    assert browser.sign_in("owner").status_code == 303


def test_guesser_elsewhere_does_not_lock_a_person_out_of_a_known_network(browser, services):
    browser.sign_in("owner")
    browser.client.cookies.clear()
    for number in range(30):
        services.address = f"198.51.100.{number}"
        stranger = browser.sign_in("owner", "wrong password here")
    assert stranger.status_code == 429

    services.address = "203.0.113.7"
    browser.client.cookies.clear()

    assert browser.sign_in("owner").status_code == 303


def test_one_network_tries_fifty_passwords_over_all_accounts(browser, services):
    services.address = "198.51.100.9"
    codes = []
    for number in range(51):
        form = {"csrf_token": browser.token("/login"), "email": f"u{number}@example.com", "password": "wrong"}
        codes.append(browser.client.post("/login", data=form).status_code)

    assert codes == [422] * 50 + [429]


def test_right_password_does_not_use_up_attempts(browser):
    for _ in range(12):
        browser.client.cookies.clear()
        assert browser.sign_in("owner").status_code == 303


@pytest.mark.parametrize(
    ("current", "new", "repeated", "words"),
    [
        ("wrong password here", "a new long password", "a new long password", "Is not your current password"),
        (PASSWORD, "short", "short", "Is too short"),
        (PASSWORD, "x" * 129, "x" * 129, "Is too long"),
        (PASSWORD, "a new long password", "another long password", "Differs from the new password"),
    ],
)
def test_refused_password_says_why(owner, current, new, repeated, words):
    page = owner.send("/admin/account/password", current=current, password=new, repeated=repeated)

    assert page.status_code == 422
    assert words in page.text
    assert new not in page.text or new == "short"


def test_changed_password_ends_every_other_session_and_rotates_this_one(open_browser):
    here, there = open_browser(), open_browser()
    here.sign_in("owner")
    there.sign_in("owner")
    before = here.client.cookies["molva_session"]

    page = here.send(
        "/admin/account/password", current=PASSWORD, password="a new long password", repeated="a new long password"
    )

    assert "The password is changed" in page.text
    assert here.client.cookies["molva_session"] != before
    assert there.client.get("/admin/account", follow_redirects=False).status_code == 303
    assert there.sign_in("owner").status_code == 422
    assert there.sign_in("owner", "a new long password").status_code == 303


def test_one_session_can_be_ended(open_browser):
    here, there = open_browser(), open_browser()
    here.sign_in("owner")
    there.sign_in("owner")
    sessions = re.findall(r'name="session" value="([0-9a-f]{64})"', here.get("/admin/account").text)
    own = re.search(r'This one</span>.*?value="([0-9a-f]{64})"', here.get("/admin/account").text, re.DOTALL)
    assert own
    other = next(each for each in sessions if each != own[1])

    here.send("/admin/account/sessions/end", session=other)

    assert there.client.get("/admin/account", follow_redirects=False).status_code == 303
    assert here.send("/admin/account/sessions/end", session="nonsense").status_code == 400
    assert here.send("/admin/account/sessions/end", session=own[1]).url.path == "/login"


def test_session_of_somebody_else_cannot_be_ended(open_browser):
    owner, viewer = open_browser(), open_browser()
    owner.sign_in("owner")
    viewer.sign_in("viewer")
    own = re.search(r'name="session" value="([0-9a-f]{64})"', owner.get("/admin/account").text)
    assert own

    viewer.send("/admin/account/sessions/end", session=own[1])

    assert owner.client.get("/admin/account", follow_redirects=False).status_code == 200


def test_notice_is_shown_once(owner):
    answer = owner.send("/admin/account/language", language="en")

    assert "The language is changed." in answer.text
    assert "The language is changed." not in owner.get("/admin/account").text


def test_forged_notice_is_not_shown(owner):
    owner.client.cookies.set("molva_notice", "forged")

    assert "forged" not in owner.get("/admin/account").text


def test_cookies_are_not_shared_between_browsers(open_browser):
    first, second = open_browser(), open_browser()
    first.sign_in("owner")

    assert isinstance(second.client, TestClient)
    assert second.client.get("/admin/account", follow_redirects=False).status_code == 303
