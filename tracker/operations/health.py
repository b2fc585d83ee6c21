"""What machines ask of a running server: is it alive, can it store, how is it doing.

`/healthz` touches nothing, `/readyz` tells no details, `/metrics` needs the token of the settings and does not exist
without one.
"""

import hmac

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from tracker.operations.metrics import gather
from tracker.services import Services

_UNCACHED = {"Cache-Control": "no-store"}


def routes() -> list[BaseRoute]:
    """Return the routes that monitors and proxies ask."""
    return [
        Route("/healthz", show_life, methods=["GET"]),
        Route("/readyz", show_readiness, methods=["GET"]),
        Route("/metrics", show_metrics, methods=["GET"]),
    ]


async def show_life(_request: Request) -> Response:
    """Answer 200 as long as the process answers at all."""
    return PlainTextResponse("ok\n", headers=_UNCACHED)


async def show_readiness(request: Request) -> Response:
    """Answer 200 when this process can store, else 503; why it cannot stands in the log."""
    services: Services = request.app.state.services
    if await services.readiness.trouble() is None:
        return PlainTextResponse("ready\n", headers=_UNCACHED)
    return PlainTextResponse("not ready\n", 503, headers=_UNCACHED | {"Retry-After": "2"})


async def show_metrics(request: Request) -> Response:
    """Answer the metrics to whoever sends the token as `Authorization: Bearer`."""
    services: Services = request.app.state.services
    if not services.metrics_token:
        raise HTTPException(404)
    given = request.headers.get("authorization", "").encode("latin-1")
    if not hmac.compare_digest(given, b"Bearer " + services.metrics_token.encode()):
        headers = _UNCACHED | {"WWW-Authenticate": 'Bearer realm="metrics"'}
        return PlainTextResponse("Send the metrics_token as: Authorization: Bearer ...\n", 401, headers=headers)
    return Response(await gather(services), media_type=CONTENT_TYPE_LATEST, headers=_UNCACHED)
