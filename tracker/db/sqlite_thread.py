"""One SQLite connection on a thread of its own: functions go in, results come back to the event loop that asked.

The database's writer and the two connections of the inbox file live in such threads; nothing else touches them.
"""

import asyncio
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from sqlalchemy.exc import DBAPIError, OperationalError

from tracker.db.database import DatabaseBusyError, DatabaseUnusableError

C = TypeVar("C")
T = TypeVar("T")

# How long a function waits for its turn and for another process's lock together: who waits behind one that waits for
# the lock must be answered as soon. See test_p05_locked_file_is_answered_within_six_seconds.
PATIENCE_MS = 5000
HURRY_MS = 200  # less waiting for a turn is not worth telling the connection


class _Job(NamedTuple):
    """A function for the thread and where its result goes."""

    run: Callable[[Any], Any]
    future: "asyncio.Future[Any]"
    loop: asyncio.AbstractEventLoop
    submitted_s: float


class ConnectionThread(Generic[C]):
    """Opens a connection in a new thread and runs what is submitted there, one after another."""

    def __init__(
        self,
        path: Path,
        *,
        name: str,
        connect: Callable[[], C],
        close: Callable[[C], None],
        raw: Callable[[C], sqlite3.Connection],
        patience_ms: int = PATIENCE_MS,
    ) -> None:
        """Start the thread; a file that cannot be opened refuses every submitted function with the reason.

        `raw` returns SQLite's own connection of what `connect` opened, which waits PATIENCE_MS for locks at first.
        """
        self._path = path
        self._connect = connect
        self._close = close
        self._raw = raw
        self.patience_ms = PATIENCE_MS
        self._patience_max_ms = patience_ms
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    async def submit(self, run: Callable[[C], T]) -> T:
        """Return what the function gives; raises what it raises, a locked or full database as DatabaseBusyError."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._jobs.put(_Job(run, future, loop, time.monotonic()))
        return await future

    async def close(self) -> None:
        """Finish what was submitted, then close the connection."""
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    def _work(self) -> None:
        try:
            connection = self._connect()
        except (sqlite3.Error, DBAPIError, DatabaseBusyError) as error:
            self._refuse_all(error)
            return
        try:
            while (job := self._jobs.get()) is not None:
                self._run(connection, job)
        finally:
            self._close(connection)

    def _run(self, connection: C, job: _Job) -> None:
        try:
            self._set_patience(connection, job)
            value = job.run(connection)
        except BaseException as error:  # noqa: BLE001  # Whatever it is belongs to the caller, not to the thread.
            job.loop.call_soon_threadsafe(_fail, job.future, _as_busy(error))
        else:
            job.loop.call_soon_threadsafe(_resolve, job.future, value)

    def _set_patience(self, connection: C, job: _Job) -> None:
        """Let a function wait for a lock only as long as it did not wait for its turn; it is tried once in any case."""
        waited_ms = int((time.monotonic() - job.submitted_s) * 1000)
        most_ms = self._patience_max_ms
        patience_ms = most_ms if waited_ms < HURRY_MS else max(most_ms - waited_ms, 0)
        if patience_ms != self.patience_ms:
            self._raw(connection).execute(f"PRAGMA busy_timeout={patience_ms}").close()
            self.patience_ms = patience_ms

    def _refuse_all(self, error: Exception) -> None:
        """Answer every job with the reason why the file cannot be opened, until closed: nobody may wait for ever."""
        original = error.orig if isinstance(error, DBAPIError) else error
        while (job := self._jobs.get()) is not None:
            reason = DatabaseUnusableError(
                f'The database "{self._path}" cannot be opened for writing ({original}). If it is no Molva database, '
                "name another data folder; if it is damaged, restore a copy of it."
            )
            job.loop.call_soon_threadsafe(_fail, job.future, reason)


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
