"""Shared by distinct partner is the Shapley value, found without looking at a single coalition."""

import itertools
from fractions import Fraction
from math import factorial

from hypothesis import given, settings
from hypothesis import strategies as st

from attribution.reports.distinct import share_by_distinct_partner
from attribution.reports.paths import CountedPath

F = Fraction
# Each example may take its time: a busy machine, or one that measures coverage, is many times slower.
PATIENT = settings(deadline=None)


def paths_of(names, most=10):
    return st.lists(
        st.builds(
            CountedPath,
            partners=st.lists(st.sampled_from(names), min_size=1, max_size=7).map(tuple),
            conversions=st.integers(1, 5),
            amount_minor=st.integers(0, 10_000),
            losses=st.integers(0, 5),
        ),
        max_size=most,
    )


def share(paths):
    return {entry.partner_id: entry.conversions for entry in share_by_distinct_partner(paths).partners}


def shapley(paths):
    """Return the values by their definition, summed over all coalitions.

    A coalition is worth the conversions of the journeys whose partners are all in it.
    """
    players = sorted({name for path in paths for name in path.partners})
    count = len(players)

    def worth(coalition):
        return sum(path.conversions for path in paths if coalition.issuperset(path.partners))

    values = {}
    for player in players:
        others = [name for name in players if name != player]
        values[player] = sum(
            F(factorial(size) * factorial(count - size - 1), factorial(count))
            * (worth({*chosen, player}) - worth({*chosen}))
            for size in range(count)
            for chosen in itertools.combinations(others, size)
        )
    return values


def test_journey_is_shared_evenly_however_often_a_partner_was_clicked():
    paths = [
        CountedPath(partners=("a", "b", "a", "a"), conversions=3, amount_minor=100),
        CountedPath(partners=("b",), conversions=1, amount_minor=10),
        CountedPath(partners=("c",), losses=1),
    ]

    shares = share_by_distinct_partner(paths).partners

    assert [(entry.partner_id, entry.conversions, entry.amount) for entry in shares] == [
        ("a", F(3, 2), 50),
        ("b", F(5, 2), 60),
        ("c", 0, 0),
    ]


def test_known_value_three_channels_by_the_simplified_formula():
    """Zhao, Mahboobi, Bagheri 2018 (arXiv:1804.05327): a channel's value is the sum of R(S) / |S| over its sets S.

    Journeys {1}: 6, {2}: 4, {1, 2}: 10, {2, 3}: 8, {1, 2, 3}: 9 conversions. By hand, channel 1: 6 + 10/2 + 9/3 = 14;
    channel 2: 4 + 10/2 + 8/2 + 9/3 = 16; channel 3: 8/2 + 9/3 = 7. Together 37, all there were.
    """
    journeys = {("1",): 6, ("2",): 4, ("2", "1"): 10, ("3", "2"): 8, ("1", "3", "2"): 9}
    paths = [CountedPath(partners=partners, conversions=number) for partners, number in journeys.items()]

    assert share(paths) == shapley(paths) == {"1": 14, "2": 16, "3": 7}


@PATIENT
@given(paths_of("abcdefgh"))
def test_invariant_12_shapley_equals_brute_force_over_all_coalitions(paths):
    assert share(paths) == shapley(paths)


@PATIENT
@given(paths_of("abcd"))
def test_invariant_12_shapley_is_efficient(paths):
    shares = share_by_distinct_partner(paths).partners

    assert sum(entry.conversions for entry in shares) == sum(path.conversions for path in paths)
    assert sum(entry.amount for entry in shares) == sum(path.amount_minor for path in paths)


@PATIENT
@given(paths_of("abcd"))
def test_invariant_12_shapley_is_symmetric(paths):
    """Two partners who could be exchanged everywhere without a difference get the same."""
    swapped = [
        CountedPath(
            partners=tuple({"a": "b", "b": "a"}.get(name, name) for name in path.partners),
            conversions=path.conversions,
        )
        for path in paths
    ]

    values = share([*paths, *swapped])

    assert values.get("a") == values.get("b")


@PATIENT
@given(paths_of("abc"), st.integers(1, 9))
def test_invariant_12_shapley_gives_a_null_partner_nothing(paths, losses):
    null = CountedPath(partners=("n", "a"), losses=losses)

    assert share([*paths, null])["n"] == 0
