"""What metrics read from the database: two short looks, none of them at the writer of the main file."""

import msgspec
from sqlalchemy import Connection, func, select

from tracker.clicks import store as clicks
from tracker.db.database import Database
from tracker.fraud.failures import FailingRule, failing_rules
from tracker.fraud.night_store import NightRow, newest_nights
from tracker.jobs.tables import jobs
from tracker.quarantine import store as quarantine
from tracker.quarantine.types import EventCount


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of an installation. Times in Unix ms, None where nothing waits."""

    drops: dict[str, int]
    unprojected: int
    unprojected_since_ms: int | None
    refused: tuple[EventCount, ...]
    jobs_waiting: int
    jobs_failing: int
    oldest_job_ms: int | None
    nights: tuple[NightRow, ...] = ()
    failing_rules: tuple[FailingRule, ...] = ()


async def measure(db: Database) -> Stored:
    """Return what an operator watches; raises DatabaseBusyError."""
    end = await db.inbox.end()
    cursor, stored = await db.read(_counts)
    # Numbers may have gaps on PostgreSQL, so this is never too small.
    unprojected = max(end - cursor, 0)
    first = await db.inbox.rows(after=cursor, up_to=end, limit=1) if unprojected else []
    return msgspec.structs.replace(
        stored,
        unprojected=unprojected if first else 0,
        unprojected_since_ms=first[0].received_at_ms if first else None,
    )


def _counts(conn: Connection) -> tuple[int, Stored]:
    """Return the projector's cursor and everything but the lag."""
    waiting = conn.execute(
        select(
            func.count().label("jobs"),
            func.count().filter(jobs.c.attempts > 0).label("failing"),
            func.min(jobs.c.run_at_ms).label("oldest_ms"),
        )
    ).one()
    stored = Stored(
        drops=clicks.drops_since(conn, 0),
        unprojected=0,
        unprojected_since_ms=None,
        refused=tuple(quarantine.count_by_cause(conn, livemode=None, program_id=None)),
        jobs_waiting=waiting.jobs,
        jobs_failing=waiting.failing,
        oldest_job_ms=waiting.oldest_ms,
        nights=tuple(newest_nights(conn)),
        failing_rules=tuple(failing_rules(conn, since_ms=0)),
    )
    return clicks.cursor_of(conn), stored
