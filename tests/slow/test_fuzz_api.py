"""P42: a live server holds every answer against its own description, whatever a fuzzer makes of the description.

The fast form runs with every test, the full one among the slow tests; tests/tracker/api/test_fuzz.py mutates requests
by our own knowledge of the routes.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

MOLVA = (sys.executable, "-c", "from tracker.cli import main; main()")
SCHEMATHESIS = (sys.executable, "-m", "schemathesis.cli", "run")
SEED = "20261122"
READY_S = 30.0
STOP_S = 20.0
RUN_S = 3600.0  # the full run on a busy machine
ANSWER_S = 2  # no answer may take longer
# What a schema cannot say is refused all the same: an unknown currency, a tax above its amount, a date before 2000.
EXCLUDED = "positive_data_acceptance"
FAST_EXAMPLES, FULL_EXAMPLES = "2", "60"


class Served(NamedTuple):
    """A running server and a key of it."""

    url: str
    key: str
    data_dir: Path


@contextmanager
def serving(data_dir: Path, database_url: str) -> Iterator[Served]:
    """Serve a fresh installation without rate limits; it ends with the block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environ = os.environ | {"MOLVA_LIMITS__ENABLED": "false", "MOLVA_DATABASE_URL": database_url}
    url = f"http://127.0.0.1:{port}"
    options = ("--admin-email", "owner@shop.example", "--program", "Shop", "--site", "https://shop.example")
    command = [*MOLVA, "init", "--json", "--data-dir", str(data_dir), "--base-url", url, *options]
    made = subprocess.run(command, env=environ, capture_output=True, check=False, timeout=120)
    assert made.returncode == 0, made.stderr.decode()
    log = data_dir.parent / "serve.log"
    command = [*MOLVA, "serve", "--data-dir", str(data_dir), "--port", str(port)]
    with log.open("wb") as written:
        process = subprocess.Popen(command, env=environ, stdout=written, stderr=written)
    try:
        wait_ready(url, process, log)
        yield Served(url, json.loads(made.stdout)["test_secret_key"], data_dir)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    assert "Traceback" not in log.read_text(), log.read_text()[-4000:]


def wait_ready(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=2):
                return
        except OSError:
            time.sleep(0.05)
    pytest.fail("The server did not become ready.")


def fuzz(served: Served, *options: str) -> None:
    """Run the fuzzer over all routes; no check may fail."""
    command = [*SCHEMATHESIS, f"{served.url}/v1/openapi.json", "--header", f"Authorization: Bearer {served.key}"]
    command += ["--seed", SEED, "--exclude-checks", EXCLUDED, "--max-response-time", str(ANSWER_S)]
    command += ["--warnings", "off", "--no-color", "--continue-on-failure", *options]
    folder = served.data_dir.parent  # where the fuzzer leaves what it remembers
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False, timeout=RUN_S, text=True)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-4000:]
    assert "No issues found" in done.stdout, done.stdout[-4000:]


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'data' / 'molva.db'}"


@pytest.fixture
def postgres_url(postgres_server: Any) -> Iterator[str]:
    name = f"fuzz_{uuid.uuid4().hex}"
    postgres_server.psql(f"CREATE DATABASE {name};")
    yield postgres_server.get_uri(name)
    postgres_server.psql(f"DROP DATABASE {name} WITH (FORCE);")


def test_p42_a_few_examples_of_each_route_fit_the_description(tmp_path, sqlite_url) -> None:
    with serving(tmp_path / "data", sqlite_url) as served:
        fuzz(served, "--phases", "examples,fuzzing", "--max-examples", FAST_EXAMPLES)


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite", "postgres"])
def test_p42_the_full_run_has_no_5xx_and_no_mismatch(tmp_path, request, database: str) -> None:
    with serving(tmp_path / "data", request.getfixturevalue(f"{database}_url")) as served:
        fuzz(served, "--max-examples", FULL_EXAMPLES)
        ask_ledger(served)


def ask_ledger(served: Served) -> None:
    """Whatever the fuzzer reported, every law of the ledger and of the audit trail holds."""
    for command in (("ledger", "verify"), ("audit", "verify")):
        done = subprocess.run(
            [*MOLVA, *command, "--json", "--data-dir", str(served.data_dir)],
            capture_output=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout
