"""Reading a database beside the process that writes it: for long computations that must not hold a server up.

SQLite lets any number of processes read while one writes; nothing is opened for writing here, and no lock is taken.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection

from tracker.db.database import Database
from tracker.db.opening import SQLITE, is_sqlite, open_database
from tracker.db.sqlite import reader_engine

T = TypeVar("T")


class SqliteReader:
    """A SQLite file, opened to read."""

    def __init__(self, path: Path) -> None:
        """Prepare the connections; the first transaction opens the file."""
        self._engine = reader_engine(path)

    async def read(self, transaction: Callable[[Connection], T]) -> T:
        """Run the function in one read-only snapshot."""
        async with self._engine.connect() as conn, conn.begin():
            return await conn.run_sync(transaction)

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()


def open_reader(url: str) -> SqliteReader | Database:
    """Return what reads the database a URL names; see `open_database`."""
    return SqliteReader(Path(url.removeprefix(SQLITE))) if is_sqlite(url) else open_database(url)
