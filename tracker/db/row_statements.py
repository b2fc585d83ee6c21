"""Statements over many rows, compiled once and run past SQLAlchemy's handling of each value.

The projector and the recording of reports use them. One trip to the driver for many rows matters there, because each
trip gives the interpreter's lock away and has to win it back from the event loop. The statements themselves are
SQLAlchemy's, so they are right on both databases; only their values go to the driver as they are.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any

import msgspec
from sqlalchemy import Connection, Dialect, Executable, LargeBinary, Table, bindparam, insert

from tracker.db.prepared import full_lists

# Rows in one statement, largest first: any number of rows needs few statements, and each is compiled once.
SIZES = (64, 32, 16, 8, 4, 2, 1)

# Makes the statement for so many rows; its parameters come in the order of the rows.
Build = Callable[[Dialect, int], Executable]


def change_rows(conn: Connection, build: Build, rows: Sequence[tuple[Any, ...]]) -> int:
    """Run a statement over all rows and return how many it stored or changed. Values: as the driver takes them."""
    return sum(conn.exec_driver_sql(text, values).rowcount for text, values in _statements(conn, build, rows))


def read_rows(
    conn: Connection, build: Build, rows: Sequence[tuple[Any, ...]], *, before: tuple[Any, ...] = ()
) -> list[Any]:
    """Run a statement over all rows and return what it gives.

    Values: as the driver takes them; `before` are those of parameters that stand before the rows'.
    """
    found: list[Any] = []
    for text, values in _statements(conn, build, rows):
        found += conn.exec_driver_sql(text, before + values).all()
    return found


def read_tuples(conn: Connection, build: Build, rows: Sequence[tuple[Any, ...]]) -> list[Sequence[Any]]:
    """Do what `read_rows` does, for very many rows: they come as the driver gives them, by place and not by name."""
    found: list[Sequence[Any]] = []
    for text, values in _statements(conn, build, rows):
        # A row of SQLAlchemy's costs as much as reading it from SQLite.
        cursor: Any = conn.exec_driver_sql(text, values).cursor
        found += cursor.fetchall()
    return found


def read_tuples_keyed(
    conn: Connection, build: Build, keys: Sequence[Any], *, before: tuple[Any, ...] = ()
) -> list[Sequence[Any]]:
    """Do what `read_tuples` does for a statement that looks for any of some keys; each row comes once.

    Keys: all different.
    """
    found: list[Sequence[Any]] = []
    for part in full_lists(keys):
        cursor: Any = conn.exec_driver_sql(_compiled(conn.dialect, build, len(part)), before + part).cursor
        found += cursor.fetchall()
    return found


def insert_records(conn: Connection, table: Table, records: Sequence[msgspec.Struct]) -> None:
    """Store records of one kind, whose fields are columns of the table, at least one."""
    names = records[0].__struct_fields__
    build, binds = _insertion(table, names, conn.dialect)
    read = attrgetter(*names)
    rows = [
        tuple([value if bind is None else bind(value) for bind, value in zip(binds, read(record), strict=True)])
        for record in records
    ]
    change_rows(conn, build, rows)


@lru_cache(maxsize=32)
def _insertion(table: Table, names: tuple[str, ...], dialect: Dialect) -> tuple[Build, list[Any]]:
    """Return what makes the insert of some columns, and what makes each value one of the driver's (None: as it is)."""
    columns = [table.c[name] for name in names]

    def build(_dialect: Dialect, rows: int) -> Executable:
        return insert(table).values(
            [
                {column.name: bindparam(f"{column.name}_{row}", type_=column.type) for column in columns}
                for row in range(rows)
            ]
        )

    # Both drivers take bytes as they are; SQLAlchemy would wrap each.
    binds = [
        None if isinstance(column.type, LargeBinary) else column.type.dialect_impl(dialect).bind_processor(dialect)
        for column in columns
    ]
    return build, binds


def _statements(
    conn: Connection, build: Build, rows: Sequence[tuple[Any, ...]]
) -> Iterator[tuple[str, tuple[Any, ...]]]:
    start = 0
    for size in SIZES:
        while len(rows) - start >= size:
            values = tuple(value for row in rows[start : start + size] for value in row)
            yield _compiled(conn.dialect, build, size), values
            start += size


@lru_cache(maxsize=256)
def _compiled(dialect: Dialect, build: Build, rows: int) -> str:
    """Return the text of a statement for so many rows."""
    # compile() is typed on the common base of statements, which Executable is not.
    statement: Any = build(dialect, rows)
    return str(statement.compile(dialect=dialect))
