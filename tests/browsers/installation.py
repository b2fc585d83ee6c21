"""A real Molva in a process of its own: `molva init`, a partner, `molva serve`, and its server API."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

from .driver import POLL_S, START_S, WAIT_S

MOLVA = (sys.executable, "-c", "from tracker.cli import main; main()")
BASE_URL = "https://shop.test"
SITES = (
    BASE_URL,
    "https://www.shop.test",
    "https://app.shop.test",
    "https://blog.shop.test",
    "https://brand.test",
    "https://other.test",
)
CODES = ("ANNA", "BEN")
PAGE = 100


class Installation:
    """One data folder, its keys and the process that serves it; `slug` is Anna's link."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        owner = ("--admin-email", "owner@shop.example", "--program", "Shop", "--currency", "EUR")
        made = self._molva("init", *owner, "--base-url", BASE_URL, "--site", *SITES)
        self.publishable_key, self._secret_key = made["publishable_key"], made["secret_key"]
        links = {}
        for code in CODES:
            person = ("--name", code.title(), "--email", f"{code.lower()}@partner.example", "--code", code)
            links[code] = self._molva("partner", "add", "--program", made["program_id"], *person)["link"]
        self.link: str = links["ANNA"]
        self._process: subprocess.Popen[bytes] | None = None
        self._known: dict[str, str] = {}

    def start(self) -> None:
        """Start serving and wait for the first 200."""
        command = [*MOLVA, "serve", "--data-dir", str(self.data_dir), "--port", str(self.port)]
        # Every browser of these tests has the same address: the limits are not what is tried here.
        environment = os.environ | {"MOLVA_TRUSTED_PROXIES": "127.0.0.1/32", "MOLVA_LIMITS__ENABLED": "false"}
        self._process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            assert self._process.poll() is None, f"molva serve ended with {self._process.returncode}."
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=2):
                    return
            except OSError:
                time.sleep(POLL_S)
        raise AssertionError(f"molva serve was not ready within {START_S} s.")

    def stop(self) -> None:
        """End the process."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(WAIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def forget(self) -> None:
        """Let what is stored now be of an earlier test."""
        for what in ("clicks", "conversions"):
            newest = self.get(f"/v1/{what}?limit=1")["data"]
            self._known[what] = newest[0]["id"] if newest else ""

    def clicks(self) -> list[dict[str, Any]]:
        """Return the clicks of this test, newest first."""
        return self._newest("clicks")

    def conversions(self) -> list[dict[str, Any]]:
        """Return the conversions of this test, newest first."""
        return self._newest("conversions")

    def decided(self, conversion_id: str) -> dict[str, Any]:
        """Return a conversion with its attribution, once it is decided."""
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            found: dict[str, Any] = self.get(f"/v1/conversions/{conversion_id}")
            if found.get("attribution"):
                return found
            time.sleep(POLL_S)
        raise AssertionError(f"{conversion_id} was not decided within {WAIT_S} s.")

    def get(self, path: str) -> Any:
        """Return an answer of the server API."""
        url = f"http://127.0.0.1:{self.port}{path}"
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {self._secret_key}"})
        with urllib.request.urlopen(request, timeout=WAIT_S) as answer:
            return json.load(answer)

    def _newest(self, what: str) -> list[dict[str, Any]]:
        found = []
        for item in self.get(f"/v1/{what}?limit={PAGE}")["data"]:
            if item["id"] == self._known.get(what):
                break
            found.append(item)
        return found

    def _molva(self, *arguments: str) -> dict[str, Any]:
        command = [*MOLVA, *arguments, "--data-dir", str(self.data_dir), "--json"]
        done = subprocess.run(command, capture_output=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr.decode()
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer
