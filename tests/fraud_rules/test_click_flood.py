"""Rule 22: a flood of clicks."""

import pytest

from fraud_rules.partner_facts import Baseline, Burst, ClickTotals
from fraud_rules.rules.click_flood import RULE, Config
from fraud_rules.scoring import score

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
PROGRAM = Baseline(partner_rates_ppm=(20_000, 30_000, 40_000, 50_000, 60_000))


@pytest.fixture(scope="session")
def judge_clicks(make_partner, now_ms):
    def judge(*, leads=(), baseline=PROGRAM, config=None, **totals):
        facts = make_partner(leads, clicks=ClickTotals(**totals), baseline=baseline)
        return RULE.evaluate_partner(facts, config or Config())

    return judge


@pytest.fixture(scope="session")
def make_burst(now_ms):
    def make(clicks, *, devices=1, hosts=1):
        return Burst(at_ms=now_ms - 2 * DAY_MS, clicks=clicks, hosts=hosts, devices=devices)

    return make


@pytest.mark.parametrize(("clicks", "fires"), [(50, True), (49, False)], ids=["at_line", "one_below"])
def test_one_address_on_one_link_within_an_hour(judge_clicks, make_burst, clicks, fires):
    found = judge_clicks(busiest_host_hour=make_burst(clicks))

    assert bool(found) is fires
    if fires:
        assert found[0].factor_ppm == 480_000
        assert score(found).band == "note"


@pytest.mark.parametrize(("devices", "fires"), [(60, False), (59, True)], ids=["a_crowd", "too_few_devices"])
def test_carrier_campus_or_office_behind_one_address_is_silent(judge_clicks, make_burst, devices, fires):
    assert bool(judge_clicks(busiest_host_hour=make_burst(100, devices=devices))) is fires


@pytest.mark.parametrize(("clicks", "fires"), [(31, True), (30, False)], ids=["above", "at_line"])
def test_one_device_clicking_all_day(judge_clicks, make_burst, clicks, fires):
    assert bool(judge_clicks(busiest_device_day=make_burst(clicks))) is fires


def test_flood_speaks_of_conversions_credited_while_it_ran(judge_clicks, make_burst, make_record, now_ms):
    start = now_ms - 2 * DAY_MS
    leads = [
        make_record(1, at_ms=start, click_at_ms=start),
        make_record(2, at_ms=start + DAY_MS, click_at_ms=start),
        make_record(3, at_ms=start - 1, click_at_ms=start - 1),
        make_record(4, at_ms=start + DAY_MS, click_at_ms=None),
    ]

    (finding,) = judge_clicks(leads=leads, busiest_host_hour=make_burst(500))

    assert finding.compared == ("cnv_0001", "cnv_0002")
    assert (finding.holds_compared, finding.holds_partner) == (True, False)


@pytest.mark.parametrize(("clicks", "fires"), [(1_000, True), (999, False)], ids=["at_line", "one_below"])
def test_thousands_of_clicks_nobody_buys_of(judge_clicks, clicks, fires):
    """No conversion of 1,000: the upper bound is .16 %, a tenth of the median partner's 4 % is .4 %."""
    found = judge_clicks(clicks=clicks, hosts=3, devices=2)

    assert bool(found) is fires
    if fires:
        assert found[0].params == {"count": 1_000, "conversions": 0}


@pytest.mark.parametrize(("buyers", "fires"), [(1, True), (2, False)], ids=["next_to_nobody", "a_few"])
def test_upper_bound_must_stay_below_a_tenth(judge_clicks, make_record, now_ms, buyers, fires):
    """Of 1,000 the upper bound of one is .31 %, of two .45 %; a tenth of the median is .4 %."""
    leads = [make_record(n, click_at_ms=now_ms - 9 * DAY_MS) for n in range(1, buyers + 1)]

    assert bool(judge_clicks(leads=leads, clicks=1_000, hosts=3, devices=2)) is fires


@pytest.mark.parametrize(
    ("hosts", "devices", "fires"),
    [(600, 600, False), (600, 0, False), (599, 600, True), (600, 599, True), (3, 0, True)],
    ids=["viral", "viral_without_cookies", "few_addresses", "few_devices", "three_addresses"],
)
def test_post_that_went_round_the_world_is_silent(judge_clicks, hosts, devices, fires):
    assert bool(judge_clicks(clicks=1_000, hosts=hosts, devices=devices)) is fires


def test_program_of_few_partners_has_no_median(judge_clicks):
    few = Baseline(partner_rates_ppm=(40_000, 50_000, 60_000, 70_000))

    assert judge_clicks(clicks=5_000, hosts=3, devices=2, baseline=few) == []
    assert judge_clicks(clicks=5_000, hosts=3, devices=2, baseline=Baseline()) == []


def test_program_where_nobody_buys_is_silent(judge_clicks):
    assert judge_clicks(clicks=5_000, hosts=3, baseline=Baseline(partner_rates_ppm=(0,) * 9)) == []


def test_all_three_floods_are_told_apart(judge_clicks, make_burst):
    found = judge_clicks(
        clicks=5_000, hosts=3, devices=2, busiest_host_hour=make_burst(200), busiest_device_day=make_burst(90)
    )

    assert [finding.evidence["kind"] for finding in found] == ["host_hour", "device_day", "barren"]


def test_partner_without_clicks_is_silent(judge_clicks):
    assert judge_clicks() == []
