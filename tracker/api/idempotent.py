"""`Idempotency-Key`: the same request again gets the same answer.

Answers are kept 30 days. The natural key of a report already makes it safe to repeat; this makes every write so.
"""

import hashlib
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from ingest.problems import FieldError, ProblemError, invalid
from tracker.api.access import Caller, header_of, services_of
from tracker.idempotency import store

KEY_MAX = 255


async def idempotent(request: Request, caller: Caller, body: bytes, act: Callable[[], Awaitable[Response]]) -> Response:
    """Return the stored answer of an equal earlier request, else act and store it.

    The same key with another request raises ProblemError 409.
    """
    key = header_of(request, b"idempotency-key")
    if key is None:
        return await act()
    if not 1 <= len(key) <= KEY_MAX or not key.isascii() or not key.isprintable():
        raise invalid(FieldError(field="Idempotency-Key", message=f"Use 1 to {KEY_MAX} printable ASCII characters."))
    db = services_of(request).db
    place = store.Place(program_id=caller.program_id, livemode=caller.livemode, idempotency_key=key)
    asked = hashlib.sha256(f"{request.method} {request.scope['path']}\n".encode() + body).digest()
    known = await db.read(lambda conn: store.find(conn, place))
    if known is not None:
        if known.request_digest != asked:
            message = "This Idempotency-Key was used for another request; use a new key for a new request."
            raise ProblemError(409, "idempotency_conflict", message)
        return Response(
            known.body,
            known.status_code,
            media_type="application/json",
            headers={"Idempotent-Replayed": "true", "Cache-Control": "no-store"},
        )
    answer = await act()
    stored = store.Answer(
        request_digest=asked, status_code=answer.status_code, body=bytes(answer.body), created_at_ms=caller.now_ms
    )
    await db.write(lambda conn: store.keep(conn, place, stored))
    return answer
