"""Queries of recording many reports at once; each is asked once a batch."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Dialect, Select, Table, bindparam, select

from tracker.conversions.tables import conversions, customers
from tracker.conversions.types import ConversionRow, Customer
from tracker.db.ids import id_to_bytes
from tracker.db.row_statements import insert_records, read_rows
from tracker.db.rows import as_struct

_CUSTOMERS = select(customers).where(
    customers.c.program_id == bindparam("program"),
    customers.c.livemode == bindparam("mode"),
    customers.c.external_id.in_(bindparam("numbers", expanding=True)),
)


def known_numbers(
    conn: Connection, *, program_id: str, livemode: bool, kind: str, external_ids: Sequence[str]
) -> set[str]:
    """Return which external ids already have a conversion of this kind."""
    place = (id_to_bytes("prg", program_id), int(livemode), kind)
    return {found[0] for found in read_rows(conn, _with_number, [(number,) for number in external_ids], before=place)}


def customers_by_number(
    conn: Connection, *, program_id: str, livemode: bool, external_ids: Sequence[str]
) -> dict[str, Customer]:
    """Return the known customers by the shop's own id."""
    place = (id_to_bytes("prg", program_id), int(livemode))
    known = [
        found[0] for found in read_rows(conn, _with_customer, [(number,) for number in external_ids], before=place)
    ]
    if not known:
        return {}
    asked = {"program": program_id, "mode": livemode, "numbers": known}
    return {row.external_id: as_struct(Customer, row) for row in conn.execute(_CUSTOMERS, asked)}


def _with_number(_dialect: Dialect, rows: int) -> Select[Any]:
    return _among(conversions, ("program_id", "livemode", "kind"), rows)


def _with_customer(_dialect: Dialect, rows: int) -> Select[Any]:
    return _among(customers, ("program_id", "livemode"), rows)


def _among(table: Table, names: tuple[str, ...], rows: int) -> Select[Any]:
    """Return the query of the external ids among so many, where the named columns have one value each."""
    number = table.c.external_id
    place = [table.c[name] == bindparam(name, type_=table.c[name].type) for name in names]
    return select(number).where(*place, number.in_([bindparam(f"row_{row}", type_=number.type) for row in range(rows)]))


def insert_customers(conn: Connection, rows: Sequence[Customer]) -> None:
    """Store new customers, at least one."""
    insert_records(conn, customers, rows)


def insert_conversions(conn: Connection, rows: Sequence[ConversionRow]) -> None:
    """Store new conversions, at least one."""
    insert_records(conn, conversions, rows)
