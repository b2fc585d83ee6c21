"""Reading request bodies of the API into records, strictly."""

import hashlib
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request

from ingest.problems import FieldError, ProblemError, field_error, invalid
from ingest.strict_json import loads
from tracker.api.access import header_of, services_of
from tracker.quarantine.types import PAYLOAD_MAX

BODY_MAX = 1024 * 1024  # bytes of an API body
WHOLE_BODY = "molva.body"  # in the scope of a request whose body (8 KiB at most) came with it
LOOKED_AT_MAX = PAYLOAD_MAX + 1  # bytes noted of a refused body: one more than is kept, so that a cut one shows

T = TypeVar("T", bound=msgspec.Struct)


async def read_body(request: Request) -> bytes:
    """Return the raw body; raises ProblemError 413 (too large) or 415 (not plain JSON)."""
    declared = header_of(request, b"content-length") or ""
    size = int(declared[:20]) if declared.isdigit() else BODY_MAX
    if size <= LOOKED_AT_MAX:
        body = await _read(request, BODY_MAX)
    else:
        async with services_of(request).large_bodies:
            body = await _read(request, BODY_MAX if size <= BODY_MAX else LOOKED_AT_MAX)
    # Noted before it is looked at: what is refused is kept as it came, see refusals.py.
    request.state.received = body[:LOOKED_AT_MAX]
    if (header_of(request, b"content-encoding") or "identity").lower() != "identity":
        raise ProblemError(415, "unsupported_encoding", "Compressed bodies are not accepted; send plain JSON.")
    if (header_of(request, b"content-type") or "").split(";")[0].strip().lower() != "application/json":
        raise ProblemError(415, "unsupported_media_type", "Send the body as JSON with Content-Type: application/json.")
    return body


async def _read(request: Request, limit: int) -> bytes:
    """Return the whole body; what came of one above the limit (bytes) is noted before ProblemError 413 is raised."""
    whole: bytes | None = request.scope.get(WHOLE_BODY)
    if whole is not None:
        return whole
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            request.state.received = bytes(body[:LOOKED_AT_MAX])
            raise _too_large()
    return bytes(body)


def _too_large() -> ProblemError:
    return ProblemError(413, "body_too_large", f"The body is larger than {BODY_MAX} bytes; send less.")


def decode_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object in a body without absent (null) fields; raises ProblemError 400 or 422."""
    value = loads(body)
    if not isinstance(value, dict):
        raise invalid(FieldError(field="body", message="The body must be one JSON object."))
    present: dict[str, Any] = _without_nulls(value)
    return present


def convert(value: dict[str, Any], kind: type[T]) -> T:
    """Return the object as a record; raises ProblemError 422 naming the field."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise invalid(field_error(error)) from error


def digest(value: dict[str, Any]) -> bytes:
    """Return SHA-256 of the object with sorted keys, absent fields left out: equal content, equal digest."""
    return hashlib.sha256(msgspec.json.encode(value, order="sorted")).digest()


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(item) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value
