"""A real Chromium against a tiny local site that records what the snippet sends."""

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

import snippet

from .reading import WITHIN_S

CHROMIUM = Path("/usr/bin/chromium")
CHROMIUM_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Any host name leads to the local site, and nothing leads anywhere else.
    "--host-resolver-rules=MAP * 127.0.0.1",
]

STUB = "<script>window.molva=window.molva||function(){(molva.q=molva.q||[]).push(arguments)}</script>"


class Site:
    """The local site: pages to visit, the script, and the endpoint with its recorded events."""

    def __init__(self) -> None:
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self.port = self.server.server_port
        self.events: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.posts: list[list[tuple[str, str]]] = []
        self.status = 200
        self.answer: Callable[[dict[str, Any]], dict[str, Any]] = lambda event: {"c": event.get("c"), "ttl": 86400}
        self.body = ""
        self.attributes = ""
        self.stub = False
        self.build: snippet.Build = "x.js"

    def url(self, path: str = "/", host: str = "localhost") -> str:
        return f"http://{host}:{self.port}{path}"

    def tag(self, *, key: str = "pk_test", attributes: str = "") -> str:
        return f'<script src="/r/x.js" data-key="{key}" {attributes}></script>'

    def html(self) -> str:
        head = (STUB if self.stub else "") + self.tag(attributes=self.attributes)
        return f"<!doctype html><title>t</title><link rel=icon href=data:,>{head}<body>{self.body}</body>"

    def wait_events(self, count: int) -> list[dict[str, Any]]:
        deadline = time.monotonic() + WITHIN_S
        while len(self.events) < count and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(self.events) == count, self.events
        return self.events


def _handler_of(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if urlsplit(self.path).path == "/r/x.js":
                self.reply(200, "text/javascript", snippet.script(None, site.build).body)
            else:
                self.reply(200, "text/html; charset=utf-8", site.html().encode())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if urlsplit(self.path).path != "/r/e":
                site.posts.append(parse_qsl(body.decode(), keep_blank_values=True))
                self.reply(200, "text/html; charset=utf-8", b"<title>posted</title>")
                return
            event = json.loads(body)
            site.headers.append(dict(self.headers))
            answer = json.dumps(site.answer(event)).encode()
            # A page left before the answer sends its event again under the same id; the server counts it once.
            if event["i"] not in {known["i"] for known in site.events}:
                site.events.append(event)
            self.reply(site.status, "application/json", answer)

        def reply(self, status: int, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("content-type", content_type)
            self.send_header("content-length", str(len(body)))
            self.send_header("access-control-allow-origin", self.headers.get("origin") or "*")
            self.send_header("access-control-allow-credentials", "true")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_words: Any) -> None:
            """Keep the test output quiet."""

    return Handler


@pytest.fixture
def site() -> Iterator[Site]:
    """A site of this test alone: what a page sent last may arrive when its test is over."""
    site = Site()
    thread = threading.Thread(target=site.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield site
    site.server.shutdown()
    thread.join()
    site.server.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium for one module: while Playwright runs, no other event loop can, so it must end with the module."""
    found = CHROMIUM if CHROMIUM.is_file() else shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        path = found or playwright.chromium.executable_path
        if not Path(path).is_file():
            pytest.fail(
                f"No Chromium at {CHROMIUM}, on PATH or at {path}; run: playwright install chromium", pytrace=False
            )
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGS)
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context()
    context.set_default_timeout(WITHIN_S * 1000)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """Give a page that must stay free of uncaught errors: the snippet never throws into its host."""
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    assert errors == []
