"""WebKitGTK's MiniBrowser, driven over WebDriver through WebKitWebDriver, on a virtual screen of its own."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest

from .driver import POLL_S, START_S, WAIT_S, Browser, Cookie, Launch, ScriptError, Session, missing

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # how WebDriver names an element in JSON (W3C WebDriver, 12)
MINI_BROWSERS = "webkit2gtk-*/MiniBrowser"
LIBRARIES = (Path("/usr/lib"), Path("/usr/libexec"))
SESSION_S = 20.0  # for one command; a MiniBrowser that hangs while starting is started again
STARTS_MAX = 3
# A machine of checks has no graphics card.
SOFTWARE = {
    "WEBKIT_DISABLE_DMABUF_RENDERER": "1",
    "LIBGL_ALWAYS_SOFTWARE": "1",
    "GDK_BACKEND": "x11",
    "NO_AT_BRIDGE": "1",
}


class WebkitSession(Session):
    """A MiniBrowser process in automation mode, which keeps nothing."""

    def __init__(self, port: int, capabilities: dict[str, Any], end: Callable[[], None]) -> None:
        self._driver = httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=SESSION_S, trust_env=False)
        self._end = end
        made = self._call("POST", "", {"capabilities": {"alwaysMatch": capabilities}})
        self._path = f"/{made['sessionId']}"
        limits = {"script": WAIT_S * 1000, "pageLoad": WAIT_S * 1000, "implicit": 0}
        self._call("POST", f"{self._path}/timeouts", {name: int(limit) for name, limit in limits.items()})

    def goto(self, url: str) -> None:
        self._call("POST", f"{self._path}/url", {"url": url})

    def reload(self) -> None:
        self._call("POST", f"{self._path}/refresh", {})

    def back(self) -> None:
        self._call("POST", f"{self._path}/back", {})

    def click(self, selector: str) -> None:
        found = self._call("POST", f"{self._path}/element", {"using": "css selector", "value": selector})
        self._call("POST", f"{self._path}/element/{found[ELEMENT]}/click", {})

    def cookies(self) -> list[Cookie]:
        return [
            Cookie(
                name=one["name"],
                value=one["value"],
                domain=one["domain"],
                is_secure=one["secure"],
                expires_at_s=one.get("expiry"),
            )
            for one in self._call("GET", f"{self._path}/cookie")
        ]

    def close(self) -> None:
        self._driver.close()
        self._end()

    def _run(self, expression: str) -> str:
        script = (
            "const done = arguments[arguments.length - 1];"
            f"Promise.resolve().then(() => ({expression}))"
            ".then(value => done({ value }), error => done({ error: String(error) }))"
        )
        answer = self._call("POST", f"{self._path}/execute/async", {"script": script, "args": []})
        if answer is None or "error" in answer:
            raise ScriptError(str(answer and answer["error"]))
        return str(answer["value"])

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        answer = self._driver.request(method, f"/session{path}", json=body)
        value = answer.json()["value"]
        if answer.status_code != 200:
            raise ScriptError(f"{path}: {value['error']}: {value.get('message', '')}")
        return value


class Webkit(Browser):
    """A virtual screen; each session has a WebKitWebDriver and a MiniBrowser of its own."""

    name = "webkit"

    def __init__(self, launch: Launch) -> None:
        for program, package in (("WebKitWebDriver", "webkit2gtk-driver"), ("Xvfb", "xvfb")):
            if shutil.which(program) is None:
                pytest.fail(missing(program, package), pytrace=False)
        self._launch = launch
        self._processes: list[subprocess.Popen[bytes]] = []
        launch.folder.mkdir(parents=True)
        try:
            display = self._start_screen()
        except BaseException:
            self.close()
            raise
        home = {"HOME": str(launch.folder), "XDG_RUNTIME_DIR": str(launch.folder), "DISPLAY": f":{display}"}
        self._environment = os.environ | SOFTWARE | home

    def new_session(self) -> WebkitSession:
        # Not the capability `proxy`: of it WebKitWebDriver takes an https proxy for one that speaks TLS itself.
        arguments = ["--automation", f"--proxy=http://{self._launch.proxy}"]
        if not self._launch.cookies:
            arguments.append("--cookies-policy=never")
        options = {"binary": str(_mini_browser()), "args": arguments}
        capabilities = {"acceptInsecureCerts": True, "webkitgtk:browserOptions": options}
        for _ in range(STARTS_MAX):
            port = _free_port()
            driver = self._start(["WebKitWebDriver", f"--port={port}"], self._environment)
            try:
                _wait_until_ready(driver, port)
                return WebkitSession(port, capabilities, partial(self._end, driver))
            except httpx2.TimeoutException:
                self._end(driver)
            except BaseException:
                self._end(driver)
                raise
        raise AssertionError(f"MiniBrowser did not start in {STARTS_MAX} tries of {SESSION_S} s.")

    def close(self) -> None:
        for process in list(reversed(self._processes)):
            self._end(process)

    def _start_screen(self) -> int:
        """Start Xvfb on a display number it finds free."""
        reading, writing = os.pipe()
        try:
            command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1280x800x24", "-nolisten", "tcp"]
            self._start(command, dict(os.environ), pass_fds=(writing,))
        finally:
            os.close(writing)
        with os.fdopen(reading) as answer:
            number = answer.readline()
        assert number.strip(), "Xvfb ended while starting."
        return int(number)

    def _start(self, command: list[str], environment: dict[str, str], **options: Any) -> subprocess.Popen[bytes]:
        # A group of its own, so that the browsers it starts end with it.
        options |= {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
        started = subprocess.Popen(command, env=environment, **options)
        self._processes.append(started)
        return started

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        if process not in self._processes:
            return
        self._processes.remove(process)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(WAIT_S)


def _wait_until_ready(driver: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        assert driver.poll() is None, "WebKitWebDriver ended while starting."
        try:
            answer = httpx2.get(f"http://127.0.0.1:{port}/status", timeout=SESSION_S, trust_env=False)
            if answer.json()["value"]["ready"]:
                return
        except httpx2.TransportError:
            time.sleep(POLL_S)
    raise AssertionError(f"WebKitWebDriver did not listen within {START_S} s.")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _mini_browser() -> Path:
    for library in LIBRARIES:
        for path in sorted([*library.glob(MINI_BROWSERS), *library.glob(f"*/{MINI_BROWSERS}")]):
            return path
    pytest.fail(missing("MiniBrowser", "webkit2gtk-driver"), pytrace=False)
