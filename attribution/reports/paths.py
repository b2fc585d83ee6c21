"""Counted paths, what report models read, and the shares they answer with.

Built by the comparison and by whoever wants one report alone; read by every model here. Nothing in this folder
pays: the rewards know rule models only.
"""

from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Literal

import msgspec

ReportName = Literal["participation", "shared_by_distinct_partner", "markov_order_1", "markov_order_2"]


class CountedPath(msgspec.Struct, frozen=True, kw_only=True):
    """Journeys that went the same way, counted.

    partners stand in time order, one per touch; conversions of these journeys converted, for amount_minor in all,
    and losses ended without. Refuses negative counts and money without a conversion with ValueError.
    """

    partners: tuple[str, ...]
    conversions: int = 0
    amount_minor: int = 0
    losses: int = 0

    def __post_init__(self) -> None:
        """Refuse counts that nothing can have."""
        if self.conversions < 0 or self.losses < 0:
            counts = f"{self.conversions} conversions and {self.losses} losses"
            raise ValueError(f"A path has {counts}; count from 0 upwards.")
        if self.amount_minor and not self.conversions:
            raise ValueError(f"A path without conversions has {self.amount_minor} minor units; only conversions have.")


class PartnerShare(msgspec.Struct, frozen=True, kw_only=True):
    """What a report model gives a partner: exact conversions and exact minor units.

    partner_id None stands for all partners folded into one.
    """

    partner_id: str | None
    conversions: Fraction
    amount: Fraction


class Shares(msgspec.Struct, frozen=True, kw_only=True):
    """A report model's answer: shares by partner id, the folded ones last, and who was folded.

    But for participation, shares sum to the conversions and the money of all paths with a partner.
    """

    partners: tuple[PartnerShare, ...]
    folded: tuple[str, ...] = ()


class ReportModel(msgspec.Struct, frozen=True, kw_only=True):
    """One report model: its name, whether its shares sum to the total, and the model itself."""

    name: ReportName
    is_shared: bool
    share: Callable[[Iterable[CountedPath]], Shares]


def merge_paths(paths: Iterable[CountedPath]) -> tuple[CountedPath, ...]:
    """Return each way once with its counts summed, in the order of the partners.

    Ways without a partner and ways that nobody went are left out. So neither the order nor the grouping of what is
    handed in decides anything.
    """
    counts: dict[tuple[str, ...], list[int]] = {}
    for path in paths:
        if path.partners:
            count = counts.setdefault(path.partners, [0, 0, 0])
            for index, number in enumerate((path.conversions, path.amount_minor, path.losses)):
                count[index] += number
    return tuple(
        CountedPath(partners=partners, conversions=conversions, amount_minor=amount, losses=losses)
        for partners, (conversions, amount, losses) in sorted(counts.items())
        if conversions or losses
    )
