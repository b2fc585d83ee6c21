"""Bounds of shares, against values computed by hand from Wilson's formula."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraud_rules.statistics import wilson_lower_ppm, wilson_upper_ppm


@pytest.mark.parametrize(
    ("hits", "trials", "lower", "upper"),
    [
        (0, 0, 0, 1_000_000),
        (0, 40, 0, 39_440),
        (1, 40, 7_508, 79_960),
        (5, 10, 312_204, 687_796),
        (40, 40, 960_560, 1_000_000),
    ],
    ids=["nothing known", "none of forty", "one of forty", "half", "all"],
)
def test_bounds_are_those_of_the_formula(hits, trials, lower, upper):
    assert wilson_lower_ppm(hits=hits, trials=trials) == pytest.approx(lower, abs=60)
    assert wilson_upper_ppm(hits=hits, trials=trials) == pytest.approx(upper, abs=60)


@given(st.integers(1, 5000).flatmap(lambda trials: st.tuples(st.integers(0, trials), st.just(trials))))
def test_the_share_lies_between_its_bounds_and_they_mirror_each_other(counts):
    hits, trials = counts
    lower, upper = wilson_lower_ppm(hits=hits, trials=trials), wilson_upper_ppm(hits=hits, trials=trials)
    assert 0 <= lower <= hits * 1_000_000 / trials + 1
    assert hits * 1_000_000 / trials - 1 <= upper <= 1_000_000
    assert abs(lower + wilson_upper_ppm(hits=trials - hits, trials=trials) - 1_000_000) <= 1
