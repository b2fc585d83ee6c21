"""A real `molva serve` in a process of its own, and clients that remember what was acknowledged."""

import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import pytest

MOLVA = (sys.executable, "-c", "from tracker.cli import main; main()")
ORIGIN = "https://shop.example"
CODE = "ANNA"
READY_S = 30.0
PAGE = 100


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Installation:
    """One data folder, its keys, and the process that serves it."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        options = ("--admin-email", "owner@shop.example", "--program", "Shop", "--site", ORIGIN)
        made = self.molva("init", *options, "--base-url", f"http://127.0.0.1:{self.port}")
        self.publishable_key, self.secret_key = made["publishable_key"], made["secret_key"]
        person = ("--name", "Anna", "--email", "anna@partner.example", "--code", CODE)
        self.molva("partner", "add", "--program", made["program_id"], *person)

    def molva(self, *arguments: str) -> dict[str, Any]:
        """Run a command beside the server and return its JSON."""
        command = [*MOLVA, *arguments, "--data-dir", str(self.data_dir), "--json"]
        done = subprocess.run(command, capture_output=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr.decode()
        return json.loads(done.stdout)

    def start(self) -> None:
        """Start serving and wait for the first 200."""
        command = [*MOLVA, "serve", "--data-dir", str(self.data_dir), "--port", str(self.port)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.process.stderr.read().decode()
            with Client(self) as client:
                try:
                    if client.request("GET", "/readyz")[0] == 200:
                        return
                except (OSError, http.client.HTTPException):
                    time.sleep(0.02)
        raise AssertionError(f"Not ready within {READY_S} s.")

    def kill(self) -> None:
        """End the process without any chance to tidy up."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stderr.close()

    def stop(self, within_s: float) -> int:
        """Ask the process to end and return its exit code; raises TimeoutExpired."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(within_s)
        self.process.stderr.close()
        return code


class Client:
    """One keep-alive connection."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._connection = http.client.HTTPConnection("127.0.0.1", installation.port, timeout=20)

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
        status, answer = self.request("POST", "/r/e", event, origin=ORIGIN, content_type="text/plain")
        return status == 200 and answer.get("c") == click_id

    def post_sale(self, order: str, click_id: str) -> bool:
        """Return whether the sale was acknowledged; a repeated one answers 200, a new one 202."""
        sale = {"external_id": order, "amount": 1999, "currency": "EUR", "click_id": click_id}
        sale["customer"] = {"external_id": f"person-{order}"}
        return self._api("POST", "/v1/track/sale", sale)[0] in (200, 202)

    def newest(self, what: str, stop_at: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
        """Return a list of the API, newest first, up to the first item that ends the search."""
        found: list[dict[str, Any]] = []
        after = ""
        while True:
            status, page = self._api("GET", f"/v1/{what}?limit={PAGE}{after}")
            assert status == 200, page
            for item in page["data"]:
                if stop_at(item):
                    return found
                found.append(item)
            if not page["has_more"]:
                return found
            after = f"&starting_after={page['data'][-1]['id']}"

    def _api(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        bearer = f"Bearer {self._installation.secret_key}"
        return self.request(method, path, body, authorization=bearer, content_type="application/json")


class Load:
    """Threads that post clicks and sales until told to stop, remembering every id tried and acknowledged."""

    def __init__(self, installation: Installation, name: str, clients: int = 16) -> None:
        self._installation = installation
        self._name = name
        self._stopping = threading.Event()
        self.clicks_tried: set[str] = set()
        self.clicks_acked: set[str] = set()
        self.sales_tried: dict[str, str] = {}
        self.sales_acked: set[str] = set()
        self._threads = [threading.Thread(target=self._post, args=(number,)) for number in range(clients)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _post(self, number: int) -> None:
        with Client(self._installation) as client:
            self._post_with(client, number)

    def _post_with(self, client: Client, number: int) -> None:
        count = 0
        while not self._stopping.is_set():
            count += 1
            click_id = f"{self._name}-{number}-{count}"
            try:
                self.clicks_tried.add(click_id)
                if client.post_click(click_id):
                    self.clicks_acked.add(click_id)
                if count % 4 == 0:
                    order = f"order-{click_id}"
                    self.sales_tried[order] = click_id
                    if client.post_sale(order, click_id):
                        self.sales_acked.add(order)
            except (OSError, http.client.HTTPException):
                return


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    made = Installation(tmp_path / "data")
    yield made
    if made.process is not None and made.process.poll() is None:
        made.kill()


@pytest.fixture
def client_of() -> type[Client]:
    return Client


@pytest.fixture
def load_of() -> type[Load]:
    return Load
