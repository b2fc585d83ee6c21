"""Queries of what age takes: old clicks, and addresses in refused bodies.

Each function does one small part inside a transaction of the purge in `retention.py` and notes how far it came.
"""

from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, select, update

from tracker.clicks.encoding import unpack_browser_id
from tracker.clicks.tables import click_programs, clicks, cursors
from tracker.conversions import tables
from tracker.conversions.tables import conversions
from tracker.privacy.addresses import without_addresses, without_ip
from tracker.privacy.lifting import lifted
from tracker.privacy.removal import strip_clicks
from tracker.quarantine.tables import quarantined_events

CLICKS_DONE = "purged_clicks"  # inbox number up to which every old click was looked at
DELETED = "purged_clicks_deleted"  # counted since the last entry of the trail
STRIPPED = "purged_clicks_stripped"
MASKED_TO = "masked_events"  # instant before which no refused body has an address


class Purged(NamedTuple):
    """What one part of the purge did; nothing looked at means that nothing old is left."""

    looked_at: int
    deleted: int
    stripped: int


class Place(NamedTuple):
    """Where in the order of receipt a refused event stands."""

    received_at_ms: int
    event_id: str


def position(conn: Connection, name: str) -> int:
    """Return how far a purge came, 0 at first."""
    return conn.execute(select(cursors.c.seq).where(cursors.c.name == name)).scalar_one_or_none() or 0


def set_position(conn: Connection, name: str, value: int) -> None:
    """Note how far a purge came."""
    if conn.execute(update(cursors).where(cursors.c.name == name).values(seq=value)).rowcount == 0:
        conn.execute(insert(cursors).values(name=name, seq=value))


def purge_clicks(conn: Connection, *, before_ms: int, limit: int) -> Purged:
    """Delete the next clicks received before an instant; those a decision or a report names are only stripped.

    Numbers rise with the time of receipt, so the first young click ends the purge.
    """
    query = (
        select(clicks.c.seq, clicks.c.click_key, clicks.c.received_at_ms, click_programs.c.program_id)
        .join(click_programs, click_programs.c.program_number == clicks.c.program_number)
        .where(clicks.c.seq > position(conn, CLICKS_DONE))
        .order_by(clicks.c.seq)
        .limit(limit)
    )
    old: list[tuple[int, str, str]] = []
    for row in conn.execute(query):
        if row.received_at_ms >= before_ms:
            break
        old.append((row.seq, row.program_id, unpack_browser_id(bytes(row.click_key))))
    if not old:
        return Purged(0, 0, 0)
    needed = _needed(conn, {click_id for _, _, click_id in old})
    kept = [seq for seq, program_id, click_id in old if {(None, click_id), (program_id, click_id)} & needed]
    gone = sorted({seq for seq, _, _ in old} - set(kept))
    with lifted(conn, "clicks"):
        deleted = conn.execute(delete(clicks).where(clicks.c.seq.in_(gone))).rowcount if gone else 0
    stripped = strip_clicks(conn, kept)
    set_position(conn, CLICKS_DONE, old[-1][0])
    set_position(conn, DELETED, position(conn, DELETED) + deleted)
    set_position(conn, STRIPPED, position(conn, STRIPPED) + stripped)
    return Purged(len(old), deleted, stripped)


def mask_events(conn: Connection, *, before_ms: int, after: Place | None, limit: int) -> Place | None:
    """Take addresses out of the next refused bodies received before an instant; return the last one looked at."""
    events = quarantined_events.c
    query = (
        select(quarantined_events)
        .where(events.received_at_ms >= position(conn, MASKED_TO), events.received_at_ms < before_ms)
        .order_by(events.received_at_ms, events.event_id)
        .limit(limit)
    )
    if after is not None:
        same = (events.received_at_ms == after.received_at_ms) & (events.event_id > after.event_id)
        query = query.where((events.received_at_ms > after.received_at_ms) | same)
    last = None
    for row in conn.execute(query).all():
        payload = bytes(row.payload)
        corrected = None if row.corrected is None else bytes(row.corrected)
        values = {
            "payload": without_ip(payload),
            "corrected": None if corrected is None else without_ip(corrected),
            "cause": without_addresses(row.cause),
        }
        if values != {"payload": payload, "corrected": corrected, "cause": row.cause}:
            conn.execute(update(quarantined_events).where(events.event_id == row.event_id).values(**values))
        last = Place(row.received_at_ms, row.event_id)
    return last


def _needed(conn: Connection, click_ids: set[str]) -> set[tuple[str | None, str]]:
    """Return which clicks are named: (None, id) by a credit, (program, id) by a report."""
    wanted = sorted(click_ids)
    credited = select(tables.credits.c.touch).where(tables.credits.c.touch.in_(wanted)).distinct()
    found: set[tuple[str | None, str]] = {(None, str(touch)) for touch in conn.execute(credited).scalars()}
    named = select(conversions.c.program_id, conversions.c.click_id).where(conversions.c.click_id.in_(wanted))
    found |= {(row.program_id, row.click_id) for row in conn.execute(named)}
    return found
