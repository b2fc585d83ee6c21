"""Rule 23: nearly every click buys."""

import pytest

from fraud_rules.partner_facts import Baseline, ClickTotals
from fraud_rules.rules.cr_high import RULE, Config
from fraud_rules.scoring import score

DAY_MS = 86_400_000
PROGRAM = Baseline(partner_rates_ppm=(20_000, 30_000, 40_000, 50_000, 60_000))


@pytest.fixture(scope="session")
def judge_rate(make_record, make_partner, now_ms):
    def judge(bought, clicks, *, baseline=PROGRAM, config=None, **changes):
        values = {"click_at_ms": now_ms - 20 * DAY_MS} | changes
        leads = [make_record(n, **values) for n in range(1, bought + 1)]
        facts = make_partner(leads, clicks=ClickTotals(hits=clicks, clicks=clicks), baseline=baseline)
        return RULE.evaluate_partner(facts, config or Config())

    return judge


def test_nine_of_ten_clicks_buying_is_a_note_on_the_partner(judge_rate):
    (finding,) = judge_rate(31, 34)

    assert finding.factor_ppm == 400_000
    assert score([finding]).band == "note"
    assert finding.params == {"count": 31, "clicks": 34, "share": 91, "usual": 4}
    assert len(finding.compared) == 31
    # A share says nothing about one of its buyers.
    assert (finding.holds_compared, finding.holds_partner) == (False, False)


@pytest.mark.parametrize(
    ("bought", "clicks", "fires"),
    [(10, 10, True), (9, 9, False), (10, 16, True), (10, 17, False), (40, 1_000, False)],
    ids=["at_sample", "below_sample", "bound_above", "bound_below", "usual"],
)
def test_lines(judge_rate, bought, clicks, fires):
    """The 90 % lower bound of 10 in 16 is 46 %; raised by settings to 45 %, 10 in 17 (43 %) is below."""
    assert bool(judge_rate(bought, clicks, config=Config(rate_above_ppm=450_000))) is fires


def test_program_whose_clicks_mostly_buy_is_silent(judge_rate):
    assert judge_rate(31, 34, baseline=Baseline(partner_rates_ppm=(300_000,) * 9)) == []


@pytest.mark.parametrize(
    ("baseline", "fires"),
    [
        (Baseline(), False),
        (Baseline(clicks=99, conversions=1), False),
        (Baseline(clicks=100, conversions=1), True),
        (Baseline(clicks=100, conversions=30, partner_rates_ppm=(10_000,) * 4), False),
    ],
    ids=["nothing_known", "too_few_clicks", "enough_clicks", "too_few_partners"],
)
def test_few_partners_are_taken_together_and_few_clicks_not_at_all(judge_rate, baseline, fires):
    assert bool(judge_rate(31, 34, baseline=baseline)) is fires


@pytest.mark.parametrize(
    "changes",
    [{"click_at_ms": None}, {"source": "call-centre"}],
    ids=["sales_agent_with_codes", "call_centre"],
)
def test_conversions_without_a_click_are_silent(judge_rate, changes):
    assert judge_rate(40, 5, **changes) == []


def test_click_older_than_the_counted_ones_does_not_count(judge_rate, now_ms):
    assert judge_rate(40, 5, click_at_ms=now_ms - 31 * DAY_MS) == []


def test_more_conversions_than_clicks_is_no_error(judge_rate):
    (finding,) = judge_rate(40, 0)

    assert finding.params["share"] == 100
