"""The list of server-API routes, and how their errors are answered."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from ingest.directory import SinkBusyError
from ingest.problems import ProblemError
from ingest.rate_limits import Allowance
from tracker.api import cases, events, lists, openapi, reports, test_clock, track, track_click
from tracker.api.answers import RETRY_AFTER_S, as_problem, problem_answer
from tracker.api.operation import Endpoint, Operation

# Starlette's own limit answers in plain text; `bodies.read_body` counts by itself and answers a problem.
COUNTED_BY_US = 2**63

OPERATIONS: tuple[Operation, ...] = openapi.described(
    (
        *track.OPERATIONS,
        *track_click.OPERATIONS,
        *lists.OPERATIONS,
        *events.OPERATIONS,
        *cases.OPERATIONS,
        *reports.OPERATIONS,
        *test_clock.OPERATIONS,
    )
)

_ROUTES: tuple[Route, ...] = tuple(
    Route(each.path, each.endpoint, methods=[each.method], name=each.name) for each in OPERATIONS
)


def routes() -> list[BaseRoute]:
    """Return every API route; each answers its errors as problems."""
    return [
        *(
            Route(
                each.path,
                _answering(each),
                methods=[each.method],
                name=each.name,
                max_body_size=COUNTED_BY_US,
            )
            for each in OPERATIONS
        ),
        Route("/v1/{rest:path}", Nowhere(), name="api_nowhere"),
    ]


def _answering(operation: Operation) -> Endpoint:
    """Return the endpoint that knows its operation and answers its errors as problems."""

    async def answered(request: Request) -> Response:
        request.state.operation = operation
        try:
            answer = await operation.endpoint(request)
        except SinkBusyError as error:
            answer = problem_answer(ProblemError(503, "busy", str(error), headers={"Retry-After": RETRY_AFTER_S}))
        except Exception as error:  # noqa: BLE001  # `as_problem` raises again whatever is not an expected refusal.
            answer = problem_answer(as_problem(error))
        allowance: Allowance | None = request.scope["state"].get("allowance")
        if allowance is not None:
            answer.headers.update(allowance.headers())
        return answer

    return answered


def direct_endpoints() -> dict[tuple[bytes, bytes], Endpoint]:
    """Return the endpoints of the reports by method and target: those that come in crowds, and have no parameters."""
    return {
        (each.method.encode(), each.path.encode()): _answering(each)
        for each in OPERATIONS
        if each.method == "POST" and each.scope == "track"
    }


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
