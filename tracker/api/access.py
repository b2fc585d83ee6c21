"""Who calls the server API: the bearer key, its program, mode and scopes."""

from typing import Protocol

import msgspec
from starlette.requests import Request

from ingest.problems import ProblemError, too_many
from tracker.api.operation import operation_of
from tracker.keys.types import ApiKey
from tracker.programs import store as programs
from tracker.services import Services

_REMEDY = "Send the header Authorization: Bearer sk_live_… (or sk_test_…) with a key from the program's page."


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """A checked key and the instant its objects live in (test objects have a clock of their own)."""

    key: ApiKey
    now_ms: int

    @property
    def program_id(self) -> str:
        """The program the key belongs to."""
        return self.key.program_id

    @property
    def livemode(self) -> bool:
        """False for test keys."""
        return self.key.livemode

    @property
    def actor(self) -> str:
        """The caller as the audit trail names it."""
        return f"key:{self.key.key_id}"


class Sender(Protocol):
    """Whose objects a body makes, and when it was received: a caller, or an event that is taken again."""

    @property
    def program_id(self) -> str:
        """The program."""
        ...

    @property
    def livemode(self) -> bool:
        """False for test objects."""
        ...

    @property
    def now_ms(self) -> int:
        """The instant of receipt on the clock of the mode."""
        ...


def services_of(request: Request) -> Services:
    """Return the application's parts."""
    services: Services = request.scope["app"].state.services
    return services


def header_of(request: Request, name: bytes) -> str | None:
    """Return a header by its name in lower case; cheaper than Starlette's mapping, for what every report is asked."""
    return next((value.decode("latin-1") for known, value in request.scope["headers"] if known == name), None)


def check_key(request: Request) -> ApiKey:
    """Return the key of a request; raises ProblemError 401 (none or unknown) or 403 (not for this operation)."""
    header = header_of(request, b"authorization") or ""
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "bearer" or not value:
        raise ProblemError(401, "unauthorized", f"No key was sent. {_REMEDY}", headers={"WWW-Authenticate": "Bearer"})
    if value.strip().startswith("pk_"):
        raise ProblemError(403, "wrong_key", f"A publishable key only works in the browser. {_REMEDY}")
    key = services_of(request).directory.secret_key(value.strip())
    if key is None:
        raise ProblemError(
            401,
            "unauthorized",
            f"The key is unknown or revoked. {_REMEDY}",
            headers={"WWW-Authenticate": "Bearer"},
        )
    scope = operation_of(request).scope
    if scope not in key.scopes:
        raise ProblemError(
            403, "missing_scope", f'This key may not do that: it lacks the scope "{scope}". Make a key that has it.'
        )
    _count_call(request, key)
    return key


def _count_call(request: Request, key: ApiKey) -> None:
    """Count a call of a key; the answer tells how many are left. Raises ProblemError 429."""
    limits = services_of(request).limits
    if limits is None:
        return
    request.state.allowance = allowance = limits.call(key.key_id)
    if allowance.wait_s > 0:
        raise too_many(allowance.wait_s)


async def check_caller(request: Request) -> Caller:
    """Return the caller of a request; see `check_key`."""
    key = check_key(request)
    services = services_of(request)
    now_ms = services.now_ms()
    if not key.livemode:
        now_ms += await services.db.read(lambda conn: programs.test_offset_ms(conn, key.program_id))
    return Caller(key=key, now_ms=now_ms)
