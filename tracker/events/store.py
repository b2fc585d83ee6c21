"""Received events as one list, refused and custom ones together, newest first.

The API and the command line read it; the page of refused events has its own store.
"""

from sqlalchemy import Connection

from tracker.custom_events import store as custom_events
from tracker.custom_events.types import CustomEventFilter, CustomEventRow
from tracker.events.types import ShownEvent
from tracker.instants import show_instant
from tracker.quarantine import store as quarantine
from tracker.quarantine.types import EventFilter, QuarantinedEvent

CUSTOM_SOURCE = "browser_event"  # the only door that takes events with names of the site's own


def list_events(conn: Connection, wanted: EventFilter, *, before: str | None = None, limit: int) -> list[ShownEvent]:
    """Return events, newest first; `before` is the last id seen. Custom events count as accepted."""
    found = [show_refused(event) for event in quarantine.list_events(conn, wanted, before=before, limit=limit)]
    if wanted.verdict in (None, "accepted") and wanted.source in (None, CUSTOM_SOURCE):
        chosen = CustomEventFilter(
            livemode=wanted.livemode,
            program_id=wanted.program_id,
            name=wanted.code,
            received_from_ms=wanted.received_from_ms,
            received_to_ms=wanted.received_to_ms,
        )
        kept = custom_events.list_events(conn, chosen, before=before, limit=limit)
        found = sorted((*found, *map(show_custom, kept)), key=lambda event: event.id, reverse=True)
    return found[:limit]


def get_event(conn: Connection, event_id: str) -> ShownEvent | None:
    """Return one event, refused or custom."""
    refused = quarantine.get_event(conn, event_id)
    if refused is not None:
        return show_refused(refused)
    kept = custom_events.get_event(conn, event_id)
    return None if kept is None else show_custom(kept)


def show_refused(event: QuarantinedEvent) -> ShownEvent:
    """Return a refused event as faces show it."""
    return ShownEvent(
        id=event.event_id,
        program_id=event.program_id,
        livemode=event.livemode,
        received_at=show_instant(event.received_at_ms),
        source=event.source,
        verdict=event.verdict,
        code=event.code,
        cause=event.cause,
        payload=_text(event.payload),
        payload_bytes=event.payload_bytes,
        corrected=None if event.corrected is None else _text(event.corrected),
        judged_at=None if event.judged_at_ms is None else show_instant(event.judged_at_ms),
        judged_by=event.judged_by,
        reason=event.judge_reason,
        result_id=event.result_id,
    )


def show_custom(event: CustomEventRow) -> ShownEvent:
    """Return a custom event as faces show it."""
    return ShownEvent(
        id=event.event_id,
        program_id=event.program_id,
        livemode=event.livemode,
        received_at=show_instant(event.received_at_ms),
        source=CUSTOM_SOURCE,
        verdict="accepted",
        code=event.name,
        cause="",
        payload=_text(event.payload),
        payload_bytes=len(event.payload),
    )


def _text(payload: bytes) -> str:
    return payload.decode("utf-8", "backslashreplace")
