"""Group commit of clicks: many requests wait for one transaction.

While one batch is being committed the next gathers, so the batch grows with the load by itself and an idle server
commits at once. The queue is bounded: when it is full the edge answers 503 instead of growing.
"""

import asyncio

import structlog

from ingest.directory import Sink, SinkBusyError

BATCH_MAX = 500  # clicks a transaction; larger batches stopped helping and lengthen the longest answer
QUEUE_MAX = 5000  # waiting clicks; about two seconds of a busy server

log = structlog.get_logger()


class ClickBuffer:
    """Clicks on their way to the store; `put` returns after COMMIT."""

    def __init__(self, sink: Sink) -> None:
        """Take the sink that stores batches; `run` must be running for `put` to return."""
        self._sink = sink
        self._rows: list[tuple[int, str]] = []
        self._waiters: list[asyncio.Future[None]] = []
        self._filled = asyncio.Event()
        self._closing = False

    def __len__(self) -> int:
        """Return how many clicks wait."""
        return len(self._rows)

    async def put(self, received_at_ms: int, body: str) -> None:
        """Store one click; raises SinkBusyError when the queue is full or the store cannot take it."""
        if self._closing or len(self._rows) >= QUEUE_MAX:
            raise SinkBusyError("Too many clicks are waiting to be stored; try again.")
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._rows.append((received_at_ms, body))
        self._waiters.append(waiter)
        self._filled.set()
        await waiter

    async def run(self) -> None:
        """Commit batches until closed and empty."""
        while True:
            await self._filled.wait()
            while self._rows:
                await self._flush()
            self._filled.clear()
            if self._closing:
                return

    def close(self) -> None:
        """Take no more clicks; `run` ends once what waits is stored."""
        self._closing = True
        self._filled.set()

    async def _flush(self) -> None:
        rows, self._rows = self._rows[:BATCH_MAX], self._rows[BATCH_MAX:]
        waiters, self._waiters = self._waiters[:BATCH_MAX], self._waiters[BATCH_MAX:]
        try:
            await self._sink.append_clicks(rows)
        except SinkBusyError as error:
            _settle(waiters, error)
        except Exception as error:  # The loop must live: one broken batch may not stop ingestion.
            _settle(waiters, SinkBusyError(f"The store failed ({type(error).__name__}); try again."))
            log.exception("click_batch_failed", rows=len(rows))
        else:
            _settle(waiters, None)


def _settle(waiters: list["asyncio.Future[None]"], error: Exception | None) -> None:
    for waiter in waiters:
        if waiter.done():
            continue
        if error is None:
            waiter.set_result(None)
        else:
            waiter.set_exception(error)
