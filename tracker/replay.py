"""Taking refused events again: as they came or corrected, through the very door they came to.

Pages, the command line and nobody else call it. A taken event is what it would have been at first, with its own instant
of receipt; one that is still wrong stays with the new cause. Every attempt is audited.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from sqlalchemy import Connection

from ingest.answers import drop_reason
from ingest.browser_events import SIGNATURE_HEADERS, take_body
from ingest.buffer import ClickBuffer
from ingest.conversions import ConversionKind
from ingest.directory import PostbackTarget
from ingest.drops import DropReason
from ingest.events import encode_click
from ingest.postbacks import record_payload
from ingest.problems import ProblemError
from ingest.setup import EdgeSetup
from ingest.wire import decode_event
from tracker.api.track import read_report, record_report
from tracker.api.track_click import read_click
from tracker.audit import store as audit
from tracker.programs import store as programs
from tracker.quarantine import store
from tracker.quarantine.types import QuarantinedEvent, Verdict
from tracker.services import Services

REASON_MAX = 500  # characters of why an event is discarded

Door = Callable[[Services, QuarantinedEvent, bytes], Awaitable[str]]


class EventNotFoundError(Exception):
    """There is no such refused event."""


class EventJudgedError(Exception):
    """Somebody was quicker: the event was taken or discarded already."""


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an event that was sent again: accepted with what it is now, or still refused with its cause."""

    event_id: str
    verdict: Verdict
    code: str
    cause: str
    result_id: str | None = None


class Sender(msgspec.Struct, frozen=True, kw_only=True):
    """Whose event it is, and when it was received on the clock of its mode."""

    program_id: str
    livemode: bool
    now_ms: int


async def replay_event(services: Services, event_id: str, *, actor: str, corrected: bytes | None = None) -> Replay:
    """Take a refused event again and say what became of it.

    `corrected` stands in for the body from now on. Raises EventNotFoundError, EventJudgedError and SinkBusyError.
    """
    now_ms = services.now_ms()
    event = await _waiting(services, event_id)
    if corrected is None:
        corrected = event.corrected
    body = event.payload if corrected is None else corrected
    try:
        if event.is_cut and corrected is None:
            raise _cut(event)
        result_id = await _door(event)(services, event, body)
    except ProblemError as problem:
        refused = Replay(event_id=event_id, verdict="quarantined", code=problem.code, cause=problem.detail)
        await services.db.write(
            lambda conn: _note_refusal(conn, event, refused=refused, corrected=corrected, actor=actor, now_ms=now_ms)
        )
        return refused
    taken = Replay(event_id=event_id, verdict="accepted", code=event.code, cause=event.cause, result_id=result_id)
    await services.db.write(
        lambda conn: _note_taken(conn, event, taken=taken, corrected=corrected, actor=actor, now_ms=now_ms)
    )
    return taken


async def discard_event(services: Services, event_id: str, *, reason: str, actor: str) -> None:
    """Give a refused event up, with a reason; raises EventNotFoundError and EventJudgedError."""
    now_ms = services.now_ms()
    event = await _waiting(services, event_id)

    def discard(conn: Connection) -> None:
        if not store.judge(conn, event_id, verdict="discarded", by=actor, at_ms=now_ms, reason=reason):
            raise EventJudgedError(event_id)
        audit.record(
            conn,
            at_ms=now_ms,
            actor=actor,
            action="event.discarded",
            object_id=event_id,
            reason=reason,
            before={"verdict": event.verdict, "code": event.code},
            after={"verdict": "discarded"},
        )

    await services.db.write(discard)


async def _take_report(services: Services, event: QuarantinedEvent, body: bytes, kind: ConversionKind) -> str:
    report = await read_report(services, kind, body, _sender(event))
    return (await record_report(services, report)).conversion_id


def _sender(event: QuarantinedEvent) -> Sender:
    return Sender(
        program_id=event.program_id,
        livemode=event.livemode,
        now_ms=event.received_at_ms + event.circumstances.clock_ahead_ms,
    )


async def _take_lead(services: Services, event: QuarantinedEvent, body: bytes) -> str:
    return await _take_report(services, event, body, "lead")


async def _take_sale(services: Services, event: QuarantinedEvent, body: bytes) -> str:
    return await _take_report(services, event, body, "sale")


async def _take_refund(services: Services, event: QuarantinedEvent, body: bytes) -> str:
    return await _take_report(services, event, body, "refund")


async def _take_click(services: Services, event: QuarantinedEvent, body: bytes) -> str:
    received_at_ms = event.received_at_ms
    click = read_click(services, body, _sender(event), inbox_at_ms=received_at_ms)
    async with _own_queue(services) as queue:
        await queue.put(received_at_ms, encode_click(click))
    return f"clk_{click.click_id}"


async def _take_browser_event(services: Services, event: QuarantinedEvent, body: bytes) -> str:
    """Take an event of the snippet; raises ProblemError also where the door would drop it."""
    site = services.directory.site(decode_event(body).key)
    if site is not None and (site.program_id, site.livemode) != (event.program_id, event.livemode):
        raise ProblemError(
            422, "wrong_key", "k: This key belongs to another program or mode; an event stays in its own."
        )
    headers = {name.encode(): value.encode("latin-1") for name, value in event.circumstances.headers.items()}
    if body != event.payload:
        # A signature in the headers covers what was sent; the corrected body is a claim like any other.
        headers = {name: value for name, value in headers.items() if name not in SIGNATURE_HEADERS}
    setup = _edge_at(services, event.received_at_ms)
    async with _own_queue(services) as setup.buffer:
        answer = await take_body(setup, body, headers, {})
    dropped = drop_reason(answer)
    told: Mapping[str, Any] = msgspec.json.decode(answer.body)
    if dropped not in ("", DropReason.DUPLICATE):
        raise ProblemError(422, dropped, f"The door drops this event: {dropped.replace('_', ' ')}.")
    return str(told["id"]) if "id" in told else f"clk_{told['c']}"


async def _take_postback(services: Services, event: QuarantinedEvent, body: bytes) -> str:
    program = await services.db.read(lambda conn: programs.get_program(conn, event.program_id))
    if program is None:
        raise ProblemError(422, "no_such_door", "The program of this postback is gone; discard it.")
    target = PostbackTarget(
        key_id=event.event_id, program_id=event.program_id, livemode=event.livemode, currency=program.currency
    )
    setup = _edge_at(services, event.received_at_ms)
    outcome = await record_payload(setup, target, body, now_ms=event.received_at_ms)
    if outcome.is_changed:
        raise ProblemError(422, event.code, event.cause)
    return outcome.conversion_id


def _edge_at(services: Services, received_at_ms: int) -> EdgeSetup:
    """Return the public edge as of an instant, without rate limits: nobody floods by hand."""
    setup = services.edge_setup()
    setup.now_ms = lambda: received_at_ms
    setup.limits = None
    return setup


@asynccontextmanager
async def _own_queue(services: Services) -> AsyncIterator[ClickBuffer]:
    """Give a queue of our own: nobody empties the common one when the command line does this without a server."""
    queue = ClickBuffer(services.sink)
    emptying = asyncio.create_task(queue.run())
    try:
        yield queue
    finally:
        queue.close()
        await emptying


# Each door by the name it keeps its refusals under.
DOORS: Mapping[str, Door] = {
    "track_lead": _take_lead,
    "track_sale": _take_sale,
    "track_refund": _take_refund,
    "track_click": _take_click,
    "browser_event": _take_browser_event,
    "postback": _take_postback,
}


def _door(event: QuarantinedEvent) -> Door:
    door = DOORS.get(event.source)
    if door is None:
        raise ProblemError(
            422, "no_such_door", f'There is no door "{event.source}" any more; report the event again or discard it.'
        )
    return door


def _cut(event: QuarantinedEvent) -> ProblemError:
    return ProblemError(
        422,
        "payload_cut",
        f"Only the first {len(event.payload)} of {event.payload_bytes} bytes are kept; report the event again in less.",
    )


async def _waiting(services: Services, event_id: str) -> QuarantinedEvent:
    event = await services.db.read(lambda conn: store.get_event(conn, event_id))
    if event is None:
        raise EventNotFoundError(event_id)
    if event.verdict != "quarantined":
        raise EventJudgedError(event_id)
    return event


def _note_taken(
    conn: Connection,
    event: QuarantinedEvent,
    *,
    taken: Replay,
    corrected: bytes | None,
    actor: str,
    now_ms: int,
) -> None:
    """Note that the event was taken, unless somebody did the same at the same time: it is the same result."""
    if not store.judge(
        conn,
        event.event_id,
        verdict="accepted",
        by=actor,
        at_ms=now_ms,
        result_id=taken.result_id,
        corrected=corrected,
    ):
        return
    audit.record(
        conn,
        at_ms=now_ms,
        actor=actor,
        action="event.replayed",
        object_id=event.event_id,
        before={"verdict": event.verdict, "code": event.code},
        after={"verdict": "accepted", "result_id": taken.result_id, "corrected": corrected is not None},
    )


def _note_refusal(
    conn: Connection,
    event: QuarantinedEvent,
    *,
    refused: Replay,
    corrected: bytes | None,
    actor: str,
    now_ms: int,
) -> None:
    """Note why the event was refused again."""
    if not store.note_refusal(conn, event.event_id, code=refused.code, cause=refused.cause, corrected=corrected):
        return
    audit.record(
        conn,
        at_ms=now_ms,
        actor=actor,
        action="event.replay_refused",
        object_id=event.event_id,
        before={"code": event.code},
        after={"code": refused.code, "corrected": corrected is not None},
    )
