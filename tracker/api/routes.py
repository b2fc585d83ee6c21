"""The list of server-API routes, and how their errors are answered."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from ingest.directory import SinkBusyError
from ingest.problems import ProblemError
from tracker.api import cases, lists, test_clock, track
from tracker.api.answers import RETRY_AFTER_S, as_problem, problem_answer

# Starlette's own limit answers in plain text; `bodies.read_body` counts by itself and answers a problem.
COUNTED_BY_US = 2**63

Endpoint = Callable[[Request], Awaitable[Response]]

_ROUTES: tuple[Route, ...] = (*track.ROUTES, *lists.ROUTES, *cases.ROUTES, *test_clock.ROUTES)


def routes() -> list[BaseRoute]:
    """Return every API route; each answers its errors as problems."""
    return [
        *(
            Route(
                route.path,
                _with_problems(route.endpoint),
                methods=sorted(route.methods or ()),
                name=route.name,
                max_body_size=COUNTED_BY_US,
            )
            for route in _ROUTES
        ),
        Route("/v1/{rest:path}", Nowhere(), name="api_nowhere"),
    ]


def _with_problems(endpoint: Endpoint) -> Endpoint:
    async def answered(request: Request) -> Response:
        try:
            return await endpoint(request)
        except SinkBusyError as error:
            return problem_answer(ProblemError(503, "busy", str(error), headers={"Retry-After": RETRY_AFTER_S}))
        except Exception as error:  # noqa: BLE001  # `as_problem` raises again whatever is not an expected refusal.
            return problem_answer(as_problem(error))

    return answered


class Nowhere:
    """Answers every method at addresses that no route takes: an object, because Starlette gives functions GET alone."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 405 where another method would do, else 404."""
        allowed = {
            method for route in _ROUTES if route.path_regex.match(scope["path"]) for method in route.methods or ()
        }
        listed = ", ".join(sorted(allowed))
        problem = (
            ProblemError(405, "method_not_allowed", f"Use {listed} here.", headers={"Allow": listed})
            if allowed
            else ProblemError(404, "not_found", "There is nothing here; see the API documentation for all routes.")
        )
        await problem_answer(problem)(scope, receive, send)
