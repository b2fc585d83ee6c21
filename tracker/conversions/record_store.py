"""Queries of recording many reports at once; each is asked once a batch."""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, insert, select

from tracker.conversions.tables import conversions, customers
from tracker.conversions.types import ConversionRow, Customer
from tracker.db.rows import as_struct, fields_of

_NUMBERS = select(conversions.c.external_id).where(
    conversions.c.program_id == bindparam("program"),
    conversions.c.livemode == bindparam("mode"),
    conversions.c.kind == bindparam("report_kind"),
    conversions.c.external_id.in_(bindparam("numbers", expanding=True)),
)
_CUSTOMERS = select(customers).where(
    customers.c.program_id == bindparam("program"),
    customers.c.livemode == bindparam("mode"),
    customers.c.external_id.in_(bindparam("numbers", expanding=True)),
)


def known_numbers(
    conn: Connection, *, program_id: str, livemode: bool, kind: str, external_ids: Sequence[str]
) -> set[str]:
    """Return which external ids already have a conversion of this kind."""
    asked = {"program": program_id, "mode": livemode, "report_kind": kind, "numbers": list(external_ids)}
    return set(conn.execute(_NUMBERS, asked).scalars())


def customers_by_number(
    conn: Connection, *, program_id: str, livemode: bool, external_ids: Sequence[str]
) -> dict[str, Customer]:
    """Return the known customers by the shop's own id."""
    asked = {"program": program_id, "mode": livemode, "numbers": list(external_ids)}
    return {row.external_id: as_struct(Customer, row) for row in conn.execute(_CUSTOMERS, asked)}


def insert_customers(conn: Connection, rows: Sequence[Customer]) -> None:
    """Store new customers, at least one."""
    conn.execute(insert(customers), [fields_of(row) for row in rows])


def insert_conversions(conn: Connection, rows: Sequence[ConversionRow]) -> None:
    """Store new conversions, at least one."""
    conn.execute(insert(conversions), [fields_of(row) for row in rows])
