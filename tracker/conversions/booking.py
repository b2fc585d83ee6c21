"""What brings the ledger of one conversion to what is due: from its newest decision, as things stand.

The processing of conversions books decisions and refunds with it, the review of cases what an upheld appeal or an undo
gives again. It reads and computes; whoever asks posts the answer in the same transaction.
"""

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import Connection

from tracker.conversions import store
from tracker.conversions.base import refunded_total
from tracker.conversions.decide import dues
from tracker.conversions.types import ConversionRow, StoredDecision
from tracker.db.ids import new_id
from tracker.ledger import store as ledger
from tracker.ledger.transfers import difference, give_again, remaining
from tracker.ledger.types import NewTransfer, Occasion, Subject
from tracker.partners import store as partners
from tracker.programs import store as programs
from tracker.programs.types import Program
from tracker.rewards.calculate import RewardedCredit


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What the commissions of a conversion were computed from at an instant."""

    decision_id: str | None
    refunded_minor: int


def transfers_to_book(
    conn: Connection,
    row: ConversionRow,
    program: Program,
    *,
    credited: Sequence[RewardedCredit],
    decision: StoredDecision,
    refunded_minor: int,
    occasion: Occasion,
) -> list[NewTransfer]:
    """Return what brings a conversion's ledger to what the credited partners are due."""
    enrolled = partners.people_of(conn, sorted({credit.enrollment_id for credit in credited}))
    overrides: Mapping[str, int] = {key: one.rate_bps for key, (one, _) in enrolled.items() if one.rate_bps is not None}
    due = dues(row, program, credited, refunded_minor=refunded_minor, rate_overrides=dict(overrides))
    subject = Subject(
        livemode=row.livemode,
        program_id=row.program_id,
        conversion_id=row.conversion_id,
        decision_id=decision.decision_id,
    )
    return difference(
        ledger.lines_of_conversion(conn, row.conversion_id),
        due,
        subject=subject,
        occasion=occasion,
        make_id=lambda: new_id("com", occasion.at_ms),
    )


def transfers_due(conn: Connection, row: ConversionRow, *, occasion: Occasion) -> list[NewTransfer]:
    """Return what brings a decided lead's or sale's ledger to what is due with the row's status.

    Whose merit it is stays as the newest decision says: nothing is attributed again. Terms are those of the conversion.
    """
    decision = store.newest_decision(conn, row.conversion_id)
    program = programs.program_as_of(conn, row.program_id, row.occurred_at_ms)
    if decision is None or program is None:
        return []
    return transfers_to_book(
        conn,
        row,
        program,
        credited=credited_by(conn, decision),
        decision=decision,
        refunded_minor=refunded_total(row, booked_refunds(conn, row)),
        occasion=occasion,
    )


def known_of(conn: Connection, conversion_id: str, *, refunded_minor: int) -> Known:
    """Return what the commissions of a conversion are computed from, to be compared later."""
    decision = store.newest_decision(conn, conversion_id)
    return Known(decision_id=decision.decision_id if decision else None, refunded_minor=refunded_minor)


def transfers_to_restore(
    conn: Connection, row: ConversionRow, *, cause: str, known: Known | None, occasion: Occasion
) -> list[NewTransfer]:
    """Return what gives a conversion back what the reversals of one cause took; `row` has the status it comes to.

    Where nothing has come in since (`known`), it is the same to the cent, whatever the partner's rate is by now.
    Otherwise, refunded or decided again meanwhile, it is what is due.
    """
    lines = ledger.lines_of_conversion(conn, row.conversion_id)
    taken = [line for line in lines if line.kind == "reversal" and line.cause == cause]
    refunded_minor = refunded_total(row, booked_refunds(conn, row))
    is_same = known is not None and known_of(conn, row.conversion_id, refunded_minor=refunded_minor) == known
    if taken and is_same and row.status != "rejected" and not any(remaining(lines).values()):
        return give_again(lines, cause=cause, occasion=occasion, make_id=lambda: new_id("com", occasion.at_ms))
    return transfers_due(conn, row, occasion=occasion)


def credited_by(conn: Connection, decision: StoredDecision) -> list[RewardedCredit]:
    """Return who a stored decision rewards; nobody where it says the conversion earns nothing."""
    if not decision.explanation.get("commissionable"):
        return []
    parts = store.credits_of(conn, decision.decision_id)
    return [RewardedCredit(enrollment_id=part.enrollment_id, weight=part.weight) for part in parts]


def booked_refunds(conn: Connection, sale: ConversionRow) -> list[ConversionRow]:
    """Return the refunds of a sale that count."""
    if sale.kind != "sale":
        return []
    return [refund for refund in store.refunds_of(conn, sale) if refund.status == "accepted"]
