"""The demo shop against a stand-in for Molva's server API, and a real `molva serve` for the installation pages."""

import http.client
import importlib.util
import json
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from starlette.testclient import TestClient

ROOT = Path(__file__).parents[2]
SHOP = ROOT / "examples/shop/shop.py"
MOLVA = (sys.executable, "-c", "from tracker.cli import main; main()")
READY_S = 30.0
PERSON = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
ORIGIN = "https://shop.example"
CLIENT = "127.0.7.2"  # any loopback address is ours; this one shares no /24 with the proxies at 127.0.0.1


@pytest.fixture(scope="session")
def shop() -> ModuleType:
    spec = importlib.util.spec_from_file_location("demo_shop", SHOP)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Molva:
    """What the shop believes to be Molva; answers with `status`."""

    def __init__(self) -> None:
        self.status = 202
        self.calls: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        molva = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                molva.calls.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                self.send_response(molva.status)
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_words: Any) -> None:
                """Keep the test output quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def molva() -> Iterator[Molva]:
    molva = Molva()
    thread = threading.Thread(target=molva.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield molva
    molva.server.shutdown()
    thread.join()
    molva.server.server_close()


@pytest.fixture
def make_client(shop: ModuleType, molva: Molva) -> Callable[..., TestClient]:
    def make(**changes: Any) -> TestClient:
        values = {
            "molva_url": molva.url,
            "script_url": "https://molva.example.test/r/x.js",
            "publishable_key": "pk_test_1",
            "secret_key": "sk_test_1",
        }
        return TestClient(shop.create_app(shop.ShopConfig(**{**values, **changes})))

    return make


# A real server


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def block(page: str, language: str, number: int = 0) -> str:
    """Return a fenced block of an installation page."""
    text = (ROOT / "docs/install" / page).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)[number]


@pytest.fixture(scope="session", name="block")
def _block() -> Callable[..., str]:
    return block


@contextmanager
def serving(port: int, command: list[str], log: Path, **options: Any) -> Iterator[None]:
    """Run a server until the block ends; it must listen within half a minute."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, **options)
    try:
        deadline = time.monotonic() + READY_S
        while True:
            assert process.poll() is None, log.read_text(errors="replace")
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert time.monotonic() < deadline, f"Nothing listens on port {port} within {READY_S} s."
            time.sleep(0.02)
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(20)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., int]]:
    """Start `command(port)` on a free port, wait for it, and end it with the test; returns the port."""
    with ExitStack() as stack:

        def start(command: Callable[[int], list[str]], **options: Any) -> int:
            port = free_port()
            stack.enter_context(serving(port, command(port), tmp_path / f"server-{port}.log", **options))
            return port

        yield start


class Installation:
    """A served installation with one partner, whose code is ANNA; it trusts proxies at 127.0.0.1 alone."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        made = self.molva("init", "--admin-email", "o@shop.example", "--program", "Shop", "--site", ORIGIN)
        self.key, self.secret_key = made["publishable_key"], made["secret_key"]
        person = ("--name", "Anna", "--email", "anna@partner.example", "--code", "ANNA")
        self.molva("partner", "add", "--program", made["program_id"], *person)
        with (data_dir / "molva.toml").open("a") as settings:
            settings.write('\ntrusted_proxies = ["127.0.0.1/32"]\n')

    def molva(self, *arguments: str) -> dict[str, Any]:
        command = [*MOLVA, *arguments, "--data-dir", str(self.data_dir), "--json"]
        done = subprocess.run(command, capture_output=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr.decode()
        return json.loads(done.stdout)

    def list(self, what: str) -> list[dict[str, Any]]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", f"/v1/{what}", headers={"Authorization": f"Bearer {self.secret_key}"})
            answer = connection.getresponse()
            assert answer.status == 200
            return json.loads(answer.read())["data"]
        finally:
            connection.close()

    def visitor(self, port: int) -> "Visitor":
        return Visitor(self, port)

    def check_client(self, click_id: str) -> None:
        """The click came from the visitor: neither from the proxy nor from the address the visitor claims."""
        (click,) = [click for click in self.list("clicks") if click["id"] == f"clk_{click_id}"]
        assert click["ip"] == "127.0.7.x"


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("installation")
    made = Installation(folder / "data")
    command = [*MOLVA, "serve", "--data-dir", str(made.data_dir), "--port", str(made.port)]
    with serving(made.port, command, folder / "molva.log"):
        yield made


class Visitor:
    """A browser on the shop's page, as far as a proxy sees it; it also lies about its address."""

    def __init__(self, installation: Installation, port: int) -> None:
        self._installation = installation
        self._port = port

    def ask(self, method: str, path: str, body: str | None = None) -> tuple[int, dict[str, str], bytes]:
        headers = {
            "Host": "shop.example",
            "Origin": ORIGIN,
            "User-Agent": PERSON,
            "X-Forwarded-For": "203.0.113.9",
            "Sec-Fetch-Site": "same-origin",
        }
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20, source_address=(CLIENT, 0))
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def check(self, click_id: str) -> str:
        """Hold a proxy to what every installation page promises; returns the cookie that was set."""
        status, headers, body = self.ask("GET", "/r/x.js")
        assert status == 200, body
        assert "javascript" in headers["content-type"]
        assert b"formdata" in body

        event = {"v": 1, "t": "click", "k": self._installation.key, "i": click_id, "c": click_id, "w": click_id}
        event |= {"r": "ANNA", "g": "shop.example", "u": f"{ORIGIN}/?via=ANNA"}
        status, headers, body = self.ask("POST", "/r/e", json.dumps(event))
        assert (status, json.loads(body)["c"]) == (200, click_id)
        cookie = headers["set-cookie"]
        assert cookie.startswith(f"_mv=1.{click_id}.ANNA.")

        self._installation.check_client(click_id)

        status, headers, _ = self.ask("GET", "/r/to/anna")
        assert status == 302
        assert headers["location"].startswith(f"{ORIGIN}/?via=ANNA")
        return cookie
