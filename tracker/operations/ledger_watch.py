"""The ledger held against every law once a day; metrics show what came of it.

The task runs it; what it found is kept in memory, and logged when a law is broken.
"""

import asyncio
import time
from collections.abc import Callable

import structlog

from tracker.db.database import Database
from tracker.ledger.verify import verify_ledger

FIRST_S = 3600.0  # after a start, so that restarts in a row do not each read the whole ledger
PERIOD_S = 24 * 3600.0

log = structlog.get_logger()


class LedgerWatch:
    """When the ledger was last verified and how many problems were found; both None before the first time."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin to count; the clock counts seconds."""
        self._clock = clock
        self._due_at = clock() + FIRST_S
        self.problems: int | None = None
        self.checked_at_ms: int | None = None

    async def look(self, db: Database, stopping: asyncio.Event, *, now_ms: int) -> None:
        """Verify the ledger if it is time; given up when the process is asked to stop, which waits for nothing long."""
        if self._clock() < self._due_at:
            return
        self._due_at = self._clock() + PERIOD_S
        verifying = asyncio.ensure_future(verify_ledger(db))
        told = asyncio.ensure_future(stopping.wait())
        done, rest = await asyncio.wait({verifying, told}, return_when=asyncio.FIRST_COMPLETED)
        for each in rest:
            each.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        if verifying not in done:
            return
        report = verifying.result()
        self.problems, self.checked_at_ms = len(report.problems), now_ms
        if report.problems:
            first = report.problems[0]
            log.error("ledger_law_broken", count=len(report.problems), error=f"{first.law}: {first.row}")
