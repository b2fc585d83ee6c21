"""Running Molva: the server with its background tasks, or the tasks alone."""

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog
import uvicorn

from tracker.app import create_app
from tracker.control import SOCKET, listen
from tracker.services import Services, open_services
from tracker.worker import run_tasks

HEAD_MAX = 16 * 1024  # bytes of a request's head
KEEP_ALIVE_S = 5
GRACE_S = 15  # seconds for requests in flight when asked to stop

log = structlog.get_logger()


class PortError(Exception):
    """The address cannot be served on; the message says why and what to do."""


def uvicorn_config(app: Any, *, host: str, port: int) -> uvicorn.Config:
    """Return the server settings every face of Molva runs with."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        # h11 refuses requests without a Host or with two, and bounds the head by itself.
        http="h11",
        h11_max_incomplete_event_size=HEAD_MAX,
        # Forwarded headers are read by our own rule, from trusted proxies only.
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_config=None,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
        backlog=2048,
        lifespan="on",
    )


async def serve(data_dir: Path, *, host: str, port: int) -> None:
    """Serve everything until a signal; what is acknowledged is stored before it ends."""
    services = await open_services(data_dir)
    await serve_services(services, [uvicorn_config(create_app(services), host=host, port=port)])


class _Server(uvicorn.Server):
    """A server that leaves signals to us: uvicorn's own handling ends the process before we have tidied up."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take no signal."""
        yield


async def serve_services(services: Services, configs: list[uvicorn.Config]) -> None:
    """Run one or more servers and the control socket until a signal; a second signal ends them at once."""
    servers = [_Server(config) for config in configs]
    try:
        sockets = [_bind(config) for config in configs]
    except PortError:
        await services.close()
        raise
    control = await listen(services)
    for config in configs:
        log.info("server_started", host=config.host, port=config.port)

    def stop() -> None:
        for server in servers:
            server.force_exit = server.should_exit
            server.should_exit = True

    _on_signals(stop)
    try:
        await asyncio.gather(*(server.serve([bound]) for server, bound in zip(servers, sockets, strict=True)))
    finally:
        if control is not None:
            control.close()
            (services.data_dir / SOCKET).unlink(missing_ok=True)


def _bind(config: uvicorn.Config) -> socket.socket:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    # The protocol is named because asyncio switches Nagle's delay off only for sockets that say they are TCP.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((config.host, config.port))
    except (OSError, OverflowError) as error:
        bound.close()
        raise PortError(
            f"Port {config.port} on {config.host} cannot be used ({error}); choose another with --port and --host."
        ) from error
    return bound


async def work(data_dir: Path) -> None:
    """Run the background tasks alone until a signal (PostgreSQL: beside any number of servers)."""
    services = await open_services(data_dir)

    def stop() -> None:
        services.buffer.close()
        services.stopping.set()
        services.work.set()

    _on_signals(stop)
    await run_tasks(services)
    await services.close()


def _on_signals(stop: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
