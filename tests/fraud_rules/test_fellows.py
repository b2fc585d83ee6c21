"""People who share one thing: who they are, how they follow one another, how many are real."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraud_rules.fellows import first_of_each, gaps_of, is_shared_tablet, real_people, variation_ppm

DAY_MS = 86_400_000


@pytest.mark.parametrize(
    ("gaps", "variation"),
    [
        ([300, 300, 300], 0),
        ([1, 3], 500_000),
        ([2, 4, 4, 4, 5, 5, 7, 9], 400_000),
        ([0, 0], 1_000_000),
        ([], 1_000_000),
        ([5], 0),
    ],
    ids=["clock", "two", "textbook", "at_once", "none", "one"],
)
def test_variation_is_deviation_over_mean(gaps, variation):
    """The textbook sample 2 4 4 4 5 5 7 9 has mean 5 and standard deviation 2."""
    assert variation_ppm(gaps) == variation


@given(st.lists(st.integers(0, 10**12), max_size=50), st.integers(1, 1_000))
def test_variation_knows_no_unit(gaps, scale):
    assert abs(variation_ppm(gaps) - variation_ppm([gap * scale for gap in gaps])) <= 1


def test_first_of_each_counts_people_and_not_rows(make_subject, make_record, now_ms):
    rows = [
        make_record(3, person_key="a"),
        make_record(2, person_key="a"),
        make_record(1, person_key=None),
        make_record(4, source="import"),
        make_record(5, at_ms=now_ms + 1),
        make_record(6, at_ms=now_ms - DAY_MS - 1),
        make_record(7, conversion_id="cnv_me"),
    ]

    people = first_of_each(make_subject(), rows, window_ms=DAY_MS)

    assert [lead.conversion_id for lead in people] == ["cnv_0003", "cnv_me"]
    assert gaps_of(people) == [3 * 3_600_000]


def test_real_people_confirmed_a_contact_or_paid_alone(make_record):
    people = [
        make_record(1, is_verified=True),
        make_record(2, paid=True, payment_key="a"),
        make_record(3, paid=True, payment_key="b"),
        make_record(4, paid=True, payment_key="b"),
        make_record(5, paid=True),
        make_record(6, payment_key="c"),
    ]

    assert real_people(people) == 2


@pytest.mark.parametrize(
    ("people", "days", "real", "is_tablet"),
    [(8, 8, 8, True), (7, 7, 7, False), (8, 4, 8, False), (8, 8, 5, True), (8, 8, 4, False)],
    ids=["tablet", "few_people", "few_days", "most_real", "half_real"],
)
def test_tablet_has_people_days_and_mostly_real_ones(make_record, people, days, real, is_tablet):
    leads = [make_record(n, at_ms=(n % days) * DAY_MS, is_verified=n < real) for n in range(people)]

    assert is_shared_tablet(leads) is is_tablet
