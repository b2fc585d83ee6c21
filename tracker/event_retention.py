"""What ends when its days are over: refused events and custom events. The worker runs both; nothing goes uncounted."""

from collections.abc import Callable

import structlog
from sqlalchemy import Connection

from tracker.custom_events import store as custom_events
from tracker.instants import DAY_MS
from tracker.quarantine import store as quarantine
from tracker.services import Services

PURGED_AT_ONCE = 200  # events deleted in one transaction, payloads of 64 KiB among them

log = structlog.get_logger()


async def purge_refused_events(services: Services) -> None:
    """Delete refused events, judged or not, when their days are over."""
    before_ms = services.now_ms() - services.settings.refused_event_days * DAY_MS
    purged = await _purge(services, lambda conn: quarantine.purge(conn, before_ms=before_ms, limit=PURGED_AT_ONCE))
    if purged:
        log.info("refused_events_purged", count=purged)


async def purge_custom_events(services: Services) -> None:
    """Delete custom events when their days are over."""
    before_ms = services.now_ms() - services.settings.custom_event_days * DAY_MS
    purged = await _purge(services, lambda conn: custom_events.purge(conn, before_ms=before_ms, limit=PURGED_AT_ONCE))
    if purged:
        log.info("custom_events_purged", count=purged)


async def _purge(services: Services, delete: Callable[[Connection], int]) -> int:
    """Delete in small transactions until nothing is left; return how many rows went."""
    total = 0
    while purged := await services.db.write(delete):
        total += purged
    return total
