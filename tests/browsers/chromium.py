"""Chromium, driven by Playwright.

While Playwright runs, no other event loop can run in this thread, so a browser must end with its module.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Error, Page, sync_playwright

from .driver import START_S, WAIT_S, Browser, Cookie, Launch, ScriptError, Session, missing

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # The certificate of the local sites is nobody's. A switch, not a per-context option: pages whose
    # errors are ignored one by one are neither prerendered nor kept for the way back.
    "--ignore-certificate-errors",
]
# A headless Chromium says so in its agent, and Molva rightly takes it for a robot.
PERSON = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"
# Playwright switches this off by default, and with it a whole way of leaving and entering pages.
WITHOUT_BFCACHE = "--disable-back-forward-cache"


class ChromiumSession(Session):
    """A context with one page; `page` and `context` are Playwright's, for tests of Chromium alone."""

    def __init__(self, context: BrowserContext, page: Page) -> None:
        self.context = context
        self.page = page
        context.set_default_timeout(WAIT_S * 1000)

    def goto(self, url: str) -> None:
        self.page.goto(url)

    def reload(self) -> None:
        self.page.reload()

    def back(self) -> None:
        # `commit`: a page that comes out of the cache loads nothing.
        self.page.go_back(wait_until="commit")

    def click(self, selector: str) -> None:
        self.page.click(selector, no_wait_after=True)

    def cookies(self) -> list[Cookie]:
        found: list[Any] = list(self.context.cookies(self.page.url))
        return [
            Cookie(
                name=one["name"],
                value=one["value"],
                domain=one["domain"],
                is_secure=one["secure"],
                expires_at_s=None if one["expires"] < 0 else one["expires"],
            )
            for one in found
        ]

    def close(self) -> None:
        self.context.close()

    def _run(self, expression: str) -> str:
        try:
            return str(self.page.evaluate(expression))
        except Error as error:
            raise ScriptError(error.message) from error


class Chromium(Browser):
    """A headless Chromium; `bfcache` leaves the back/forward cache as people have it."""

    name = "chromium"

    def __init__(self, launch: Launch, *, bfcache: bool = False) -> None:
        found = CHROMIUM if CHROMIUM.is_file() else shutil.which("chromium") or shutil.which("google-chrome")
        if not found:
            pytest.fail(missing("Chromium", "chromium"), pytrace=False)
        self._launch = launch
        self._options: dict[str, Any] = {
            "executable_path": found,
            "args": ARGUMENTS,
            # `<-loopback>`: even loopback goes through the proxy, so nothing but the local sites is reached.
            "proxy": {"server": f"http://{launch.proxy}", "bypass": "<-loopback>"},
            "timeout": START_S * 1000,
            "ignore_default_args": [WITHOUT_BFCACHE] if bfcache else None,
        }
        self._playwright = sync_playwright().start()
        try:
            self._browser = None if not launch.cookies else self._playwright.chromium.launch(**self._options)
        except BaseException:
            self._playwright.stop()
            raise

    def new_session(self) -> ChromiumSession:
        if self._browser is None:
            return self._cookieless_session()
        context = self._browser.new_context(user_agent=PERSON)
        return ChromiumSession(context, context.new_page())

    def _cookieless_session(self) -> ChromiumSession:
        """The person's own setting, which only a profile has."""
        preferences = self._launch.folder / "Default" / "Preferences"
        preferences.parent.mkdir(parents=True, exist_ok=True)
        preferences.write_text(json.dumps({"profile": {"default_content_setting_values": {"cookies": 2}}}))
        launch = self._playwright.chromium.launch_persistent_context
        context = launch(self._launch.folder, user_agent=PERSON, **self._options)
        return ChromiumSession(context, context.pages[0])

    def close(self) -> None:
        if self._browser is not None:
            self._browser.close()
        self._playwright.stop()
