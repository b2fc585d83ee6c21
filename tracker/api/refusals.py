"""Reports that the server API refuses after it knows the key: kept with their cause, never lost silently.

Every door that makes events does its work, reading the body included, inside `refusals_kept`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import Request

from ingest.directory import Circumstances
from ingest.problems import ProblemError
from tracker.api.access import Caller, services_of


@asynccontextmanager
async def refusals_kept(request: Request, caller: Caller, *, source: str) -> AsyncIterator[None]:
    """Keep what `bodies.read_body` read of the body when the block raises ProblemError; the error goes on."""
    services = services_of(request)
    try:
        yield
    except ProblemError as problem:
        await services.sink.quarantine(
            program_id=caller.program_id,
            livemode=caller.livemode,
            source=source,
            code=problem.code,
            cause=problem.detail,
            payload=getattr(request.state, "received", b""),
            circumstances=Circumstances(clock_ahead_ms=max(0, caller.now_ms - services.now_ms())),
        )
        raise
