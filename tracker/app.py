"""Builds the application: the public edge in front, pages and API behind it.

`serve` and the tests call `create_app`; nothing is made when this module is imported.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from ingest.edge import PublicEdge
from ingest.problems import ProblemError
from tracker.admin.errors import answer_error
from tracker.admin.routes import routes as admin_routes
from tracker.api.answers import as_problem, problem_answer
from tracker.api.routes import routes as api_routes
from tracker.db.database import DatabaseBusyError
from tracker.db.migrating import current_revision, newest_revision
from tracker.portal.routes import routes as partner_routes
from tracker.services import Services
from tracker.worker import run_tasks

BODY_MAX = 1024 * 1024  # bytes of any body; the edge and forms have lower limits of their own

log = structlog.get_logger()


class Application:
    """The ASGI application: hot public routes without Starlette, everything else with it."""

    def __init__(self, edge: PublicEdge, pages: Starlette, prefix: str) -> None:
        """Take both halves; the prefix decides which one answers."""
        self._edge = edge
        self._pages = pages
        self._prefix = f"{prefix}/"

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Hand the connection to its half."""
        if scope["type"] == "http" and scope["path"].startswith(self._prefix):
            await self._edge(scope, receive, send)
        else:
            await self._pages(scope, receive, send)


def create_app(services: Services) -> Application:
    """Return the application around opened services; its lifespan runs the background tasks and closes them."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        tasks = asyncio.create_task(run_tasks(services))
        try:
            yield
        finally:
            services.buffer.close()
            services.stopping.set()
            services.work.set()
            await tasks
            await services.close()

    pages = Starlette(
        routes=[
            Route("/", _home, methods=["GET"]),
            Route("/healthz", _healthz, methods=["GET"]),
            Route("/readyz", _readyz, methods=["GET"]),
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


async def _healthz(_request: Request) -> Response:
    return PlainTextResponse("ok\n", headers={"Cache-Control": "no-store"})


async def _readyz(request: Request) -> Response:
    """Answer 200 when the database takes writes and has the schema this version works with."""
    services: Services = request.app.state.services
    try:
        async with asyncio.timeout(2):
            revision = await services.db.write(current_revision)
    except (DatabaseBusyError, TimeoutError):
        return PlainTextResponse("cannot store\n", 503, headers={"Retry-After": "2", "Cache-Control": "no-store"})
    if revision != newest_revision():
        return PlainTextResponse("schema is not the newest\n", 503, headers={"Cache-Control": "no-store"})
    return PlainTextResponse("ready\n", headers={"Cache-Control": "no-store"})


async def _answer_refusal(request: Request, error: Exception) -> Response:
    """Answer what no route took: a problem under the API (whose last route takes no line breaks), else a page."""
    if request.scope["path"].startswith("/v1/"):
        return problem_answer(as_problem(error))
    return await answer_error(request, error)


async def _answer_busy(request: Request, error: Exception) -> Response:
    log.warning("database_busy", error=str(error))
    return await answer_error(request, HTTPException(503, headers={"Retry-After": "2"}))


async def _answer_failure(request: Request, error: Exception) -> Response:
    log.error("request_failed", path=request.scope["path"], error=type(error).__name__)
    if request.scope["path"].startswith("/v1/"):
        detail = "Something broke on our side; nothing was stored. Try again, then look into the log."
        return problem_answer(ProblemError(500, "failure", detail))
    return await answer_error(request, error)
