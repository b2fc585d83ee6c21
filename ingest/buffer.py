"""Group commit of clicks: many requests wait for one transaction.

While one batch is being committed the next gathers, so the batch grows with the load by itself and an idle server
commits at once. The queue is bounded: when it is full the edge answers 503 instead of growing.
"""

import asyncio
import time
from collections.abc import Callable
from typing import NamedTuple

import structlog

from ingest.directory import Sink, SinkBusyError
from ingest.http import Answer

BATCH_MAX = 500  # clicks a transaction; larger batches stopped helping and lengthen the longest answer
QUEUE_MAX = 5000  # waiting clicks; about two seconds of a busy server

Done = Callable[[SinkBusyError | None], None]

# Turns of the event loop a batch may gather in: what arrives together shares one sync. A single click waits for one.
GATHER_TURNS = 3

log = structlog.get_logger()


class Pending(NamedTuple):
    """A click (inbox text, received at Unix ms) and the answer that may be given once it is stored."""

    received_at_ms: int
    body: str
    answer: Answer


class ClickBuffer:
    """Clicks on their way to the store; the counters are there for the metrics page to read."""

    def __init__(self, sink: Sink) -> None:
        """Take the sink that stores batches; `run` must be running for anything to be stored."""
        self._sink = sink
        self._rows: list[tuple[int, str]] = []
        self._waiting: list[Done] = []
        self._filled = asyncio.Event()
        self._closing = False
        self.acknowledged = 0
        self.refused = 0
        self.batches = 0
        self.commit_seconds = 0.0

    def __len__(self) -> int:
        """Return how many clicks wait."""
        return len(self._rows)

    def add(self, received_at_ms: int, body: str, done: Done) -> None:
        """Take one click and call `done` once: with None after COMMIT, or with the reason why it is not stored.

        Raises SinkBusyError when the queue is full. `done` runs in the event loop and must not raise.
        """
        if self._closing or len(self._rows) >= QUEUE_MAX:
            self.refused += 1
            raise SinkBusyError("Too many clicks are waiting to be stored; try again.")
        self._rows.append((received_at_ms, body))
        self._waiting.append(done)
        self._filled.set()

    async def answer(self, outcome: Answer | Pending) -> Answer:
        """Return an answer, after COMMIT where a click goes with it; raises SinkBusyError as `put` does."""
        if isinstance(outcome, Answer):
            return outcome
        await self.put(outcome.received_at_ms, outcome.body)
        return outcome.answer

    async def put(self, received_at_ms: int, body: str) -> None:
        """Store one click; raises SinkBusyError when the queue is full or the store cannot take it."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def done(error: SinkBusyError | None) -> None:
            if waiter.done():
                return  # The client left; its click is stored all the same.
            if error is None:
                waiter.set_result(None)
            else:
                waiter.set_exception(error)

        self.add(received_at_ms, body, done)
        await waiter

    async def run(self) -> None:
        """Commit batches until closed and empty."""
        while True:
            await self._filled.wait()
            while self._rows:
                await self._gather()
                await self._flush()
            self._filled.clear()
            if self._closing:
                return

    async def _gather(self) -> None:
        """Wait as long as every turn of the loop brings more clicks, a few turns at most."""
        for _ in range(GATHER_TURNS):
            waiting = len(self._rows)
            await asyncio.sleep(0)
            if len(self._rows) == waiting:
                return

    def close(self) -> None:
        """Take no more clicks; `run` ends once what waits is stored."""
        self._closing = True
        self._filled.set()

    async def _flush(self) -> None:
        rows, self._rows = self._rows[:BATCH_MAX], self._rows[BATCH_MAX:]
        waiting, self._waiting = self._waiting[:BATCH_MAX], self._waiting[BATCH_MAX:]
        started = time.monotonic()
        outcome: SinkBusyError | None = None
        try:
            await self._sink.append_clicks(rows)
        except SinkBusyError as error:
            outcome = error
            # Who came meanwhile waited as well; behind another try they would wait twice as long as anybody should.
            waiting += self._waiting
            self._rows, self._waiting = [], []
        except Exception as error:  # The loop must live: one broken batch may not stop ingestion.
            outcome = SinkBusyError(f"The store failed ({type(error).__name__}); try again.")
            # Told before anything is logged: a log that cannot be written may not keep them waiting.
            self._settle(waiting, outcome)
            log.exception("click_batch_failed", rows=len(rows))
            return
        self.batches += 1
        self.commit_seconds += time.monotonic() - started
        self._settle(waiting, outcome)

    def _settle(self, waiting: list[Done], outcome: SinkBusyError | None) -> None:
        if outcome is None:
            self.acknowledged += len(waiting)
        else:
            self.refused += len(waiting)
        for done in waiting:
            done(outcome)
