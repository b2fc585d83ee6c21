"""What every part of Molva knows about the database: a transaction is one plain function.

`Database.write(fn)` runs `fn(conn)` in a writing transaction and returns after COMMIT; `Database.read(fn)` runs it on a
reader. There is no `await` inside a transaction, so nothing can be cancelled half-way and no connection is shared
between tasks. `sqlite.py` and `postgres.py` implement it; `open_database` in `opening.py` chooses by URL.
"""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")


class DatabaseBusyError(Exception):
    """The database could not take the write now (locked, full or overloaded); the client may retry."""


class DatabaseUnusableError(Exception):
    """The database cannot be used as configured; the message says cause and remedy."""


class Database(Protocol):
    """One opened database."""

    dialect: str

    async def write(self, transaction: Callable[[Connection], T]) -> T:
        """Run the function in one writing transaction and return its value after COMMIT.

        An exception rolls everything back and is raised here. Raises DatabaseBusyError when the lock or space is not
        to be had.
        """
        ...

    async def read(self, transaction: Callable[[Connection], T]) -> T:
        """Run the function in one read-only transaction and return its value."""
        ...

    async def append_inbox(self, rows: Sequence[tuple[int, str]]) -> None:
        """Append (received_at_ms, body) rows in order, in one transaction; returns after COMMIT."""
        ...

    async def close(self) -> None:
        """Finish queued work and close every connection."""
        ...
