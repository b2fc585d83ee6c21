"""Queries of refused events; bounded in size, number and age."""

from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, case, delete, func, insert, select, update

from ingest.directory import Circumstances
from tracker.clicks.store import upsert
from tracker.db.ids import new_id
from tracker.db.rows import fields_of
from tracker.quarantine.tables import quarantine_losses, quarantined_events
from tracker.quarantine.types import PAYLOAD_MAX, EventCount, EventFilter, QuarantinedEvent, Room, Verdict

EVENTS_MAX = 10_000  # refused events kept of one program, mode and door, so that a flood at the public one leaves room
BYTES_MAX = 64 * 1024 * 1024  # bytes of payload kept of one program, mode and door
EVICTED_AT_ONCE = 16  # events that make room for a new one in one transaction, which stays short
NUMBER_MAX = 128  # characters of an order's number, as the doors take it
PAGE_MAX = 101  # one more than a page of 100, to tell whether there is a next one

_EVENTS = quarantined_events.c


def make_event(
    *,
    program_id: str,
    livemode: bool,
    source: str,
    code: str,
    cause: str,
    payload: bytes,
    now_ms: int,
    circumstances: Circumstances = Circumstances(),  # noqa: B008  # A frozen record.
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
        payload_bytes=len(payload),
        circumstances=circumstances,
        external_id=_number_in(payload[:PAYLOAD_MAX]),
    )


def _number_in(payload: bytes) -> str | None:
    """Return the number of the order or lead in a body, as far as it can be read: rules ask what was refused of it."""
    try:
        fields = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    number = (fields.get("external_id") or fields.get("o")) if isinstance(fields, dict) else None
    return number[:NUMBER_MAX] if isinstance(number, str) and "\0" not in number else None


def keep(conn: Connection, event: QuarantinedEvent) -> None:
    """Store a refused event; in a full door the oldest of the same cause makes room, and is counted as lost."""
    for _ in range(EVICTED_AT_ONCE):
        held = _room(conn, event)
        if held.events < EVENTS_MAX and held.payload_bytes + len(event.payload) <= BYTES_MAX:
            break
        _make_room(conn, event)
    else:
        _count_lost(conn, event, event.code)
        return
    values = fields_of(event) | {"circumstances": msgspec.to_builtins(event.circumstances)}
    conn.execute(insert(quarantined_events).values(**values))


def get_event(conn: Connection, event_id: str) -> QuarantinedEvent | None:
    """Return a refused event."""
    row = conn.execute(select(quarantined_events).where(_EVENTS.event_id == event_id)).one_or_none()
    return None if row is None else _event(row)


def list_events(
    conn: Connection,
    wanted: EventFilter = EventFilter(),  # noqa: B008  # A frozen record.
    *,
    before: str | None = None,
    limit: int = PAGE_MAX,
) -> list[QuarantinedEvent]:
    """Return refused events, newest first; `before` is the last id seen."""
    query = select(quarantined_events).where(*_conditions(wanted)).order_by(_EVENTS.event_id.desc())
    if before is not None:
        query = query.where(_EVENTS.event_id < before)
    return [_event(row) for row in conn.execute(query.limit(min(limit, PAGE_MAX)))]


def count_quarantined(conn: Connection, *, livemode: bool) -> int:
    """Return how many refused events wait for a person."""
    waiting = (_EVENTS.livemode == livemode, _EVENTS.verdict == "quarantined")
    return int(conn.execute(select(func.count()).select_from(quarantined_events).where(*waiting)).scalar_one())


def count_by_cause(conn: Connection, *, livemode: bool | None, program_id: str | None) -> list[EventCount]:
    """Return what waits and what was lost by door and cause, most first; None means every mode or program."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    for name, table, counted in (
        ("waiting", quarantined_events, func.count()),
        ("lost", quarantine_losses, func.sum(quarantine_losses.c.events)),
    ):
        query = select(table.c.source, table.c.code, counted.label("events")).group_by(table.c.source, table.c.code)
        if name == "waiting":
            query = query.where(table.c.verdict == "quarantined")
        if livemode is not None:
            query = query.where(table.c.livemode == livemode)
        if program_id is not None:
            query = query.where(table.c.program_id == program_id)
        for row in conn.execute(query.order_by(table.c.source, table.c.code)):
            found.setdefault((row.source, row.code), {})[name] = int(row.events)
    counts = [EventCount(source=source, code=code, **numbers) for (source, code), numbers in found.items()]
    return sorted(counts, key=lambda each: (-each.waiting, -each.lost, each.source, each.code))


def judge(
    conn: Connection,
    event_id: str,
    *,
    verdict: Verdict,
    by: str,
    at_ms: int,
    reason: str | None = None,
    result_id: str | None = None,
    corrected: bytes | None = None,
) -> bool:
    """Note what became of a refused event; False when somebody was quicker."""
    values: dict[str, Any] = {
        "verdict": verdict,
        "judged_by": by,
        "judged_at_ms": at_ms,
        "judge_reason": reason,
        "result_id": result_id,
    }
    return _change(conn, event_id, values, corrected)


def note_refusal(conn: Connection, event_id: str, *, code: str, cause: str, corrected: bytes | None) -> bool:
    """Note why an event was refused again; False when it does not wait any more."""
    return _change(conn, event_id, {"code": code, "cause": cause}, corrected)


def purge(conn: Connection, *, before_ms: int, limit: int) -> int:
    """Delete events received before an instant, whatever their verdict, and return how many."""
    old = select(_EVENTS.event_id).where(_EVENTS.received_at_ms < before_ms).order_by(_EVENTS.received_at_ms)
    return conn.execute(delete(quarantined_events).where(_EVENTS.event_id.in_(old.limit(limit)))).rowcount


def _change(conn: Connection, event_id: str, values: dict[str, Any], corrected: bytes | None) -> bool:
    if corrected is not None:
        values["corrected"] = corrected
    waiting = (_EVENTS.event_id == event_id, _EVENTS.verdict == "quarantined")
    return bool(conn.execute(update(quarantined_events).where(*waiting).values(**values)).rowcount)


def _room(conn: Connection, event: QuarantinedEvent) -> Room:
    kept = case((_EVENTS.payload_bytes > PAYLOAD_MAX, PAYLOAD_MAX), else_=_EVENTS.payload_bytes)
    held = select(func.count(), func.coalesce(func.sum(kept), 0)).where(*_same_door(event))
    events, payload_bytes = conn.execute(held).one()
    return Room(events=int(events), payload_bytes=int(payload_bytes))


def _make_room(conn: Connection, event: QuarantinedEvent) -> None:
    """Delete the oldest event of the same cause nobody judged; without one, the oldest of the most frequent cause.

    What a person has judged goes last: it is the memory of what was done.
    """
    door = _same_door(event)
    waiting = (*door, _EVENTS.verdict == "quarantined")
    frequent = select(_EVENTS.code).where(*waiting).group_by(_EVENTS.code).order_by(func.count().desc(), _EVENTS.code)
    choices = (
        (*waiting, _EVENTS.code == event.code),
        (*waiting, _EVENTS.code == frequent.limit(1).scalar_subquery()),
        door,
    )
    for conditions in choices:
        oldest = select(_EVENTS.event_id, _EVENTS.code).where(*conditions).order_by(_EVENTS.event_id).limit(1)
        found = conn.execute(oldest).one_or_none()
        if found is not None:
            conn.execute(delete(quarantined_events).where(_EVENTS.event_id == found.event_id))
            _count_lost(conn, event, found.code)
            return


def _count_lost(conn: Connection, event: QuarantinedEvent, code: str) -> None:
    place = {"program_id": event.program_id, "livemode": event.livemode, "source": event.source, "code": code}
    statement = upsert(conn, quarantine_losses).values(**place, events=1, newest_at_ms=event.received_at_ms)
    changed = {"events": quarantine_losses.c.events + 1, "newest_at_ms": event.received_at_ms}
    conn.execute(statement.on_conflict_do_update(index_elements=list(place), set_=changed))


def _same_door(event: QuarantinedEvent) -> tuple[ColumnElement[bool], ...]:
    return (
        _EVENTS.program_id == event.program_id,
        _EVENTS.livemode == event.livemode,
        _EVENTS.source == event.source,
    )


def _conditions(wanted: EventFilter) -> list[ColumnElement[bool]]:
    conditions = [
        _EVENTS[name] == getattr(wanted, name)
        for name in ("livemode", "program_id", "verdict", "source", "code")
        if getattr(wanted, name) is not None
    ]
    if wanted.received_from_ms is not None:
        conditions.append(_EVENTS.received_at_ms >= wanted.received_from_ms)
    if wanted.received_to_ms is not None:
        conditions.append(_EVENTS.received_at_ms <= wanted.received_to_ms)
    return conditions


def _event(row: Any) -> QuarantinedEvent:
    values = {name: getattr(row, name) for name in QuarantinedEvent.__struct_fields__}
    values["payload"] = bytes(values["payload"])
    values["corrected"] = None if values["corrected"] is None else bytes(values["corrected"])
    values["circumstances"] = msgspec.convert(values["circumstances"] or {}, Circumstances)
    return QuarantinedEvent(**values)
