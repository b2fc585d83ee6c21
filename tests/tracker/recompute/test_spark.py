"""Spark decides as the indexes do: on this machine's cores, and on a master with two workers of their own."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tracker.operations.types import OperationError
from tracker.recompute import plan
from tracker.recompute.engines import open_engine

READY_S = 60


@pytest.mark.slow
def test_without_java_it_says_what_to_install(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)

    with pytest.raises(OperationError, match=r"needs Java 17.*--engine duckdb"):
        open_engine("spark")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Py4J leaves sockets to the garbage collector.
@pytest.mark.parametrize("where", ["cores", "cluster"])
def test_spark_gives_the_same_checksum(story, recompute, monkeypatch, tmp_path, where: str) -> None:
    monkeypatch.setattr(plan, "BATCH_MIN", 10)
    wanted = recompute(story, is_dry_run=True)

    if where == "cores":
        monkeypatch.delenv("SPARK_MASTER", raising=False)
        found = recompute(story, is_dry_run=True, engine="spark")
    else:
        with cluster(tmp_path) as master:
            monkeypatch.setenv("SPARK_MASTER", master)
            found = recompute(story, is_dry_run=True, engine="spark")

    for name in ("result_digest", "decided", "changed", "locked", "partners"):
        assert found[name] == wanted[name], name


@contextmanager
def cluster(folder: Path) -> Iterator[str]:
    """A standalone master and two workers from the package, on loopback."""
    import pyspark  # noqa: PLC0415  # Only the slow lane needs it.

    home = Path(pyspark.__file__).parent
    port = free_port()
    environ = os.environ | {
        "SPARK_HOME": str(home),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_WORKER_DIR": str(folder / "work"),
        "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path),
    }
    started: list[subprocess.Popen[bytes]] = []

    def start(role: str, *arguments: str) -> None:
        command = [str(home / "bin" / "spark-class"), f"org.apache.spark.deploy.{role}", *arguments]
        with (folder / f"{len(started)}.log").open("wb") as log:
            started.append(subprocess.Popen(command, env=environ, stdout=log, stderr=subprocess.STDOUT))

    try:
        start("master.Master", "--host", "127.0.0.1", "--port", str(port), "--webui-port", str(free_port()))
        wait_for(folder / "0.log", "I have been elected leader")
        for number in (1, 2):
            more = ("--host", "127.0.0.1", "--cores", "1", "--memory", "1g", "--webui-port", str(free_port()))
            start("worker.Worker", *more, f"spark://127.0.0.1:{port}")
            wait_for(folder / f"{number}.log", "Successfully registered with master")
        yield f"spark://127.0.0.1:{port}"
    finally:
        for process in reversed(started):
            process.terminate()
        for process in started:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(20)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(log: Path, text: str) -> None:
    ends_at = time.monotonic() + READY_S
    while time.monotonic() < ends_at:
        if text in log.read_text(errors="replace"):
            return
        time.sleep(0.2)
    raise AssertionError(f"{log}: {log.read_text(errors='replace')[-2000:]}")
