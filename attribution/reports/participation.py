"""Participation: every partner of a converting journey counts the whole of it.

A report model; it answers "who took part", so its figures sum to more than there was.
"""

from collections.abc import Iterable
from fractions import Fraction

from attribution.reports.paths import CountedPath, PartnerShare, ReportModel, Shares, merge_paths


def count_participation(paths: Iterable[CountedPath]) -> Shares:
    """Return for each partner the conversions and the money of all journeys the partner took part in."""
    conversions: dict[str, int] = {}
    amounts: dict[str, int] = {}
    for path in merge_paths(paths):
        for partner_id in set(path.partners):
            conversions[partner_id] = conversions.get(partner_id, 0) + path.conversions
            amounts[partner_id] = amounts.get(partner_id, 0) + path.amount_minor
    return Shares(
        partners=tuple(
            PartnerShare(
                partner_id=partner_id,
                conversions=Fraction(conversions[partner_id]),
                amount=Fraction(amounts[partner_id]),
            )
            for partner_id in sorted(conversions)
        )
    )


MODEL = ReportModel(name="participation", is_shared=False, share=count_participation)
