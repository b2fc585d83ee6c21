"""What age takes, run by the worker: old clicks go, refused bodies lose their addresses. Roll-ups stay.

Small transactions with rests between them, so that nobody waits. What went is counted in the log and in the trail.
"""

from functools import partial

import structlog
from sqlalchemy import Connection

from tracker.audit import store as audit
from tracker.db.sqlite import SqliteDatabase
from tracker.instants import DAY_MS, show_instant
from tracker.privacy import retention_store as store
from tracker.privacy.dictionary import forget_unused
from tracker.programs import store as programs
from tracker.services import Services

CLICKS_AT_ONCE = 300  # clicks looked at in one transaction
EVENTS_AT_ONCE = 20  # bodies of up to 64 KiB searched in one transaction
ACTOR = "system:retention"

log = structlog.get_logger()


async def purge_clicks(services: Services) -> None:
    """Delete clicks whose days are over; those that money was credited through stay without what tells of a person.

    A click that the longest lookback window of any program still reaches is never touched.
    """
    days = services.settings.click_days
    if days == 0:
        return
    now_ms = services.now_ms()
    window_ms = await services.db.read(_longest_window_ms)
    before_ms = now_ms - max(days * DAY_MS, window_ms + DAY_MS)
    while not services.stopping.is_set():
        part = await services.db.write(lambda conn: store.purge_clicks(conn, before_ms=before_ms, limit=CLICKS_AT_ONCE))
        if not part.looked_at:
            break
    counted = await services.db.write(lambda conn: _note(conn, before_ms=before_ms, now_ms=now_ms))
    if counted:
        await forget_unused(services.db)
        log.info("clicks_purged", count=counted)
        if isinstance(services.db, SqliteDatabase):
            await services.db.checkpoint()


async def mask_refused_events(services: Services) -> None:
    """Take addresses out of refused bodies when the days of raw addresses are over."""
    before_ms = services.now_ms() - services.settings.raw_ip_days * DAY_MS
    last: store.Place | None = None
    while not services.stopping.is_set():
        step = partial(store.mask_events, before_ms=before_ms, after=last, limit=EVENTS_AT_ONCE)
        last = await services.db.write(step)
        if last is None:
            await services.db.write(lambda conn: store.set_position(conn, store.MASKED_TO, before_ms))
            return


def _note(conn: Connection, *, before_ms: int, now_ms: int) -> int:
    """Write into the trail what went since its last entry, and return how many clicks."""
    deleted, stripped = store.position(conn, store.DELETED), store.position(conn, store.STRIPPED)
    if deleted or stripped:
        audit.record(
            conn,
            at_ms=now_ms,
            actor=ACTOR,
            action="clicks.purged",
            object_id="clicks",
            after={"deleted": deleted, "stripped": stripped, "received_before": show_instant(before_ms)},
        )
        store.set_position(conn, store.DELETED, 0)
        store.set_position(conn, store.STRIPPED, 0)
    return deleted + stripped


def _longest_window_ms(conn: Connection) -> int:
    windows = [program.settings.attribution.window_seconds for program in programs.list_programs(conn)]
    return max(windows, default=0) * 1000
