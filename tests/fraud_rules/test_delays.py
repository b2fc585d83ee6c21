"""Percentiles of a program's delays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraud_rules.delays import summarize_delays


@pytest.mark.parametrize(
    ("delays", "summary"),
    [
        ([7], (1, 7, 7)),
        ([9, 1], (2, 1, 1)),
        ([3, 1, 2], (3, 1, 2)),
        (range(1, 101), (100, 1, 50)),
        (range(1, 102), (101, 2, 51)),
        (range(1, 201), (200, 2, 100)),
        (range(1, 202), (201, 3, 101)),
        ([-5, 4], (1, 4, 4)),
    ],
    ids=["one", "two", "three", "hundred", "hundred_one", "two_hundred", "two_hundred_one", "wrong_clock"],
)
def test_summary_takes_nearest_ranks(delays, summary):
    sample = summarize_delays(delays)

    assert (sample.count, sample.p1_ms, sample.median_ms) == summary


@pytest.mark.parametrize("delays", [[], [-1]], ids=["empty", "only_wrong_clocks"])
def test_nothing_measured_has_no_summary(delays):
    assert summarize_delays(delays) is None


@given(st.lists(st.integers(0, 10**12), min_size=1))
def test_summary_is_ordered_and_made_of_its_delays(delays):
    sample = summarize_delays(delays)

    assert sample == summarize_delays(reversed(delays))
    assert min(delays) <= sample.p1_ms <= sample.median_ms <= max(delays)
    assert {sample.p1_ms, sample.median_ms} <= set(delays)
    assert 100 * sum(delay < sample.p1_ms for delay in delays) <= len(delays)
