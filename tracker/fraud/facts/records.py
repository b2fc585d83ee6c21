"""Conversions as the rules compare others with them: one query, many questions.

The loaders of this folder say which conversions they want; here is what a `LeadRecord` is made of.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, Select, select

from fraud_rules.identity import person_key
from fraud_rules.types import LeadRecord
from tracker.clicks.tables import agents
from tracker.conversions.tables import conversions, customers
from tracker.conversions.types import ConversionRow, Customer
from tracker.ledger.store import chunks

RECORDS_MAX = 500  # conversions of one section of facts

_OF_CONVERSION = (
    *("conversion_id", "program_id", "livemode", "kind", "external_id", "enrollment_id", "occurred_at_ms"),
    *("visitor_id", "customer_id"),
    *("host_key", "net_key", "network_class", "country", "click_at_ms", "promo_code", "source", "payment_key"),
)
_COLUMNS: tuple[ColumnElement[Any], ...] = (
    *(conversions.c[name] for name in _OF_CONVERSION),
    customers.c.email,
    customers.c.email_canonical,
    customers.c.name,
    customers.c.phone,
    customers.c.phone_key,
    customers.c.country.label("home_country"),
    agents.c.agent_key,
    agents.c.is_bot,
)


def earlier(row: ConversionRow) -> tuple[ColumnElement[bool], ...]:
    """Say that a conversion is of the row's program and mode and was received before it."""
    return (
        conversions.c.program_id == row.program_id,
        conversions.c.livemode == row.livemode,
        conversions.c.seq < row.seq,
    )


def chosen_records(conn: Connection, *conditions: ColumnElement[bool], limit: int = RECORDS_MAX) -> list[LeadRecord]:
    """Return the newest conversions that meet the conditions, oldest first."""
    rows = conn.execute(_query(*conditions).order_by(conversions.c.seq.desc()).limit(limit)).all()
    return as_records(conn, rows[::-1])


def newest_records(
    conn: Connection, *conditions: ColumnElement[bool], limit: int = RECORDS_MAX
) -> tuple[LeadRecord, ...]:
    """Return the conversions that happened last among those that meet the conditions, newest first."""
    newest = (conversions.c.occurred_at_ms.desc(), conversions.c.seq.desc())
    rows = conn.execute(_query(*conditions).order_by(*newest).limit(limit)).all()
    return tuple(as_records(conn, rows))


def as_records(conn: Connection, rows: Sequence[Row[Any]]) -> list[LeadRecord]:
    """Return rows of `_query` as records; a lead that a sale followed counts as paid."""
    followed = _sales_of(conn, rows)
    return [_record(row, followed.get(row.conversion_id)) for row in rows]


def stored_person(
    *,
    email_canonical: str | None,
    phone_key: str | None,
    phone: str | None,
    customer_id: str | None,
    visitor_id: str | None,
) -> str | None:
    """Return `identity.person_key` of what is stored, whose mailbox is canonical already."""
    if email_canonical is not None:
        return f"email:{email_canonical}"
    return person_key(phone=phone_key or phone, customer_id=customer_id, visitor_id=visitor_id)


def person_of(row: ConversionRow, customer: Customer | None) -> str | None:
    """Return who a conversion is of."""
    return stored_person(
        email_canonical=customer.email_canonical if customer else None,
        phone_key=customer.phone_key if customer else None,
        phone=customer.phone if customer else None,
        customer_id=row.customer_id,
        visitor_id=row.visitor_id,
    )


def hexed(key: bytes | None) -> str | None:
    """Return an address key as the rules compare it."""
    return None if key is None else key.hex()


def _query(*conditions: ColumnElement[bool]) -> Select[Any]:
    # Outer joins by primary keys: each is one look-up a row.
    return (
        select(*_COLUMNS)
        .select_from(conversions)
        .outerjoin(customers, customers.c.customer_id == conversions.c.customer_id)
        .outerjoin(agents, agents.c.agent_id == conversions.c.agent_id)
        .where(*conditions)
    )


class _Followed(msgspec.Struct, frozen=True):
    """The first sale that named a lead: what it was paid with."""

    payment_key: str | None


def _sales_of(conn: Connection, rows: Sequence[Row[Any]]) -> dict[str, _Followed]:
    """Return the first sale of each lead that has one, by the lead's id; a sale names it by our id or the shop's."""
    leads = {
        name: row.conversion_id for row in rows if row.kind == "lead" for name in (row.conversion_id, row.external_id)
    }
    found: dict[str, _Followed] = {}
    for names in chunks(leads):
        query = (
            select(conversions.c.lead_id, conversions.c.payment_key)
            .where(
                conversions.c.lead_id.in_(names),
                conversions.c.program_id == rows[0].program_id,
                conversions.c.livemode == rows[0].livemode,
                conversions.c.kind == "sale",
                conversions.c.trust == "verified",
            )
            .order_by(conversions.c.seq)
        )
        for row in conn.execute(query):
            found.setdefault(leads[row.lead_id], _Followed(row.payment_key))
    return found


def _record(row: Row[Any], followed: _Followed | None) -> LeadRecord:
    person = stored_person(
        email_canonical=row.email_canonical,
        phone_key=row.phone_key,
        phone=row.phone,
        customer_id=row.customer_id,
        visitor_id=row.visitor_id,
    )
    return LeadRecord(
        conversion_id=row.conversion_id,
        partner_id=row.enrollment_id,
        at_ms=row.occurred_at_ms,
        person_key=person,
        email=row.email,
        name=row.name,
        phone_key=row.phone_key,
        device_key=row.visitor_id,
        payment_key=row.payment_key or (followed.payment_key if followed else None),
        host_key=hexed(row.host_key),
        net_key=hexed(row.net_key),
        network_class=row.network_class or "unknown",
        agent_key=row.agent_key,
        country=row.country,
        home_country=row.home_country,
        click_at_ms=row.click_at_ms,
        promo_code=row.promo_code,
        source=row.source,
        is_bot=bool(row.is_bot),
        paid=row.kind == "sale" or followed is not None,
    )
