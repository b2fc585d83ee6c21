"""SQLite: one writing connection on one dedicated thread, readers through aiosqlite.

Deferred transactions double-spent and lost to locks when we tried them, so every transaction starts with BEGIN
IMMEDIATE. A process has exactly one writer; the server and its background process take turns, and a third process is
refused (sqlite_locks.py). `synchronous=FULL`: with NORMAL acknowledged rows were lost at power cuts.
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import StaticPool

from tracker.db.database import DatabaseUnusableError
from tracker.db.sqlite_inbox import FILE as INBOX_FILE
from tracker.db.sqlite_inbox import SqliteInbox
from tracker.db.sqlite_locks import Turn, lock_beside, lock_out_others
from tracker.db.sqlite_thread import PATIENCE_MS, ConnectionThread

T = TypeVar("T")

SQLITE_MIN = (3, 37, 0)  # STRICT tables
# The background process holds the turn while it waits for somebody else's lock; who answers requests waits behind it.
BESIDE_PATIENCE_MS = 500
READERS = 4  # connections; pages and the API read, the hot path does not
APPLICATION_ID = 0x4D4F4C56  # "MOLV", so that `file` tells what the database is

_PRAGMAS = (
    f"PRAGMA busy_timeout={PATIENCE_MS}",
    "PRAGMA foreign_keys=ON",
    "PRAGMA trusted_schema=OFF",
    "PRAGMA cell_size_check=ON",
)
_WRITER_PRAGMAS = (
    *_PRAGMAS,
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA secure_delete=ON",
    "PRAGMA journal_size_limit=67108864",
    "PRAGMA cache_size=-65536",  # KiB, taken as needed: random index pages are the dear part of a click
    f"PRAGMA application_id={APPLICATION_ID}",
)
_READER_PRAGMAS = (*_PRAGMAS, "PRAGMA query_only=ON", "PRAGMA wal_autocheckpoint=0")


class SqliteDatabase:
    """The opened SQLite database of one process."""

    dialect = "sqlite"

    def __init__(self, path: Path, *, is_beside: bool = False) -> None:
        """Open (or create) the file at path and take the lock of the process: the server's or, beside it, the other.

        Beside a server the inbox can be read only.
        """
        if sqlite3.sqlite_version_info < SQLITE_MIN:
            raise DatabaseUnusableError(
                f"SQLite {sqlite3.sqlite_version} is too old: Molva needs 3.37 or newer. Use a newer Python build."
            )
        self._lock = lock_beside(path.parent) if is_beside else lock_out_others(path.parent)
        self._turn = Turn(path.parent)
        # Behind a server the turn may take long to come: whoever answers requests goes first.
        self._turn_ms = PATIENCE_MS if is_beside else 0
        self._path = path
        self._writer = ConnectionThread(
            path,
            name="molva-writer",
            connect=self._connect_writer,
            close=self._close_writer,
            raw=_raw,
            patience_ms=BESIDE_PATIENCE_MS if is_beside else PATIENCE_MS,
        )
        self.inbox = SqliteInbox(path.parent / INBOX_FILE, is_read_only=is_beside)
        self._readers = _reader_engine(path)

    async def write(self, transaction: Callable[[Connection], T]) -> T:
        """Run the function in one BEGIN IMMEDIATE transaction on the writer thread."""

        def run(conn: Connection) -> T:
            self._turn.patience_s = max(self._writer.patience_ms, self._turn_ms) / 1000
            with self._turn, conn.begin():
                return transaction(conn)

        return await self._writer.submit(run)

    async def read(self, transaction: Callable[[Connection], T]) -> T:
        """Run the function on a reader; it sees one snapshot and cannot write."""
        async with self._readers.connect() as conn, conn.begin():
            return await conn.run_sync(transaction)

    async def checkpoint(self) -> None:
        """Move both write-ahead logs into their files and empty them, so that nothing deleted stays in them."""

        def run(conn: Connection) -> None:
            # On the bare connection: SQLAlchemy would begin a transaction, in which nothing can be checkpointed.
            with self._turn:
                _raw(conn).execute("PRAGMA wal_checkpoint(TRUNCATE)").close()

        await self._writer.submit(run)
        await self.inbox.checkpoint()

    async def close(self) -> None:
        """Finish queued writes, close all connections, give the lock up."""
        await self._writer.close()
        await self.inbox.close()
        await self._readers.dispose()
        self._turn.close()
        self._lock.close()

    def _connect_writer(self) -> Connection:
        with self._turn:
            return _writer_engine(self._path).connect()

    def _close_writer(self, conn: Connection) -> None:
        # The last connection to close moves the write-ahead log into the file.
        with self._turn:
            conn.close()
            conn.engine.dispose()


def _raw(conn: Connection) -> sqlite3.Connection:
    raw: Any = conn.connection.driver_connection
    return cast("sqlite3.Connection", raw)


def _writer_engine(path: Path) -> Engine:
    def connect() -> sqlite3.Connection:
        raw = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        for pragma in _WRITER_PRAGMAS:
            raw.execute(pragma).fetchall()
        return raw

    engine = create_engine("sqlite://", creator=connect, poolclass=StaticPool)
    event.listen(engine, "begin", _begin_immediate)
    return engine


def _begin_immediate(conn: Connection) -> None:
    conn.exec_driver_sql("BEGIN IMMEDIATE")


def _begin(conn: Connection) -> None:
    conn.exec_driver_sql("BEGIN")


def _reader_engine(path: Path) -> AsyncEngine:
    engine = create_async_engine(
        f"sqlite+aiosqlite:///{path}",
        pool_size=READERS,
        max_overflow=0,
        connect_args={"isolation_level": None},
    )

    def prepare(raw: Any, _record: Any) -> None:
        cursor = raw.cursor()
        for pragma in _READER_PRAGMAS:
            cursor.execute(pragma)
        cursor.close()

    event.listen(engine.sync_engine, "connect", prepare)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine
