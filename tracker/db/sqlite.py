"""SQLite: one writing connection on one dedicated thread, readers through aiosqlite.

Deferred transactions double-spent and lost to locks when we tried them, and SQLite before 3.51.3 has a WAL-reset race
between several writers. So there is exactly one writer a database, guarded by a lock file, and every transaction starts
with BEGIN IMMEDIATE. `synchronous=FULL`: with NORMAL acknowledged rows were lost at power cuts.
"""

import fcntl
import os
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
from tracker.db.sqlite_thread import PATIENCE_MS, ConnectionThread

T = TypeVar("T")

SQLITE_MIN = (3, 37, 0)  # STRICT tables
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


class WriterLock:
    """The lock file that keeps a second writing process away."""

    def __init__(self, path: Path) -> None:
        """Take the lock; raises DatabaseUnusableError when another process holds it."""
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._file)
            raise DatabaseUnusableError(
                f'Another process is writing to this data folder (lock "{path}"). Stop it first; several processes on '
                "one SQLite file are refused because SQLite may lose rows then. For several processes use PostgreSQL."
            ) from error

    def release(self) -> None:
        """Give the lock up."""
        os.close(self._file)


class SqliteDatabase:
    """The opened SQLite database of one process."""

    dialect = "sqlite"

    def __init__(self, path: Path) -> None:
        """Open (or create) the file at path and take the writer's lock beside it."""
        if sqlite3.sqlite_version_info < SQLITE_MIN:
            raise DatabaseUnusableError(
                f"SQLite {sqlite3.sqlite_version} is too old: Molva needs 3.37 or newer. Use a newer Python build."
            )
        self._lock = WriterLock(path.parent / "writer.lock")
        self._writer = ConnectionThread(
            path, name="molva-writer", connect=lambda: _writer_connection(path), close=_close_writer, raw=_raw
        )
        self.inbox = SqliteInbox(path.parent / INBOX_FILE)
        self._readers = _reader_engine(path)

    async def write(self, transaction: Callable[[Connection], T]) -> T:
        """Run the function in one BEGIN IMMEDIATE transaction on the writer thread."""

        def run(conn: Connection) -> T:
            with conn.begin():
                return transaction(conn)

        return await self._writer.submit(run)

    async def read(self, transaction: Callable[[Connection], T]) -> T:
        """Run the function on a reader; it sees one snapshot and cannot write."""
        async with self._readers.connect() as conn, conn.begin():
            return await conn.run_sync(transaction)

    async def checkpoint(self) -> None:
        """Move both write-ahead logs into their files and empty them, so that nothing deleted stays in them."""
        # On the bare connection: SQLAlchemy would begin a transaction, in which nothing can be checkpointed.
        await self._writer.submit(
            lambda conn: conn.connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
        )
        await self.inbox.checkpoint()

    async def close(self) -> None:
        """Finish queued writes, close all connections, give the lock up."""
        await self._writer.close()
        await self.inbox.close()
        await self._readers.dispose()
        self._lock.release()


def _writer_connection(path: Path) -> Connection:
    return _writer_engine(path).connect()


def _raw(conn: Connection) -> sqlite3.Connection:
    raw: Any = conn.connection.driver_connection
    return cast("sqlite3.Connection", raw)


def _close_writer(conn: Connection) -> None:
    conn.close()
    conn.engine.dispose()


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
