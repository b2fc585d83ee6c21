"""A real `molva serve` in a process of its own, and clients that remember what was acknowledged."""

import asyncio
import http.client
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Self

import pytest
import uvloop

from ingest.events import decode_click

MOLVA = (sys.executable, "-c", "from tracker.cli import main; main()")
ORIGIN = "https://shop.example"
CODE = "ANNA"
# A click without one counts as a bot's and earns nothing; the ledger must have something to verify.
BROWSER = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
)
READY_S = 60.0  # on a machine with much else to do
ANSWER_S = 20.0
PAGE = 100
SALE_EVERY = 20  # events of a load; a sale costs many times what a click does


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Installation:
    """One data folder, its keys, and the process that serves it."""

    def __init__(self, data_dir: Path, environ: dict[str, str], workers: int = 1) -> None:
        self.data_dir = data_dir
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.start_seconds: list[float] = []
        self._environ = os.environ | {"MOLVA_LIMITS__ENABLED": "false"} | environ
        self._serve = ("serve", "--port", str(self.port), *(("--workers", str(workers)) if workers > 1 else ()))
        options = ("--admin-email", "owner@shop.example", "--program", "Shop", "--site", ORIGIN)
        made = self.molva("init", *options, "--base-url", f"http://127.0.0.1:{self.port}")
        self.publishable_key, self.secret_key = made["publishable_key"], made["secret_key"]
        person = ("--name", "Anna", "--email", "anna@partner.example", "--code", CODE)
        self.molva("partner", "add", "--program", made["program_id"], *person)

    def molva(self, *arguments: str) -> dict[str, Any]:
        """Run a command beside the server and return its JSON."""
        command = [*MOLVA, *arguments, "--data-dir", str(self.data_dir), "--json"]
        done = subprocess.run(command, capture_output=True, check=False, timeout=120, env=self._environ)
        assert done.returncode == 0, done.stderr.decode()
        return json.loads(done.stdout)

    def start(self) -> None:
        """Start serving and wait for the first 200."""
        command = [*MOLVA, *self._serve, "--data-dir", str(self.data_dir)]
        started = time.monotonic()
        with (self.data_dir.parent / "server.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=self._environ, start_new_session=True)
        while time.monotonic() < started + READY_S:
            assert self.process.poll() is None, self.log()[-4000:]
            if self.is_ready():
                self.start_seconds.append(time.monotonic() - started)
                return
            time.sleep(0.02)
        raise AssertionError(f"Not ready within {READY_S} s. {self.log()[-4000:]}")

    def is_ready(self) -> bool:
        with Client(self) as client:
            try:
                return client.request("GET", "/readyz")[0] == 200
            except (OSError, http.client.HTTPException):
                return False

    def log(self) -> str:
        return (self.data_dir.parent / "server.log").read_text()

    def members(self) -> list[int]:
        """Return the process ids of the server processes that `--workers` started."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [int(one) for one in children if b"spawn_main" in Path(f"/proc/{one}/cmdline").read_bytes()]

    def memory(self) -> float:
        """Return what the server process holds in memory, in MiB."""
        return _status(self.process.pid, "VmRSS") / 1024

    def threads(self) -> int:
        return _status(self.process.pid, "Threads")

    def kill(self) -> None:
        """End the process, and those it started, without any chance to tidy up."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) != 0:
                    return
            time.sleep(0.01)
        raise AssertionError("Somebody still listens after the kill.")

    def stop(self, within_s: float) -> int:
        """Ask the process to end and return its exit code; raises TimeoutExpired."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(within_s)

    def stored_clicks(self) -> list[str]:
        """Return the ids of all clicks in the inbox file, also doubled ones."""
        conn = sqlite3.connect(f"file:{self.data_dir / 'inbox.db'}?mode=ro", uri=True)
        try:
            return [decode_click(row[0]).click_id for row in conn.execute("SELECT body FROM inbox")]
        finally:
            conn.close()

    def verify(self) -> None:
        """Hold ledger and audit against their laws."""
        assert self.molva("ledger", "verify")["problems"] == []
        assert self.molva("audit", "verify")["problems"] == []

    def click(self, click_id: str, *headers: str, age_ms: int = 0) -> bytes:
        """Return the request the snippet makes for a click."""
        event = {"v": 1, "t": "click", "k": self.publishable_key, "i": click_id, "c": click_id, "r": CODE, "a": age_ms}
        browser = (f"origin: {ORIGIN}", "content-type: text/plain", *headers)
        named = any(one.startswith("user-agent:") for one in headers)
        return request("POST", "/r/e", event, *browser, *(() if named else (f"user-agent: {BROWSER}",)))

    def sale(self, order: str, click_id: str) -> bytes:
        """Return the request a shop makes for a sale."""
        sale = {"external_id": order, "amount": 1999, "currency": "EUR", "click_id": click_id}
        return self.report("sale", sale | {"customer": {"external_id": f"person-{order}"}})

    def report(self, kind: str, body: dict[str, Any]) -> bytes:
        """Return the request a shop makes for a lead, sale or refund."""
        bearer = f"authorization: Bearer {self.secret_key}"
        return request("POST", f"/v1/track/{kind}", body, bearer, "content-type: application/json")


def request(method: str, path: str, body: Any = None, *headers: str) -> bytes:
    sent = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", "host: 127.0.0.1", f"content-length: {len(sent)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + sent


def _status(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise AssertionError(f"Process {pid} says nothing of {name}.")


class Client:
    """One keep-alive connection, one request after another."""

    def __init__(self, installation: Installation, within_s: float = ANSWER_S) -> None:
        self._installation = installation
        self._connection = http.client.HTTPConnection("127.0.0.1", installation.port, timeout=within_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        sent = None if body is None else json.dumps(body)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._connection.request(method, path, sent, named)
        answer = self._connection.getresponse()
        data = answer.read()
        return answer.status, json.loads(data) if data.startswith(b"{") else data

    def post_click(self, click_id: str) -> bool:
        """Return whether the click was acknowledged."""
        event = {"v": 1, "t": "click", "k": self._installation.publishable_key, "i": click_id, "c": click_id, "r": CODE}
        status, answer = self.request(
            "POST", "/r/e", event, origin=ORIGIN, content_type="text/plain", user_agent=BROWSER
        )
        return status == 200 and answer.get("c") == click_id

    def post_sale(self, order: str, click_id: str) -> bool:
        """Return whether the sale was acknowledged; a repeated one answers 200, a new one 202."""
        sale = {"external_id": order, "amount": 1999, "currency": "EUR", "click_id": click_id}
        sale["customer"] = {"external_id": f"person-{order}"}
        return self.api("POST", "/v1/track/sale", sale)[0] in (200, 202)

    def newest(self, what: str, stop_at: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
        """Return a list of the API, newest first, up to the first item that ends the search."""
        found: list[dict[str, Any]] = []
        after = ""
        while True:
            status, page = self.api("GET", f"/v1/{what}?limit={PAGE}{after}")
            assert status == 200, page
            for item in page["data"]:
                if stop_at(item):
                    return found
                found.append(item)
            if not page["has_more"]:
                return found
            after = f"&starting_after={page['data'][-1]['id']}"

    def api(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """A call of the server API."""
        bearer = f"Bearer {self._installation.secret_key}"
        return self.request(method, path, body, authorization=bearer, content_type="application/json")


class Reply(NamedTuple):
    status: int
    head: bytes
    body: bytes
    took_s: float


class Wire(asyncio.Protocol):
    """One keep-alive connection of an event loop: bytes out, replies back in order; several may be on the way."""

    def __init__(self) -> None:
        self.waiting: deque[tuple[asyncio.Future[Reply], float]] = deque()
        self.is_open = False
        self.transport: Any = None
        self._received = bytearray()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.is_open = True

    def connection_lost(self, error: Exception | None) -> None:
        self.is_open = False
        for future, _ in self.waiting:
            if not future.done():
                future.set_exception(ConnectionError("The connection ended."))
        self.waiting.clear()

    def data_received(self, data: bytes) -> None:
        self._received += data
        while self.waiting and (end := self._received.find(b"\r\n\r\n") + 4) > 3:
            head = bytes(self._received[:end]).lower()
            whole = end + int(head.partition(b"content-length:")[2].partition(b"\r\n")[0] or b"0")
            if len(self._received) < whole:
                return
            body = bytes(self._received[end:whole])
            del self._received[:whole]
            future, sent_s = self.waiting.popleft()
            if not future.done():
                future.set_result(Reply(int(head[9:12]), head, body, time.monotonic() - sent_s))

    def send(self, asked: bytes) -> "asyncio.Future[Reply]":
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        if not self.is_open:
            future.set_exception(ConnectionError("The connection is closed."))
            return future
        self.waiting.append((future, time.monotonic()))
        self.transport.write(asked)
        return future

    async def ask(self, asked: bytes) -> Reply:
        async with asyncio.timeout(ANSWER_S):
            return await self.send(asked)


async def connect(port: int) -> Wire:
    _, wire = await asyncio.get_running_loop().create_connection(Wire, "127.0.0.1", port)
    return wire


def run_fast(main: Any) -> Any:
    """Run a coroutine on the fastest event loop there is: the server's share of the machine matters."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


class Load:
    """Connections that post clicks and sales until told to stop, remembering every id tried and acknowledged."""

    def __init__(self, installation: Installation, name: str, clients: int = 16) -> None:
        self._installation = installation
        self._name = name
        self._clients = clients
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=lambda: run_fast(self._work()))
        self.clicks_tried: set[str] = set()
        self.clicks_acked: set[str] = set()
        self.sales_tried: dict[str, str] = {}
        self.sales_acked: set[str] = set()
        self.refusals: Counter[int] = Counter()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(2 * ANSWER_S)
        assert not self._thread.is_alive()

    async def _work(self) -> None:
        await asyncio.gather(*(self._post(number) for number in range(self._clients)))

    async def _post(self, number: int) -> None:
        count = 0
        wire = Wire()
        while not self._stopping.is_set():
            count += 1
            try:
                if not wire.is_open:
                    wire = await connect(self._installation.port)
                await self._post_one(wire, f"{self._name}-{number}-{count}", with_sale=count % SALE_EVERY == 0)
            except OSError:
                await asyncio.sleep(0.02)
        if wire.transport is not None:
            wire.transport.abort()

    async def _post_one(self, wire: Wire, click_id: str, *, with_sale: bool) -> None:
        self.clicks_tried.add(click_id)
        reply = await wire.ask(self._installation.click(click_id))
        if reply.status == 200 and b"x-molva-drop" not in reply.head:
            self.clicks_acked.add(click_id)
        else:
            self.refusals[reply.status] += 1
        if with_sale:
            order = f"order-{click_id}"
            self.sales_tried[order] = click_id
            reply = await wire.ask(self._installation.sale(order, click_id))
            if reply.status in (200, 202):
                self.sales_acked.add(order)
            else:
                self.refusals[reply.status] += 1


@pytest.fixture
def installation_of(tmp_path: Path) -> Iterator[Callable[..., Installation]]:
    """Make an installation; settings as environment variables without MOLVA_, in lower case."""
    made: list[Installation] = []

    def make(workers: int = 1, **settings: str) -> Installation:
        environ = {f"MOLVA_{name.upper()}": value for name, value in settings.items()}
        folder = tmp_path / f"installation-{len(made)}"
        folder.mkdir(exist_ok=True)  # a test may have mounted something there
        made.append(Installation(folder / "data", environ, workers))
        return made[-1]

    yield make
    for one in made:
        if one.process is not None and one.process.poll() is None:
            one.kill()


@pytest.fixture
def installation(installation_of: Callable[..., Installation]) -> Installation:
    return installation_of()


@pytest.fixture
def two_processes(installation_of: Callable[..., Installation], postgres_server: Any) -> Iterator[Installation]:
    """One installation on PostgreSQL, served by two processes."""
    name = f"slow_{uuid.uuid4().hex}"
    postgres_server.psql(f"CREATE DATABASE {name};")
    made = installation_of(workers=2, database_url=postgres_server.get_uri(name))
    yield made
    if made.process is not None and made.process.poll() is None:
        made.kill()
    postgres_server.psql(f"DROP DATABASE {name} WITH (FORCE);")


@pytest.fixture
def client_of() -> type[Client]:
    return Client


@pytest.fixture
def load_of() -> type[Load]:
    return Load


@pytest.fixture
def wire_to() -> Callable[[int], Any]:
    return connect


@pytest.fixture
def fast() -> Callable[[Any], Any]:
    return run_fast


@pytest.fixture
def figures(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> Callable[..., None]:
    """Print what was measured, also when the test passes."""

    def show(**measured: Any) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n  {request.node.name}: " + ", ".join(f"{k} {v}" for k, v in measured.items()) + "\n")

    return show
