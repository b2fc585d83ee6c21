"""Queries of refused events; bounded in size and number."""

import msgspec
from sqlalchemy import Connection, func, insert, select

from tracker.db.ids import new_id
from tracker.db.rows import as_struct, fields_of
from tracker.quarantine.tables import quarantined_events

PAYLOAD_MAX = 64 * 1024  # bytes kept of one refused event
EVENTS_MAX = 10_000  # refused events kept of one program and door, so that a flood at the public one leaves room
PAGE_MAX = 100


class QuarantinedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A refused report: why, and exactly what was sent."""

    event_id: str
    program_id: str
    livemode: bool
    received_at_ms: int
    source: str
    code: str
    cause: str
    payload: bytes
    verdict: str = "quarantined"


def make_event(
    *, program_id: str, livemode: bool, source: str, code: str, cause: str, payload: bytes, now_ms: int
) -> QuarantinedEvent:
    """Return a refused event ready to be kept."""
    return QuarantinedEvent(
        event_id=new_id("evt", now_ms),
        program_id=program_id,
        livemode=livemode,
        received_at_ms=now_ms,
        source=source,
        code=code,
        cause=cause,
        payload=payload[:PAYLOAD_MAX],
    )


def keep(conn: Connection, event: QuarantinedEvent) -> None:
    """Store a refused event while there is room for its program."""
    held = select(func.count()).where(
        quarantined_events.c.program_id == event.program_id, quarantined_events.c.source == event.source
    )
    if conn.execute(held).scalar_one() < EVENTS_MAX:
        conn.execute(insert(quarantined_events).values(**fields_of(event)))


def list_events(conn: Connection, *, verdict: str | None = None, limit: int = PAGE_MAX) -> list[QuarantinedEvent]:
    """Return refused events, newest first."""
    query = select(quarantined_events).order_by(
        quarantined_events.c.received_at_ms.desc(), quarantined_events.c.event_id.desc()
    )
    if verdict is not None:
        query = query.where(quarantined_events.c.verdict == verdict)
    return [as_struct(QuarantinedEvent, row) for row in conn.execute(query.limit(min(limit, PAGE_MAX)))]


def count_quarantined(conn: Connection, *, livemode: bool) -> int:
    """Return how many refused events wait for a person."""
    waiting = (quarantined_events.c.livemode == livemode, quarantined_events.c.verdict == "quarantined")
    return int(conn.execute(select(func.count()).select_from(quarantined_events).where(*waiting)).scalar_one())


def newest_quarantined(conn: Connection, *, livemode: bool, limit: int) -> list[QuarantinedEvent]:
    """Return the refused events of one mode that wait for a person, newest first."""
    query = (
        select(quarantined_events)
        .where(quarantined_events.c.livemode == livemode, quarantined_events.c.verdict == "quarantined")
        .order_by(quarantined_events.c.received_at_ms.desc(), quarantined_events.c.event_id.desc())
        .limit(min(limit, PAGE_MAX))
    )
    return [as_struct(QuarantinedEvent, row) for row in conn.execute(query)]
