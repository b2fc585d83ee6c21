"""The mathematics behind crowds at one address."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraud_rules.surprise import (
    PRIOR_LEADS_PPM,
    crowd_strength_ppm,
    expected_daily_ppm,
    poisson_tail_ppm,
    round_ratio,
)

PPM = 1_000_000


@pytest.mark.parametrize(
    ("earlier_leads", "days", "class_daily_ppm", "expected_ppm"),
    [
        (0, 28, 50_000, 13_158),
        (0, 1, 50_000, 45_455),
        (20, 28, 50_000, 539_474),
        (0, 1, 2_000_000, 400_000),
        (280, 28, 2_000_000, 9_929_204),
    ],
    ids=["quiet_home", "new_home", "busy_home", "new_mobile", "busy_mobile"],
)
def test_expected_rate_follows_its_definition(earlier_leads, days, class_daily_ppm, expected_ppm):
    rate_ppm = expected_daily_ppm(earlier_leads=earlier_leads, days_observed=days, class_daily_ppm=class_daily_ppm)

    assert rate_ppm == expected_ppm


@given(st.integers(0, 10**6), st.integers(1, 28), st.integers(1, 10**8))
def test_expected_rate_is_the_exact_fraction_rounded(earlier_leads, days, class_daily_ppm):
    prior = Fraction(PRIOR_LEADS_PPM, PPM)
    exact = (prior + earlier_leads) / (prior / Fraction(class_daily_ppm, PPM) + days)

    rate_ppm = expected_daily_ppm(earlier_leads=earlier_leads, days_observed=days, class_daily_ppm=class_daily_ppm)

    assert abs(Fraction(rate_ppm, PPM) - exact) <= Fraction(1, 2 * PPM)


@pytest.mark.parametrize(("days", "held"), [(0, 1), (-5, 1), (29, 28), (10_000, 28)])
def test_observed_days_are_held_between_one_and_twenty_eight(days, held):
    rates = [expected_daily_ppm(earlier_leads=3, days_observed=d, class_daily_ppm=50_000) for d in (days, held)]

    assert rates[0] == rates[1]


def test_class_that_never_brought_a_lead_is_no_division_by_zero():
    assert expected_daily_ppm(earlier_leads=0, days_observed=28, class_daily_ppm=0) == 1


@pytest.mark.parametrize(
    ("at_least", "mean_ppm", "tail_ppm"),
    [
        (0, 0, PPM),
        (0, 5 * PPM, PPM),
        (1, 0, 0),
        (1, PPM, 632_121),
        (2, PPM, 264_241),
        (3, 318_182, 4_236),
        (2_000, 800 * PPM, 0),
        (800, 2_000 * PPM, PPM),
        (1_000, 1_000 * PPM, 504_205),
    ],
    ids=["none", "none_of_five", "impossible", "one", "two", "crowd", "far_above", "far_below", "at_mean"],
)
def test_tail_is_the_probability_of_that_many_or_more(at_least, mean_ppm, tail_ppm):
    assert poisson_tail_ppm(at_least=at_least, mean_ppm=mean_ppm) == pytest.approx(tail_ppm, abs=5)


@given(st.integers(0, 60), st.integers(1, 30 * PPM))
def test_tail_agrees_with_the_plain_sum(at_least, mean_ppm):
    mean = mean_ppm / PPM
    plain = 1 - sum(math.exp(-mean) * mean**n / math.factorial(n) for n in range(at_least))

    assert poisson_tail_ppm(at_least=at_least, mean_ppm=mean_ppm) == pytest.approx(PPM * plain, abs=2)


@given(st.integers(0, 50), st.integers(0, 20 * PPM), st.integers(0, 20 * PPM))
def test_busier_address_surprises_less(at_least, one_ppm, other_ppm):
    low, high = sorted((one_ppm, other_ppm))

    low_tail = poisson_tail_ppm(at_least=at_least, mean_ppm=low)
    high_tail = poisson_tail_ppm(at_least=at_least, mean_ppm=high)

    assert 0 <= low_tail <= high_tail <= PPM
    assert poisson_tail_ppm(at_least=at_least + 1, mean_ppm=high) <= high_tail


@pytest.mark.parametrize(
    ("people", "damping_ppm", "repeats", "strength_ppm"),
    [
        (0, PPM, False, 0),
        (1, PPM, False, 0),
        (2, PPM, False, 295_312),
        (4, PPM, False, 650_062),
        (3, PPM, True, 753_415),
        (100, PPM, True, PPM),
        (6, 400_000, True, 603_415),
        (8, 400_000, False, 624_689),
    ],
    ids=["nobody", "alone", "two", "home", "home_one_agent", "farm", "mobile_one_agent", "mobile"],
)
def test_strength_follows_its_definition(people, damping_ppm, repeats, strength_ppm):
    assert crowd_strength_ppm(people=people, damping_ppm=damping_ppm, agent_repeats=repeats) == strength_ppm


@given(st.integers(0, 10**6), st.integers(0, PPM), st.booleans())
def test_strength_is_a_share_and_grows_with_the_crowd(people, damping_ppm, repeats):
    strength = crowd_strength_ppm(people=people, damping_ppm=damping_ppm, agent_repeats=repeats)
    larger = crowd_strength_ppm(people=people + 1, damping_ppm=damping_ppm, agent_repeats=repeats)

    assert 0 <= strength <= larger <= PPM


@pytest.mark.parametrize(
    ("numerator", "denominator", "quotient"), [(0, 7, 0), (1, 2, 1), (1, 3, 0), (2, 3, 1), (10**30, 3, 10**30 // 3)]
)
def test_quotient_is_rounded_half_up(numerator, denominator, quotient):
    assert round_ratio(numerator, denominator) == quotient
