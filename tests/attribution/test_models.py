"""Models share one conversion over touches that are already eligible; their weights are exact and sum to 1."""

import itertools
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.models import BILLION, MODELS, TouchPath, half_power, lay_path, weigh
from attribution.types import CustomWeights, Settings

F = Fraction
DAY = 86_400_000
WEEK = 7 * DAY
AGES = st.lists(st.integers(0, 90 * DAY), min_size=1, max_size=20).map(lambda ages: tuple(sorted(ages, reverse=True)))


OWN = CustomWeights(from_start=("3",), from_end=("2",))


def make_path(*ages_ms, **changes):
    return TouchPath(ages_ms=ages_ms, **({"custom": OWN} | changes))


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


@pytest.mark.parametrize(
    ("own", "count", "weights"),
    [
        ({"from_start": ("3",), "from_end": ("2",)}, 4, [F(3, 7), F(1, 7), F(1, 7), F(2, 7)]),
        ({"from_start": ("3",), "from_end": ("2",)}, 2, [F(3, 5), F(2, 5)]),
        # the only touch is the first and the last: it has both factors, which cancel
        ({"from_start": ("3",), "from_end": ("2",)}, 1, [F(1)]),
        # both lists name both touches: 3 x 4 against 1 x 2
        ({"from_start": ("3", "1"), "from_end": ("2", "4")}, 2, [F(6, 7), F(1, 7)]),
        ({"from_start": ("1", "1"), "from_end": ("1",), "between": "0"}, 5, [F(1, 3), F(1, 3), 0, 0, F(1, 3)]),
        ({"from_end": ("1.5", "0.5")}, 3, [F(1, 3), F(1, 6), F(1, 2)]),
        ({"from_start": ("0",)}, 3, [0, F(1, 2), F(1, 2)]),
        ({"from_start": ("0",)}, 1, [0]),
        ({"from_start": ("0", "1"), "between": "0"}, 1, [0]),
        ({"base": "position_based", "from_start": ("2",)}, 3, [F(4, 7), F(1, 7), F(2, 7)]),
        ({"base": "position_based", "from_start": ("1",)}, 2, [F(1, 2), F(1, 2)]),
    ],
)
def test_custom_is_base_times_factor_over_the_sum(own, count, weights):
    path = make_path(*range(count, 0, -1), custom=CustomWeights(**own))

    assert list(weigh("custom", path)) == weights


def test_custom_starts_from_the_parts_of_time_decay():
    path = make_path(WEEK, 0, custom=CustomWeights(base="time_decay", from_start=("2",)))
    older, younger = 333_333_333, 666_666_667

    assert list(weigh("custom", path)) == [F(2 * older, 2 * older + younger), F(younger, 2 * older + younger)]


@pytest.mark.parametrize(
    ("groups", "weights"),
    [
        (("gold", None), [F(2, 3), F(1, 3)]),
        (("gold", "silver"), [F(1), F(0)]),
        (("silver", "silver"), [F(0), F(0)]),
        (("other", "gold"), [F(1, 3), F(2, 3)]),
        ((), [F(1, 2), F(1, 2)]),
    ],
)
def test_group_of_the_partner_is_a_factor(groups, weights):
    path = make_path(2, 1, groups=groups, custom=CustomWeights(groups={"gold": "2", "silver": "0"}))

    assert list(weigh("custom", path)) == weights


def test_custom_without_weights_is_refused():
    with pytest.raises(ValueError, match="needs custom_weights"):
        weigh("custom", make_path(1, custom=None))


def test_path_is_laid_from_the_program_settings():
    settings = Settings(
        program_id="P", position_weights=("1/2", "0.25", "1/4"), half_life_seconds=5, custom_weights=OWN
    )

    assert lay_path((2, 1), ("gold", None), settings) == TouchPath(
        ages_ms=(2, 1),
        groups=("gold", None),
        half_life_ms=5000,
        position=(F(1, 2), F(1, 4), F(1, 4)),
        custom=OWN,
    )


def test_known_value_time_decay_of_seven_days():
    """Google Ads help, "About attribution models": a click 8 days before gets half of what one 1 day before gets."""
    older, younger = weigh("time_decay", make_path(8 * DAY, DAY))

    assert abs(2 * older - younger) <= F(2, BILLION)


@pytest.mark.parametrize("between", [1, 2, 5, 20])
def test_known_value_position_of_forty_percent_at_the_ends(between):
    """Google Ads API, AttributionModel POSITION_BASED: 40 % each to first and last, 20 % evenly over the others."""
    weights = weigh("position_based", make_path(*range(between + 2, 0, -1)))

    assert weights[0] == weights[-1] == F(40, 100)
    assert set(weights[1:-1]) == {F(20, 100) / between}


def test_known_value_four_clicks_on_four_days():
    """The worked path of four searches on four days under the classic set of Google Ads: last, first, linear, 40/20/40.

    By hand: 0 0 0 1; 1 0 0 0; a quarter each; 40 %, 10 %, 10 %, 40 %.
    """
    path = make_path(6 * DAY, 4 * DAY, DAY, 0)

    assert list(weigh("last_click", path)) == [0, 0, 0, 1]
    assert list(weigh("first_click", path)) == [1, 0, 0, 0]
    assert list(weigh("linear", path)) == [F(1, 4)] * 4
    assert list(weigh("position_based", path)) == [F(2, 5), F(1, 10), F(1, 10), F(2, 5)]


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
def test_invariant_10_two_touches_are_the_same_under_linear_and_symmetric_position(older, younger):
    path = make_path(max(older, younger), min(older, younger))

    assert weigh("linear", path) == weigh("position_based", path)


@given(AGES)
def test_invariant_10_endless_half_life_is_linear_to_one_part_per_billion(ages):
    decayed = weigh("time_decay", make_path(*ages, half_life_ms=10**30))
    even = weigh("linear", make_path(*ages))

    assert all(abs(left - right) <= F(1, BILLION) for left, right in zip(decayed, even, strict=True))


@given(st.sets(st.integers(0, 90 * 86_400), min_size=1, max_size=20))
def test_invariant_10_tiny_half_life_is_last_click_for_touches_a_second_apart(seconds):
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
