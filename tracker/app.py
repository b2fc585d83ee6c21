"""Builds the application: the public edge in front, pages and API behind it.

`serve` and the tests call `create_app`; nothing is made when this module is imported.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ingest.edge import PublicEdge
from ingest.http import Answer, Door
from ingest.http import Request as Asked
from ingest.problems import ProblemError
from tracker.admin.errors import answer_error
from tracker.admin.routes import routes as admin_routes
from tracker.api.answers import as_problem, problem_answer
from tracker.api.bodies import WHOLE_BODY
from tracker.api.operation import Endpoint
from tracker.api.routes import direct_endpoints
from tracker.api.routes import routes as api_routes
from tracker.db.database import DatabaseBusyError
from tracker.logs import route_of
from tracker.operations.health import routes as health_routes
from tracker.portal.routes import routes as partner_routes
from tracker.services import Services
from tracker.worker import TASKS, Task, run_tasks

BODY_MAX = 1024 * 1024  # bytes of any body; the edge and forms have lower limits of their own

log = structlog.get_logger()


class Application:
    """The ASGI application: hot public routes without Starlette, everything else with it."""

    def __init__(self, edge: PublicEdge, pages: Starlette, prefix: str) -> None:
        """Take both halves; the prefix decides which one answers."""
        self._edge = edge
        self._pages = pages
        self._prefix = f"{prefix}/"
        self._reports = {place: _direct(pages, endpoint) for place, endpoint in direct_endpoints().items()}

    def direct_door(self, method: bytes, target: bytes) -> Door | None:
        """Return what answers events, links and reports without ASGI's messages and Starlette's layers; else None."""
        return self._edge.direct_door(method, target) or self._reports.get((method, target))

    def running(self) -> AbstractAsyncContextManager[Any]:
        """Return the lifespan, for those who ask the application without a server."""
        return self._pages.router.lifespan_context(self._pages)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Hand the connection to its half."""
        if scope["type"] == "http" and scope["path"].startswith(self._prefix):
            await self._edge(scope, receive, send)
        else:
            await self._pages(scope, receive, send)


def _direct(app: Starlette, endpoint: Endpoint) -> Door:
    """Return the door that asks an endpoint as Starlette would behind all its layers."""

    async def answer(asked: Asked) -> Answer:
        path = asked.target.decode("ascii")
        scope: dict[str, Any] = {
            "type": "http",
            "http_version": "1.1",
            "method": asked.method,
            "scheme": "http",
            "path": path,
            "raw_path": asked.target,
            "query_string": b"",
            "root_path": "",
            "headers": asked.headers,
            "client": asked.client,
            "server": None,
            "app": app,
            "state": {},
            "path_params": {},
            WHOLE_BODY: asked.body,
        }
        request = Request(scope, asked.receive)
        try:
            response = await endpoint(request)
        except Exception as error:  # noqa: BLE001  # Answered and logged like every failure.
            response = await _answer_failure(request, error)
        headers = [(name, value) for name, value in response.raw_headers if name != b"content-length"]
        return Answer(response.status_code, headers, bytes(response.body))

    return lambda asked, _reply: answer(asked)


def create_app(services: Services, tasks: tuple[Task, ...] = TASKS) -> Application:
    """Return the application around opened services; its lifespan runs the background tasks and closes them."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        await services.keep_address_keys()
        running = asyncio.create_task(run_tasks(services, tasks))
        try:
            yield
        finally:
            services.buffer.close()
            services.stopping.set()
            services.work.set()
            await running
            await services.close()

    pages = Starlette(
        routes=[
            Route("/", _home, methods=["GET"]),
            *health_routes(),
            *api_routes(),
            *partner_routes(),
            *admin_routes(),
        ],
        lifespan=lifespan,
        max_body_size=BODY_MAX,
        exception_handlers={HTTPException: _answer_refusal, DatabaseBusyError: _answer_busy, 500: _answer_failure},
    )
    pages.state.services = services
    return Application(PublicEdge(services.edge_setup()), pages, services.settings.public_prefix)


async def _home(_request: Request) -> Response:
    return RedirectResponse("/admin/", 302)


async def _answer_refusal(request: Request, error: Exception) -> Response:
    """Answer what no route took: a problem under the API (whose last route takes no line breaks), else a page."""
    if request.scope["path"].startswith("/v1/"):
        return problem_answer(as_problem(error))
    return await answer_error(request, error)


async def _answer_busy(request: Request, error: Exception) -> Response:
    log.warning("database_busy", route=route_of(request), error=str(error))
    return await answer_error(request, HTTPException(503, headers={"Retry-After": "2"}))


async def _answer_failure(request: Request, error: Exception) -> Response:
    request_id = f"req_{secrets.token_hex(8)}"
    log.error(
        "request_failed",
        request_id=request_id,
        method=request.method,
        route=route_of(request),
        error=type(error).__name__,
    )
    if request.scope["path"].startswith("/v1/"):
        detail = "Something broke on our side; nothing was stored. Try again, then look into the log."
        return problem_answer(ProblemError(500, "failure", detail), request_id)
    return await answer_error(request, error)
