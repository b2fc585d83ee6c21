"""The inbox on SQLite: a file of its own beside the database, with its own writer thread.

Appending an acknowledged click waits for one sync and nothing else: no domain transaction and no projection stands in
its way. The file has one table without secondary index. Its numbers never come back, also when the file is made anew.
"""

import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path

from tracker.db.database import InboxRow
from tracker.db.sqlite_thread import PATIENCE_MS, ConnectionThread

FILE = "inbox.db"
STATEMENTS_CACHED = 600  # one statement a batch size, see BATCH_MAX in ingest/buffer.py
APPLICATION_ID = 0x4D4F4C49  # "MOLI", so that `file` tells it from the database

_SCHEMA = """
CREATE TABLE IF NOT EXISTS inbox (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  received_at_ms INTEGER NOT NULL,
  body TEXT NOT NULL
) STRICT
"""
_BASE_PRAGMAS = (
    f"PRAGMA busy_timeout={PATIENCE_MS}",
    "PRAGMA trusted_schema=OFF",
    "PRAGMA cell_size_check=ON",
)
_PRAGMAS = (
    *_BASE_PRAGMAS,
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA secure_delete=ON",
    "PRAGMA journal_size_limit=67108864",
    f"PRAGMA application_id={APPLICATION_ID}",
)
_READER_PRAGMAS = (*_BASE_PRAGMAS, "PRAGMA query_only=ON", "PRAGMA wal_autocheckpoint=0")


class SqliteInbox:
    """The opened inbox file of one process: one thread appends and deletes, another reads."""

    def __init__(self, path: Path, *, is_read_only: bool = False) -> None:
        """Open or create the file; one that another process writes is opened for reading alone."""
        self._path = path
        self._is_made = threading.Event()
        self._writer = ConnectionThread(
            path,
            name="molva-inbox",
            connect=self._open_written if is_read_only else self._open,
            close=sqlite3.Connection.close,
            raw=_itself,
        )
        self._reader = ConnectionThread(
            path, name="molva-inbox-reader", connect=self._open_reader, close=sqlite3.Connection.close, raw=_itself
        )

    async def append(self, rows: Sequence[tuple[int, str]]) -> None:
        """Append (received_at_ms, body) rows in order by one statement, which is its own transaction."""
        values = [value for row in rows for value in row]
        statement = "INSERT INTO inbox (received_at_ms, body) VALUES (?, ?)" + ", (?, ?)" * (len(rows) - 1)
        await self._writer.submit(lambda conn: conn.execute(statement, values).close())

    async def end(self) -> int:
        """Return the newest number given so far, 0 when there never was any."""
        return await self._reader.submit(_last_number)

    async def rows(self, *, after: int, up_to: int, limit: int) -> list[InboxRow]:
        """Return rows in order."""
        query = "SELECT seq, received_at_ms, body FROM inbox WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?"
        return await self._reader.submit(
            lambda conn: [InboxRow(*row) for row in conn.execute(query, (after, up_to, limit))]
        )

    async def purge(self, *, up_to: int, before_ms: int, limit: int) -> int:
        """Delete rows up to a number that were received before an instant, oldest first, and return how many."""
        statement = (
            "DELETE FROM inbox WHERE seq IN "
            "(SELECT seq FROM inbox WHERE seq <= ? AND received_at_ms < ? ORDER BY seq LIMIT ?)"
        )
        return await self._writer.submit(lambda conn: conn.execute(statement, (up_to, before_ms, limit)).rowcount)

    async def rewrite(self, bodies: Sequence[tuple[int, str]]) -> None:
        """Give rows, by number, other bodies in one transaction: a person asked to be forgotten."""

        def run(conn: sqlite3.Connection) -> None:
            with _Transaction(conn):
                conn.executemany("UPDATE inbox SET body = ?2 WHERE seq = ?1", bodies)

        await self._writer.submit(run)

    async def checkpoint(self) -> None:
        """Move the write-ahead log into the file and empty it, so that nothing deleted stays in it."""
        await self._writer.submit(lambda conn: conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").close())

    async def start_after(self, seq: int) -> None:
        """Give new rows numbers above seq: after the loss of this file the cursor must not hide new clicks."""

        def run(conn: sqlite3.Connection) -> None:
            if _last_number(conn) >= seq:
                return
            with _Transaction(conn):
                conn.execute("DELETE FROM sqlite_sequence WHERE name = 'inbox'")
                conn.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('inbox', ?)", (seq,))

        await self._writer.submit(run)

    async def close(self) -> None:
        """Finish queued work and close both connections."""
        await self._reader.close()
        await self._writer.close()

    def _open(self) -> sqlite3.Connection:
        try:
            conn = self._connect(_PRAGMAS)
            conn.execute(_SCHEMA)
        finally:
            self._is_made.set()
        return conn

    def _open_written(self) -> sqlite3.Connection:
        self._is_made.set()
        return self._connect(_READER_PRAGMAS)

    def _open_reader(self) -> sqlite3.Connection:
        # Two connections that make one new file a WAL file at the same time lock each other out.
        self._is_made.wait()
        return self._connect(_READER_PRAGMAS)

    def _connect(self, pragmas: tuple[str, ...]) -> sqlite3.Connection:
        conn = sqlite3.connect(self._path, isolation_level=None, cached_statements=STATEMENTS_CACHED)
        for pragma in pragmas:
            conn.execute(pragma).fetchall()
        return conn


class _Transaction:
    """BEGIN IMMEDIATE … COMMIT, or ROLLBACK when something is raised (SQLite may have rolled back by itself)."""

    def __init__(self, conn: sqlite3.Connection) -> None:
        self._conn = conn

    def __enter__(self) -> None:
        self._conn.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, *_rest: object) -> None:
        if kind is None:
            self._conn.commit()
        else:
            self._conn.rollback()


def _itself(conn: sqlite3.Connection) -> sqlite3.Connection:
    return conn


def _last_number(conn: sqlite3.Connection) -> int:
    row = conn.execute("SELECT seq FROM sqlite_sequence WHERE name = 'inbox'").fetchone()
    return int(row[0]) if row else 0
