"""Reports that the server API refuses after it knows the key: kept with their cause, never lost silently.

Every door that makes events does its work, reading the body included, inside `RefusalsKept`.
"""

from starlette.requests import Request

from ingest.directory import Circumstances
from ingest.problems import ProblemError
from tracker.api.access import Caller, services_of


class RefusalsKept:
    """Keeps what `bodies.read_body` read of the body when the block raises ProblemError; the error goes on."""

    def __init__(self, request: Request, caller: Caller, *, source: str) -> None:
        """Take the request, its caller and the door's name."""
        self._request = request
        self._caller = caller
        self._source = source

    async def __aenter__(self) -> None:
        """Begin."""

    async def __aexit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Keep what was refused."""
        if not isinstance(error, ProblemError):
            return
        services, caller = services_of(self._request), self._caller
        await services.sink.quarantine(
            program_id=caller.program_id,
            livemode=caller.livemode,
            source=self._source,
            code=error.code,
            cause=error.detail,
            payload=self._request.scope["state"].get("received", b""),
            circumstances=Circumstances(clock_ahead_ms=max(0, caller.now_ms - services.now_ms())),
        )
