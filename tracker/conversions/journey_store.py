"""Queries of one person's story: every decision about a conversion, and everything the person bought.

`timeline.py`, the page of a conversion and the API ask here.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, select

from tracker.conversions.tables import conversions, decisions
from tracker.conversions.types import ConversionRow, StoredDecision
from tracker.db.rows import as_struct

DECISIONS_MAX = 300  # decisions told of one person or conversion, the newest
REPORTS_MAX = 50  # conversions told of one person; each explanation may name thousands of touches


def decisions_of(
    conn: Connection, conversion_ids: Sequence[str], *, limit: int = DECISIONS_MAX
) -> list[StoredDecision]:
    """Return every decision about some conversions, newest first; of one instant, the higher version first."""
    query = (
        select(decisions)
        .where(decisions.c.conversion_id.in_(conversion_ids))
        .order_by(decisions.c.decided_at_ms.desc(), decisions.c.version.desc(), decisions.c.decision_id)
        .limit(min(limit, DECISIONS_MAX))
    )
    return [as_struct(StoredDecision, row) for row in conn.execute(query)]


def decision_numbered(conn: Connection, conversion_id: str, version: int) -> StoredDecision | None:
    """Return one version of what was decided about a conversion."""
    query = select(decisions).where(decisions.c.conversion_id == conversion_id, decisions.c.version == version)
    row = conn.execute(query).first()
    return None if row is None else as_struct(StoredDecision, row)


def reports_of_customer(conn: Connection, customer_id: str) -> list[ConversionRow]:
    """Return what was reported of a customer, newest first."""
    query = select(conversions).where(conversions.c.customer_id == customer_id)
    newest = query.order_by(conversions.c.occurred_at_ms.desc(), conversions.c.seq.desc()).limit(REPORTS_MAX)
    return [as_struct(ConversionRow, row) for row in conn.execute(newest)]


def reports_of_visitors(
    conn: Connection, visitors: Sequence[str], *, program_id: str, livemode: bool
) -> list[ConversionRow]:
    """Return what was reported of browsers in a program and mode, newest first; ids as reports may name them."""
    query = select(conversions).where(
        conversions.c.visitor_id.in_(visitors),
        conversions.c.program_id == program_id,
        conversions.c.livemode == livemode,
    )
    newest = query.order_by(conversions.c.occurred_at_ms.desc(), conversions.c.seq.desc()).limit(REPORTS_MAX)
    return [as_struct(ConversionRow, row) for row in conn.execute(newest)]


def refunds_of_sales(conn: Connection, sales: Sequence[ConversionRow]) -> list[ConversionRow]:
    """Return the refunds of some sales of one program and mode, newest first."""
    if not sales:
        return []
    query = select(conversions).where(
        conversions.c.program_id == sales[0].program_id,
        conversions.c.livemode == sales[0].livemode,
        conversions.c.refund_of.in_([sale.external_id for sale in sales]),
        conversions.c.kind == "refund",
    )
    newest = query.order_by(conversions.c.occurred_at_ms.desc(), conversions.c.seq.desc()).limit(REPORTS_MAX)
    return [as_struct(ConversionRow, row) for row in conn.execute(newest)]
