"""Queries of reports: the decided conversions of a period, and who of some visitors converted at all."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, or_, select

from tracker.clicks.tables import identity_links
from tracker.conversions.tables import conversions, decisions
from tracker.conversions.types import ConversionRow
from tracker.db.rows import as_struct
from tracker.partners.tables import enrollments
from tracker.programs.types import Program
from tracker.reports.types import Asked

PIECE = 500  # conversions read at once, and ids in one list
CURRENCIES_MAX = 20  # currencies of one program offered
# What a person rejected is no success of anybody, and a browser's claim is none yet.
COUNTED = ("attributed", "unattributed", "in_review", "accepted", "part_refunded", "refunded")


def currencies_of(conn: Connection, program: Program, *, livemode: bool) -> list[str]:
    """Return the currencies a program's sales came in, its own among them."""
    query = (
        select(conversions.c.currency)
        .where(
            conversions.c.program_id == program.program_id,
            conversions.c.livemode == livemode,
            conversions.c.currency.is_not(None),
        )
        .distinct()
        .order_by(conversions.c.currency)
        .limit(CURRENCIES_MAX)
    )
    return sorted({program.currency, *conn.execute(query).scalars()})


def decided_between(
    conn: Connection, *, asked: Asked, own_currency: str, before: tuple[int, int] | None
) -> list[tuple[ConversionRow, dict[str, Any]]]:
    """Return leads and sales with the explanation of the decision that counts, newest first.

    At most PIECE, continuing behind (instant, number).
    """
    query = select(conversions).where(*_is_asked(asked, own_currency))
    if before is not None:
        at_ms, seq = before
        query = query.where(
            or_(
                conversions.c.occurred_at_ms < at_ms,
                (conversions.c.occurred_at_ms == at_ms) & (conversions.c.seq < seq),
            )
        )
    newest_first = query.order_by(conversions.c.occurred_at_ms.desc(), conversions.c.seq.desc()).limit(PIECE)
    rows = [as_struct(ConversionRow, row) for row in conn.execute(newest_first)]
    explained = _explanations(conn, [row.conversion_id for row in rows])
    return [(row, explained.get(row.conversion_id, {})) for row in rows]


def _is_asked(asked: Asked, own_currency: str) -> list[ColumnElement[bool]]:
    is_currency: ColumnElement[bool] = conversions.c.currency == asked.currency
    if asked.currency == own_currency:
        is_currency = is_currency | conversions.c.currency.is_(None)
    return [
        conversions.c.program_id == asked.program_id,
        conversions.c.occurred_at_ms >= asked.since_ms,
        conversions.c.occurred_at_ms < asked.until_ms,
        conversions.c.livemode == asked.livemode,
        conversions.c.kind.in_(["lead", "sale"]),
        conversions.c.trust == "verified",
        conversions.c.status.in_(COUNTED),
        is_currency,
    ]


def _explanations(conn: Connection, conversion_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    query = (
        select(decisions.c.conversion_id, decisions.c.explanation)
        .where(decisions.c.conversion_id.in_(conversion_ids))
        .order_by(decisions.c.conversion_id, decisions.c.version)
    )
    # The highest version comes last and stays.
    return {row.conversion_id: row.explanation for row in conn.execute(query)}


def converted_of(conn: Connection, *, program_id: str, visitors: Iterable[str]) -> set[str]:
    """Return which of these visitors a program knows as a customer's, or from a conversion."""
    wanted = sorted(set(visitors))
    found: set[str] = set()
    for start in range(0, len(wanted), PIECE):
        part = wanted[start : start + PIECE]
        linked = select(identity_links.c.visitor_id).where(
            identity_links.c.program_id == program_id, identity_links.c.visitor_id.in_(part)
        )
        found.update(conn.execute(linked).scalars())
        # Reports may name a browser with or without the prefix.
        spellings = [*part, *(f"vis_{each}" for each in part)]
        named = select(conversions.c.visitor_id).where(
            conversions.c.visitor_id.in_(spellings), conversions.c.program_id == program_id
        )
        for visitor in conn.execute(named).scalars():
            found |= {visitor, visitor.removeprefix("vis_")}
    return found


def partners_by_enrollment(conn: Connection, program_id: str) -> dict[str, str]:
    """Return whose each enrollment of a program is."""
    query = select(enrollments.c.enrollment_id, enrollments.c.partner_id).where(enrollments.c.program_id == program_id)
    return {row.enrollment_id: row.partner_id for row in conn.execute(query)}
