"""Rule 20: conversions come late after their clicks."""

import pytest

from fraud_rules.partner_facts import Baseline, SaleRecord
from fraud_rules.rules.delay_curve import RULE, Config
from fraud_rules.scoring import score

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
DELAYS = (HOUR_MS // 2, 3 * HOUR_MS, 3 * DAY_MS, 9 * DAY_MS)
PROGRAM = Baseline(delays=(700, 200, 80, 20))


@pytest.fixture(scope="session")
def judge_curve(make_record, make_partner, now_ms):
    """Judge so many conversions in each of the four bins."""

    def judge(*bins, baseline=PROGRAM, **changes):
        delays = [delay for delay, count in zip(DELAYS, bins, strict=True) for _ in range(count)]
        leads = [
            make_record(n, at_ms=now_ms - n * 1000, click_at_ms=now_ms - n * 1000 - delay, **changes)
            for n, delay in enumerate(delays, start=1)
        ]
        return RULE.evaluate_partner(make_partner(leads, baseline=baseline), Config())

    return judge


def test_late_curve_is_a_note_over_the_late_ones(judge_curve):
    (finding,) = judge_curve(10, 5, 10, 10)

    assert finding.factor_ppm == 450_000
    assert score([finding]).band == "note"
    assert finding.params == {"count": 35, "share": 57, "usual": 10}
    assert len(finding.compared) == 20
    assert finding.holds_compared
    assert finding.evidence["p_ppm"] < 1_000


@pytest.mark.parametrize(
    ("bins", "fires"),
    [
        ((12, 4, 7, 7), True),
        ((11, 4, 7, 7), False),
        ((56, 14, 20, 10), True),
        ((57, 14, 19, 10), False),
        ((24, 6, 3, 1), False),
        ((200, 40, 5, 0), False),
    ],
    ids=["thirty", "twenty_nine", "twenty_points", "nineteen_points", "as_the_program", "earlier"],
)
def test_lines(judge_curve, bins, fires):
    assert bool(judge_curve(*bins)) is fires


def test_young_program_has_no_curve(judge_curve):
    assert judge_curve(10, 5, 10, 10, baseline=Baseline(delays=(70, 20, 8, 1))) == []
    assert judge_curve(10, 5, 10, 10, baseline=Baseline(delays=(70, 20, 8, 2)))


def test_program_of_long_cycles_is_silent(judge_curve):
    assert judge_curve(10, 5, 10, 10, baseline=Baseline(delays=(300, 200, 300, 200))) == []


def test_what_operators_typed_or_no_click_brought_is_not_counted(judge_curve):
    assert judge_curve(10, 5, 10, 10, source="call-centre") == []
    assert judge_curve(0, 0, 0, 0) == []


def test_sale_judged_as_a_lead_counts_once(make_record, make_partner, now_ms):
    leads = [make_record(n, at_ms=now_ms, click_at_ms=now_ms - 2 * DAY_MS) for n in range(1, 21)]
    sales = tuple(
        SaleRecord(conversion_id=lead.conversion_id, at_ms=now_ms, amount_minor=1, click_at_ms=lead.click_at_ms)
        for lead in leads
    )

    assert RULE.evaluate_partner(make_partner(leads, sales=sales, baseline=PROGRAM), Config()) == []


def test_click_after_its_conversion_is_a_wrong_clock(make_record, make_partner, now_ms):
    leads = [make_record(n, at_ms=now_ms, click_at_ms=now_ms + 1) for n in range(1, 60)]

    assert RULE.evaluate_partner(make_partner(leads, baseline=PROGRAM), Config()) == []
