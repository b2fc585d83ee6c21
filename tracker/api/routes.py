"""The list of server-API routes, and how their errors are answered."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ingest.directory import SinkBusyError
from ingest.problems import ProblemError
from tracker.api import cases, lists, test_clock, track
from tracker.api.answers import RETRY_AFTER_S, as_problem, problem_answer

Endpoint = Callable[[Request], Awaitable[Response]]

_ROUTES: tuple[Route, ...] = (*track.ROUTES, *lists.ROUTES, *cases.ROUTES, *test_clock.ROUTES)


def routes() -> list[BaseRoute]:
    """Return every API route; each answers its errors as problems."""
    return [
        *(
            Route(route.path, _with_problems(route.endpoint), methods=sorted(route.methods or ()), name=route.name)
            for route in _ROUTES
        ),
        Route("/v1/{rest:path}", _nowhere, methods=["GET", "POST", "PUT", "PATCH", "DELETE"], name="api_nowhere"),
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


async def _nowhere(request: Request) -> Response:
    allowed = {
        method for route in _ROUTES if route.path_regex.match(request.scope["path"]) for method in route.methods or ()
    }
    if allowed:
        listed = ", ".join(sorted(allowed))
        return problem_answer(ProblemError(405, "method_not_allowed", f"Use {listed} here.", headers={"Allow": listed}))
    return problem_answer(
        ProblemError(404, "not_found", "There is nothing at this address; see the API documentation for all routes.")
    )
