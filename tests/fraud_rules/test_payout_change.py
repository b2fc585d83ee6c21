"""Rule 30d: payout details changed before a payout."""

import pytest

from fraud_rules.rules.payout_change import RULE, Config
from fraud_rules.scoring import score

HOUR_MS = 3_600_000


@pytest.fixture(scope="session")
def judge_change(make_partner, now_ms):
    def judge(gap_ms, **changes):
        values = {"payout_changed_at_ms": now_ms - gap_ms, "payout_requested_at_ms": now_ms}
        return RULE.evaluate_partner(make_partner(**values | changes), Config())

    return judge


def test_fresh_details_are_a_note_that_names_no_conversion(judge_change):
    (finding,) = judge_change(5 * HOUR_MS)

    assert finding.factor_ppm == 300_000
    assert score([finding]).band == "note"
    assert finding.params == {"count": 5}
    assert (finding.compared, finding.holds_compared, finding.holds_partner) == ((), False, False)


@pytest.mark.parametrize(
    ("gap_ms", "fires"),
    [(0, True), (72 * HOUR_MS - 1, True), (72 * HOUR_MS, False), (-1, False)],
    ids=["at_once", "just_within", "three_days", "changed_after_the_request"],
)
def test_three_days_count(judge_change, gap_ms, fires):
    assert bool(judge_change(gap_ms)) is fires


@pytest.mark.parametrize("missing", ["payout_changed_at_ms", "payout_requested_at_ms"])
def test_without_change_or_request_it_is_silent(judge_change, missing):
    assert judge_change(HOUR_MS, **{missing: None}) == []
