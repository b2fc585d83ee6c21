"""Rule 18: converted faster than people are."""

import pytest

from fraud_rules.rules.too_fast import RULE, Config
from fraud_rules.types import ClickFacts, DelaySample, ProgramTiming


@pytest.fixture(scope="session")
def judge_delay(make_subject, make_facts, now_ms):
    def judge(delay_ms, *, timing=None, config=None, **changes):
        subject = make_subject(click_at_ms=now_ms - delay_ms, **changes)
        facts = make_facts(subject, program_timing=timing or ProgramTiming())
        return RULE.evaluate(facts, config or Config())

    return judge


@pytest.mark.parametrize(
    ("delay_ms", "changes", "fires"),
    [
        (4_999, {}, True),
        (5_000, {}, False),
        (0, {}, True),
        (14_999, {"kind": "sale", "paid": True}, True),
        (15_000, {"kind": "sale", "paid": True}, False),
        (4_999, {"kind": "sale"}, True),
        (5_000, {"kind": "sale"}, False),
    ],
    ids=["lead", "lead_at_line", "no_time", "paid", "paid_at_line", "free_sale", "free_sale_at_line"],
)
def test_absolute_line_fires_below_and_not_at_it(judge_delay, delay_ms, changes, fires):
    assert bool(judge_delay(delay_ms, **changes)) is fires


def test_hurry_alone_is_a_note(judge_delay):
    (finding,) = judge_delay(3_200)

    assert finding.factor_ppm == 450_000
    assert finding.params == {"delay": 3, "line": 5, "median": 0}
    assert finding.evidence["delay_ms"] == 3_200
    assert finding.cluster_key is None


@pytest.mark.parametrize("delay_ms", [1_000, 40_000], ids=["absolute", "relative"])
def test_autofill_on_a_known_device_weighs_less(judge_delay, delay_ms):
    timing = ProgramTiming(lead=DelaySample(count=200, p1_ms=41_000, median_ms=90_000))

    (finding,) = judge_delay(delay_ms, timing=timing, device_known_before=True)

    assert finding.factor_ppm == 200_000
    assert finding.evidence["device_known_before"] is True


@pytest.mark.parametrize(
    ("delay_ms", "sample", "fires"),
    [
        (40_999, (200, 41_000, 90_000), True),
        (41_000, (200, 41_000, 90_000), False),
        (40_999, (199, 41_000, 90_000), False),
        (40_999, (200, 41_000, 81_998), False),
        (40_999, (200, 41_000, 81_999), True),
    ],
    ids=["below", "at_percentile", "small_sample", "at_half_median", "below_half_median"],
)
def test_relative_line_needs_sample_percentile_and_half_median(judge_delay, delay_ms, sample, fires):
    count, p1_ms, median_ms = sample
    timing = ProgramTiming(lead=DelaySample(count=count, p1_ms=p1_ms, median_ms=median_ms))

    assert bool(judge_delay(delay_ms, timing=timing)) is fires


def test_relative_finding_names_the_programs_own_line(judge_delay):
    timing = ProgramTiming(lead=DelaySample(count=500, p1_ms=41_000, median_ms=120_000))

    (finding,) = judge_delay(10_000, timing=timing)

    assert finding.params == {"delay": 10, "line": 41, "median": 120}
    assert finding.evidence["sample_count"] == 500


def test_leads_and_payments_have_samples_of_their_own(judge_delay):
    slow = DelaySample(count=500, p1_ms=60_000, median_ms=600_000)

    assert not judge_delay(20_000, timing=ProgramTiming(paid=slow))
    assert judge_delay(20_000, timing=ProgramTiming(paid=slow), kind="sale", paid=True)
    assert not judge_delay(20_000, timing=ProgramTiming(lead=slow), kind="sale", paid=True)


@pytest.mark.parametrize("source", ["import", "call-centre"])
def test_lead_typed_by_an_operator_stays_silent(judge_delay, source):
    assert judge_delay(1_000, source=source) == []


def test_conversion_without_a_click_stays_silent(make_facts):
    assert RULE.evaluate(make_facts(), Config()) == []


def test_conversion_before_its_click_is_a_wrong_clock(judge_delay):
    assert judge_delay(-1) == []


def test_delay_ends_when_it_happened_not_when_it_was_received(judge_delay, now_ms):
    assert judge_delay(1_000, at_ms=now_ms + 86_400_000)


def test_program_without_a_sample_still_has_the_absolute_line(make_facts, make_subject, now_ms):
    facts = make_facts(make_subject(click_at_ms=now_ms), program_timing=None)

    (finding,) = RULE.evaluate(facts, Config())

    assert finding.evidence["sample_p1_ms"] is None


def test_lines_come_from_the_settings(judge_delay):
    config = Config(lead_line_ms=2_000, paid_line_ms=60_000)

    assert not judge_delay(2_000, config=config)
    assert judge_delay(59_999, config=config, kind="sale", paid=True)


def test_conversion_that_came_by_its_code_alone_has_no_pace(judge_delay):
    assert judge_delay(1_000, promo_code="SAVE10") == []


def test_code_beside_a_click_excuses_no_hurry(judge_delay, now_ms):
    click = ClickFacts(click_id="clk_1", program_id="prg_1", partner_id="prt_1", at_ms=now_ms - 1_000)

    assert judge_delay(1_000, promo_code="SAVE10", click=click)
