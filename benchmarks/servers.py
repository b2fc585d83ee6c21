"""Processes under measurement: starts them, waits until they answer, reads their CPU time and memory, ends them."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
READY_S = 30.0
STOP_S = 20.0
POLL_S = 0.005
TICKS = os.sysconf("SC_CLK_TCK")
MOLVA = (sys.executable, "-c", "from tracker.cli import main; main()")


class Server:
    """One server process of ours on a loopback port."""

    def __init__(self, command: list[str], *, port: int, environment: dict[str, str] | None = None) -> None:
        """Start the command and wait for its first 200; `ready_s` is the time from exec to it."""
        self.port = port
        started = time.monotonic()
        self.process = subprocess.Popen(
            command,
            cwd=HERE.parent,
            env={**os.environ, **(environment or {})},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        try:
            self._wait_ready(started + READY_S)
        except BaseException:
            self.process.kill()
            raise
        self.ready_s = time.monotonic() - started

    def cpu_s(self) -> float:
        """Return the CPU seconds used so far by the server and its children, all threads, user and system."""
        return sum(_cpu_ticks(process) for process in self._processes()) / TICKS

    def memory_mb(self) -> float:
        """Return the resident memory of the server and its children in MB (10^6 bytes), shared pages counted once."""
        return sum(_kib(process, "smaps_rollup", "Pss:") for process in self._processes()) * 1024 / 1e6

    def peak_mb(self) -> float:
        """Return the peak resident memory of the process that answers in MB (10^6 bytes)."""
        return _kib(self.process.pid, "status", "VmHWM:") * 1024 / 1e6

    def _processes(self) -> list[int]:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [self.process.pid, *map(int, children)]

    def stop(self) -> None:
        """Ask it to end and wait."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _wait_ready(self, deadline: float) -> None:
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                assert self.process.stderr is not None
                raise RuntimeError(f"The server ended by itself: {self.process.stderr.read().decode()[-2000:]}")
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=1) as answer:
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, OSError):
                time.sleep(POLL_S)
        raise RuntimeError(f"Nothing was ready on port {self.port} within {READY_S:.0f} s.")


def _cpu_ticks(process: int) -> int:
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def _kib(process: int, file: str, field: str) -> int:
    for line in Path(f"/proc/{process}/{file}").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1])
    raise RuntimeError(f"The kernel tells no {field} of a process; this benchmark needs Linux.")


def free_port() -> int:
    """Return a loopback port that nobody listens on, whose neighbour is free too."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port


def molva(*arguments: str) -> dict[str, Any]:
    """Run one `molva` command with `--json` and return its answer."""
    done = subprocess.run([*MOLVA, *arguments, "--json"], cwd=HERE.parent, capture_output=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"molva {' '.join(arguments)} failed: {done.stderr.decode()[-2000:]}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
