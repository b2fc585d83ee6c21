"""Money is whole minor units: nothing is lost, nothing is invented, and a refund takes back what was given."""

import itertools
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.money import apportion, percent_of, refund_delta, round_parts, split_minor

F = Fraction
AMOUNTS = st.integers(min_value=-(10**13), max_value=10**13)


@st.composite
def exact_weights(draw):
    shares = draw(st.lists(st.integers(min_value=0, max_value=10**6), min_size=1, max_size=12).filter(any))
    return [F(share, sum(shares)) for share in shares]


@pytest.mark.parametrize(
    ("amount", "weights", "parts"),
    [
        (999, [F(2, 5), F(1, 5), F(2, 5)], [400, 200, 399]),
        (-999, [F(2, 5), F(1, 5), F(2, 5)], [-400, -200, -399]),
        (100, [F(1, 3)] * 3, [34, 33, 33]),
        (1, [F(1, 2), F(1, 2)], [1, 0]),
        (-1, [F(1, 2), F(1, 2)], [-1, 0]),
        (0, [F(1, 2), F(1, 2)], [0, 0]),
        (7, [F(1)], [7]),
        (5, [F(0), F(1)], [0, 5]),
        (10, [F(1, 10), F(9, 10)], [1, 9]),
        (2, [F(1, 4)] * 4, [1, 1, 0, 0]),
        (0, [], []),
        (5, [], []),
    ],
)
def test_split_gives_floors_then_units_to_the_largest_remainders(amount, weights, parts):
    assert split_minor(amount, weights) == parts


@pytest.mark.parametrize("weights", [[F(1, 2)], [F(2, 3), F(2, 3)], [F(0)]])
def test_weights_that_do_not_sum_to_one_are_refused(weights):
    with pytest.raises(ValueError, match="must sum to 1"):
        split_minor(10, weights)


@pytest.mark.parametrize("shares", [[], [0, 0], [-1, 2], [F(3, 2), F(-1, 2)]])
def test_shares_that_cannot_be_apportioned_are_refused(shares):
    with pytest.raises(ValueError, match="must not be negative and must not sum to zero"):
        apportion(10, shares)


@pytest.mark.parametrize(
    ("exact", "parts"),
    [
        ([], []),
        ([F(1, 2), F(1, 2)], [1, 0]),
        ([F(-1, 2), F(1, 2)], [0, 0]),
        ([F(-3, 2), F(1, 4), F(1, 4)], [-1, 0, 0]),
        ([F(7, 3), F(2, 3)], [2, 1]),
    ],
)
def test_rounded_parts_keep_the_sum(exact, parts):
    assert round_parts(exact) == parts
    assert sum(round_parts(exact)) == sum(exact)


def test_parts_of_no_whole_number_are_refused():
    with pytest.raises(ValueError, match="Parts sum to 1/2"):
        round_parts([F(1, 2)])


@given(AMOUNTS, exact_weights())
def test_split_parts_sum_to_the_amount_and_none_has_the_opposite_sign(amount, weights):
    parts = split_minor(amount, weights)

    assert sum(parts) == amount
    assert all(part * amount >= 0 for part in parts)
    assert all(part == 0 for part, weight in zip(parts, weights, strict=True) if weight == 0)


@given(AMOUNTS, exact_weights())
def test_invariant_09_split_parts_are_less_than_one_unit_from_exact(amount, weights):
    parts = split_minor(amount, weights)

    assert all(abs(part - amount * weight) < 1 for part, weight in zip(parts, weights, strict=True))


@given(AMOUNTS, exact_weights())
def test_negative_amounts_mirror_positive_ones(amount, weights):
    assert split_minor(-amount, weights) == [-part for part in split_minor(amount, weights)]


@given(st.integers(min_value=0, max_value=10**9), exact_weights())
def test_equal_weights_never_favour_the_later(amount, weights):
    parts = split_minor(amount, weights)

    for left in range(len(weights)):
        for right in range(left + 1, len(weights)):
            if weights[left] == weights[right]:
                assert 0 <= parts[left] - parts[right] <= 1


def test_refund_of_everything_takes_back_each_part():
    assert refund_delta(999, 0, [F(2, 5), F(1, 5), F(2, 5)]) == [-400, -200, -399]


def test_refund_in_two_steps_posts_the_difference_of_the_splits():
    weights = [F(1, 3)] * 3

    assert refund_delta(100, 50, weights) == [-17, -16, -17]
    assert refund_delta(50, 0, weights) == [-17, -17, -16]


def test_refund_without_credits_posts_nothing():
    assert refund_delta(100, 0, []) == []


@given(st.integers(0, 10**9), exact_weights(), st.lists(st.integers(0, 10**9), max_size=8))
def test_invariant_09_full_refund_in_any_steps_ends_at_zero_for_everyone(amount, weights, stops):
    nets = [amount, *sorted((stop % (amount + 1) for stop in stops), reverse=True), 0]

    standing = split_minor(amount, weights)
    for before, after in itertools.pairwise(nets):
        delta = refund_delta(before, after, weights)
        standing = [part + change for part, change in zip(standing, delta, strict=True)]
        assert sum(standing) == after
        assert min(standing) >= 0

    assert standing == [0] * len(weights)


@pytest.mark.parametrize(
    ("amount", "bps", "part"),
    [
        (1000, 2000, 200),
        (5, 1000, 0),  # 0.5 to the even 0
        (15, 1000, 2),  # 1.5 to the even 2
        (25, 1000, 2),  # 2.5 to the even 2
        (-5, 1000, 0),
        (-15, 1000, -2),
        (-25, 1000, -2),
        (4990, 2000, 998),
        (333, 3333, 111),
        (1, 4999, 0),
        (1, 5001, 1),
        (0, 10_000, 0),
        (10**13, 10_000, 10**13),
        (100, 0, 0),
    ],
)
def test_rate_is_applied_once_and_rounded_half_to_even(amount, bps, part):
    assert percent_of(amount, bps) == part


@given(AMOUNTS, st.integers(0, 20_000))
def test_rate_agrees_with_decimal_half_even_and_mirrors(amount, bps):
    exact = Decimal(amount) * bps / 10_000

    assert percent_of(amount, bps) == int(exact.quantize(Decimal(1), ROUND_HALF_EVEN))
    assert percent_of(-amount, bps) == -percent_of(amount, bps)
