"""The laws of one HTTP connection, tried over real sockets against a small application."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
import uvloop

from ingest.http import Answer, Reply, Request
from tracker import connections
from tracker.connections import HEAD_MAX, HEADERS_MAX, URL_MAX, GuardedConnection, sweep

HOST = b"Host: t.example\r\n"
WAIT_S = 10.0


class App:
    """Answers with what it got; a path tells how. `/direct` is a direct door, `/held` one that waits to be released."""

    def __init__(self) -> None:
        self.held: list[Any] = []
        self.bodies: list[bytes] = []

    def direct_door(self, _method: bytes, target: bytes) -> Any:
        if target.startswith(b"/direct"):
            return self._show_at_once if target.startswith(b"/direct/at-once") else self._show
        return self._hold if target == b"/held" else None

    def _show_at_once(self, request: Request, reply: Reply) -> None:
        if request.target == b"/direct/at-once/broken":
            raise LookupError
        reply(Answer(200, [(b"x-method", request.method.encode())], request.target))

    async def _show(self, request: Request, _reply: Reply) -> Answer:
        if request.target == b"/direct/broken":
            raise LookupError
        return Answer(200, [(b"x-method", request.method.encode())], await shown(request))

    async def _hold(self, request: Request, _reply: Reply) -> Answer:
        release = asyncio.Event()
        self.held.append(release.set)
        await release.wait()
        return Answer(200, [], b"released " + (await request.receive())["body"])

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await lifespan(receive, send)
            return
        body = b""
        if scope["path"] != "/early":
            more = True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return
                body += message["body"]
                more = message["more_body"]
        self.bodies.append(body)
        answer = b"x" * 20_000_000 if scope["path"] == "/large" else b"asgi " + body
        headers = [(b"content-length", str(len(answer)).encode())]
        await send(
            {"type": "http.response.start", "status": 413 if scope["path"] == "/early" else 200, "headers": headers}
        )
        await send({"type": "http.response.body", "body": answer})


async def shown(request: Request) -> bytes:
    return b"%s|%s|%d" % (request.target, (await request.receive())["body"], len(request.headers))


async def lifespan(receive: Any, send: Any) -> None:
    for done in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{done}.complete"})


class Served:
    """A server in a thread; `limits` shorten the time limits so that no test waits ten seconds."""

    def __init__(self) -> None:
        self.app = App()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.loop: Any = None
        self.server = uvicorn.Server(
            uvicorn.Config(self.app, http=GuardedConnection, log_config=None, access_log=False, proxy_headers=False)
        )
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        deadline = time.monotonic() + WAIT_S
        while not self.server.started and time.monotonic() < deadline:
            time.sleep(0.01)

    def _run(self) -> None:
        async def main() -> None:
            self.loop = asyncio.get_running_loop()
            sweeping = asyncio.create_task(self._sweep())
            await self.server.serve([self.listener])
            sweeping.cancel()

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main())

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(0.05)
            sweep(self.server.server_state.connections, asyncio.get_running_loop().time())

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(WAIT_S)
        assert not self.thread.is_alive()

    @contextlib.contextmanager
    def connection(self) -> Iterator[socket.socket]:
        with socket.create_connection(("127.0.0.1", self.port), WAIT_S) as connected:
            yield connected

    def ask(self, *parts: bytes) -> bytes:
        """Send the parts and return everything that came until the server ended the connection."""
        with self.connection() as connected:
            for part in parts:
                connected.sendall(part)
            return read_all(connected)


def read_all(connected: socket.socket) -> bytes:
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while chunk := connected.recv(65536):
            received += chunk
    return received


def read_answers(connected: socket.socket, *, until: bytes) -> bytes:
    received = b""
    while until not in received:
        chunk = connected.recv(65536)
        assert chunk, received
        received += chunk
    return received


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setattr(connections, "REQUEST_S", 0.6)
    monkeypatch.setattr(connections, "KEEP_ALIVE_S", 0.3)
    monkeypatch.setattr(connections, "UNREAD_S", 0.5)
    monkeypatch.setattr(connections, "LINGER_S", 0.3)
    server = Served()
    yield server
    server.stop()


def post(path: bytes, body: bytes, *more: bytes) -> bytes:
    return b"POST %s HTTP/1.1\r\n%sContent-Length: %d\r\n%s\r\n%s" % (path, HOST, len(body), b"".join(more), body)


def get(path: bytes, *more: bytes) -> bytes:
    return b"GET %s HTTP/1.1\r\n%s%s\r\n" % (path, HOST, b"".join(more))


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", b"400", id="no Host"),
        pytest.param(b"GET / HTTP/1.1\r\n" + HOST * 2 + b"\r\n", b"400", id="two Hosts"),
        pytest.param(b"nonsense\r\n\r\n", b"400", id="no HTTP"),
        pytest.param(get(b"/" + b"a" * URL_MAX), b"414", id="long address"),
        pytest.param(get(b"/", b"X: y\r\n" * HEADERS_MAX), b"431", id="many fields"),
        pytest.param(get(b"/", b"X: " + b"y" * HEAD_MAX + b"\r\n"), b"431", id="long field"),
        pytest.param(b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"y" * 3 * HEAD_MAX, b"431", id="endless field"),
        pytest.param(
            b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"400",
            id="two lengths",
        ),
        pytest.param(b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 1x\r\n\r\n", b"400", id="no number"),
    ],
)
def test_p40_a_head_beyond_a_limit_is_refused_with_its_reason(served: Served, request_: bytes, status: bytes):
    answer = served.ask(request_)

    assert answer.startswith(b"HTTP/1.1 " + status), answer[:100]
    assert b"connection: close" in answer
    assert served.app.bodies == []


def test_p40_the_largest_head_is_taken(served: Served):
    fields = b"".join(b"X-%02d: y\r\n" % number for number in range(HEADERS_MAX - 2))

    assert served.ask(get(b"/" + b"a" * (URL_MAX - 1), fields, b"Connection: close\r\n")).startswith(b"HTTP/1.1 200")


def test_an_old_client_without_host_is_answered_and_the_connection_ends(served: Served):
    assert served.ask(b"GET / HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200")


def test_a_direct_door_answers_and_the_connection_stays(served: Served):
    with served.connection() as connected:
        for number in range(3):
            connected.sendall(post(b"/direct", b"body %d" % number))
            answer = read_answers(connected, until=b"|2")
            assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
            assert b"x-method: POST\r\n" in answer
            assert answer.endswith(b"/direct|body %d|2" % number)


def test_a_door_that_replies_at_once_keeps_the_order_and_its_defects_are_failures(served: Served):
    with served.connection() as connected:
        connected.sendall(
            get(b"/direct/at-once/1")
            + get(b"/direct/at-once/broken")
            + post(b"/direct", b"third")
            + get(b"/direct/at-once/4")
        )
        answers = read_answers(connected, until=b"/direct/at-once/4")

    places = [answers.index(part) for part in (b"/direct/at-once/1", b"500 Internal", b"third", b"/direct/at-once/4")]
    assert places == sorted(places)


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(
            b"POST /direct HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
            id="chunked",
        ),
        pytest.param(b"POST /direct HTTP/1.0\r\nContent-Length: 4\r\n\r\nbody", id="HTTP/1.0"),
        pytest.param(post(b"/direct", b"body", b"Connection: close\r\n"), id="closing"),
        pytest.param(post(b"/direct", b"body", b"Expect: 100-continue\r\n"), id="expecting"),
    ],
)
def test_an_unusual_request_takes_the_common_way(served: Served, request_: bytes):
    with served.connection() as connected:
        connected.sendall(request_)
        assert read_answers(connected, until=b"asgi body")
    assert served.app.bodies == [b"body"]


def test_pipelined_requests_are_answered_in_order(served: Served):
    """Whoever asks without waiting gets the answers in the order of the questions, whichever door each takes."""
    with served.connection() as connected:
        connected.sendall(
            post(b"/held", b"first") + post(b"/direct", b"second") + post(b"/", b"third") + get(b"/direct/fourth")
        )
        deadline = time.monotonic() + WAIT_S
        while not served.app.held and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.1)
        served.loop.call_soon_threadsafe(served.app.held[0])
        answers = read_answers(connected, until=b"fourth||1")
    places = [
        answers.index(text) for text in (b"released first", b"/direct|second|2", b"asgi third", b"/direct/fourth||1")
    ]
    assert places == sorted(places)


def test_p39_a_silent_connection_is_closed(served: Served):
    started = time.monotonic()

    assert served.ask() == b""
    assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    "begin",
    [
        pytest.param(b"GET / HTTP/1.1\r\nHo", id="slow head"),
        pytest.param(b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 1000\r\n\r\nab", id="slow body"),
        pytest.param(
            b"POST /direct HTTP/1.1\r\n" + HOST + b"Content-Length: 1000\r\n\r\nab", id="slow body at a direct door"
        ),
        pytest.param(post(b"/direct", b"") + b"GET / HTTP/1.1\r\nHo", id="slow second request"),
    ],
)
def test_p39_a_request_that_trickles_in_is_ended_with_its_reason(served: Served, begin: bytes):
    started = time.monotonic()
    with served.connection() as connected:
        connected.sendall(begin)
        stop = threading.Event()

        def trickle() -> None:
            while not stop.wait(0.1):
                with contextlib.suppress(OSError):
                    connected.sendall(b"s")

        trickling = threading.Thread(target=trickle)
        trickling.start()
        try:
            answer = read_all(connected)
        finally:
            stop.set()
            trickling.join(WAIT_S)
    assert b"HTTP/1.1 408" in answer
    assert time.monotonic() - started < 3


def test_p39_a_client_that_does_not_read_is_cut_off(served: Served):
    with served.connection() as connected:
        connected.sendall(get(b"/large"))
        deadline = time.monotonic() + WAIT_S
        while served.server.server_state.connections and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not served.server.server_state.connections


def test_an_idle_connection_is_closed_after_its_time(served: Served):
    with served.connection() as connected:
        connected.sendall(post(b"/direct", b"x"))
        started = time.monotonic()
        assert read_all(connected).endswith(b"/direct|x|2")
        assert 0.2 < time.monotonic() - started < 2


def test_the_time_the_application_takes_is_not_the_clients(served: Served):
    with served.connection() as connected:
        connected.sendall(post(b"/held", b"slow"))
        time.sleep(1.2)
        served.loop.call_soon_threadsafe(served.app.held[0])
        assert read_answers(connected, until=b"released slow")


def test_p40_an_endless_body_is_answered_early_and_cut_off(served: Served):
    sent = 0
    with served.connection() as connected:
        connected.sendall(b"POST /early HTTP/1.1\r\n" + HOST + b"Content-Length: 200000000\r\n\r\n")
        with contextlib.suppress(OSError):
            while sent < 200_000_000:
                sent += connected.send(b"x" * 65536)
    assert sent < 50_000_000


def test_an_early_answer_to_a_small_body_keeps_the_connection(served: Served):
    with served.connection() as connected:
        connected.sendall(b"POST /early HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\n")
        assert read_answers(connected, until=b"asgi ").startswith(b"HTTP/1.1 413")
        connected.sendall(b"later" + post(b"/direct", b"next"))
        assert read_answers(connected, until=b"/direct|next|2").startswith(b"HTTP/1.1 200")


def test_p7_a_request_at_a_direct_door_is_answered_while_stopping(served: Served):
    with served.connection() as connected:
        connected.sendall(post(b"/held", b"last"))
        deadline = time.monotonic() + WAIT_S
        while not served.app.held and time.monotonic() < deadline:
            time.sleep(0.01)
        served.server.should_exit = True
        time.sleep(0.3)
        served.loop.call_soon_threadsafe(served.app.held[0])
        answer = read_all(connected)
    assert answer.endswith(b"released last")
    assert b"connection: close" in answer


def test_a_client_that_left_a_direct_door_is_no_trouble(served: Served):
    with served.connection() as connected:
        connected.sendall(post(b"/held", b"gone"))
        deadline = time.monotonic() + WAIT_S
        while not served.app.held and time.monotonic() < deadline:
            time.sleep(0.01)
    time.sleep(0.1)
    served.loop.call_soon_threadsafe(served.app.held[0])

    with served.connection() as connected:
        connected.sendall(post(b"/direct", b"still here"))
        assert read_answers(connected, until=b"/direct|still here|2")


def test_a_door_that_breaks_answers_500_and_the_connection_stays(served: Served):
    with served.connection() as connected:
        connected.sendall(post(b"/direct/broken", b"x"))
        assert read_answers(connected, until=b"\r\n\r\n").startswith(b"HTTP/1.1 500")
        connected.sendall(post(b"/direct", b"next"))
        assert read_answers(connected, until=b"/direct|next|2").startswith(b"HTTP/1.1 200")
