"""Several server processes on one PostgreSQL: `molva serve --workers N`.

The parent binds the address, starts the processes, starts one that dies again and hands signals on. It serves nothing
itself. SQLite takes one process; see tracker/db/sqlite.py.
"""

import multiprocessing
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

import structlog

from tracker.db.database import DatabaseUnusableError
from tracker.db.opening import is_sqlite
from tracker.logs import configure_logs
from tracker.loops import run_loop
from tracker.serving import GRACE_S, bind, serve_share
from tracker.settings import database_url, load_settings

WORKERS_MAX = 64  # processes; each holds up to eight connections to the database
SHORT_LIFE_S = 10.0  # a process that ends sooner will not do better the next time
SHORT_LIVES_MAX = 3
LOOK_S = 0.5
STOP_S = GRACE_S + 5.0

log = structlog.get_logger()


def serve_with_workers(data_dir: Path, *, host: str, port: int, workers: int) -> None:
    """Serve until a signal; raises DatabaseUnusableError on SQLite and when processes end right after their start."""
    if not 1 <= workers <= WORKERS_MAX:
        raise DatabaseUnusableError(f"--workers {workers} is not possible; choose 1 to {WORKERS_MAX}.")
    if is_sqlite(database_url(load_settings(data_dir), data_dir)):
        raise DatabaseUnusableError(
            f"--workers {workers} needs PostgreSQL: several processes on one SQLite file are refused because SQLite "
            "may lose rows then. Set database_url to a PostgreSQL, or serve with one process."
        )
    with bind(host, port) as bound:
        bound.listen(2048)
        _Crew(data_dir, bound, workers).work()


class _Crew:
    """The processes of one address."""

    def __init__(self, data_dir: Path, bound: socket.socket, workers: int) -> None:
        self._data_dir = data_dir
        self._bound = bound
        self._spawn = multiprocessing.get_context("spawn")
        self._short_lives = 0
        self._stopping = False
        self._started: dict[int, float] = {}
        self._members: dict[int, SpawnProcess] = {}
        self._numbers = range(workers)

    def work(self) -> None:
        """Keep every process running until asked to stop."""
        with self._signals():
            for number in self._numbers:
                self._start(number)
            try:
                while not self._stopping:
                    wait([member.sentinel for member in self._members.values()], LOOK_S)
                    self._replace_dead()
            finally:
                self._stop()

    def _start(self, number: int) -> None:
        member = self._spawn.Process(
            target=_serve, args=(self._data_dir, self._bound, number == 0), name=f"molva-{number}"
        )
        member.start()
        self._members[number] = member
        self._started[number] = time.monotonic()

    def _replace_dead(self) -> None:
        for number, member in list(self._members.items()):
            if member.is_alive() or self._stopping:
                continue
            log.error("server_process_ended", process=number, exit_code=member.exitcode)
            is_short = time.monotonic() - self._started[number] < SHORT_LIFE_S
            self._short_lives = self._short_lives + 1 if is_short else 0
            if self._short_lives >= SHORT_LIVES_MAX:
                raise DatabaseUnusableError(
                    "Server processes end right after their start; the log says why. Run: molva doctor."
                )
            self._start(number)

    def _stop(self) -> None:
        """Let requests in flight end; what does not end in time is killed."""
        for member in self._members.values():
            member.terminate()
        deadline = time.monotonic() + STOP_S
        for member in self._members.values():
            member.join(max(deadline - time.monotonic(), 0))
            if member.is_alive():
                member.kill()
                member.join()

    @contextmanager
    def _signals(self) -> Iterator[None]:
        def stop(*_: Any) -> None:
            self._stopping = True

        before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _serve(data_dir: Path, bound: socket.socket, is_first: bool) -> None:
    configure_logs(load_settings(data_dir).log_level)
    run_loop(serve_share(data_dir, bound, is_first=is_first))
