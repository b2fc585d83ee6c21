"""Reading a database beside the process that writes it: for long computations that must not hold a server up.

SQLite lets any number of processes read while one writes; nothing is opened for writing here, and no lock is taken.
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.pool import StaticPool

from tracker.db.database import Database
from tracker.db.opening import SQLITE, is_sqlite, open_database
from tracker.db.sqlite_thread import PATIENCE_MS

# The most that SQLite maps as it is built; what lies behind is read as ever.
MAPPED_BYTES = 2_147_418_112

T = TypeVar("T")

_PRAGMAS = (
    f"PRAGMA busy_timeout={PATIENCE_MS}",
    "PRAGMA query_only=ON",
    "PRAGMA trusted_schema=OFF",
    "PRAGMA cell_size_check=ON",
    "PRAGMA wal_autocheckpoint=0",
    "PRAGMA cache_size=-65536",  # KiB; all over the indexes is where a long computation reads
)
# A page that is only looked at where it lies would be checked again each time.
_MAPPING = (f"PRAGMA mmap_size={MAPPED_BYTES}", "PRAGMA cell_size_check=OFF")


class SqliteReader:
    """A SQLite file, opened to read in the thread that asks: whoever computes has nobody to wait for."""

    def __init__(self, path: Path) -> None:
        """Prepare the connection; the first transaction opens the file."""

        def connect() -> sqlite3.Connection:
            raw = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            for pragma in _PRAGMAS:
                raw.execute(pragma).fetchall()
            return raw

        self._engine = create_engine("sqlite://", creator=connect, poolclass=StaticPool)
        event.listen(self._engine, "begin", _begin)

    async def read(self, transaction: Callable[[Connection], T]) -> T:
        """Run the function in one read-only snapshot."""
        with self._engine.begin() as conn:
            return transaction(conn)

    async def close(self) -> None:
        """Close the connection."""
        self._engine.dispose()


def open_reader(url: str) -> SqliteReader | Database:
    """Return what reads the database a URL names; see `open_database`."""
    return SqliteReader(Path(url.removeprefix(SQLITE))) if is_sqlite(url) else open_database(url)


def map_pages(conn: Connection) -> None:
    """Have a SQLite file looked at where the system keeps it in memory, no longer copied page by page.

    For look-ups all over the indexes, which want another page each time: they take two thirds as long. The pages then
    count as memory of the process, though all processes share them and the system takes them back when it needs room.
    """
    if conn.dialect.name == "sqlite":
        for pragma in _MAPPING:
            conn.exec_driver_sql(pragma)


def _begin(conn: Connection) -> None:
    conn.exec_driver_sql("BEGIN")
