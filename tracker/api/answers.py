"""JSON answers of the API: one way to encode, to page and to fail."""

import secrets
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ingest.problems import MEDIA_TYPE, FieldError, ProblemError, problem_body
from tracker.api.shapes import Page
from tracker.db.database import DatabaseBusyError
from tracker.i18n.messages import InputError

LIMIT_MAX = 100
LIMIT_DEFAULT = 20
RETRY_AFTER_S = "2"


def json_answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return a JSON response that nobody caches."""
    return Response(
        msgspec.json.encode(value),
        status,
        media_type="application/json",
        headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"} | (headers or {}),
    )


def problem_answer(problem: ProblemError, request_id: str | None = None) -> Response:
    """Return a problem as a response; the id of a request that is in the log is given."""
    return Response(
        problem_body(problem, request_id or f"req_{secrets.token_hex(8)}"),
        problem.status,
        media_type=MEDIA_TYPE,
        headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"} | problem.headers,
    )


def as_problem(error: Exception) -> ProblemError:
    """Return any expected error as a problem; what is unexpected is raised again."""
    if isinstance(error, ProblemError):
        return error
    if isinstance(error, InputError):
        return ProblemError(
            422, "invalid_request", str(error), errors=(FieldError(field=error.field, message=str(error.message)),)
        )
    if isinstance(error, DatabaseBusyError):
        return ProblemError(503, "busy", str(error), headers={"Retry-After": RETRY_AFTER_S})
    if isinstance(error, HTTPException):
        code = {404: "not_found", 405: "method_not_allowed", 413: "body_too_large"}.get(error.status_code, "refused")
        detail = (
            "There is nothing at this address; see /v1 in the documentation." if code == "not_found" else error.detail
        )
        return ProblemError(error.status_code, code, detail, headers=dict(error.headers or {}))
    raise error


def page_limit(request: Request) -> int:
    """Return the asked page size; raises ProblemError 422 outside 1 … 100."""
    text = request.query_params.get("limit", str(LIMIT_DEFAULT))
    if text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= LIMIT_MAX:
        return int(text)
    message = f'"{text[:20]}" is not a page size; use 1 to {LIMIT_MAX}.'
    raise ProblemError(422, "invalid_request", message, errors=(FieldError(field="limit", message=message),))


def page_answer(items: list[Any], limit: int) -> Response:
    """Return a page; `items` holds one more than asked when there are more."""
    return json_answer(Page(data=items[:limit], has_more=len(items) > limit))


def not_found(what: str, given: str) -> ProblemError:
    """Return the 404 for an object of the key's program and mode."""
    return ProblemError(404, "not_found", f'There is no {what} "{given[:80]}" in this program and mode; check the id.')
