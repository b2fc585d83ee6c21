"""What decisions are worth: the commissions of a summary, and who gains and who loses by changes.

Runs, the command line and previews of settings ask here; nothing is posted.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec
from sqlalchemy import Connection

from tracker.conversions import store as conversions
from tracker.conversions.base import refunded_total
from tracker.conversions.decide import dues
from tracker.conversions.types import ConversionRow
from tracker.ledger import store as ledger
from tracker.partners import store as partners
from tracker.programs.types import Program
from tracker.recompute.types import Money, Summary
from tracker.rewards.calculate import RewardedCredit


class PartnerSum(msgspec.Struct, frozen=True, kw_only=True):
    """What changes do to one enrollment in one currency, in minor units; `conversions` are those it appears in."""

    enrollment_id: str
    currency: str
    conversions: int
    amount_before_minor: int
    amount_after_minor: int
    commission_before_minor: int
    commission_after_minor: int


class Place(msgspec.Struct, kw_only=True):
    """The sums of one enrollment in one currency while they are added up."""

    conversions: int = 0
    amount_before_minor: int = 0
    amount_after_minor: int = 0
    commission_before_minor: int = 0
    commission_after_minor: int = 0


def due_money(
    row: ConversionRow, program: Program, summary: Summary, *, refunded_minor: int, rates: Mapping[str, int]
) -> tuple[Money, ...]:
    """Return the commissions a decision makes due, noughts left out. Rates: basis points of their own by enrollment."""
    credited = summary.credits if summary.is_commissionable else ()
    due = dues(
        row,
        program,
        [RewardedCredit(enrollment_id=credit.partner_id, weight=credit.weight) for credit in credited],
        refunded_minor=refunded_minor,
        rate_overrides=dict(rates),
    )
    return _summed((each.enrollment_id, each.currency, each.amount_minor) for each in due)


def posted_money(conn: Connection, conversion_id: str, *, without: Collection[str] = frozenset()) -> tuple[Money, ...]:
    """Return what is posted for a conversion, reversals taken off, noughts left out.

    Without: decisions whose postings are left out.
    """
    lines = ledger.lines_of_conversion(conn, conversion_id)
    return _summed(
        (line.enrollment_id, line.currency, line.amount_minor) for line in lines if line.decision_id not in without
    )


def refunded_of(conn: Connection, row: ConversionRow) -> int:
    """Return what was given back of a sale, in minor units."""
    if row.kind != "sale":
        return 0
    return refunded_total(row, [one for one in conversions.refunds_of(conn, row) if one.status == "accepted"])


def own_rates(conn: Connection, summaries: Iterable[Summary]) -> dict[str, int]:
    """Return the percentages that credited enrollments have of their own, in basis points."""
    concerned = sorted({credit.partner_id for summary in summaries for credit in summary.credits})
    enrolled = partners.people_of(conn, concerned)
    return {key: one.rate_bps for key, (one, _) in enrolled.items() if one.rate_bps is not None}


class Sums:
    """Adds up what changes do to enrollments."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._places: dict[tuple[str, str], Place] = {}

    def add(self, before: Summary, after: Summary, *, currency: str) -> None:
        """Add one conversion. Currency: that of its amount."""
        touched = set()
        for name, summary in (("before", before), ("after", after)):
            for credit in summary.credits:
                touched.add((credit.partner_id, currency))
                self._grow((credit.partner_id, currency), f"amount_{name}_minor", credit.amount_minor)
            for money in summary.commissions:
                touched.add((money.enrollment_id, money.currency))
                self._grow((money.enrollment_id, money.currency), f"commission_{name}_minor", money.amount_minor)
        for key in touched:
            self._places[key].conversions += 1

    def per_partner(self) -> list[PartnerSum]:
        """Return the sums of each enrollment and currency, those who lose most first."""
        sums = [
            PartnerSum(enrollment_id=key[0], currency=key[1], **msgspec.structs.asdict(place))
            for key, place in self._places.items()
        ]
        return sorted(sums, key=_loss_first)

    def _grow(self, key: tuple[str, str], name: str, amount_minor: int) -> None:
        place = self._places.setdefault(key, Place())
        setattr(place, name, getattr(place, name) + amount_minor)


def _loss_first(one: PartnerSum) -> tuple[int, int, str, str]:
    gained = one.commission_after_minor - one.commission_before_minor
    return (gained, one.amount_after_minor - one.amount_before_minor, one.enrollment_id, one.currency)


def _summed(amounts: Iterable[tuple[str, str, int]]) -> tuple[Money, ...]:
    sums: dict[tuple[str, str], int] = {}
    for enrollment_id, currency, amount_minor in amounts:
        sums[enrollment_id, currency] = sums.get((enrollment_id, currency), 0) + amount_minor
    return _as_money(sums)


def _as_money(sums: Mapping[tuple[str, str], int]) -> tuple[Money, ...]:
    kept: Sequence[tuple[tuple[str, str], int]] = sorted((key, amount) for key, amount in sums.items() if amount)
    return tuple(
        Money(enrollment_id=enrollment_id, currency=currency, amount_minor=amount_minor)
        for (enrollment_id, currency), amount_minor in kept
    )
