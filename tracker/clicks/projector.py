"""The projector: takes acknowledged clicks from the inbox batch by batch, at full speed or behind the requests.

`Services` holds one a process. It decides when and how much; what a batch does stands in `project.py`.
"""

import asyncio
import time
from collections.abc import Callable
from functools import partial

from tracker.clicks import store
from tracker.clicks.project import Enricher, Memory, Saved, arrive, save_batch
from tracker.db.database import Database

BATCH_STEP = 64  # clicks a transaction are a multiple of it: the largest statement of row_statements.py, used whole
BATCH_MAX = 384  # enriched on the event loop in less than 10 ms
SAVE_S = 0.006  # time inside a transaction that batches aim at; with COMMIT it stays below 10 ms

# Pauses after a batch, in times of what the batch took. Acknowledging comes first. But a load the projector can follow
# is followed within two seconds, and after a burst the backlog is worked off with short pauses.
REST_LONG = 4.0
REST_SHORT = 0.5
LATE_MS = 700  # clicks older than that make the pauses short
FOLLOWED = 4000  # clicks a second; while more than that arrive, the projection falls behind
LOOK_S = 0.25  # between two looks at how many clicks arrive


class Pace:
    """How long to pause between batches."""

    def __init__(self, end: int, now_s: float) -> None:
        """Take the newest inbox number and a monotonic time."""
        self.horizon = end
        self._looked_s = now_s
        self._arriving = 0.0

    def is_look_due(self, now_s: float) -> bool:
        """Tell whether to look at the inbox's end again."""
        return now_s - self._looked_s >= LOOK_S

    def look(self, end: int, now_s: float) -> None:
        """Take the newest inbox number again."""
        self._arriving = (end - self.horizon) / max(now_s - self._looked_s, LOOK_S)
        self.horizon, self._looked_s = end, now_s

    def rest(self, late_ms: int) -> float:
        """Return the pause after a batch whose oldest click is so old, in times of what the batch took."""
        return REST_SHORT if late_ms > LATE_MS and self._arriving <= FOLLOWED else REST_LONG


class Projector:
    """Projects the inbox for one process; batches are never worked on side by side."""

    def __init__(self, database: Database, enricher: Enricher, *, now_ms: Callable[[], int]) -> None:
        """Take the database, what enriches, and the clock by which clicks are stamped."""
        self._database = database
        self._enricher = enricher
        self._now_ms = now_ms
        self._memory = Memory()
        self._batch = BATCH_STEP
        self._busy = asyncio.Lock()

    async def project(self, *, up_to: int | None = None) -> int:
        """Project at full speed, because somebody waits, and return how many rows.

        Up to: an inbox number; everything acknowledged so far without it.
        """
        horizon = await self._database.inbox.end() if up_to is None else up_to
        cursor, total = await self._database.read(store.cursor_of), 0
        while cursor < horizon:
            cursor, read, _ = await self._step(cursor, horizon)
            total += read
            if not read:
                break
        return total

    async def project_gently(self, stopping: asyncio.Event) -> int:
        """Project what is acknowledged until nothing waits or the event is set; return how many rows.

        Most of the time is left to requests.
        """
        pace = Pace(await self._database.inbox.end(), time.monotonic())
        cursor, total = await self._database.read(store.cursor_of), 0
        while cursor < pace.horizon and not stopping.is_set():
            began = time.monotonic()
            cursor, read, oldest_ms = await self._step(cursor, pace.horizon)
            total += read
            if not read:
                break
            now_s = time.monotonic()
            await asyncio.sleep(pace.rest(self._now_ms() - oldest_ms) * (now_s - began))
            if pace.is_look_due(now_s):
                pace.look(await self._database.inbox.end(), time.monotonic())
        return total

    async def _step(self, cursor: int, horizon: int) -> tuple[int, int, int]:
        """Project the next batch; return the new cursor, the rows read and when the oldest was received."""
        async with self._busy:
            rows = await self._database.inbox.rows(after=cursor, up_to=horizon, limit=self._batch)
            if not rows:
                return cursor, 0, 0
            # Enriched before the transaction, which then holds the writer for the inserts alone.
            arrived = [arrive(row, self._enricher) for row in rows]
            saved = await self._database.write(partial(save_batch, arrived=arrived, memory=self._memory, after=cursor))
            self._note(saved, len(rows))
            return saved.cursor, len(rows), rows[0].received_at_ms

    def _note(self, saved: Saved, rows: int) -> None:
        """Remember what is committed, and let the next batch take the time a transaction may."""
        if saved.numbers is None:
            return
        self._memory.keep(saved.numbers)
        if saved.took_s > SAVE_S:
            self._batch = max(self._batch - BATCH_STEP, BATCH_STEP)
        elif rows == self._batch and saved.took_s * (rows + BATCH_STEP) / rows < SAVE_S:
            self._batch = min(self._batch + BATCH_STEP, BATCH_MAX)
