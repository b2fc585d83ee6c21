"""Rule 25: leads that come by a clock."""

import random
import time

import pytest

from fraud_rules.partner_facts import PartnerFacts
from fraud_rules.rules.robot_cadence import DAY_MS, MINUTE_MS, QUARTER_MS, RULE, Config

HOUR_MS = 60 * MINUTE_MS


@pytest.fixture(scope="session")
def judge_times(make_record, now_ms):
    """Judge a partner whose leads came at these times, all before now."""

    def judge(times, *, config=None, **changes):
        leads = tuple(make_record(number, at_ms=at_ms, **changes) for number, at_ms in enumerate(sorted(times)))
        facts = PartnerFacts(program_id="prg_1", partner_id="prt_1", at_ms=now_ms, leads=leads)
        return RULE.evaluate_partner(facts, config or Config())

    return judge


def patterns(findings):
    return {finding.evidence["pattern"] for finding in findings}


def exponential(seed, count, *, mean_ms, start_ms):
    chance = random.Random(seed)
    times, at_ms = [], start_ms
    for _ in range(count):
        at_ms += int(chance.expovariate(1 / mean_ms)) + 1
        times.append(at_ms)
    return times


@pytest.mark.parametrize(("count", "fires"), [(12, True), (11, False)])
def test_even_gaps_fire_from_twelve_leads(judge_times, now_ms, count, fires):
    chance = random.Random(1)
    times = [now_ms - n * 300_000 - chance.randrange(4_000) for n in range(count)]

    findings = judge_times(times)

    assert ("even" in patterns(findings)) is fires


def test_even_leads_are_held_with_one_another(judge_times, now_ms):
    (finding,) = judge_times([now_ms - n * 307_123 for n in range(1, 21)])

    assert finding.factor_ppm == 650_000
    assert finding.holds_compared
    assert len(finding.compared) == 20
    assert finding.params == {"count": 20, "seconds": 307, "percent": 0}


def test_robot_that_sleeps_by_day_is_found_by_its_nights(judge_times, now_ms):
    night = [now_ms - n * 307_123 for n in range(15)]
    before = [at_ms - DAY_MS - 999_999 for at_ms in night]
    visitors = [now_ms - 2 * DAY_MS - n * n * HOUR_MS // 9 for n in range(1, 15)]

    findings = judge_times([*night, *before, *visitors])

    even = next(finding for finding in findings if finding.evidence["pattern"] == "even")
    assert len(even.compared) >= 30 - 2
    assert even.evidence["gap_variation_ppm"] < 200_000


@pytest.mark.parametrize(
    "gaps", [(300_000, 300_000 * 1.3), (300_000, 300_000 * 2.0)], ids=["within_line", "beyond_line"]
)
def test_line_of_variation(judge_times, now_ms, gaps):
    """Gaps of a and b by turns vary by (b - a) / (b + a): .13 and .33."""
    times = [now_ms - n // 2 * int(sum(gaps)) - n % 2 * int(gaps[0]) for n in range(30)]

    assert ("even" in patterns(judge_times(times))) is (gaps[1] < 500_000)


@pytest.mark.parametrize("seed", range(25))
def test_mailing_at_ten_and_influencers_burst_stay_silent(judge_times, now_ms, seed):
    start_ms = now_ms - 6 * DAY_MS
    burst = exponential(seed, 200, mean_ms=20_000, start_ms=start_ms)
    tail = exponential(seed + 1_000, 60, mean_ms=HOUR_MS, start_ms=burst[-1])

    assert judge_times(burst + tail) == []


@pytest.mark.parametrize("seed", range(10))
def test_mailing_every_day_at_ten_repeats_no_schedule(judge_times, now_ms, seed):
    first_ms = now_ms - now_ms % DAY_MS - 6 * DAY_MS + 10 * HOUR_MS
    times = [
        at_ms
        for day in range(6)
        for at_ms in exponential(seed * 10 + day, 80, mean_ms=30_000, start_ms=first_ms + day * DAY_MS)
    ]

    assert judge_times(times) == []


def test_one_second_of_the_minute_fires(judge_times, now_ms):
    chance = random.Random(3)
    base_ms = now_ms - now_ms % MINUTE_MS - DAY_MS
    robot = [base_ms + chance.randrange(1_300) * MINUTE_MS + 17_000 + chance.randrange(1_000) for _ in range(12)]
    people = [base_ms + chance.randrange(1_300 * MINUTE_MS) for _ in range(12)]

    (finding,) = judge_times(robot + people)

    assert finding.evidence["pattern"] == "second"
    assert finding.params["second"] == 17
    assert 12 <= len(finding.compared) <= 14


@pytest.mark.parametrize(("same", "others", "fires"), [(6, 9, True), (6, 10, False), (5, 7, False), (6, 5, False)])
def test_same_second_needs_share_rarity_and_twelve(judge_times, now_ms, same, others, fires):
    """6 of 15 is .4; 5 of 12 comes once in a million for each second, 6 of 12 once in seventy million."""
    base_ms = now_ms - now_ms % HOUR_MS - DAY_MS
    times = [base_ms + n * n * 7 * MINUTE_MS + 17_003 for n in range(same)]
    times += [base_ms + (n * n * 11 + 3) * MINUTE_MS + (n + 20) * 1_000 + 1 for n in range(others)]

    assert ("second" in patterns(judge_times(times))) is fires


def test_shop_that_rounds_to_minutes_has_no_seconds(judge_times, now_ms):
    chance = random.Random(4)
    base_ms = now_ms - now_ms % MINUTE_MS - 5 * DAY_MS

    assert judge_times([base_ms + chance.randrange(7_000) * MINUTE_MS for _ in range(40)]) == []


def test_shop_that_reports_days_has_no_times(judge_times, now_ms):
    base_ms = now_ms - now_ms % DAY_MS

    assert judge_times([base_ms - n // 5 * DAY_MS for n in range(30)]) == []
    assert judge_times([base_ms - n * QUARTER_MS for n in range(30)]) == []


def test_day_played_again_fires(judge_times, now_ms):
    chance = random.Random(5)
    base_ms = now_ms - now_ms % DAY_MS - 4 * DAY_MS
    schedule = [chance.randrange(DAY_MS) for _ in range(9)]
    again = [at_ms + 2 * DAY_MS + chance.randrange(-2_000, 2_000) for at_ms in schedule]
    people = [base_ms + DAY_MS + chance.randrange(2 * DAY_MS) for _ in range(20)]

    (finding,) = judge_times([*(base_ms + at for at in schedule), *(base_ms + at for at in again), *people])

    assert finding.evidence["pattern"] == "copied"
    assert finding.params["count"] >= 9
    assert 18 <= len(finding.compared) <= 20


@pytest.mark.parametrize(("matched", "fires"), [(8, True), (7, False)])
def test_schedule_needs_eight_matches(judge_times, now_ms, matched, fires):
    base_ms = now_ms - now_ms % DAY_MS - 3 * DAY_MS
    first = [n * n * 17 * MINUTE_MS + 1_234 for n in range(1, 10)]
    second = [at_ms + DAY_MS + (3_000 if n < matched else 11 * MINUTE_MS) for n, at_ms in enumerate(first)]

    findings = judge_times([*(base_ms + at for at in first), *(base_ms + at for at in second)])

    assert ("copied" in patterns(findings)) is fires


@pytest.mark.parametrize("source", ["import", "call-centre"])
def test_batch_an_operator_imported_stays_silent(judge_times, now_ms, source):
    assert judge_times([now_ms - n * 1_000 for n in range(50)], source=source) == []


def test_double_clicks_are_one_person(judge_times, now_ms):
    assert judge_times([now_ms - n * 300_000 for n in range(50)], person_key="email:ann@example.org") == []


def test_only_the_last_week_counts(judge_times, now_ms):
    assert judge_times([now_ms - 8 * DAY_MS - n * 300_000 for n in range(50)]) == []


def test_partner_without_leads_stays_silent(judge_times):
    assert judge_times([]) == []


def test_leads_at_one_instant_and_without_persons_never_raise(judge_times, now_ms):
    judge_times([now_ms - 1] * 50, person_key=None)


def test_five_hundred_leads_take_few_milliseconds(judge_times, now_ms, make_record):
    leads = tuple(make_record(n, at_ms=now_ms - n * n * 1_001) for n in range(500))
    facts = PartnerFacts(program_id="prg_1", partner_id="prt_1", at_ms=now_ms, leads=leads)

    started = time.perf_counter()
    for _ in range(10):
        RULE.evaluate_partner(facts, Config())

    # A tenth of a second for what takes about three milliseconds: the machine may be busy.
    assert time.perf_counter() - started < 1
