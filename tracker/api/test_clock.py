"""`POST /v1/test/clock`: moves the clock of a program's test objects, so that a hold can be lived through."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ingest.problems import ProblemError
from tracker.api.access import check_caller, services_of
from tracker.api.answers import json_answer
from tracker.api.bodies import convert, decode_object, read_body
from tracker.api.idempotent import idempotent
from tracker.api.operation import Operation
from tracker.instants import show_instant
from tracker.programs import store as programs


class ClockBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far the clock moves."""

    advance_seconds: int


class ShownClock(msgspec.Struct, frozen=True, kw_only=True):
    """Where the test clock stands, and how far it is ahead."""

    now: str
    offset_seconds: int


async def advance_clock(request: Request) -> Response:
    """Move the test clock forward and answer the new instant."""
    caller = await check_caller(request)
    if caller.livemode:
        raise ProblemError(403, "wrong_key", "Only a test key (sk_test_…) moves the test clock.")
    raw = await read_body(request)
    body = convert(decode_object(raw), ClockBody)
    services = services_of(request)
    real_now_ms = services.now_ms()

    async def act() -> Response:
        offset_ms = await services.db.write(
            lambda conn: programs.advance_test_clock(
                conn,
                program_id=caller.program_id,
                by_ms=body.advance_seconds * 1000,
                actor=caller.actor,
                now_ms=real_now_ms,
            )
        )
        return json_answer(ShownClock(now=show_instant(real_now_ms + offset_ms), offset_seconds=offset_ms // 1000))

    return await idempotent(request, caller, raw, act)


OPERATIONS = (
    Operation(
        method="POST",
        path="/v1/test/clock",
        endpoint=advance_clock,
        name="test_clock",
        summary="Move the clock of the program's test objects forward; test keys only.",
        scope="track",
        body=ClockBody,
        example={"advance_seconds": 2_678_400},
        answers={200: ShownClock},
    ),
)
