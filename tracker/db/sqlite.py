"""SQLite: one writing connection on one dedicated thread, readers through aiosqlite.

Deferred transactions double-spent and lost to locks when we tried them, and SQLite before 3.51.3 has a WAL-reset race
between several writers. So there is exactly one writer a database, guarded by a lock file, and every transaction starts
with BEGIN IMMEDIATE. `synchronous=FULL`: with NORMAL acknowledged rows were lost at power cuts.
"""

import asyncio
import fcntl
import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import StaticPool

from tracker.db.database import DatabaseBusyError, DatabaseUnusableError

T = TypeVar("T")

SQLITE_MIN = (3, 37, 0)  # STRICT tables
READERS = 4  # connections; pages and the API read, the hot path does not
STATEMENTS_CACHED = 600  # one inbox statement a batch size, see BATCH_MAX in ingest/buffer.py
APPLICATION_ID = 0x4D4F4C56  # "MOLV", so that `file` tells what the database is

_PRAGMAS = (
    "PRAGMA busy_timeout=5000",
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
    f"PRAGMA application_id={APPLICATION_ID}",
)
_READER_PRAGMAS = (*_PRAGMAS, "PRAGMA query_only=ON", "PRAGMA wal_autocheckpoint=0")


class _Job(NamedTuple):
    """A function for the writer thread and where its result goes."""

    run: Callable[[Connection], Any]
    future: "asyncio.Future[Any]"
    loop: asyncio.AbstractEventLoop


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
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._readers = _reader_engine(path)
        self._thread = threading.Thread(target=self._work, args=(path,), name="molva-writer", daemon=True)
        self._thread.start()

    async def write(self, transaction: Callable[[Connection], T]) -> T:
        """Run the function in one BEGIN IMMEDIATE transaction on the writer thread."""

        def run(conn: Connection) -> T:
            with conn.begin():
                return transaction(conn)

        return await self._submit(run)

    async def append_inbox(self, rows: Sequence[tuple[int, str]]) -> None:
        """Append inbox rows by one statement: one trip to SQLite a batch measured faster than one a row."""
        values = [value for row in rows for value in row]
        statement = "INSERT INTO inbox (received_at_ms, body) VALUES (?, ?)" + ", (?, ?)" * (len(rows) - 1)

        def run(conn: Connection) -> None:
            # The hot path: SQLAlchemy's machinery would cost more than the insert itself.
            cursor = conn.connection.cursor()
            cursor.execute("BEGIN IMMEDIATE")
            try:
                cursor.execute(statement, values)
            except BaseException:
                conn.connection.rollback()
                raise
            conn.connection.commit()

        await self._submit(run)

    async def read(self, transaction: Callable[[Connection], T]) -> T:
        """Run the function on a reader; it sees one snapshot and cannot write."""
        async with self._readers.connect() as conn, conn.begin():
            return await conn.run_sync(transaction)

    async def close(self) -> None:
        """Finish queued writes, close all connections, give the lock up."""
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)
        await self._readers.dispose()
        self._lock.release()

    async def _submit(self, run: Callable[[Connection], T]) -> T:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._jobs.put(_Job(run, future, loop))
        return await future

    def _work(self, path: Path) -> None:
        engine = _writer_engine(path)
        try:
            with engine.connect() as conn:
                while (job := self._jobs.get()) is not None:
                    self._run(conn, job)
        except DBAPIError as error:
            self._refuse_all(path, error)
        finally:
            engine.dispose()

    def _refuse_all(self, path: Path, error: DBAPIError) -> None:
        """Answer every job with the reason why the file cannot be opened, until closed: nobody may wait for ever."""
        while (job := self._jobs.get()) is not None:
            reason = DatabaseUnusableError(
                f'The database "{path}" cannot be opened for writing ({error.orig}). If it is no Molva database, name '
                "another data folder; if it is damaged, restore a copy of it."
            )
            job.loop.call_soon_threadsafe(_fail, job.future, reason)

    @staticmethod
    def _run(conn: Connection, job: _Job) -> None:
        try:
            value = job.run(conn)
        except BaseException as error:  # noqa: BLE001  # Whatever it is belongs to the caller, not to the writer thread.
            outcome = _as_busy(error)
            job.loop.call_soon_threadsafe(_fail, job.future, outcome)
        else:
            job.loop.call_soon_threadsafe(_resolve, job.future, value)


def _resolve(future: "asyncio.Future[Any]", value: Any) -> None:
    if not future.done():
        future.set_result(value)


def _fail(future: "asyncio.Future[Any]", error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)


def _as_busy(error: BaseException) -> BaseException:
    """Return DatabaseBusyError for a locked or full database, else the error itself."""
    original = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(original, sqlite3.OperationalError) or isinstance(error, OperationalError):
        text = str(original)
        if "locked" in text or "full" in text or "disk I/O" in text or "busy" in text:
            return DatabaseBusyError(f"The database cannot take writes now ({text}); try again.")
    return error


def _writer_engine(path: Path) -> Engine:
    def connect() -> sqlite3.Connection:
        raw = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=STATEMENTS_CACHED)
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
