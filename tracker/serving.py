"""Running Molva: the server with its background tasks, or the tasks alone."""

import asyncio
import multiprocessing
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog
import uvicorn

from tracker.app import create_app
from tracker.background import Background
from tracker.connections import GuardedConnection, sweep
from tracker.control import SOCKET, listen
from tracker.services import Services, open_services
from tracker.worker import EDGE_TASKS, FRONT_TASKS, TASKS, run_tasks

SWEEP_TICKS = 5  # half seconds between two looks at the time limits of connections; a tick of uvicorn is 0.1 s
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
        http=GuardedConnection,
        # Forwarded headers are read by our own rule, from trusted proxies only.
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=GRACE_S,
        backlog=2048,
        lifespan="on",
    )


async def serve(data_dir: Path, background: Background, *, host: str, port: int) -> None:
    """Serve everything until a signal; what is acknowledged is stored before it ends."""
    try:
        services = await open_services(data_dir)
        services.wake_background = background.wake
        background.begin()
        with background.watched(services.count_restart):
            config = uvicorn_config(create_app(services, FRONT_TASKS), host=host, port=port)
            await serve_services(services, [config])
    finally:
        background.end()


async def serve_share(data_dir: Path, bound: socket.socket, *, is_first: bool) -> None:
    """Serve requests of a bound socket beside other processes (PostgreSQL); the first also does the background work."""
    host, port = bound.getsockname()[:2]
    services = await open_services(data_dir)
    config = uvicorn_config(create_app(services, TASKS if is_first else EDGE_TASKS), host=host, port=port)
    if is_first:
        await serve_services(services, [config], [bound])
    else:
        await _run_servers([config], [bound])


class _Server(uvicorn.Server):
    """A server that holds connections to their time limits and leaves signals to us.

    uvicorn's own handling of signals ends the process before we have tidied up.
    """

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take no signal."""
        yield

    async def on_tick(self, counter: int) -> bool:
        """Do what uvicorn does ten times a second, and hold connections to their time limits."""
        if counter % SWEEP_TICKS == 0:
            sweep(self.server_state.connections, asyncio.get_running_loop().time())
        return await super().on_tick(counter)


async def serve_services(
    services: Services, configs: Sequence[uvicorn.Config], sockets: Sequence[socket.socket] | None = None
) -> None:
    """Run one or more servers and the control socket until a signal; a second signal ends them at once.

    Sockets: bound ones in the order of the servers; by default they are made here.
    """
    try:
        bound = [bind(config.host, config.port) for config in configs] if sockets is None else sockets
    except PortError:
        await services.close()
        raise
    control = await listen(services)
    try:
        await _run_servers(configs, bound)
    finally:
        if control is not None:
            control.close()
            (services.data_dir / SOCKET).unlink(missing_ok=True)


async def _run_servers(configs: Sequence[uvicorn.Config], sockets: Sequence[socket.socket]) -> None:
    servers = [_Server(config) for config in configs]
    for config in configs:
        log.info("server_started", host=config.host, port=config.port)

    def stop() -> None:
        for server in servers:
            server.force_exit = server.should_exit
            server.should_exit = True

    _on_signals(stop)
    _on_orphaned(stop)
    await asyncio.gather(*(server.serve([bound]) for server, bound in zip(servers, sockets, strict=True)))


def bind(host: str, port: int) -> socket.socket:
    """Return a socket bound to the address; raises PortError with the remedy."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio switches Nagle's delay off only for sockets that say they are TCP.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except (OSError, OverflowError) as error:
        bound.close()
        raise PortError(
            f"Port {port} on {host} cannot be used ({error}); choose another with --port and --host."
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


def _on_orphaned(stop: Callable[[], None]) -> None:
    """Stop when the process that started this one is gone (`molva serve --workers`)."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        loop = asyncio.get_running_loop()
        sentinel = parent.sentinel

        def end() -> None:
            loop.remove_reader(sentinel)
            stop()

        loop.add_reader(sentinel, end)


def _on_signals(stop: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
