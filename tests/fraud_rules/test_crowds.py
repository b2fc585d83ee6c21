"""Reading a partner's leads."""

import pytest

from fraud_rules.crowds import DAY_MS, LEADS_MAX, are_mostly_verified, count_people, own_leads


@pytest.mark.parametrize(
    ("age_ms", "counts"),
    [(0, True), (7 * DAY_MS, True), (7 * DAY_MS + 1, False), (-1, False)],
    ids=["now", "a_week", "older", "later"],
)
def test_only_leads_of_the_days_before_count(make_record, now_ms, age_ms, counts):
    lead = make_record(1, at_ms=now_ms - age_ms)

    assert bool(own_leads((lead,), at_ms=now_ms, days=7)) is counts


@pytest.mark.parametrize(("source", "own"), [(None, True), ("web", True), ("import", False), ("Call-Centre", False)])
def test_leads_operators_sent_are_not_the_customers_own(make_record, now_ms, source, own):
    assert bool(own_leads((make_record(1, source=source),), at_ms=now_ms, days=7)) is own


def test_newest_leads_are_looked_at_when_there_are_too_many(make_record, now_ms):
    leads = tuple(make_record(n, at_ms=now_ms - 10 * LEADS_MAX + n) for n in range(LEADS_MAX + 5))

    kept = own_leads(leads, at_ms=now_ms, days=7)

    assert len(kept) == LEADS_MAX
    assert kept[-1] is leads[-1]


def test_people_are_counted_not_rows_and_strangers_without_identity_are_one(make_record):
    rows = [
        make_record(1),
        make_record(2, person_key="email:p1@example.org"),
        *[make_record(n, person_key=None) for n in (3, 4)],
    ]

    assert count_people(rows) == 2
    assert count_people([]) == 0


@pytest.mark.parametrize(("verified", "mostly"), [(8, True), (7, False)], ids=["at_share", "one_below"])
def test_mostly_verified_is_a_share(make_record, verified, mostly):
    leads = [make_record(n, is_verified=n < verified) for n in range(10)]

    assert are_mostly_verified(leads, share_ppm=800_000) is mostly
    assert not are_mostly_verified([], share_ppm=0)
