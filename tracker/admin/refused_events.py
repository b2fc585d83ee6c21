"""Pages of refused events: the list with its counts, and one event to correct, take again or give up."""

from typing import Any

import msgspec
from sqlalchemy import Connection
from starlette.exceptions import HTTPException
from starlette.responses import Response

from ingest.directory import SinkBusyError
from tracker.admin import event_labels
from tracker.admin.forms import Form
from tracker.admin.mode import TEST, is_live
from tracker.admin.paging import PAGE_SIZE, Pager, pager_of
from tracker.admin.policy import action, page
from tracker.admin.render import render
from tracker.admin.visit import Visit
from tracker.audit import store as audit
from tracker.i18n.messages import Message, msg
from tracker.programs import store as programs
from tracker.quarantine import store
from tracker.quarantine.types import VERDICTS, EventFilter, QuarantinedEvent
from tracker.replay import REASON_MAX, EventJudgedError, EventNotFoundError, discard_event, replay_event
from tracker.services import Services
from tracker.users import store as users

# A form takes 64 KiB with every character up to three times as long; the longest wire event has 8 KiB.
EDITABLE_MAX = 16 * 1024
HISTORY_MAX = 50  # entries of the audit trail shown
ALL = "all"


async def events_list(visit: Visit) -> Response:
    """List refused events, newest first, with how many wait by door and cause."""
    livemode, program_id, before = is_live(visit), visit.query_id("program", "prg"), visit.query_id("before", "evt")
    chosen = visit.query("verdict") or "quarantined"
    source, code = visit.query("door"), visit.query("cause")
    wanted = EventFilter(
        livemode=livemode,
        program_id=program_id,
        verdict=next((each for each in VERDICTS if each == chosen), None),
        source=source or None,
        code=code or None,
    )

    def load(conn: Connection) -> dict[str, Any]:
        return {
            "rows": store.list_events(conn, wanted, before=before, limit=PAGE_SIZE + 1),
            "counts": store.count_by_cause(conn, livemode=livemode, program_id=program_id),
            "programs": programs.list_programs(conn),
        }

    facts = await visit.db.read(load)
    pager: Pager[QuarantinedEvent] = pager_of(facts.pop("rows"), visit, key=lambda event: event.event_id)
    return render(
        visit,
        "events_list.html",
        pager=pager,
        livemode=livemode,
        program_id=program_id,
        chosen_verdict=chosen,
        verdicts=(*VERDICTS, ALL),
        source=source,
        code=code,
        is_filtered=bool(program_id or source or code or before or chosen != "quarantined"),
        event_labels=event_labels,
        **facts,
    )


async def event_page(visit: Visit) -> Response:
    """Show one refused event."""
    return await _show(visit, form=Form())


async def event_replay(visit: Visit) -> Response:
    """Take the event again: with the corrected text when the form has one, else as it is."""
    event_id, form = visit.path_id("event_id", "evt"), visit.form
    typed = form.raw("payload")
    if len(typed.encode()) > EDITABLE_MAX:
        form.errors["payload"] = msg("Is longer than %(most)s bytes; report the event again.", most=EDITABLE_MAX)
        return await _show(visit, form=form, status=422)
    corrected = typed.encode() if form.get("payload") else None
    try:
        told = await replay_event(_services(visit), event_id, actor=visit.actor, corrected=corrected)
    except EventNotFoundError as error:
        raise HTTPException(404) from error
    except EventJudgedError:
        return await _judged_before(visit)
    except SinkBusyError as error:
        raise HTTPException(503) from error
    if told.verdict == "accepted":
        return visit.redirect(_address(event_id), msg("Taken: the event counts from the moment it first arrived."))
    form.errors["payload" if corrected is not None else "as_is"] = Message("%(text)s", {"text": told.cause})
    return await _show(visit, form=form, status=422)


async def event_discard(visit: Visit) -> Response:
    """Give the event up, with a reason."""
    event_id, reason = visit.path_id("event_id", "evt"), visit.form.get("reason")
    if not 1 <= len(reason) <= REASON_MAX:
        visit.form.errors["reason"] = msg("Say why in 1 to %(most)s characters.", most=REASON_MAX)
        return await _show(visit, form=visit.form, status=422)
    try:
        await discard_event(_services(visit), event_id, reason=reason, actor=visit.actor)
    except EventNotFoundError as error:
        raise HTTPException(404) from error
    except EventJudgedError:
        return await _judged_before(visit)
    return visit.redirect(_address(event_id), msg("Discarded; the event stays in the list of those given up."))


async def _judged_before(visit: Visit) -> Response:
    visit.form.errors["as_is"] = msg("Somebody was quicker: see below what became of the event.")
    return await _show(visit, form=visit.form, status=409)


async def _show(visit: Visit, *, form: Form, status: int = 200) -> Response:
    event_id = visit.path_id("event_id", "evt")

    def load(conn: Connection) -> dict[str, Any] | None:
        event = store.get_event(conn, event_id)
        if event is None:
            return None
        history = audit.list_entries(conn, object_id=event_id, limit=HISTORY_MAX)
        actors = {entry.actor.removeprefix("user:") for entry in history if entry.actor.startswith("user:")}
        return {
            "event": event,
            "program": programs.get_program(conn, event.program_id),
            "history": history,
            "people": users.emails_of(conn, actors),
        }

    facts = await visit.db.read(load)
    if facts is None:
        raise HTTPException(404)
    event: QuarantinedEvent = facts["event"]
    newest = event.payload if event.corrected is None else event.corrected
    typed = form.raw("payload")
    return render(
        visit,
        "events_one.html",
        status=status,
        form=form,
        livemode=event.livemode,
        event_labels=event_labels,
        sent=_readable(event.payload),
        corrected=None if event.corrected is None else _readable(event.corrected),
        edited=typed or _readable(newest),
        is_editable=len(newest) <= EDITABLE_MAX,
        result_address=_result_address(event),
        list_address="/admin/events" if event.livemode else f"/admin/events?mode={TEST}",
        **facts,
    )


def _services(visit: Visit) -> Services:
    """Return the whole application: a door needs more of it than pages do."""
    services: Services = visit.request.app.state.services
    return services


def _address(event_id: str) -> str:
    return f"/admin/events/{event_id}"


def _readable(payload: bytes) -> str:
    """Return a body for reading: JSON over several lines, anything else as it is."""
    try:
        return msgspec.json.format(payload, indent=2).decode()
    except (msgspec.DecodeError, UnicodeDecodeError):
        return payload.decode("utf-8", "replace")


def _result_address(event: QuarantinedEvent) -> str | None:
    """Return the page of what the event became; custom events have none."""
    kind, _, rest = (event.result_id or "").partition("_")
    if kind == "cnv":
        return f"/admin/conversions/{event.result_id}"
    return f"/admin/clicks/{event.program_id}/{rest}" if kind == "clk" else None


ROUTES = (
    page("/admin/events", events_list, permission="events.view"),
    page("/admin/events/{event_id}", event_page, permission="events.view"),
    action("/admin/events/{event_id}/replay", event_replay, permission="events.edit"),
    action("/admin/events/{event_id}/discard", event_discard, permission="events.edit"),
)
