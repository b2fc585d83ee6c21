"""The review pages behind the whole application, on both databases: every query they make answers on each."""

import re

from tracker.conversions import store as conversions
from tracker.users.passwords import hash_now
from tracker.users.store import add_user

DAY_MS = 86_400_000
PASSWORD = "correct horse battery"


def signed_in(world):
    """A browser an owner is signed in with."""
    world.write(
        lambda conn: add_user(
            conn,
            email="owner@example.com",
            role="owner",
            password_hash=hash_now(PASSWORD),
            language="en",
            now_ms=world.services.now_ms(),
            actor="test",
        )
    )
    browser = world.client()
    page = world.run(browser.get("/login"))
    form = {"email": "owner@example.com", "password": PASSWORD, "csrf_token": token_of(page)}
    answer = world.run(browser.post("/login", data=form, headers={"Origin": "https://go.shop.example"}))
    assert answer.status_code == 303, answer.text
    return browser


def token_of(page):
    return re.search(r'name="csrf_token" value="([^"]+)"', page.text)[1]


def test_a_person_walks_from_the_overview_to_a_verdict(world):
    click = world.click()
    world.track("sale", world.sale(external_id="GOOD", click_id=click, customer={"email": "b@mail.example"}))
    body = world.sale(external_id="SELF", partner_code="ANNA", customer={"email": "anna@partners.example"})
    held = world.track("sale", body).json()
    browser = signed_in(world)

    def page(path):
        answer = world.run(browser.get(path))
        assert answer.status_code == 200, path
        return answer

    assert "Cases to judge" in page("/admin/").text
    assert ">Sale GOOD</a>" in page("/admin/conversions?partner=anna&trust=verified").text
    assert "the whole credit" in page(f"/admin/conversions/{held['id']}").text
    assert ">Sale GOOD</a>" in page(f"/admin/clicks/{world.program_id}/{click}").text
    assert "€40.00" in page("/admin/ledger").text
    assert "add up to the balance" in page(f"/admin/ledger/{world.anna.enrollment_id}").text
    case = page(f"/admin/cases/{held['case_id']}?action=reject")
    form = {"csrf_token": token_of(case), "action": "reject", "verdict": "fraud", "reason_code": "self_referral"}
    headers = {"Origin": "https://go.shop.example"}
    answer = world.run(browser.post(f"/admin/cases/{held['case_id']}/verdict", data=form, headers=headers))

    assert answer.status_code == 303
    assert "€20.00 taken back" in page("/admin/cases").text
    assert "€20.00" in page("/admin/ledger").text
    world.run(browser.aclose())


def test_conversions_are_counted_by_day_and_kind(world):
    world.track("sale", world.sale())
    world.track("lead", {"external_id": "L-1"})
    world.track("sale", world.sale(), test=True)
    today = world.services.now_ms() // DAY_MS

    days = world.read(lambda conn: conversions.conversions_by_day(conn, livemode=True, from_day=today - 1))

    assert {kind: sum(day.get(kind, 0) for day in days.values()) for kind in ("lead", "sale")} == {"lead": 1, "sale": 1}
    assert world.read(lambda conn: conversions.conversions_by_day(conn, livemode=True, from_day=today + 2)) == {}
