"""`molva serve` and the process behind it: started again when it dies, gone when the server is."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

MOLVA = (sys.executable, "-c", "from tracker.cli import main; main()")
WAIT_S = 40.0
METRICS_TOKEN = "token-of-the-tests-0123456789"


class Served:
    """`molva serve` on SQLite, its background found through the kernel's list of children."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.url = f"http://127.0.0.1:{probe.getsockname()[1]}"
        place = ("--data-dir", str(folder / "data"))
        told = ("--admin-email", "a@shop.example", "--program", "Shop", "--site", "https://s.example", "--json")
        made = subprocess.run([*MOLVA, "init", *told, *place], capture_output=True, check=True, timeout=60)
        self.key = json.loads(made.stdout)["secret_key"]
        self.log = folder / "log"
        with self.log.open("wb") as log:
            command = [*MOLVA, "serve", *place, "--port", self.url.rsplit(":", 1)[1]]
            environment = {**os.environ, "MOLVA_METRICS_TOKEN": METRICS_TOKEN}
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        self._wait_ready()

    def background(self) -> int | None:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        told = {int(child): Path(f"/proc/{child}/cmdline").read_bytes() for child in children}
        return next((child for child, command in told.items() if b"resource_tracker" not in command and command), None)

    def ask(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(self.url + path, data=data, headers=headers, method=method)
        with urllib.request.urlopen(asked, timeout=30) as answer:
            told: dict[str, Any] = json.loads(answer.read())
        return told

    def metrics(self) -> str:
        asked = urllib.request.Request(f"{self.url}/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}"})
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return str(answer.read().decode())

    def sell(self, number: str) -> str:
        sale = {"external_id": number, "amount": 1999, "currency": "EUR"}
        return str(self.ask("POST", "/v1/track/sale", sale)["id"])

    def is_decided(self, conversion_id: str) -> bool:
        return bool(self.ask("GET", f"/v1/conversions/{conversion_id}")["status"] != "received")

    def _wait_ready(self) -> None:
        def is_ready() -> bool:
            assert self.process.poll() is None, self.log.read_text()
            try:
                return bool(urllib.request.urlopen(f"{self.url}/readyz", timeout=30).status == 200)
            except (urllib.error.URLError, OSError):
                return False

        eventually(is_ready)


def eventually(law: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not law():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    serving = Served(tmp_path)
    try:
        yield serving
    finally:
        serving.process.kill()
        serving.process.wait(WAIT_S)


def test_sales_are_decided_behind_the_server(served: Served) -> None:
    conversion_id = served.sell("A-1")

    eventually(lambda: served.is_decided(conversion_id))

    assert served.background() is not None


def test_one_that_dies_is_started_again_and_works_on(served: Served) -> None:
    first = served.background()
    assert first is not None
    os.kill(first, signal.SIGKILL)

    conversion_id = served.sell("A-1")
    eventually(lambda: served.is_decided(conversion_id))

    assert served.background() not in (None, first)
    assert "background_process_ended" in served.log.read_text()
    assert "molva_background_restarts_total 1.0" in served.metrics()


def test_p1_nothing_outlives_a_server_that_is_killed(served: Served) -> None:
    background = served.background()
    assert background is not None

    served.process.kill()
    served.process.wait(WAIT_S)

    eventually(lambda: not is_alive(background))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_p7_both_end_in_order_when_asked(served: Served, number: int) -> None:
    background = served.background()
    assert background is not None
    served.sell("A-1")

    served.process.send_signal(number)

    assert served.process.wait(WAIT_S) == 0
    assert not is_alive(background)
    assert "Traceback" not in served.log.read_text()
