"""Several server processes on one database: refused on SQLite, kept running on PostgreSQL."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tracker.db.database import DatabaseUnusableError
from tracker.processes import WORKERS_MAX, serve_with_workers
from tracker.settings import write_secret

MOLVA = (sys.executable, "-c", "from tracker.cli import main; main()")
WAIT_S = 40.0


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    write_secret(tmp_path)
    return tmp_path


def test_several_processes_on_one_sqlite_file_are_refused_with_the_reason(data_dir: Path) -> None:
    with pytest.raises(DatabaseUnusableError, match="needs PostgreSQL"):
        serve_with_workers(data_dir, host="127.0.0.1", port=0, workers=2)


@pytest.mark.parametrize("workers", [0, -1, WORKERS_MAX + 1])
def test_a_number_of_processes_nobody_means_is_refused(data_dir: Path, workers: int) -> None:
    with pytest.raises(DatabaseUnusableError, match=f"choose 1 to {WORKERS_MAX}"):
        serve_with_workers(data_dir, host="127.0.0.1", port=0, workers=workers)


class Served:
    """`molva serve --workers 2` on PostgreSQL, each process found through the kernel's list of children."""

    def __init__(self, data_dir: Path, url: str, port: int) -> None:
        self.port = port
        self._environment = {**os.environ, "MOLVA_DATABASE_URL": url}
        self._data_dir = data_dir
        self.key = self.molva(
            "init", "--admin-email", "a@shop.example", "--program", "Shop", "--site", "https://s.example"
        )
        command = [*MOLVA, "serve", "--data-dir", str(data_dir), "--port", str(port), "--workers", "2"]
        self.process = subprocess.Popen(
            command, env=self._environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def molva(self, *arguments: str) -> Any:
        command = [*MOLVA, *arguments, "--data-dir", str(self._data_dir), "--json"]
        done = subprocess.run(command, env=self._environment, capture_output=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr.decode()
        return json.loads(done.stdout)

    def workers(self) -> list[int]:
        """Return the processes that serve, oldest first; the one that tracks shared resources serves nothing."""
        try:
            children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        except OSError:
            return []
        told = {int(child): Path(f"/proc/{child}/cmdline").read_bytes() for child in children}
        return [child for child, command in told.items() if b"spawn_main" in command]

    def is_ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def eventually(law: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not law():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture
def served(tmp_path: Path, postgres_server: Any) -> Iterator[Served]:
    name = f"workers_{os.getpid()}_{time.monotonic_ns()}"
    postgres_server.psql(f"CREATE DATABASE {name};")
    serving = Served(tmp_path / "data", postgres_server.get_uri(name), free_port())
    try:
        yield serving
    finally:
        workers = serving.workers()
        serving.process.kill()
        serving.process.wait(WAIT_S)
        eventually(lambda: not any(map(is_alive, workers)))
        postgres_server.psql(f"DROP DATABASE {name} WITH (FORCE);")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_alive(process: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


def test_a_process_that_dies_is_started_again_and_all_end_with_the_parent(served: Served) -> None:
    """The fixture kills the parent without any chance to tidy up; its processes must not outlive it."""
    eventually(lambda: served.is_ready() and len(served.workers()) == 2)

    before = served.workers()
    os.kill(before[1], signal.SIGKILL)
    eventually(lambda: len(served.workers()) == 2 and served.workers() != before)
    eventually(served.is_ready)
    assert before[0] in served.workers()


def test_p7_a_stopped_parent_lets_its_processes_end_in_order(served: Served) -> None:
    eventually(lambda: served.is_ready() and len(served.workers()) == 2)

    workers = served.workers()
    served.process.send_signal(signal.SIGTERM)
    assert served.process.wait(WAIT_S) == 0
    assert not any(map(is_alive, workers))
