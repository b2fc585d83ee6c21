"""Who computes a run: this process, or several, each with a reader of its own; the results come in one order.

Engines hand out tasks: functions of a module that take a connection, the setting all share, and one piece of the work.
A process of the crew ends with the process that began it, however that ends.
"""

import asyncio
import gc
import multiprocessing
import os
import pickle
import signal
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

import msgspec
from sqlalchemy import Connection

from tracker.clicks.touches import Numbering
from tracker.db.reading import open_reader
from tracker.operations.types import OperationError
from tracker.recompute.types import WhatIf, World

AHEAD = 2  # pieces of work a process has waiting; their results lie in memory until their turn
NICE = 10  # a server on the same machine goes first
PROCESSES_MAX = 64
WORTH_FROM = 5000  # conversions; a process needs a second to begin

T = TypeVar("T")
P = TypeVar("P")
R = TypeVar("R")


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """What all pieces of a run share. Folder: an empty one for files of the engine, gone when the run ends.

    Now: the instant by which results are locked, in Unix ms. Run: the one that decides for good, None where nothing is.
    """

    world: World
    numbers: Numbering
    what_if: WhatIf
    click_watermark: int
    folder: Path
    now_ms: int
    run_id: str | None = None


Task = Callable[[Connection, Setting, P], R]


class Reader(Protocol):
    """What is needed of a database: reading."""

    async def read(self, transaction: Callable[[Connection], T]) -> T:
        """Run the function in one read-only transaction and return its value."""
        ...


class Crew(Protocol):
    """Does a task for each piece of work."""

    def each(self, task: Task[P, R], pieces: Iterable[P]) -> AsyncIterator[R]:
        """Give what the task returns for each piece, in their order."""
        ...


class Alone:
    """This process, piece after piece."""

    def __init__(self, reader: Reader, setting: Setting) -> None:
        """Take the reader of the run."""
        self._reader = reader
        self._setting = setting

    async def each(self, task: Task[P, R], pieces: Iterable[P]) -> AsyncIterator[R]:
        """Give what the task returns for each piece."""
        for piece in pieces:
            yield await self._reader.read(partial(_on_piece, task, self._setting, piece))


class Several:
    """Processes beside this one; see `several`."""

    def __init__(self, pool: ProcessPoolExecutor, processes: int) -> None:
        """Take processes that know the setting."""
        self._pool = pool
        self._ahead = AHEAD * processes

    async def each(self, task: Task[P, R], pieces: Iterable[P]) -> AsyncIterator[R]:
        """Give what the task returns for each piece; some are worked on ahead of their turn."""
        loop = asyncio.get_running_loop()
        waiting: deque[asyncio.Future[R]] = deque()
        try:
            for piece in pieces:
                waiting.append(self._hand_out(loop, task, piece))
                if len(waiting) >= self._ahead:
                    yield await waiting.popleft()
            while waiting:
                yield await waiting.popleft()
        except BrokenProcessPool as error:
            raise OperationError(
                "A process of the run was ended from outside, perhaps because memory ran out. What was done is kept; "
                "go on with --resume, and with --processes 1 if it happens again."
            ) from error
        finally:
            for left in waiting:  # None where everything went well.
                if not left.cancel():
                    left.exception()  # The first one was told of.

    def _hand_out(self, loop: asyncio.AbstractEventLoop, task: Task[P, R], piece: P) -> "asyncio.Future[R]":
        try:
            return loop.run_in_executor(self._pool, _work, task, piece)
        except Exception as error:
            # Nothing of the task runs here. The machine has no room for one more process, or the pool just took apart
            # what one would begin with, and then it fails in whatever way that part does.
            raise BrokenProcessPool from error


def processes_for(conversions: int) -> int:
    """Return how many processes are worth beginning for so many conversions where nobody said a number."""
    return 1 if conversions < WORTH_FROM else min(len(os.sched_getaffinity(0)), PROCESSES_MAX)


@asynccontextmanager
async def open_crew(reader: Reader, setting: Setting, *, url: str | None, processes: int) -> AsyncIterator[Crew]:
    """Give who computes. URL: of the database, for readers of other processes; None where only this one may read."""
    if url is None or processes == 1:
        yield Alone(reader, setting)
        return
    # Begun anew, not forked: this process has threads, and connections that must not be shared.
    context = multiprocessing.get_context("spawn")
    # By a file: what is handed over at a start fills a pipe, and nobody empties that of a process that ended at once.
    told = setting.folder / "setting.pickle"
    told.write_bytes(pickle.dumps(setting))
    pool = ProcessPoolExecutor(processes, mp_context=context, initializer=_begin, initargs=(url, told))
    try:
        yield Several(pool, processes)
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def uncollected() -> Iterator[None]:
    """Keep the collector of garbage from what exists by now.

    A plan holds millions of objects that live as long as the run, and walking through them again and again took a
    fifth of its time. What is made from here on is collected as ever.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


class _Here(NamedTuple):
    """What a process of a crew works with."""

    loop: asyncio.AbstractEventLoop
    reader: Reader
    setting: Setting


_here: list[_Here] = []  # of this process: one, where it belongs to a crew


def _begin(url: str, told: Path) -> None:
    # Who pressed Ctrl-C meant the run; its process ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(NICE)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    setting: Setting = pickle.loads(told.read_bytes())  # noqa: S301  # Of the run, in a folder of its own.
    _here.append(_Here(asyncio.new_event_loop(), open_reader(url), setting))
    gc.freeze()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _work(task: Task[P, R], piece: P) -> R:
    loop, reader, setting = _here[0]
    return loop.run_until_complete(reader.read(partial(_on_piece, task, setting, piece)))


def _on_piece(task: Task[P, R], setting: Setting, piece: P, conn: Connection) -> R:
    return task(conn, setting, piece)
