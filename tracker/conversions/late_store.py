"""Queries of decided conversions that a later fact concerns, and of the binding that an earlier one takes over."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Dialect, Row, Select, and_, bindparam, delete, or_, select, update

from tracker.clicks.tables import identity_links
from tracker.conversions.tables import bindings, conversions
from tracker.conversions.types import ConversionRow, StoredBinding
from tracker.db.ids import id_to_bytes
from tracker.db.row_statements import read_rows
from tracker.db.rows import fields_of

FOUND_MAX = 500  # conversions one batch of facts makes us look at again


class SeenClick(NamedTuple):
    """What of a click says whether a conversion may be its; times in Unix ms."""

    program_id: str
    livemode: bool
    click_id: str
    visitor_id: str
    occurred_at_ms: int
    received_at_ms: int


def concerned_by_clicks(conn: Connection, rows: Sequence[SeenClick], *, since_ms: int) -> list[str]:
    """Return the decided conversions received since an instant that a click may belong to: by click, visitor, person.

    Rows: of any programs; a click after its conversion, or in the other mode, concerns nothing.
    """
    rows = _named(conn, rows)
    if not rows:
        return []
    clicked = sorted({text for row in rows for text in (row.click_id, f"clk_{row.click_id}")})
    visited = sorted({text for row in rows if row.visitor_id for text in (row.visitor_id, f"vis_{row.visitor_id}")})
    visitors = sorted({row.visitor_id for row in rows if row.visitor_id})
    programs = sorted({row.program_id for row in rows})
    links = select(identity_links.c.program_id, identity_links.c.visitor_id, identity_links.c.customer_id).where(
        identity_links.c.program_id.in_(programs), identity_links.c.visitor_id.in_(visitors)
    )
    people = {(link.program_id, link.customer_id): link.visitor_id for link in conn.execute(links.limit(FOUND_MAX))}
    ways: list[ColumnElement[bool]] = [conversions.c.click_id.in_(clicked), conversions.c.visitor_id.in_(visited)]
    if people:
        ways.append(conversions.c.customer_id.in_(sorted({customer_id for _, customer_id in people})))
    # One query a way: each has its index.
    found = {
        row.conversion_id: row
        for way in ways
        for row in conn.execute(
            select(conversions)
            .where(way, conversions.c.program_id.in_(programs), *_is_decided(since_ms))
            .order_by(conversions.c.seq)
            .limit(FOUND_MAX)
        )
    }
    return [conversion_id for conversion_id, row in found.items() if any(_may_earn(row, click) for click in rows)]


def _named(conn: Connection, rows: Sequence[SeenClick]) -> list[SeenClick]:
    """Return the clicks that a conversion or a customer's browser names at all, in few statements.

    Nearly every click is named by nothing yet, and the projector asks for all of them.
    """
    clicked = [(text,) for row in rows for text in (row.click_id, f"clk_{row.click_id}")]
    visited = [(text,) for row in rows if row.visitor_id for text in (row.visitor_id, f"vis_{row.visitor_id}")]
    linked = [(id_to_bytes("prg", row.program_id), row.visitor_id) for row in rows if row.visitor_id]
    clicks = {found[0] for found in read_rows(conn, _with_click, clicked)}
    visitors = {found[0] for found in read_rows(conn, _with_visitor, visited)}
    browsers = {found[0] for found in read_rows(conn, _with_browser, linked)}
    return [
        row
        for row in rows
        if not clicks.isdisjoint((row.click_id, f"clk_{row.click_id}"))
        or not visitors.isdisjoint((row.visitor_id, f"vis_{row.visitor_id}"))
        or row.visitor_id in browsers
    ]


def _with_click(_dialect: Dialect, rows: int) -> Select[Any]:
    column = conversions.c.click_id
    return select(column).where(column.in_([bindparam(f"row_{row}", type_=column.type) for row in range(rows)]))


def _with_visitor(_dialect: Dialect, rows: int) -> Select[Any]:
    column = conversions.c.visitor_id
    return select(column).where(column.in_([bindparam(f"row_{row}", type_=column.type) for row in range(rows)]))


def _with_browser(_dialect: Dialect, rows: int) -> Select[Any]:
    program, visitor = identity_links.c.program_id, identity_links.c.visitor_id
    pairs = (
        and_(
            program == bindparam(f"program_{row}", type_=program.type),
            visitor == bindparam(f"visitor_{row}", type_=visitor.type),
        )
        for row in range(rows)
    )
    return select(visitor).where(or_(*pairs))


def of_customer(conn: Connection, row: ConversionRow, *, since_ms: int) -> list[str]:
    """Return the other decided conversions of a row's customer received since an instant."""
    query = (
        select(conversions.c.conversion_id)
        .where(
            conversions.c.customer_id == row.customer_id,
            conversions.c.conversion_id != row.conversion_id,
            *_is_decided(since_ms),
        )
        .order_by(conversions.c.seq)
    )
    return list(conn.execute(query.limit(FOUND_MAX)).scalars())


def naming_lead(conn: Connection, lead: ConversionRow, *, since_ms: int) -> list[str]:
    """Return the decided conversions received since an instant that name a lead, by our id or the shop's."""
    query = (
        select(conversions.c.conversion_id)
        .where(
            conversions.c.program_id == lead.program_id,
            conversions.c.lead_id.in_(
                sorted({lead.external_id, lead.conversion_id, lead.conversion_id.removeprefix("cnv_")})
            ),
            conversions.c.livemode == lead.livemode,
            *_is_decided(since_ms),
        )
        .order_by(conversions.c.seq)
    )
    return list(conn.execute(query.limit(FOUND_MAX)).scalars())


class Decided(NamedTuple):
    """A decided conversion and the codes it named, as codes are stored."""

    conversion_id: str
    seq: int
    codes: frozenset[str]


def happened_since(conn: Connection, program_id: str, *, since_ms: int, after_seq: int) -> list[Decided]:
    """Return decided conversions that happened since an instant, at most FOUND_MAX, in the order of their numbers."""
    columns = ("conversion_id", "seq", "promo_code", "partner_code")
    query = select(*(conversions.c[name] for name in columns)).where(
        conversions.c.program_id == program_id,
        conversions.c.occurred_at_ms >= since_ms,
        conversions.c.seq > after_seq,
        *_is_decided(0),
    )
    return [
        Decided(
            row.conversion_id,
            row.seq,
            frozenset(each.strip().upper() for each in (row.promo_code, row.partner_code) if each),
        )
        for row in conn.execute(query.order_by(conversions.c.seq).limit(FOUND_MAX))
    ]


def replace_binding(conn: Connection, known: StoredBinding, binding: StoredBinding | None) -> None:
    """Bind a customer to the enrollment of another conversion, or to nobody."""
    mine = (bindings.c.program_id == known.program_id, bindings.c.customer_id == known.customer_id)
    if binding is None:
        conn.execute(delete(bindings).where(*mine))
    else:
        conn.execute(update(bindings).where(*mine).values(**fields_of(binding)))


def _is_decided(since_ms: int) -> tuple[ColumnElement[bool], ...]:
    """Say that a lead or sale was decided already; what was not will see the fact anyway."""
    return (
        conversions.c.kind.in_(["lead", "sale"]),
        conversions.c.status != "received",
        conversions.c.received_at_ms >= since_ms,
    )


def _may_earn(row: Row[Any], click: SeenClick) -> bool:
    """Tell whether a click of the row's program and mode came before it."""
    is_same = (row.program_id, row.livemode) == (click.program_id, click.livemode)
    return is_same and click.occurred_at_ms <= row.occurred_at_ms
