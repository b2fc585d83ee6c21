"""Lifting the guard of an append-only table for one lawful purge or erasure.

Only this package and migrations may do it, always inside one transaction, which puts the guard back before it ends: a
crash half-way rolls both back. Every use leaves an audit entry with counts.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from tracker.db.metadata import APPEND_ONLY
from tracker.db.triggers import guard


@contextmanager
def lifted(conn: Connection, *tables: str) -> Iterator[None]:
    """Let rows of append-only tables be changed and deleted inside the block; other tables are refused.

    An error leaves the guard off: it must end the transaction, which brings the guard back.
    """
    for table in tables:
        if table not in APPEND_ONLY:
            raise ValueError(f'Table "{table}" has no guard to lift; change its rows as usual.')
        if conn.dialect.name == "sqlite":
            conn.exec_driver_sql(f"DROP TRIGGER {table}_no_update")
            conn.exec_driver_sql(f"DROP TRIGGER {table}_no_delete")
        else:
            conn.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER {table}_append_only")
    yield
    for table in tables:
        if conn.dialect.name == "sqlite":
            guard(conn, table)
        else:
            conn.exec_driver_sql(f"ALTER TABLE {table} ENABLE TRIGGER {table}_append_only")
