"""What one route of the server API is: where it stands, what it takes and what it answers.

Each module of the API lists its operations; `routes.py` makes routes of them, `openapi.py` the description. The checks
of a request (scope, filters) read them too, so that nothing is said twice.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tracker.keys.types import Scope

Endpoint = Callable[[Request], Awaitable[Response]]


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """A route: `answers` are the types of its successful answers by status, `body` that of its JSON body.

    `example` is a body as somebody would send it. `scope` is what the key must be allowed, None opens the route to
    everybody. A list takes `limit`, `starting_after`, the filters (a Literal is a closed set) and, with `has_created`,
    bounds of the time of receipt; `has_occurred` is for bounds of when things happened. With `can_wait` the parameter
    `wait=true` asks for the decided answer.
    """

    method: Literal["GET", "POST"]
    path: str
    endpoint: Endpoint
    name: str
    summary: str
    scope: Scope | None
    answers: dict[int, Any]
    body: type[msgspec.Struct] | None = None
    example: dict[str, Any] = {}
    filters: dict[str, Any] = {}
    is_list: bool = False
    has_created: bool = False
    has_occurred: bool = False
    can_wait: bool = False

    @property
    def query(self) -> frozenset[str]:
        """The names of the query parameters that the route reads."""
        names = {f"filter[{name}]" for name in self.filters}
        if self.is_list:
            names |= {"limit", "starting_after"}
        if self.has_created:
            names |= {"created_at[gte]", "created_at[lte]"}
        if self.has_occurred:
            names |= {"occurred_at[gte]", "occurred_at[lte]"}
        return frozenset(names | ({"wait"} if self.can_wait else set()))


def operation_of(request: Request) -> Operation:
    """Return the operation a request asks for; `routes.py` noted it."""
    operation: Operation = request.state.operation
    return operation
