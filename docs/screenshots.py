"""Makes the pictures of the docs: starts the demo, signs in, takes each page. Run by `make docs`.

Needs Chromium as /usr/bin/chromium, or its path as the first argument.
"""

# ruff: noqa: INP001  # A program beside the pages it illustrates, no package.

import json
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

IMAGES = Path(__file__).parent / "images"
CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WIDTH, HEIGHT = 1280, 800
READY_S = 30
STOP_S = 20

# Name of the picture and the page it shows.
PAGES = (("overview", "/admin/"),)


def main() -> None:
    """Start the demo, take every picture, end the demo."""
    command = [sys.executable, "-c", "from tracker.cli import main; main()", "demo", "--json"]
    with subprocess.Popen([*command, "--port", str(free_port())], stdout=subprocess.PIPE, text=True) as demo:  # noqa: S603  # Our own command.
        try:
            if demo.stdout is None:
                raise RuntimeError("The demo has no output to read.")
            facts: dict[str, Any] = json.loads(demo.stdout.readline())
            take_pictures(facts)
        finally:
            demo.terminate()
            demo.wait(STOP_S)


def take_pictures(facts: dict[str, Any]) -> None:
    """Sign in as the demo's owner and take each page."""
    base = facts["admin_url"].removesuffix("/admin/")
    wait_ready(f"{base}/readyz")
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=(sys.argv[1:] or [CHROMIUM])[0], args=list(FLAGS))
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, locale="en", color_scheme="light")
        page.goto(f"{base}/login")
        page.fill("input[name=email]", facts["email"])
        page.fill("input[name=password]", facts["password"])
        page.press("input[name=password]", "Enter")
        page.wait_for_url(f"{base}/admin/**")
        for name, path in PAGES:
            take(page, f"{base}{path}", IMAGES / f"{name}.png")
        browser.close()


def take(page: Page, url: str, target: Path) -> None:
    """Take one page; an error page is no picture."""
    answer = page.goto(url)
    if answer is None or not answer.ok:
        raise RuntimeError(f"{url} answered {answer.status if answer else 'nothing'}; correct PAGES or the page.")
    page.wait_for_load_state("networkidle")
    page.screenshot(path=target)


def wait_ready(url: str) -> None:
    """Wait until the server answers."""
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310  # Our own server on loopback.
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"{url} did not answer within {READY_S} s.")


def free_port() -> int:
    """Return a loopback port whose next one is free too."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port


if __name__ == "__main__":
    main()
