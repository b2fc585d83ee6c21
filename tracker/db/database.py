"""What every part of Molva knows about the database: a transaction is one plain function.

`Database.write(fn)` runs `fn(conn)` in a writing transaction and returns after COMMIT; `Database.read(fn)` runs it on a
reader. There is no `await` inside a transaction, so nothing can be cancelled half-way and no connection is shared
between tasks. `sqlite.py` and `postgres.py` implement it; `open_database` in `opening.py` chooses by URL.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")


class DatabaseBusyError(Exception):
    """The database could not take the write now (locked, full or overloaded); the client may retry."""


class DatabaseUnusableError(Exception):
    """The database cannot be used as configured; the message says cause and remedy."""


class InboxRow(NamedTuple):
    """An acknowledged click as it came."""

    seq: int
    received_at_ms: int
    body: str


class Inbox(Protocol):
    """The append-only inbox of acknowledged clicks; its numbers rise and never come back."""

    async def append(self, rows: Sequence[tuple[int, str]]) -> None:
        """Append (received_at_ms, body) rows in order, in one transaction; returns after COMMIT."""
        ...

    async def end(self) -> int:
        """Return the newest number below which nothing can appear any more; 0 when there never was any."""
        ...

    async def rows(self, *, after: int, up_to: int, limit: int) -> list[InboxRow]:
        """Return rows in order."""
        ...

    async def purge(self, *, up_to: int, before_ms: int, limit: int) -> int:
        """Delete rows up to a number that were received before an instant, oldest first, and return how many."""
        ...

    async def start_after(self, seq: int) -> None:
        """Give new rows numbers above seq: after the loss of the inbox the cursor must not hide new clicks."""
        ...

    async def rewrite(self, bodies: Sequence[tuple[int, str]]) -> None:
        """Give rows, by number, other bodies in one transaction: a person asked to be forgotten."""
        ...


class Database(Protocol):
    """One opened database."""

    dialect: str

    @property
    def inbox(self) -> Inbox:
        """Return where acknowledged clicks wait for their projection."""
        ...

    async def write(self, transaction: Callable[[Connection], T]) -> T:
        """Run the function in one writing transaction and return its value after COMMIT.

        An exception rolls everything back and is raised here. Raises DatabaseBusyError when the lock or space is not
        to be had.
        """
        ...

    async def read(self, transaction: Callable[[Connection], T]) -> T:
        """Run the function in one read-only transaction and return its value."""
        ...

    async def close(self) -> None:
        """Finish queued work and close every connection."""
        ...
