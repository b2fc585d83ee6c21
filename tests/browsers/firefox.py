"""Firefox ESR, driven over WebDriver BiDi through its own remote agent; no driver program in between."""

import json
import shutil
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets.sync.client import connect

from .driver import POLL_S, START_S, WAIT_S, Browser, Cookie, Launch, ScriptError, Session, missing

# Written into the profile by the agent once it listens.
ADDRESS_FILE = "WebDriverBiDiServer.json"


class Bidi:
    """One WebDriver BiDi connection: commands with their answers; events are not asked for."""

    def __init__(self, port: int) -> None:
        self._open = ExitStack()
        address = f"ws://127.0.0.1:{port}/session"
        connection = connect(address, max_size=None, proxy=None, open_timeout=START_S, close_timeout=WAIT_S)
        self._socket = self._open.enter_context(connection)
        self._count = 0

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Return the result of a command; raises ScriptError with what the browser says."""
        self._count += 1
        self._socket.send(json.dumps({"id": self._count, "method": method, "params": parameters}))
        deadline = time.monotonic() + WAIT_S
        while True:
            answer = json.loads(self._socket.recv(timeout=max(0.0, deadline - time.monotonic())))
            if answer.get("id") != self._count:
                continue
            if answer["type"] == "error":
                raise ScriptError(f"{method}: {answer['error']}: {answer['message']}")
            result: dict[str, Any] = answer["result"]
            return result

    def close(self) -> None:
        self._open.close()


class FirefoxSession(Session):
    """A user context (a container with cookies of its own) with one tab."""

    def __init__(self, bidi: Bidi) -> None:
        self._bidi = bidi
        self._person: str = bidi.call("browser.createUserContext")["userContext"]
        self._tab: str = bidi.call("browsingContext.create", type="tab", userContext=self._person)["context"]

    def goto(self, url: str) -> None:
        self._bidi.call("browsingContext.navigate", context=self._tab, url=url, wait="complete")

    def reload(self) -> None:
        self._bidi.call("browsingContext.reload", context=self._tab, wait="complete")

    def back(self) -> None:
        self._bidi.call("browsingContext.traverseHistory", context=self._tab, delta=-1)

    def click(self, selector: str) -> None:
        found = self._bidi.call("browsingContext.locateNodes", context=self._tab, locator=_css(selector))["nodes"]
        assert found, f"There is no {selector}."
        element = {"type": "element", "element": {"sharedId": found[0]["sharedId"]}}
        actions = [
            {"type": "pointerMove", "x": 0, "y": 0, "origin": element},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        source = {"type": "pointer", "id": "mouse", "actions": actions}
        self._bidi.call("input.performActions", context=self._tab, actions=[source])

    def cookies(self) -> list[Cookie]:
        partition = {"type": "context", "context": self._tab}
        found = self._bidi.call("storage.getCookies", partition=partition)["cookies"]
        host = urlsplit(self.evaluate("location.href")).hostname or ""
        return [
            Cookie(
                name=one["name"],
                value=one["value"]["value"],
                domain=one["domain"],
                is_secure=one["secure"],
                expires_at_s=one.get("expiry"),
            )
            for one in found
            if f".{host}".endswith("." + one["domain"].lstrip("."))
        ]

    def close(self) -> None:
        self._bidi.call("browsingContext.close", context=self._tab)
        self._bidi.call("browser.removeUserContext", userContext=self._person)

    def _run(self, expression: str) -> str:
        answer = self._bidi.call(
            "script.evaluate", expression=expression, target={"context": self._tab}, awaitPromise=True
        )
        if answer["type"] == "exception":
            raise ScriptError(answer["exceptionDetails"]["text"])
        return str(answer["result"]["value"])


class Firefox(Browser):
    """A headless Firefox with a profile of its own."""

    name = "firefox"

    def __init__(self, launch: Launch) -> None:
        found = shutil.which("firefox-esr") or shutil.which("firefox")
        if found is None:
            pytest.fail(missing("Firefox", "firefox-esr"), pytrace=False)
        profile = launch.folder
        profile.mkdir(parents=True)
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in _preferences(launch)]
        (profile / "user.js").write_text("".join(lines))
        command = [found, "--headless", "--no-remote", "--remote-debugging-port=0", "--profile", str(profile)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            self._bidi = Bidi(self._port(profile / ADDRESS_FILE))
            wanted = {"alwaysMatch": {"acceptInsecureCerts": True}}
            self._bidi.call("session.new", capabilities=wanted)
        except BaseException:
            self._end()
            raise

    def new_session(self) -> FirefoxSession:
        return FirefoxSession(self._bidi)

    def close(self) -> None:
        self._bidi.close()
        self._end()

    def _port(self, path: Path) -> int:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            assert self._process.poll() is None, f"Firefox ended with {self._process.returncode} while starting."
            try:
                return int(json.loads(path.read_text())["ws_port"])
            except (OSError, ValueError):
                time.sleep(POLL_S)
        raise AssertionError(f"Firefox did not listen within {START_S} s.")

    def _end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(WAIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _css(selector: str) -> dict[str, str]:
    return {"type": "css", "value": selector}


def _preferences(launch: Launch) -> list[tuple[str, Any]]:
    host, _, port = launch.proxy.rpartition(":")
    found: list[tuple[str, Any]] = [
        ("network.proxy.type", 1),
        ("network.proxy.http", host),
        ("network.proxy.http_port", int(port)),
        ("network.proxy.ssl", host),
        ("network.proxy.ssl_port", int(port)),
        ("network.proxy.no_proxies_on", ""),
        ("network.proxy.failover_direct", False),
        ("network.proxy.allow_hijacking_localhost", True),
        ("datareporting.policy.dataSubmissionEnabled", False),
        ("browser.shell.checkDefaultBrowser", False),
    ]
    if launch.gpc:
        found += [
            ("privacy.globalprivacycontrol.enabled", True),
            ("privacy.globalprivacycontrol.functionality.enabled", True),
        ]
    if not launch.cookies:
        found.append(("network.cookie.cookieBehavior", 2))
    return found
