"""Queries of custom events: each is kept once, and shown by the command line."""

from sqlalchemy import Connection, select

from ingest.events import CustomEvent, KeptEvent
from tracker.clicks.store import upsert
from tracker.custom_events.tables import custom_events
from tracker.custom_events.types import CustomEventRow
from tracker.db.ids import new_id
from tracker.db.rows import as_struct, fields_of

PAGE_MAX = 100


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


def list_events(conn: Connection, *, limit: int = PAGE_MAX) -> list[CustomEventRow]:
    """Return kept events, newest first."""
    query = select(custom_events).order_by(custom_events.c.received_at_ms.desc(), custom_events.c.event_id.desc())
    return [as_struct(CustomEventRow, row) for row in conn.execute(query.limit(min(limit, PAGE_MAX)))]
