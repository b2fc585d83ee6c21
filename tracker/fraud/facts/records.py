"""Conversions as the rules compare others with them: one shape of query for many questions.

The loaders of this folder say which conversions they want; here is what a `LeadRecord` is made of.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, func, select

from fraud_rules.identity import person_key
from fraud_rules.types import LeadRecord
from tracker.clicks.tables import agents
from tracker.conversions.tables import conversions, customers
from tracker.conversions.types import ConversionRow
from tracker.db.ids import IdError, canonical_id
from tracker.db.prepared import Prepared, PreparedKeys, given

RECORDS_MAX = 500  # conversions of one section of facts

_OF_CONVERSION = (
    *("conversion_id", "kind", "external_id", "enrollment_id", "occurred_at_ms", "visitor_id", "customer_id"),
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

# A verified report's conversions of the same program and mode that were received before the one at hand.
EARLIER = (
    conversions.c.program_id == given("program_id", conversions.c.program_id),
    conversions.c.livemode == given("livemode", conversions.c.livemode),
    conversions.c.seq < given("seq", conversions.c.seq),
    conversions.c.trust == "verified",
)
# The same, but no reason to walk the program's history in the order of its index: databases prefer that to sorting the
# few rows that a better index finds. An expression is not indexed.
SEQ = conversions.c.seq + 0
IN_MODE = conversions.c.livemode == given("livemode", conversions.c.livemode)
OF_PROGRAM = (
    conversions.c.program_id == given("program_id", conversions.c.program_id),
    func.coalesce(conversions.c.livemode, 0) == given("livemode", conversions.c.livemode),
    given("seq", conversions.c.seq) > SEQ,
    conversions.c.trust == "verified",
)
ANYWHERE = (
    func.coalesce(conversions.c.program_id, conversions.c.program_id) == given("program_id", conversions.c.program_id),
    *OF_PROGRAM[1:],
)
# Not the lead a sale follows: both are one person's one story. By the shop's number, or ours.
NOT_ITS_LEAD = (
    (conversions.c.kind != "lead") | (conversions.c.external_id != given("lead_number", conversions.c.external_id)),
    conversions.c.conversion_id != given("lead_id", conversions.c.conversion_id),
)
NO_ID = f"cnv_{'0' * 32}"


def place_of(row: ConversionRow) -> dict[str, Any]:
    """Return the parameters of EARLIER."""
    return {"program_id": row.program_id, "livemode": row.livemode, "seq": row.seq}


def lead_of(row: ConversionRow) -> dict[str, Any]:
    """Return the parameters of NOT_ITS_LEAD."""
    if row.lead_id is None:
        return {"lead_number": "", "lead_id": NO_ID}
    try:
        return {"lead_number": row.lead_id, "lead_id": canonical_id("cnv", row.lead_id)}
    except IdError:
        return {"lead_number": row.lead_id, "lead_id": NO_ID}


def records_where(*conditions: ColumnElement[bool], newest_by: ColumnElement[int] = SEQ) -> Prepared:
    """Return the query of the newest conversions that meet the conditions, newest first."""
    # Outer joins by primary keys: each is one look-up a row.
    query = (
        select(*_COLUMNS)
        .select_from(conversions)
        .outerjoin(customers, customers.c.customer_id == conversions.c.customer_id)
        .outerjoin(agents, agents.c.agent_id == conversions.c.agent_id)
        .where(*conditions)
        .order_by(newest_by.desc(), SEQ.desc())
        .limit(RECORDS_MAX)
    )
    return Prepared(query)


def find_records(conn: Connection, query: Prepared, row: ConversionRow, **values: Any) -> list[LeadRecord]:
    """Return what a query of `records_where` finds for a conversion, newest first; a lead a sale followed is paid."""
    rows = query.rows(conn, **place_of(row), **values)
    followed = _sales_of(conn, rows, row)
    return [_record(each, followed.get(each.conversion_id)) for each in rows]


def person_of(row: Any, customer: Any) -> str | None:
    """Return who a conversion is of, as `identity.person_key` does of what is stored: its mailbox is canonical already.

    Row and customer: a `ConversionRow` and a `Customer`, or rows of their tables; one row may be both.
    """
    if customer is not None and customer.email_canonical is not None:
        return f"email:{customer.email_canonical}"
    phone = None if customer is None else customer.phone_key or customer.phone
    return person_key(phone=phone, customer_id=row.customer_id, visitor_id=row.visitor_id)


def hexed(key: bytes | None) -> str | None:
    """Return an address key as the rules compare it."""
    return None if key is None else key.hex()


class _Followed(msgspec.Struct, frozen=True):
    """The first sale that named a lead: what it was paid with."""

    payment_key: str | None


_FOLLOWED = PreparedKeys(
    select(conversions.c.lead_id, conversions.c.payment_key)
    .where(
        conversions.c.program_id == given("program_id", conversions.c.program_id),
        conversions.c.livemode == given("livemode", conversions.c.livemode),
        conversions.c.seq < given("seq", conversions.c.seq),
        conversions.c.kind == "sale",
        conversions.c.trust == "verified",
    )
    .order_by(conversions.c.seq),
    conversions.c.lead_id,
)


def _sales_of(conn: Connection, rows: Sequence[Any], row: ConversionRow) -> dict[str, _Followed]:
    """Return the first sale of each lead that had one before, by the lead's id; it is named by our id or the shop's."""
    leads = {
        name: each.conversion_id
        for each in rows
        if each.kind == "lead"
        for name in (each.conversion_id, each.external_id)
    }
    found: dict[str, _Followed] = {}
    for sale in _FOLLOWED.rows(conn, list(leads), **place_of(row)):
        found.setdefault(leads[sale.lead_id], _Followed(sale.payment_key))
    return found


def _record(row: Any, followed: _Followed | None) -> LeadRecord:
    return LeadRecord(
        conversion_id=row.conversion_id,
        partner_id=row.enrollment_id,
        at_ms=row.occurred_at_ms,
        person_key=person_of(row, row),
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
