"""Counted paths: equal ways are one, and impossible counts are refused."""

import pytest

from attribution.models import MODELS
from attribution.reports.paths import CountedPath, merge_paths
from attribution.reports.registry import REPORT_MODELS


def test_equal_ways_are_summed_and_sorted_and_empty_ones_left_out():
    paths = [
        CountedPath(partners=("b",), conversions=1, amount_minor=5),
        CountedPath(partners=("a", "b"), losses=2),
        CountedPath(partners=(), conversions=4, amount_minor=9),
        CountedPath(partners=("nobody", "went")),
        CountedPath(partners=("b",), conversions=2, amount_minor=-1, losses=3),
    ]

    assert merge_paths(paths) == (
        CountedPath(partners=("a", "b"), losses=2),
        CountedPath(partners=("b",), conversions=3, amount_minor=4, losses=3),
    )


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({"conversions": -1}, "-1 conversions and 0 losses"),
        ({"losses": -1}, "0 conversions and -1 losses"),
        ({"amount_minor": 5, "losses": 1}, "without conversions has 5 minor units"),
    ],
)
def test_impossible_counts_are_refused(counts, message):
    with pytest.raises(ValueError, match=message):
        CountedPath(partners=("a",), **counts)


def test_no_report_model_is_a_rule_model():
    """What never pays must not be choosable by a program."""
    names = [model.name for model in REPORT_MODELS]

    assert names == ["participation", "shared_by_distinct_partner", "markov_order_1", "markov_order_2"]
    assert not set(names) & set(MODELS)


@pytest.mark.parametrize("model", REPORT_MODELS, ids=lambda model: model.name)
def test_no_paths_give_no_shares(model):
    shares = model.share([CountedPath(partners=(), conversions=3)])

    assert (shares.partners, shares.folded) == ((), ())
