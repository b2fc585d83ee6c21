"""Participation counts who took part, each partner once a journey and the whole of it."""

from attribution.reports.participation import count_participation
from attribution.reports.paths import CountedPath


def test_each_distinct_partner_of_a_journey_counts_the_whole_of_it():
    shares = count_participation(
        [
            CountedPath(partners=("a", "b", "a"), conversions=2, amount_minor=300, losses=7),
            CountedPath(partners=("b",), conversions=1, amount_minor=50),
            CountedPath(partners=("c",), losses=4),
        ]
    )

    assert [(share.partner_id, share.conversions, share.amount) for share in shares.partners] == [
        ("a", 2, 300),
        ("b", 3, 350),
        ("c", 0, 0),
    ]
