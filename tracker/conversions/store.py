"""Queries of conversions, customers and decisions."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, func, insert, select, update

from tracker.conversions.tables import bindings, conversions, credits, customers, decisions  # noqa: A004  # See there.
from tracker.conversions.types import (
    ConversionFilter,
    ConversionRow,
    Customer,
    StoredBinding,
    StoredCredit,
    StoredDecision,
)
from tracker.db.rows import as_struct, fields_of
from tracker.instants import DAY_MS

PAGE_MAX = 101  # rows a list gives at once: a page of 100 and one that tells of the next
_IDS_AT_ONCE = 500  # ids in one IN list
REFUNDS_MAX = 1000  # refunds of one sale that are looked at


def find_conversion(
    conn: Connection, *, program_id: str, livemode: bool, kind: str, external_id: str
) -> ConversionRow | None:
    """Return the conversion a shop knows by its number."""
    query = select(conversions).where(
        conversions.c.program_id == program_id,
        conversions.c.livemode == livemode,
        conversions.c.kind == kind,
        conversions.c.external_id == external_id,
    )
    return _one(conn, query)


def get_conversion(conn: Connection, conversion_id: str) -> ConversionRow | None:
    """Return one conversion."""
    return _one(conn, select(conversions).where(conversions.c.conversion_id == conversion_id))


def list_conversions(
    conn: Connection, chosen: ConversionFilter, *, before_seq: int | None = None, limit: int = PAGE_MAX
) -> list[ConversionRow]:
    """Return conversions, newest first."""
    query = select(conversions).where(conversions.c.livemode == chosen.livemode)
    for column in ("program_id", "kind", "status", "trust", "external_id"):
        wanted = getattr(chosen, column)
        if wanted is not None:
            query = query.where(conversions.c[column] == wanted)
    if chosen.enrollment_id is not None:
        query = query.where(conversions.c.conversion_id.in_(_credited_to(chosen.enrollment_id)))
    if chosen.enrollment_ids is not None:
        query = query.where(conversions.c.enrollment_id.in_(chosen.enrollment_ids))
    if chosen.created_from_ms is not None:
        query = query.where(conversions.c.received_at_ms >= chosen.created_from_ms)
    if chosen.created_to_ms is not None:
        query = query.where(conversions.c.received_at_ms <= chosen.created_to_ms)
    if before_seq is not None:
        query = query.where(conversions.c.seq < before_seq)
    rows = conn.execute(query.order_by(conversions.c.seq.desc()).limit(min(limit, PAGE_MAX)))
    return [_conversion(row) for row in rows]


def insert_conversion(conn: Connection, row: ConversionRow) -> None:
    """Store a new conversion."""
    conn.execute(insert(conversions), fields_of(row))


def replace_conversion(conn: Connection, row: ConversionRow) -> None:
    """Store what a verified report made of a browser's claim."""
    fields = fields_of(row)
    key = fields.pop("conversion_id")
    conn.execute(update(conversions).where(conversions.c.conversion_id == key).values(**fields))


def set_status(conn: Connection, conversion_id: str, status: str) -> None:
    """Move a conversion to another status."""
    conn.execute(update(conversions).where(conversions.c.conversion_id == conversion_id).values(status=status))


def refunds_of(conn: Connection, sale: ConversionRow) -> list[ConversionRow]:
    """Return the verified refunds reported for a sale, oldest first."""
    query = (
        select(conversions)
        .where(
            conversions.c.program_id == sale.program_id,
            conversions.c.livemode == sale.livemode,
            conversions.c.refund_of == sale.external_id,
            conversions.c.kind == "refund",
            conversions.c.trust == "verified",
        )
        .order_by(conversions.c.seq)
        .limit(REFUNDS_MAX)
    )
    return [_conversion(row) for row in conn.execute(query)]


def find_customer(
    conn: Connection, *, program_id: str, livemode: bool, external_id: str | None, email_canonical: str | None
) -> Customer | None:
    """Return the customer by the shop's id, or by mailbox when the shop gave no id."""
    query = select(customers).where(customers.c.program_id == program_id, customers.c.livemode == livemode)
    if external_id is not None:
        query = query.where(customers.c.external_id == external_id)
    elif email_canonical is not None:
        query = query.where(customers.c.external_id.is_(None), customers.c.email_canonical == email_canonical)
    else:
        return None
    row = conn.execute(query.order_by(customers.c.customer_id).limit(1)).first()
    return None if row is None else _customer(row)


def get_customer(conn: Connection, customer_id: str) -> Customer | None:
    """Return one customer."""
    row = conn.execute(select(customers).where(customers.c.customer_id == customer_id)).first()
    return None if row is None else _customer(row)


def save_customer(conn: Connection, customer: Customer) -> None:
    """Store a customer, new or with fields filled in."""
    fields = fields_of(customer)
    key = fields.pop("customer_id")
    changed = conn.execute(update(customers).where(customers.c.customer_id == key).values(**fields))
    if changed.rowcount == 0:
        conn.execute(insert(customers), fields | {"customer_id": key})


def newest_decision(conn: Connection, conversion_id: str) -> StoredDecision | None:
    """Return the decision that counts."""
    query = (
        select(decisions)
        .where(decisions.c.conversion_id == conversion_id)
        .order_by(decisions.c.version.desc())
        .limit(1)
    )
    row = conn.execute(query).first()
    return None if row is None else _decision(row)


def insert_decision(conn: Connection, decision: StoredDecision, parts: Sequence[StoredCredit]) -> None:
    """Store a decision and its parts."""
    conn.execute(insert(decisions), fields_of(decision))
    for position, part in enumerate(parts):
        values = fields_of(part)
        conn.execute(insert(credits), values | {"decision_id": decision.decision_id, "position": position})


def credits_of(conn: Connection, decision_id: str) -> list[StoredCredit]:
    """Return the parts of a decision in touch order."""
    query = select(credits).where(credits.c.decision_id == decision_id).order_by(credits.c.position)
    return [
        StoredCredit(enrollment_id=row.enrollment_id, touch=row.touch, weight=row.weight, amount_minor=row.amount_minor)
        for row in conn.execute(query)
    ]


def binding_of(conn: Connection, *, program_id: str, customer_id: str) -> StoredBinding | None:
    """Return whom a customer is bound to."""
    query = select(bindings).where(bindings.c.program_id == program_id, bindings.c.customer_id == customer_id)
    row = conn.execute(query).first()
    return None if row is None else as_struct(StoredBinding, row)


def insert_binding(conn: Connection, binding: StoredBinding) -> None:
    """Bind a customer to an enrollment."""
    conn.execute(insert(bindings), fields_of(binding))


def count_by_status(conn: Connection, *, livemode: bool, since_ms: int) -> dict[tuple[str, str], int]:
    """Return how many conversions came since the instant, by (kind, status)."""
    query = (
        select(conversions.c.kind, conversions.c.status, func.count())
        .where(conversions.c.livemode == livemode, conversions.c.received_at_ms >= since_ms)
        .group_by(conversions.c.kind, conversions.c.status)
    )
    return {(row[0], row[1]): row[2] for row in conn.execute(query)}


def names_of_customers(conn: Connection, customer_ids: Iterable[str]) -> dict[str, Customer]:
    """Return customers by id, for lists."""
    wanted = sorted(set(customer_ids))
    if not wanted:
        return {}
    rows = conn.execute(select(customers).where(customers.c.customer_id.in_(wanted)))
    return {row.customer_id: _customer(row) for row in rows}


def external_ids(conn: Connection, conversion_ids: Iterable[str], *, program_id: str, livemode: bool) -> dict[str, str]:
    """Return the shop's numbers of those of the conversions that exist in the program and mode, by id."""
    found: dict[str, str] = {}
    wanted = list(dict.fromkeys(conversion_ids))
    for start in range(0, len(wanted), _IDS_AT_ONCE):
        query = select(conversions.c.conversion_id, conversions.c.external_id).where(
            conversions.c.conversion_id.in_(wanted[start : start + _IDS_AT_ONCE]),
            conversions.c.program_id == program_id,
            conversions.c.livemode == livemode,
        )
        found |= {row.conversion_id: row.external_id for row in conn.execute(query)}
    return found


def set_credited(conn: Connection, conversion_id: str, *, enrollment_id: str | None, click_at_ms: int | None) -> None:
    """Note who is credited most and when the credited click was."""
    conn.execute(
        update(conversions)
        .where(conversions.c.conversion_id == conversion_id)
        .values(enrollment_id=enrollment_id, click_at_ms=click_at_ms)
    )


def is_lead_like() -> ColumnElement[bool]:
    """Say that a row stands for a person's registration: a verified lead, or a verified sale without its lead.

    A browser's claims are left out: anyone could forge them to throw suspicion on somebody.
    """
    is_registration = (conversions.c.kind == "lead") | (
        (conversions.c.kind == "sale") & conversions.c.lead_id.is_(None)
    )
    return is_registration & (conversions.c.trust == "verified")


def _credited_to(enrollment_id: str) -> Select[Any]:
    """Select the conversions whose newest decision credits an enrollment."""
    newest = (
        select(decisions.c.conversion_id, func.max(decisions.c.version).label("version"))
        .group_by(decisions.c.conversion_id)
        .cte("newest")
    )
    return (
        select(decisions.c.conversion_id)
        .join(
            newest,
            (newest.c.conversion_id == decisions.c.conversion_id) & (newest.c.version == decisions.c.version),
        )
        .join(credits, credits.c.decision_id == decisions.c.decision_id)
        .where(credits.c.enrollment_id == enrollment_id)
    )


def _one(conn: Connection, query: Select[Any]) -> ConversionRow | None:
    row = conn.execute(query).first()
    return None if row is None else _conversion(row)


def _conversion(row: Row[Any]) -> ConversionRow:
    return as_struct(ConversionRow, row)


def _customer(row: Row[Any]) -> Customer:
    return as_struct(Customer, row)


def _decision(row: Row[Any]) -> StoredDecision:
    return as_struct(StoredDecision, row)


def conversions_by_day(conn: Connection, *, livemode: bool, from_day: int) -> dict[int, dict[str, int]]:
    """Return how many conversions came on each UTC day since a day, by kind."""
    days = (
        select((conversions.c.received_at_ms // DAY_MS).label("day"), conversions.c.kind)
        .where(conversions.c.livemode == livemode, conversions.c.received_at_ms >= from_day * DAY_MS)
        .cte("days")
    )
    query = select(days.c.day, days.c.kind, func.count()).group_by(days.c.day, days.c.kind)
    found: dict[int, dict[str, int]] = {}
    for row in conn.execute(query):
        found.setdefault(int(row[0]), {})[row[1]] = int(row[2])
    return found


def conversions_of_click(conn: Connection, *, program_id: str, click_id: str, limit: int) -> list[ConversionRow]:
    """Return the conversions that named a click or were credited through it, newest first."""
    named = (conversions.c.program_id == program_id) & (conversions.c.click_id == click_id)
    credited = (
        select(decisions.c.conversion_id)
        .join(credits, credits.c.decision_id == decisions.c.decision_id)
        .where(credits.c.touch == click_id)
    )
    through = (conversions.c.program_id == program_id) & conversions.c.conversion_id.in_(credited)
    query = select(conversions).where(named | through).order_by(conversions.c.seq.desc())
    return [_conversion(row) for row in conn.execute(query.limit(min(limit, PAGE_MAX)))]
