"""Errors as RFC 9457 problems: cause, value and remedy, with the field's name.

Every face that answers JSON uses this one form.
"""

import math
import re
from typing import Literal

import msgspec

MEDIA_TYPE = "application/problem+json"
TOO_MANY = 429

# msgspec says "... - at `$.customer.email`"; the path without "$." is the field's name.
_PATH = re.compile(r"^(?P<message>.*?)(?: - at `(?:key in )?\$(?P<path>[^`]*)`)?$", re.DOTALL)


class FieldError(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with one field."""

    field: str
    message: str


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """An error as it is answered: `code` for programs, `detail` (cause and remedy) for people."""

    type: Literal["about:blank"] = "about:blank"
    title: str
    status: int
    code: str
    detail: str
    request_id: str
    errors: tuple[FieldError, ...] | msgspec.UnsetType = msgspec.UNSET


class ProblemError(Exception):
    """A request that cannot be done as sent; rendered as a problem."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        errors: tuple[FieldError, ...] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        """Status and code are for programs, detail (cause and remedy) is for people."""
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = errors
        self.headers = headers or {}


def problem_body(problem: ProblemError, request_id: str) -> bytes:
    """Return the JSON of a problem."""
    body = Problem(
        title=problem.code.replace("_", " "),
        status=problem.status,
        code=problem.code,
        detail=problem.detail,
        request_id=request_id,
        errors=problem.errors or msgspec.UNSET,
    )
    return msgspec.json.encode(body)


def field_error(error: msgspec.ValidationError) -> FieldError:
    """Return the field and message of a refused value."""
    match = _PATH.match(str(error))
    message, path = (match["message"], match["path"]) if match else (str(error), None)
    if "unknown field" in message or "missing required field" in message:
        name = message.rsplit("`", 2)[1]
        path = f"{path or ''}.{name}"
    return FieldError(field=(path or "").lstrip("."), message=message)


def invalid(error: FieldError, *, code: str = "invalid_request") -> ProblemError:
    """Return the 422 for one wrong field."""
    return ProblemError(422, code, f"{error.field or 'body'}: {error.message}", errors=(error,))


def too_many(wait_s: float, *, headers: dict[str, str] | None = None) -> ProblemError:
    """Return the 429 for who sends too much, with the seconds to wait."""
    wait = max(1, math.ceil(wait_s))
    return ProblemError(
        TOO_MANY,
        "rate_limited",
        f"Too many requests at once; nothing was stored. Send it again in {wait} s.",
        headers={"Retry-After": str(wait)} | (headers or {}),
    )
