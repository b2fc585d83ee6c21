"""Queries of custom events: each is kept once, listed, and goes when its days are over."""

from sqlalchemy import Connection, delete, select

from ingest.events import CustomEvent, KeptEvent
from tracker.clicks.store import upsert
from tracker.custom_events.tables import custom_events
from tracker.custom_events.types import CustomEventFilter, CustomEventRow
from tracker.db.ids import new_id
from tracker.db.rows import as_struct, fields_of

PAGE_MAX = 101  # one more than a page of 100, to tell whether there is a next one


def keep(conn: Connection, event: CustomEvent) -> KeptEvent:
    """Store an event unless the program has one with its browser id already; return under which id it is kept."""
    event_id = new_id("evt", event.received_at_ms)
    statement = upsert(conn, custom_events).values(event_id=event_id, **fields_of(event))
    unique = ("program_id", "livemode", "browser_event_id")
    if conn.execute(statement.on_conflict_do_nothing(index_elements=unique)).rowcount:
        return KeptEvent(event_id=event_id, is_new=True)
    known = select(custom_events.c.event_id).where(
        custom_events.c.program_id == event.program_id,
        custom_events.c.livemode == event.livemode,
        custom_events.c.browser_event_id == event.browser_event_id,
    )
    return KeptEvent(event_id=conn.execute(known).scalar_one(), is_new=False)


def get_event(conn: Connection, event_id: str) -> CustomEventRow | None:
    """Return a kept event."""
    row = conn.execute(select(custom_events).where(custom_events.c.event_id == event_id)).one_or_none()
    return None if row is None else as_struct(CustomEventRow, row)


def list_events(
    conn: Connection,
    wanted: CustomEventFilter = CustomEventFilter(),  # noqa: B008  # A frozen record.
    *,
    before: str | None = None,
    limit: int = PAGE_MAX,
) -> list[CustomEventRow]:
    """Return kept events, newest first; `before` is the last id seen (ids begin with their instant)."""
    query = select(custom_events).order_by(custom_events.c.event_id.desc())
    for name in ("livemode", "program_id", "name"):
        if getattr(wanted, name) is not None:
            query = query.where(custom_events.c[name] == getattr(wanted, name))
    if wanted.received_from_ms is not None:
        query = query.where(custom_events.c.received_at_ms >= wanted.received_from_ms)
    if wanted.received_to_ms is not None:
        query = query.where(custom_events.c.received_at_ms <= wanted.received_to_ms)
    if before is not None:
        query = query.where(custom_events.c.event_id < before)
    return [as_struct(CustomEventRow, row) for row in conn.execute(query.limit(min(limit, PAGE_MAX)))]


def purge(conn: Connection, *, before_ms: int, limit: int) -> int:
    """Delete events received before an instant and return how many."""
    old = (
        select(custom_events.c.event_id)
        .where(custom_events.c.received_at_ms < before_ms)
        .order_by(custom_events.c.received_at_ms, custom_events.c.event_id)
        .limit(limit)
    )
    return conn.execute(delete(custom_events).where(custom_events.c.event_id.in_(old))).rowcount
