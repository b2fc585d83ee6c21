"""The demo as a person starts it, and a real Chromium in front of it."""

import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
CHROMIUM_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# A headless Chromium says so in its agent, and Molva rightly takes it for a robot.
PERSON = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"
ARTIFACTS = Path(__file__).parents[2] / "test-artifacts"
READY_S = 30  # generous: the machine of a check may be busy; benchmarks hold the real figure


def free_ports() -> int:
    """Return a port whose next one is free too."""
    for _ in range(50):
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port
    pytest.fail("There are no two free ports beside each other.")


@pytest.fixture(scope="session")
def demo() -> Iterator[dict[str, Any]]:
    """`molva demo` on free ports; what it printed."""
    port = free_ports()
    command = [sys.executable, "-c", "from tracker.cli import main; main()", "demo", "--json", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        facts = json.loads(process.stdout.readline())
        wait_until_ready(facts["admin_url"].replace("/admin/", "/readyz"))
        wait_until_ready(facts["shop_url"])
        yield facts
        process.terminate()
        assert process.wait(20) == 0


def wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"{url} did not answer within {READY_S} s.")


@pytest.fixture(scope="session")
def until_ready() -> Callable[[str], None]:
    """What waits until an address answers."""
    return wait_until_ready


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium for one module: while Playwright runs, no other event loop can, so it must end with the module."""
    if not CHROMIUM.exists():
        pytest.fail(f"{CHROMIUM} is missing; install the package chromium (make test does).")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        yield chromium
        chromium.close()


@pytest.fixture
def visitor(browser: Browser) -> Iterator[BrowserContext]:
    """A person's fresh browser."""
    context = browser.new_context(user_agent=PERSON, locale="en-GB")
    yield context
    context.close()


@pytest.fixture(scope="module")
def staff(browser: Browser, demo: dict[str, Any]) -> Iterator[Page]:
    """The owner, signed in to the admin pages."""
    context = browser.new_context(user_agent=PERSON, locale="en-GB", viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto(demo["admin_url"])
    page.fill("input[name=email]", demo["email"])
    page.fill("input[name=password]", demo["password"])
    page.click("button[type=submit]")
    page.wait_for_url("**/admin/**")
    yield page
    context.close()


class Api:
    """The server API of the demo program."""

    def __init__(self, base_url: str, key: str) -> None:
        self._base_url = base_url
        self._key = key

    def get(self, path: str) -> Any:
        request = urllib.request.Request(self._base_url + path, headers={"Authorization": f"Bearer {self._key}"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def wait_for(self, path: str, wanted: Any) -> Any:
        """Return the first object of a list that fits, waiting for it a while."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            for each in self.get(path)["data"]:
                if wanted(each):
                    return each
            time.sleep(0.2)
        pytest.fail(f"Nothing in {path} fits within a minute.")


@pytest.fixture(scope="session")
def api(demo: dict[str, Any]) -> Api:
    return Api(demo["admin_url"].removesuffix("/admin/"), demo["secret_key"])
