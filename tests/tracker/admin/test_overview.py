"""The first page: figures, what waits, first steps."""

import re

import pytest

from ingest.drops import DropReason
from tracker.admin import review_labels
from tracker.clicks import store as clicks
from tracker.jobs import store as jobs
from tracker.quarantine import store as quarantine

DAY_MS = 86_400_000


def figure(page, label):
    found = re.search(rf"<dt>{re.escape(label)}</dt><dd>(?:<a[^>]*>)?([^<]+)", page.text)
    assert found, label
    return found[1].strip()


def test_empty_installation_says_what_to_do_next(owner):
    page = owner.get("/admin/")

    assert page.status_code == 200
    for step in ("First steps", "Add your site", "Paste the tag and open a referral link", "Report the first sale"):
        assert step in page.text
    assert "Nothing waits." in page.text


def test_first_steps_go_when_all_are_done(owner, shop):
    shop.click()
    shop.sale(visitor_id="visitor-1")

    assert "First steps" not in owner.get("/admin/").text


def test_figures_count_people_leads_sales_and_money(owner, shop):
    shop.click()
    shop.click("bot-1", user_agent="GPTBot/1.0")
    shop.sale(visitor_id="visitor-1", customer={"email": "buyer@mail.example"})
    shop.report("lead", "L-1", visitor_id="visitor-1", address="192.0.2.5")
    shop.self_referral()

    page = owner.get("/admin/")

    assert figure(page, "People&#39;s clicks") == "2"
    assert figure(page, "Leads") == "1"
    assert figure(page, "Sales") == "2"
    assert figure(page, "Accepted") == "2"
    assert figure(page, "In review") == "1"
    assert "Cases to judge" in page.text
    assert "has the very e-mail address of the partner" in page.text
    assert page.text.count('data-value="2"') >= 1


def test_old_conversions_leave_the_figures(owner, shop):
    shop.sale()
    shop.services.clock.advance(31 * DAY_MS)
    owner.sign_in()

    assert figure(owner.get("/admin/"), "Sales") == "0"


def test_test_mode_shows_its_own_data_under_a_banner(owner, shop):
    shop.sale("TEST-1", livemode=False)

    live, test = owner.get("/admin/"), owner.get("/admin/?mode=test")

    assert "TEST-1" not in live.text
    assert "Test mode" not in live.text
    assert "TEST-1" in test.text
    assert "None of it is real money" in test.text


def test_drops_refused_reports_and_failing_work_are_listed_with_their_cause(owner, shop):
    def write(conn):
        now_ms = shop.services.now_ms()
        clicks.count_drops(conn, day=now_ms // DAY_MS, reasons={"prefetch": 41})
        event = quarantine.make_event(
            program_id=shop.program_id,
            livemode=True,
            source="api",
            code="invalid",
            cause='amount: "<b>49.90</b>" is no whole number',
            payload=b"{}",
            now_ms=now_ms,
        )
        quarantine.keep(conn, event)
        jobs.enqueue(conn, kind="decide_conversion", subject_id="cnv_" + "0" * 32, run_at_ms=now_ms)
        for job in jobs.claim(conn, now_ms=now_ms, limit=1):
            jobs.fail(conn, job, error="DatabaseBusyError: no answer", now_ms=now_ms)

    shop.write(write)

    page = owner.get("/admin/")

    assert "Loaded ahead by a browser" in page.text
    assert "when a person opens the page, the click counts" in page.text
    assert "41" in page.text
    assert "&lt;b&gt;49.90&lt;/b&gt;" in page.text
    assert "<b>49.90" not in page.text
    assert "DatabaseBusyError: no answer" in page.text
    assert "Work that fails" in page.text


def test_every_drop_reason_has_a_name_and_a_remedy():
    reasons = {reason.value for reason in DropReason}

    assert set(review_labels.DROP) == set(review_labels.DROP_REMEDY) == reasons


@pytest.mark.parametrize("role", ["viewer", "finance", "reviewer"])
def test_every_role_has_a_first_page(browser, role):
    browser.sign_in(role)

    assert browser.get("/admin/").status_code == 200


def test_first_page_speaks_russian(owner, shop):
    shop.self_referral()
    owner.send("/admin/account/language", language="ru")

    page = owner.get("/admin/")

    assert "Ждёт человека" in page.text
    assert "Дела к решению" in page.text
    assert 'lang="ru"' in page.text
