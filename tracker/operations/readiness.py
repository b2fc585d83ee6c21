"""Whether this process can store: the heartbeat of the writer, the schema, free disk.

`/readyz` and the metrics ask; the writer is looked at once a second at most, however many ask, so nobody outside can
load it. Why the answer is no stands in the log, never in the answer.
"""

import asyncio
import shutil
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import structlog

from tracker.db.database import Database, DatabaseBusyError, DatabaseUnusableError
from tracker.db.migrating import current_revision, newest_revision

HEARTBEAT_S = 2.0  # the longest a write may take
FRESH_S = 1.0  # how long an answer stands for those who ask next
DISK_FREE_MIN = 0.05  # of the disk with the data folder

log = structlog.get_logger()


class Readiness:
    """The state of one process; `trouble` may be asked by any number of requests at once."""

    def __init__(self, db: Database, data_dir: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Take what is looked at; the clock counts seconds."""
        self._db = db
        self._data_dir = data_dir
        self._clock = clock
        self._look: asyncio.Task[str | None] | None = None
        self._looked_at = 0.0
        self._told: str | None = None

    async def trouble(self) -> str | None:
        """Return why this process cannot store, None when it can."""
        if self._look is None or (self._look.done() and self._clock() - self._looked_at >= FRESH_S):
            self._look = asyncio.create_task(self._examine())
        # Who asked first may leave; the others still wait for the same look.
        return await asyncio.shield(self._look)

    async def _examine(self) -> str | None:
        found = await self._writer_trouble() or disk_trouble(self._data_dir)
        self._looked_at = self._clock()
        if found != self._told:
            self._told = found
            if found is None:
                log.info("ready_again")
            else:
                log.warning("not_ready", error=found)
        return found

    async def _writer_trouble(self) -> str | None:
        try:
            async with asyncio.timeout(HEARTBEAT_S):
                revision = await self._db.write(current_revision)
                # Clicks have a writer of their own on SQLite; deleting nothing takes its lock and changes nothing.
                await self._db.inbox.purge(up_to=0, before_ms=0, limit=1)
        except TimeoutError:
            return f"The writer did not answer within {HEARTBEAT_S:.0f} s."
        except (DatabaseBusyError, DatabaseUnusableError) as error:
            return str(error)
        if revision != _newest():
            return f"The schema is {revision}, this version works with {_newest()}."
        return None


def disk_trouble(data_dir: Path) -> str | None:
    """Return what is wrong with the space on the data folder's disk, None when there is enough."""
    usage = shutil.disk_usage(data_dir)
    if usage.free > usage.total * DISK_FREE_MIN:
        return None
    return f'{usage.free / usage.total:.1%} of the disk with "{data_dir}" is free.'


@cache
def _newest() -> str:
    """Return the newest revision; the files it is read from do not change under a running process."""
    return newest_revision()
