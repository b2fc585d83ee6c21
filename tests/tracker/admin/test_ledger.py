"""What partners are owed, and the statement that explains each line."""

import re

import pytest

from tracker.admin.arithmetic import sum_steps
from tracker.admin.ledger import Check
from tracker.i18n.translator import translator_of
from tracker.ledger.types import PostedLine, PublicText

DAY_MS = 86_400_000
PERCENT = {
    "rule": "percent",
    "base_minor": 10_000,
    "net_base_minor": 10_000,
    "base_currency": "EUR",
    "weights": ["1"],
    "hold_days": 30,
    "program_version": 1,
    "part_minor": 10_000,
    "rate_bps": 2000,
    "rate_from": "rule",
    "amount_minor": 2000,
}


def make_line(amount=2000, kind="accrual", **calculation):
    return PostedLine(
        transfer_id="com_1",
        seq=1,
        kind=kind,
        livemode=True,
        program_id="prg_1",
        enrollment_id="enr_1",
        conversion_id="cnv_1",
        decision_id="dec_1",
        reverses_id=None if kind == "accrual" else "com_0",
        cause="decision:dec_1",
        reward_id="r",
        reason_code="conversion",
        public_text=PublicText(message="x"),
        calculation=calculation,
        actor="system:conversions",
        created_at_ms=1,
        currency="EUR",
        amount_minor=amount,
        available_at_ms=1,
    )


@pytest.mark.parametrize(
    ("line", "formulas"),
    [
        pytest.param(make_line(**PERCENT), ["€100.00", "€100.00 × 20% = €20.00"], id="whole"),
        pytest.param(
            make_line(800, **PERCENT | {"weights": ["2/5"], "part_minor": 4000, "amount_minor": 800}),
            ["€100.00", "€100.00 × 2/5 = €40.00", "€40.00 × 20% = €8.00"],
            id="shared",
        ),
        pytest.param(
            make_line(1200, **PERCENT | {"weights": ["1/5", "2/5"], "part_minor": 6000, "amount_minor": 1200}),
            ["€100.00", "€100.00 × (1/5 + 2/5) = €60.00", "€60.00 × 20% = €12.00"],
            id="two-parts",
        ),
        pytest.param(
            make_line(500, **PERCENT | {"booked_before_minor": 1500}),
            ["€100.00", "€100.00 × 20% = €20.00", "€20.00 − €15.00 = €5.00"],
            id="further-accrual",
        ),
        pytest.param(
            make_line(
                -500,
                "reversal",
                **PERCENT | {"net_base_minor": 7500, "part_minor": 7500, "amount_minor": 1500, "accrued_minor": 2000},
            ),
            ["€100.00 − €25.00 = €75.00", "€75.00 × 20% = €15.00", "-€5.00"],
            id="refund",
        ),
        pytest.param(make_line(-2000, "reversal", due_minor=0), ["-€20.00"], id="verdict"),
        pytest.param(
            make_line(
                500,
                rule="fixed",
                base_minor=10_000,
                net_base_minor=5000,
                base_currency="EUR",
                weights=["1"],
                reward_minor=1000,
                part_minor=1000,
                amount_minor=500,
            ),
            ["€10.00", "€10.00 × €50.00 / €100.00 = €5.00"],
            id="fixed-after-refund",
        ),
        pytest.param(make_line(), [], id="nothing-known"),
    ],
)
def test_sums_are_written_out(line, formulas):
    assert [step.formula for step in sum_steps(line, translator_of("en"))] == formulas


def test_check_sees_a_difference():
    assert Check("EUR", 5, 5).agrees
    assert not Check("EUR", 5, 6).agrees


def test_list_adds_up_and_leads_to_the_statement(owner, shop):
    shop.click()
    shop.sale(visitor_id="visitor-1", customer={"email": "buyer@mail.example"})
    shop.self_referral()

    page = owner.get("/admin/ledger")

    assert "The rows add up to what the ledger owes in all: €40.00." in page.text
    assert f"/admin/ledger/{shop.enrollment_id}" in page.text
    assert shop.balance() == (2000, 0, 2000)


def test_statement_explains_every_line_and_checks_itself(owner, shop):
    shop.click()
    sale = shop.sale("A-1", visitor_id="visitor-1", customer={"email": "buyer@mail.example"})
    shop.report("refund", "R-1", amount=5000, currency="EUR", refund_of="A-1")
    held = shop.self_referral()

    page = owner.get(f"/admin/ledger/{shop.enrollment_id}")

    for text in ("€100.00 × 20% = €20.00", "€100.00 − €50.00 = €50.00", "-€10.00", "The customer got money back."):
        assert text in page.text
    assert f"/admin/conversions/{sale}" in page.text
    assert f"/admin/conversions/{held}" in page.text
    assert re.search(r'href="/admin/cases/cas_\w+"', page.text)
    assert "add up to the balance after the newest line: €30.00." in page.text
    assert page.text.index("€30.00") < page.text.rindex("€20.00")


def test_hold_ends_by_the_clock(owner, shop):
    shop.click()
    shop.sale(visitor_id="visitor-1")
    shop.services.clock.advance(31 * DAY_MS)
    owner.sign_in()

    page = owner.get(f"/admin/ledger/{shop.enrollment_id}")

    assert "Payable" in page.text
    assert shop.balance() == (0, 2000, 0)


def test_test_lines_stand_apart(owner, shop, world):
    shop.sale("T-1", livemode=False, partner_code=world.partner.code)

    assert "No line yet" in owner.get(f"/admin/ledger/{shop.enrollment_id}").text
    assert "Sale T-1" in owner.get(f"/admin/ledger/{shop.enrollment_id}?mode=test").text
    assert "Nothing is booked yet" in owner.get("/admin/ledger").text


def test_long_statement_continues_without_a_gap(owner, shop):
    shop.click()
    for number in range(52):
        shop.sale(f"N-{number}", visitor_id="visitor-1", address=None)

    first = owner.get(f"/admin/ledger/{shop.enrollment_id}")
    following = re.search(rf'href="(/admin/ledger/{shop.enrollment_id}\?before=\d+)"', first.text)[1]
    second = owner.get(following)

    rows = re.findall(r">Sale (N-\d+)</a>", first.text + second.text)
    assert sorted(rows) == sorted(f"N-{number}" for number in range(52))


def test_unknown_statement_is_not_found(owner):
    assert owner.get("/admin/ledger/enr_" + "0" * 32).status_code == 404


def test_partner_page_leads_to_statement_and_private_page(owner, shop, world):
    page = owner.get(f"/admin/partners/{world.partner.partner_id}")

    assert f"/admin/ledger/{shop.enrollment_id}" in page.text
    assert "http://127.0.0.1:8000/p/" in page.text


def test_private_address_is_not_shown_to_who_may_not_edit(browser, world):
    browser.sign_in("viewer")

    assert "/p/" not in browser.get(f"/admin/partners/{world.partner.partner_id}").text
