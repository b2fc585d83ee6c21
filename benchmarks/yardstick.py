"""The yardstick: the least a Starlette route can do with a click. Reads the body, answers 204, stores nothing.

`run.py` starts it with a port as argument; the server settings are those Molva itself runs with.
"""

import asyncio
import sys

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tracker.serving import uvicorn_config


async def take(request: Request) -> Response:
    await request.body()
    return Response(status_code=204)


async def readyz(_request: Request) -> Response:
    return Response(status_code=200)


def main() -> None:
    app = Starlette(
        routes=[Route("/r/e", take, methods=["POST"]), Route("/readyz", readyz, methods=["GET"])],
    )
    config = uvicorn_config(app, host="127.0.0.1", port=int(sys.argv[1]))
    asyncio.run(uvicorn.Server(config).serve())


if __name__ == "__main__":
    main()
