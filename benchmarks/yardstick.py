"""The yardstick: the least a Starlette route can do with a click. Reads the body, answers 204, stores nothing.

`run.py` starts it with a port as argument: one process of uvicorn as it comes, with the same parser and event loop as
Molva and none of Molva's limits.
"""

import sys

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


async def take(request: Request) -> Response:
    await request.body()
    return Response(status_code=204)


async def readyz(_request: Request) -> Response:
    return Response(status_code=200)


def main() -> None:
    app = Starlette(
        routes=[Route("/r/e", take, methods=["POST"]), Route("/readyz", readyz, methods=["GET"])],
    )
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        http="httptools",
        loop="uvloop",
        access_log=False,
        log_level="warning",
    )


if __name__ == "__main__":
    main()
