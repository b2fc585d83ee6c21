"""Bounds and tails, against sums done by hand and the tables of textbooks."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraud_rules.statistics import (
    beta_binomial_lower_ppm,
    binomial_tail_ppm,
    daily_rate_ppm,
    entropy_share_ppm,
    g_test_p_ppm,
    negative_binomial_tail_ppm,
    wilson_lower_ppm,
    wilson_upper_ppm,
)

PPM = 1_000_000
Z_SQUARE = 1.2815515655446004**2


@pytest.mark.parametrize(
    ("hits", "trials", "lower", "upper"),
    [
        (0, 0, 0, 1.0),
        (0, 100, 0.0, Z_SQUARE / (100 + Z_SQUARE)),
        (100, 100, 100 / (100 + Z_SQUARE), 1.0),
        (10, 20, 0.5 - 0.137738, 0.5 + 0.137738),
    ],
    ids=["nothing", "none_of", "all_of", "half_of"],
)
def test_wilson_bounds_follow_the_formula(hits, trials, lower, upper):
    """At no and at all hits the bound has a short form; half of 20 by hand: z / (2 sqrt(20 + z²)) = .137738."""
    assert wilson_lower_ppm(hits=hits, trials=trials) == pytest.approx(PPM * lower, abs=1)
    assert wilson_upper_ppm(hits=hits, trials=trials) == pytest.approx(PPM * upper, abs=1)


@given(st.integers(1, 10_000), st.data())
def test_wilson_bounds_hold_the_share_between_them(trials, data):
    hits = data.draw(st.integers(0, trials))
    share_ppm = PPM * hits // trials

    assert wilson_lower_ppm(hits=hits, trials=trials) <= share_ppm + 1
    assert wilson_upper_ppm(hits=hits, trials=trials) >= share_ppm


@given(st.integers(0, 200), st.integers(0, 200), st.integers(0, PPM))
def test_binomial_tail_is_the_exact_sum(at_least, trials, share_ppm):
    share = Fraction(share_ppm, PPM)
    exact = sum(
        math.comb(trials, k) * share**k * (1 - share) ** (trials - k)
        for k in range(min(at_least, trials + 1), trials + 1)
    )

    tail_ppm = binomial_tail_ppm(at_least=at_least, trials=trials, share_ppm=share_ppm)

    assert tail_ppm == pytest.approx(float(PPM * exact), abs=1)


@pytest.mark.parametrize(
    ("at_least", "mean", "shape", "tail"),
    [
        (0, 1, 1, 1),
        (1, 1, 1, Fraction(1, 2)),
        (10, 1, 1, Fraction(1, 1024)),
        (3, 1, 2, Fraction(1, 3) ** 3 * (1 + Fraction(3 * 2, 3))),
        (5, 0, 2, 0),
    ],
    ids=["always", "geometric", "geometric_ten", "shape_two", "never"],
)
def test_negative_binomial_tail_in_closed_form(at_least, mean, shape, tail):
    """Shape 1 is geometric: q^k; shape 2 gives q^k (1 + k p)."""
    tail_ppm = negative_binomial_tail_ppm(at_least=at_least, mean_ppm=mean * PPM, shape_ppm=shape * PPM)

    assert tail_ppm == pytest.approx(float(PPM * tail), abs=1)


def test_uneven_days_make_a_burst_less_surprising():
    even, uneven = ([5] * 28, [0, 10] * 14)

    tails = [
        negative_binomial_tail_ppm(at_least=20, mean_ppm=mean_ppm, shape_ppm=shape_ppm)
        for mean_ppm, shape_ppm in (daily_rate_ppm(days, shape_max_ppm=50 * PPM) for days in (even, uneven))
    ]

    assert tails[0] < tails[1]


@pytest.mark.parametrize(
    ("counts", "mean_ppm", "shape_ppm"),
    [
        ((), 1_000_000, 500_000),
        ((2, 2), 1_800_000, 2_000_000),
        ((0, 4), 1_800_000, 482_143),
    ],
    ids=["no_days", "even_days_held_to_the_maximum", "uneven_days"],
)
def test_daily_rate_by_hand(counts, mean_ppm, shape_ppm):
    """0 and 4: mean 4.5 / 2.5, variance 8, excess 8 - 2 + 3.24 / 4.5 = 6.72, shape 3.24 / 6.72 = .482."""
    mean, shape = daily_rate_ppm(counts, shape_max_ppm=2_000_000)

    assert mean == mean_ppm
    assert shape == pytest.approx(shape_ppm, abs=1)


@pytest.mark.parametrize(
    ("hits", "trials", "prior_ppm", "prior_trials", "lower"),
    [
        (0, 0, 500_000, 2, 0.1),
        (1, 1, 500_000, 2, math.sqrt(0.1)),
        (0, 1, 500_000, 2, 1 - math.sqrt(0.9)),
        (8, 8, 500_000, 2, 0.1 ** (1 / 9)),
    ],
    ids=["uniform", "one_hit", "one_miss", "all_hits"],
)
def test_beta_bound_in_closed_form(hits, trials, prior_ppm, prior_trials, lower):
    """Half believed as if seen twice is the uniform prior: after n hits of n the bound is .1^(1 / (n + 1))."""
    bound = beta_binomial_lower_ppm(hits=hits, trials=trials, prior_ppm=prior_ppm, prior_trials=prior_trials)

    assert bound == pytest.approx(PPM * lower, abs=2)


@pytest.mark.parametrize(
    ("ours", "others", "p"),
    [
        ((10, 20), (10, 20), 1.0),
        ((10, 20), (30, 20), 0.020004),
        ((10, 0, 0), (20, 0, 0), 1.0),
        ((0, 0), (10, 10), 1.0),
    ],
    ids=["same", "different", "one_bin", "no_sample"],
)
def test_g_test_by_hand(ours, others, p):
    """10, 20 against 30, 20: G = 2 (10 ln .667 + 20 ln 1.333 + 30 ln 1.2 + 20 ln .8) = 5.4110 and erfc(sqrt(G / 2))."""
    assert g_test_p_ppm(ours, others) == pytest.approx(PPM * p, abs=2)


@pytest.mark.parametrize(
    ("bins", "critical"), [(2, 10.828), (3, 13.816), (4, 16.266), (5, 18.467)], ids=["1_df", "2_df", "3_df", "4_df"]
)
def test_g_test_agrees_with_the_table_of_chi_square(bins, critical):
    """A histogram moved until G crosses the table's .001 line crosses p = .001 with it."""
    base = [200] * bins
    for step in range(1, 200):
        moved = [200 + step, *[200] * (bins - 2), 200 - step]
        total = [a + b for a, b in zip(moved, base, strict=True)]
        g = 2 * sum(
            x * math.log(x * sum(total) / (t * sum(side)))
            for side in (moved, base)
            for x, t in zip(side, total, strict=True)
            if x
        )
        p_ppm = g_test_p_ppm(moved, base)
        if abs(g - critical) > 0.05:
            assert (p_ppm < 1_000) is (g > critical)


@pytest.mark.parametrize(
    ("counts", "kinds_max", "share"),
    [
        ([1] * 20, 30, 1.0),
        ([20], 30, 0.0),
        ([10, 10], 30, math.log(2) / math.log(20)),
        ([10, 10], 4, 0.5),
        ([1] * 60, 30, 1.0),
        ([], 30, 0.0),
        ([1], 30, 0.0),
    ],
    ids=["all_different", "all_the_same", "two_kinds", "few_kinds", "more_than_kinds", "nobody", "one"],
)
def test_entropy_share_by_hand(counts, kinds_max, share):
    assert entropy_share_ppm(counts, kinds_max=kinds_max) == pytest.approx(PPM * share, abs=1)


@pytest.mark.parametrize("huge", [10**9, 10**30])
def test_hostile_counts_answer_at_once(huge):
    assert negative_binomial_tail_ppm(at_least=huge, mean_ppm=PPM, shape_ppm=0) == 0
    assert wilson_lower_ppm(hits=huge, trials=huge) == PPM
    assert binomial_tail_ppm(at_least=-huge, trials=1, share_ppm=1) == PPM
