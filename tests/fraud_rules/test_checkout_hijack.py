"""Rule 19: the click came when the customer already stood at the till."""

import pytest

from fraud_rules.partner_facts import Baseline, PartnerFacts, SaleRecord
from fraud_rules.rules.checkout_hijack import RULE, Config
from fraud_rules.scoring import score
from fraud_rules.types import DevicePast

# A program where everybody pays at once, so that only the share of sales at the till is judged.
PROMPT_PROGRAM = Baseline(timed_sales=100, prompt_sales=100)


@pytest.fixture(scope="session")
def judge_sale(make_subject, make_facts, now_ms):
    def judge(*, events=3, before_ms=360_000, delay_ms=20_000, config=None, **changes):
        click_at_ms = now_ms - delay_ms
        past = DevicePast(events=events, last_at_ms=None if before_ms is None else click_at_ms - before_ms)
        values = {"kind": "sale", "paid": True, "click_at_ms": click_at_ms} | changes
        return RULE.evaluate(make_facts(make_subject(**values), device_past=past), config or Config())

    return judge


@pytest.fixture(scope="session")
def judge_partner(now_ms):
    def judge(late, *, of, unknown=0, config=None, baseline=PROMPT_PROGRAM, **changes):
        sales = [
            SaleRecord(
                **{
                    "conversion_id": f"cnv_{number:03d}",
                    "at_ms": now_ms,
                    "amount_minor": 1_000,
                    "click_at_ms": now_ms - (20_000 if number < late else 3_600_000),
                    "device_events_before_click": 2 if number < of else None,
                }
                | changes
            )
            for number in range(of + unknown)
        ]
        facts = PartnerFacts(
            program_id="prg_1", partner_id="prt_1", at_ms=now_ms, sales=tuple(sales), baseline=baseline
        )
        return RULE.evaluate_partner(facts, config or Config())

    return judge


def test_one_sale_clicked_at_the_till_is_hardly_a_note(judge_sale):
    (finding,) = judge_sale()

    assert finding.factor_ppm == 250_000
    assert score([finding]).points == 26
    assert finding.params == {"count": 3, "minutes": 6, "delay": 20}


@pytest.mark.parametrize(
    ("changes", "fires"),
    [
        ({"events": 1}, True),
        ({"events": 0}, False),
        ({"delay_ms": 59_999}, True),
        ({"delay_ms": 60_000}, False),
        ({"delay_ms": 0}, True),
        ({"delay_ms": -1}, False),
        ({"before_ms": None}, True),
        ({"paid": False}, False),
        ({"partner_id": None}, False),
        ({"click_at_ms": None}, False),
        ({"source": "import"}, False),
        ({"source": "call-centre"}, False),
    ],
    ids=[
        "one_event", "no_event", "below_a_minute", "a_minute", "at_once", "wrong_clock", "unknown_time", "unpaid",
        "organic", "no_click", "import", "call_centre",
    ],
)  # fmt: skip
def test_sale_needs_a_visit_before_and_a_payment_right_after(judge_sale, changes, fires):
    assert bool(judge_sale(**changes)) is fires


def test_device_not_known_stays_silent(make_facts, make_subject, now_ms):
    facts = make_facts(make_subject(paid=True, click_at_ms=now_ms), device_past=None)

    assert RULE.evaluate(facts, Config()) == []


@pytest.mark.parametrize(
    ("late", "of", "fires"),
    [(5, 10, True), (4, 10, False), (9, 9, False), (40, 100, True), (35, 100, False), (0, 100, False), (0, 0, False)],
    ids=["half", "below", "too_few", "many", "many_below", "none", "no_sales"],
)
def test_partners_share_must_surely_exceed_three_in_ten(judge_partner, late, of, fires):
    """Wilson's lower bounds: 5 of 10 gives .31, 4 of 10 .23, 40 of 100 .34, 35 of 100 .29."""
    assert bool(judge_partner(late, of=of)) is fires


def test_partner_finding_holds_the_late_sales_alone(judge_partner):
    (finding,) = judge_partner(8, of=12)

    assert finding.factor_ppm == 650_000
    assert finding.compared == tuple(f"cnv_{n:03d}" for n in range(8))
    assert finding.holds_compared
    assert not finding.holds_partner
    assert finding.params == {"count": 8, "seconds": 60, "percent": 66, "sales": 12}


def test_sales_of_unknown_devices_are_no_evidence(judge_partner):
    (finding,) = judge_partner(8, of=12, unknown=500)

    assert finding.evidence["comparable_sales"] == 12
    assert judge_partner(8, of=12, click_at_ms=None) == []


def test_customers_who_were_never_there_before_stay_silent(judge_partner):
    assert judge_partner(12, of=12, device_events_before_click=0) == []


def test_coupon_partner_with_the_share_that_is_expected_stays_silent(judge_partner):
    assert judge_partner(8, of=12, config=Config(expected_share_ppm=700_000)) == []
    assert judge_partner(8, of=12)


@pytest.fixture(scope="session")
def judge_prompt(judge_partner):
    """Sales of devices nobody saw before, in a program of which this share pays at once."""

    def judge(prompt, *, of, usual=(0, 0), **changes):
        timed, quick = usual
        baseline = Baseline(timed_sales=timed, prompt_sales=quick)
        return judge_partner(prompt, of=of, baseline=baseline, **{"device_events_before_click": None} | changes)

    return judge


def test_sales_that_pay_at_once_are_held_where_devices_are_unknown(judge_prompt):
    (finding,) = judge_prompt(8, of=12, usual=(200, 4))

    assert finding.factor_ppm == 650_000
    assert score([finding]).band == "review"
    assert finding.compared == tuple(f"cnv_{n:03d}" for n in range(8))
    assert (finding.holds_compared, finding.holds_partner) == (True, False)
    assert finding.params == {"count": 8, "sales": 12, "seconds": 60, "usual": 2}
    assert finding.evidence["program_share_ppm"] == 20_000


@pytest.mark.parametrize(
    ("prompt", "of", "usual", "fires"),
    [
        (6, 6, (0, 0), True),
        (5, 5, (0, 0), False),
        (6, 16, (0, 0), True),
        (6, 17, (0, 0), False),
        (6, 16, (1_000, 10), True),
        (6, 16, (1_000, 18), False),
        (8, 8, (100, 10), True),
        (7, 7, (100, 10), False),
        (50, 50, (100, 34), False),
        (0, 100, (0, 0), False),
        (0, 0, (0, 0), False),
    ],
    ids=[
        "six", "five", "share_at_line", "share_below", "quiet_program", "busier_program", "ten_percent",
        "ten_percent_below", "program_pays_at_once", "none", "no_sales",
    ],
)  # fmt: skip
def test_prompt_sales_are_more_than_chance_at_three_times_the_programs_share(judge_prompt, prompt, of, usual, fires):
    """The line is 5 % at least: 6 of 16 have a tail of .000081, 6 of 17 of .00012; .3^8 is .000066, .3^7 .00022."""
    assert bool(judge_prompt(prompt, of=of, usual=usual)) is fires


@pytest.mark.parametrize(
    ("delay_ms", "fires"),
    [(0, True), (59_999, True), (60_000, False), (-1, False)],
    ids=["at_once", "below_a_minute", "a_minute", "wrong_clock"],
)
def test_prompt_is_within_a_minute_of_the_click(judge_prompt, now_ms, delay_ms, fires):
    assert bool(judge_prompt(0, of=12, click_at_ms=now_ms - delay_ms)) is fires


def test_sales_without_a_click_are_no_trial(judge_prompt):
    assert judge_prompt(0, of=12, click_at_ms=None) == []


def test_devices_seen_before_are_told_by_their_share_alone(judge_prompt):
    """Both laws hold, one finding speaks: the share says more."""
    (finding,) = judge_prompt(8, of=12, device_events_before_click=2)

    assert "late_sales" in finding.evidence


def test_devices_never_seen_before_are_no_excuse_for_paying_at_once(judge_prompt):
    assert judge_prompt(12, of=12, device_events_before_click=0)
