"""Models share one conversion over touches that are already eligible; their weights are exact and sum to 1."""

import itertools
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.models import BILLION, MODELS, TouchPath, half_power, weigh

F = Fraction
DAY = 86_400_000
WEEK = 7 * DAY
AGES = st.lists(st.integers(0, 90 * DAY), min_size=1, max_size=20).map(lambda ages: tuple(sorted(ages, reverse=True)))


def make_path(*ages_ms, **changes):
    return TouchPath(ages_ms=ages_ms, **changes)


@pytest.mark.parametrize(
    ("model", "count", "weights"),
    [
        ("first_click", 1, [F(1)]),
        ("first_click", 3, [F(1), F(0), F(0)]),
        ("last_click", 1, [F(1)]),
        ("last_click", 3, [F(0), F(0), F(1)]),
        ("last_non_direct", 3, [F(0), F(0), F(1)]),
        ("linear", 1, [F(1)]),
        ("linear", 3, [F(1, 3)] * 3),
        ("position_based", 1, [F(1)]),
        ("position_based", 2, [F(1, 2), F(1, 2)]),
        ("position_based", 3, [F(2, 5), F(1, 5), F(2, 5)]),
        ("position_based", 4, [F(2, 5), F(1, 10), F(1, 10), F(2, 5)]),
        ("position_based", 7, [F(2, 5), *[F(1, 25)] * 5, F(2, 5)]),
        ("time_decay", 1, [F(1)]),
    ],
)
def test_model_gives_the_weights_of_its_definition(model, count, weights):
    ages = tuple(range(count * DAY, 0, -DAY))

    assert list(weigh(model, make_path(*ages))) == weights


@pytest.mark.parametrize(
    ("directs", "weights"),
    [
        ((False, True), [F(1), F(0)]),
        ((False, False, True, True), [F(0), F(1), F(0), F(0)]),
        ((True, False), [F(0), F(1)]),
        ((True, True), [F(0), F(0)]),
    ],
)
def test_last_non_direct_passes_over_direct_visits(directs, weights):
    path = make_path(*range(len(directs), 0, -1), directs=directs)

    assert list(weigh("last_non_direct", path)) == weights


def test_uneven_ends_share_the_middle_of_two_touches_evenly():
    path = make_path(2, 1, position=(F(1, 2), F(1, 5), F(3, 10)))

    assert list(weigh("position_based", path)) == [F(3, 5), F(2, 5)]


@pytest.mark.parametrize(
    ("ages", "parts"),
    [
        # one half-life apart: 1/3 and 2/3
        ((WEEK, 0), [333_333_333, 666_666_667]),
        # 2^0, 2^-1, 2^-2 over 7/4: 4/7, 2/7, 1/7
        ((2 * WEEK, WEEK, 0), [142_857_143, 285_714_286, 571_428_571]),
        # equal ages: the odd part goes to the earliest
        ((5, 5, 5), [333_333_334, 333_333_333, 333_333_333]),
        # half a half-life: 1 / (1 + sqrt 2) = 0.41421356237...
        ((WEEK // 2, 0), [414_213_562, 585_786_438]),
        # only differences count
        ((9 * WEEK, 8 * WEEK), [333_333_333, 666_666_667]),
        # forty half-lives are less than half a part per billion
        ((40 * WEEK, 0), [0, BILLION]),
    ],
)
def test_time_decay_halves_per_half_life_in_parts_per_billion(ages, parts):
    assert list(weigh("time_decay", make_path(*ages))) == [F(part, BILLION) for part in parts]


@pytest.mark.parametrize("model", MODELS)
def test_no_touches_have_no_weights(model):
    assert weigh(model, make_path()) == ()


@pytest.mark.parametrize("model", MODELS)
def test_one_touch_takes_all_under_every_model(model):
    assert weigh(model, make_path(123)) == (F(1),)


@given(AGES, st.sampled_from(sorted(MODELS)), st.integers(1, 10**12))
def test_weights_sum_to_exactly_one_and_none_is_negative(ages, model, half_life_ms):
    weights = weigh(model, make_path(*ages, half_life_ms=half_life_ms))

    assert sum(weights) == 1
    assert min(weights) >= 0
    assert len(weights) == len(ages)


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_two_touches_are_the_same_under_linear_and_symmetric_position(older, younger):
    path = make_path(max(older, younger), min(older, younger))

    assert weigh("linear", path) == weigh("position_based", path)


@given(AGES)
def test_endless_half_life_is_linear_to_one_part_per_billion(ages):
    decayed = weigh("time_decay", make_path(*ages, half_life_ms=10**30))
    even = weigh("linear", make_path(*ages))

    assert all(abs(left - right) <= F(1, BILLION) for left, right in zip(decayed, even, strict=True))


@given(st.sets(st.integers(0, 90 * 86_400), min_size=1, max_size=20))
def test_tiny_half_life_is_last_click_for_touches_a_second_apart(seconds):
    ages = [second * 1000 for second in sorted(seconds, reverse=True)]

    assert weigh("time_decay", make_path(*ages, half_life_ms=1)) == weigh("last_click", make_path(*ages))


@given(AGES, st.integers(0, 10**11))
def test_time_decay_depends_on_differences_of_age_alone(ages, shift):
    moved = tuple(age + shift for age in ages)

    assert weigh("time_decay", make_path(*moved)) == weigh("time_decay", make_path(*ages))


@given(AGES)
def test_a_younger_touch_never_weighs_less_by_more_than_the_rounding(ages):
    weights = weigh("time_decay", make_path(*ages))

    assert all(right - left >= F(-1, BILLION) for left, right in itertools.pairwise(weights))


@given(st.integers(0, 10**10), st.integers(1, 10**10))
def test_half_power_agrees_with_the_mathematics_library(elapsed, half_life):
    exact = 2.0 ** (-elapsed / half_life)

    assert half_power(elapsed, half_life) / 2**160 == pytest.approx(exact, rel=1e-6, abs=1e-40)


def test_half_power_is_exact_at_whole_halvings_and_squares_to_them():
    assert half_power(0, 7) == 1 << 160
    assert half_power(21, 7) == 1 << 157
    root = half_power(1, 2)
    assert abs(root * root - (1 << 319)) < 1 << 170


def test_half_power_of_an_age_beyond_all_bits_is_zero_and_quick():
    assert half_power(10**15, 1) == 0
