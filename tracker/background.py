"""The background process of a server: it projects clicks and decides conversions.

Python runs the code of one thread at a time, so the same work inside the process that answers made every hundredth
answer wait several times as long. The server starts it before it opens anything, tells it when there is work, starts it
again when it dies, and ends it. When the server dies, it ends at once.
"""

import asyncio
import contextlib
import gc
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import structlog

from tracker.logs import configure_logs
from tracker.loops import run_loop
from tracker.report_queue import PRESSED_S
from tracker.services import Services, open_services
from tracker.settings import load_settings
from tracker.worker import BACK_TASKS, run_tasks

BEGIN, WORK, END = b"b", b"w", b"e"
TELL_S = 0.02  # reports of so many seconds are told together
END_S = 10.0  # for the task at hand when asked to end
AGAIN_S = 1.0  # before one that died is started again
NICENESS = 5  # who answers requests goes first

log = structlog.get_logger()


class Background:
    """The process and the way to it. Use it as: made, `begin`, `watched` while serving, `end`."""

    def __init__(self, data_dir: Path) -> None:
        """Start the process, which waits for `begin`. Make it before any thread and loop: it is a fork where it can."""
        self._data_dir = data_dir
        self._pipe: Connection
        self._process: BaseProcess
        self._is_told = False
        # What is in memory now is shared with the process as long as nobody touches it.
        gc.freeze()
        self._start("fork" if sys.platform == "linux" else "spawn")

    def begin(self) -> None:
        """Let the process open the installation; it is migrated by now."""
        self._tell(BEGIN)

    def wake(self) -> None:
        """Say that there is work; what comes together is said once."""
        if not self._is_told:
            self._is_told = True
            asyncio.get_running_loop().call_later(TELL_S, self._tell_work)

    @contextmanager
    def watched(self, on_restart: Callable[[], None]) -> Iterator[None]:
        """Start the process again whenever it dies, inside the running loop, and call the function then."""
        watching = asyncio.create_task(self._watch(on_restart))
        try:
            yield
        finally:
            watching.cancel()

    def end(self) -> None:
        """End the process after the task at hand."""
        self._tell(END)
        self._process.join(END_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._pipe.close()

    def _start(self, method: str) -> None:
        context: Any = multiprocessing.get_context(method)
        self._pipe, theirs = context.Pipe()
        arguments = (self._data_dir, theirs, self._pipe if method == "fork" else None)
        self._process = context.Process(target=_work, args=arguments, name="molva-background", daemon=True)
        self._process.start()
        theirs.close()

    async def _watch(self, on_restart: Callable[[], None]) -> None:
        while True:
            await _ended(self._process)
            on_restart()
            log.error("background_process_ended", exit_code=self._process.exitcode)
            await asyncio.sleep(AGAIN_S)
            self._pipe.close()
            # Never a fork from here on: threads run in this process.
            self._start("spawn")
            self.begin()

    def _tell_work(self) -> None:
        self._is_told = False
        self._tell(WORK)

    def _tell(self, what: bytes) -> None:
        # One that died hears nothing; it is started again and looks for work by itself.
        with contextlib.suppress(OSError):
            self._pipe.send_bytes(what)


async def _ended(process: BaseProcess) -> None:
    """Return when a process is over."""
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    sentinel = process.sentinel
    loop.add_reader(sentinel, over.set)
    try:
        await over.wait()
    finally:
        loop.remove_reader(sentinel)


def _work(data_dir: Path, pipe: Connection, theirs: Connection | None) -> None:
    """Be the background process."""
    # A signal from the keyboard reaches the whole group; the server says when to end.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    if theirs is not None:
        theirs.close()  # Or the end of the server would never be heard.
    try:
        if pipe.recv_bytes() != BEGIN:
            return
    except EOFError:
        return
    with contextlib.suppress(OSError):  # Where the system forbids it (deploy/molva.service) both count the same.
        os.nice(NICENESS)
    configure_logs(load_settings(data_dir).log_level)
    run_loop(_serve_pipe(data_dir, pipe))


async def _serve_pipe(data_dir: Path, pipe: Connection) -> None:
    services = await open_services(data_dir, is_beside=True)
    _listen(pipe, services)
    await run_tasks(services, BACK_TASKS)
    await services.close()


def _listen(pipe: Connection, services: Services) -> None:
    """Hear from the server: work, and the end."""
    heard_s = 0.0

    def hear() -> None:
        nonlocal heard_s
        try:
            what = pipe.recv_bytes()
        except (EOFError, OSError):
            # The server died. What is under way was promised to nobody; SQLite takes it back.
            os._exit(0)
        if what == WORK:
            heard_s = time.monotonic()
            services.work.set()
        else:
            asyncio.get_running_loop().remove_reader(pipe.fileno())
            services.buffer.close()
            services.stopping.set()
            services.work.set()

    services.is_server_pressed = lambda: time.monotonic() - heard_s < PRESSED_S + TELL_S
    asyncio.get_running_loop().add_reader(pipe.fileno(), hear)
