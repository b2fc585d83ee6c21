"""Shared by distinct partner: every journey is shared evenly by the partners in it, however often each was clicked.

A report model. It is the Shapley value of the game in which a coalition of partners earns the journeys that lie
wholly inside it (Zhao, Mahboobi, Bagheri 2018, arXiv:1804.05327): a journey adds its worth to the partner who comes
last of those in it, and in a random order each of them is last equally often. So it costs one pass over the touches
where the definition costs two to the power of the partners.
"""

from collections.abc import Iterable
from fractions import Fraction

from attribution.reports.paths import CountedPath, PartnerShare, ReportModel, Shares, merge_paths


def share_by_distinct_partner(paths: Iterable[CountedPath]) -> Shares:
    """Return each partner's Shapley value; the values sum to the conversions and the money of the paths."""
    # Sums per number of sharers stay whole numbers; one fraction per number is all that is left in the end.
    conversions: dict[str, dict[int, int]] = {}
    amounts: dict[str, dict[int, int]] = {}
    for path in merge_paths(paths):
        sharing = set(path.partners)
        for partner_id in sharing:
            for sums, number in ((conversions, path.conversions), (amounts, path.amount_minor)):
                by_count = sums.setdefault(partner_id, {})
                by_count[len(sharing)] = by_count.get(len(sharing), 0) + number
    return Shares(
        partners=tuple(
            PartnerShare(
                partner_id=partner_id, conversions=_divide(conversions[partner_id]), amount=_divide(amounts[partner_id])
            )
            for partner_id in sorted(conversions)
        )
    )


def _divide(sums: dict[int, int]) -> Fraction:
    return sum((Fraction(number, sharers) for sharers, number in sums.items()), start=Fraction(0))


MODEL = ReportModel(name="shared_by_distinct_partner", is_shared=True, share=share_by_distinct_partner)
