"""How long the snippet keeps a phone's main thread busy: Chromium slowed down four times, from its own trace.

Run by hand: `.venv/bin/python benchmarks/snippet/main_thread.py [--loads N] [--slowdown N]`. It prints the median of
each built file, for a referred landing and for a page without a referral. The goal is below 3 ms. The first rows are
the floor: a script that does nothing but touch cookie and storage once, and on a landing sends one request. Times
depend on the machine and on what else it does, so no test judges them; compare rows of one run.
"""

import argparse
import itertools
import json
import statistics
import threading
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

from playwright.sync_api import Browser, sync_playwright

import snippet

CHROMIUM = Path("/usr/bin/chromium")
GOAL_MS = 3.0
CATEGORIES = ["devtools.timeline", "v8"]
SPANS = ("EvaluateScript", "FunctionCall")
FLOOR = "floor.js"
FLOOR_SOURCE = (
    b"window.molva = { ready: () => null };"
    b"if (!document.cookie.includes('_mv') && !localStorage._mv && location.search) {"
    b" document.cookie = '_mv=1;Path=/;Max-Age=9'; localStorage._mv = 1;"
    b" fetch('/r/e', { method: 'POST', body: '{}', keepalive: true }) }"
)
PAGE = (
    '<!doctype html><title>t</title><link rel=icon href="data:,"><script async src="/r/{name}"'
    ' data-key="pk_live_bench"></script><p>text</p>'
)
KINDS = {"referred": "?via=ANNA", "unreferred": ""}


class Handler(BaseHTTPRequestHandler):
    """A shop's page, the built files, and an endpoint that says yes."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer a page or a built file; the page's path is the file it loads."""
        path, _, _ = self.path.partition("?")
        if path.startswith("/r/"):
            name = path.removeprefix("/r/")
            self._reply("text/javascript", FLOOR_SOURCE if name == FLOOR else (snippet.BUILT / name).read_bytes())
        else:
            self._reply("text/html", PAGE.format(name=path.strip("/")).encode())

    def do_POST(self) -> None:
        """Answer an event."""
        event = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self._reply("application/json", json.dumps({"c": event.get("c"), "ttl": 86400}).encode())

    def _reply(self, content_type: str, body: bytes) -> None:
        self.send_response(200)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_words: Any) -> None:
        """Keep the table readable."""


class Busy(NamedTuple):
    """Main-thread time of one file in ms: by the clock (waiting for the browser's other processes included), by CPU."""

    clock_ms: float
    cpu_ms: float


def busy(trace: Iterable[dict[str, Any]], name: str) -> Busy:
    """Return the time spent in one file: compiling, running, called back; nested spans count once."""
    spans = []
    for event in trace:
        data = event.get("args", {}).get("data") or {}
        url = str(data.get("url") or "").partition("?")[0]
        if event.get("ph") == "X" and event["name"] in SPANS and url.endswith(f"/r/{name}"):
            spans.append((event["ts"], event["ts"] + event["dur"], event.get("tdur", 0)))
    clock, cpu, end = 0, 0, 0
    for start, stop, own in sorted(spans):
        if start >= end:
            clock, cpu, end = clock + stop - start, cpu + own, stop
    return Busy(clock / 1000, cpu / 1000)


def measure(browser: Browser, url: str, name: str, slowdown: int) -> Busy:
    """Load a page once in a fresh browser and return its busy time."""
    context = browser.new_context()
    page = context.new_page()
    page.goto("about:blank")
    context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": slowdown})
    browser.start_tracing(page=page, categories=CATEGORIES)
    page.goto(url)
    page.evaluate("molva.ready()")
    trace = json.loads(browser.stop_tracing())["traceEvents"]
    context.close()
    return busy(trace, name)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loads", type=int, default=15, help="loads of each page (15)")
    parser.add_argument("--slowdown", type=int, default=4, help="how many times slower than this machine (4)")
    options = parser.parse_args()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    names = [FLOOR, *sorted(path.name for path in snippet.BUILT.glob("x*.js"))]
    print(f"{'file':<16}{'page':<14}{'median ms':>10}{'CPU ms':>10}   goal < {GOAL_MS:g}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for name, (kind, query) in itertools.product(names, KINDS.items()):
            url = f"http://localhost:{server.server_port}/{name}{query}"
            times = [measure(browser, url, name, options.slowdown) for _ in range(options.loads)]
            clock, cpu = (statistics.median(column) for column in zip(*times, strict=True))
            print(f"{name:<16}{kind:<14}{clock:>10.2f}{cpu:>10.2f}")
        browser.close()
    server.shutdown()


if __name__ == "__main__":
    main()
