"""Group commit of reports: leads and sales that arrive together share one transaction.

While one batch is being committed the next gathers; a report that comes alone is stored at once. The sink puts reports
in and each waits for its own outcome. Nothing has to be started or stopped: whoever finds nobody working begins.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from ingest.conversions import RecordOutcome
from ingest.directory import SinkBusyError
from tracker.conversions.record_many import Reported
from tracker.db.database import DatabaseBusyError

BATCH_MAX = 64  # reports a transaction: below 10 ms on the writer
# A batch gathers until so many turns of the event loop brought nothing, some 50 µs: reading requests and storing them
# at the same time is slower than one after the other, as both need the interpreter's lock.
QUIET_TURNS = 5
GATHER_TURNS = 100  # at most
QUEUE_MAX = 2000  # waiting reports; about a second of a busy server
PRESSED_S = 0.1  # the server counts as pressed this long after it last stored reports

Store = Callable[[Sequence[Reported]], Awaitable[list[RecordOutcome]]]


class ReportQueue:
    """Reports on their way to the store."""

    def __init__(self, store: Store) -> None:
        """Take what stores a batch in one transaction and returns the outcomes in order."""
        self._store = store
        self._waiting: list[tuple[Reported, asyncio.Future[RecordOutcome]]] = []
        self._working: asyncio.Task[None] | None = None
        self._worked_at = 0.0

    @property
    def is_pressed(self) -> bool:
        """Tell whether reports are pouring in: work that can wait should."""
        return self._working is not None or time.monotonic() - self._worked_at < PRESSED_S

    async def put(self, reported: Reported) -> RecordOutcome:
        """Store one report and return what became of it.

        Raises SinkBusyError when the queue is full or the store cannot take it, and what storing this report raises.
        """
        if len(self._waiting) >= QUEUE_MAX:
            raise SinkBusyError("Too many reports are waiting to be stored; try again.")
        waiter: asyncio.Future[RecordOutcome] = asyncio.get_running_loop().create_future()
        self._waiting.append((reported, waiter))
        if self._working is None:
            self._working = asyncio.create_task(self._work())
        return await waiter

    async def _work(self) -> None:
        try:
            while self._waiting:
                await self._gather()
                batch, self._waiting = self._waiting[:BATCH_MAX], self._waiting[BATCH_MAX:]
                await self._take(batch)
        finally:
            self._working = None
            self._worked_at = time.monotonic()

    async def _gather(self) -> None:
        """Let reports that are about to arrive share the commit of those that did."""
        quiet = 0
        for _ in range(GATHER_TURNS):
            waiting = len(self._waiting)
            if waiting >= BATCH_MAX or quiet == QUIET_TURNS:
                return
            await asyncio.sleep(0)
            quiet = quiet + 1 if len(self._waiting) == waiting else 0

    async def _take(self, batch: list[tuple[Reported, "asyncio.Future[RecordOutcome]"]]) -> None:
        try:
            outcomes = await self._store([reported for reported, _ in batch])
        except Exception as error:  # noqa: BLE001  # Each waiter gets it; one bad report may not take others with it.
            if isinstance(error, DatabaseBusyError):
                # Who came meanwhile waited as well; behind another try they would wait twice as long as anybody should.
                batch, self._waiting = batch + self._waiting, []
                _fail(batch, SinkBusyError(str(error)))
            elif len(batch) == 1:
                _fail(batch, error)
            else:
                for one in batch:
                    await self._take([one])
            return
        for (_, waiter), outcome in zip(batch, outcomes, strict=True):
            if not waiter.done():
                waiter.set_result(outcome)


def _fail(batch: list[tuple[Reported, "asyncio.Future[RecordOutcome]"]], error: Exception) -> None:
    for _, waiter in batch:
        if not waiter.done():
            waiter.set_exception(error)
