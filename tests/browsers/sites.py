"""Every `*.test` site of these tests on one port: a proxy that answers by itself.

Browsers are told to use it for everything, so any host name works in every engine, over TLS too, and nothing leads
off this machine. `/r/…` of any host is passed on to the real Molva, as a shop's own web server does.
"""

import http.client
import json
import ssl
import subprocess
import threading
import time
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from .driver import POLL_S, WAIT_S

HOP_HEADERS = frozenset({"connection", "keep-alive", "proxy-connection", "transfer-encoding", "te", "upgrade"})
IDLE_S = 30  # a connection nobody uses any more
WATCH = (
    "window.errors = [];"
    "addEventListener('error', event => errors.push(event.message));"
    "addEventListener('unhandledrejection', event => errors.push(String(event.reason)));"
)


class Received(NamedTuple):
    """One `POST /r/e` that reached a site, with what Molva answered; status 0 means nobody answered."""

    host: str
    headers: dict[str, str]
    event: dict[str, Any]
    status: int
    answer_headers: list[tuple[str, str]]


class Page(NamedTuple):
    """One navigation that reached a site."""

    url: str
    purpose: str  # Sec-Purpose: "prefetch;prerender" for a page that may never be shown


class Sites:
    """The local sites, what their pages hold, and what was sent to them; `reset` before each test."""

    def __init__(self, folder: Path, molva_port: int, key: str) -> None:
        self.molva_port = molva_port
        self.key = key
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(_certificate(folder))
        self._server = _Server(("127.0.0.1", 0), _handler_of(self))
        self.proxy = f"127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self.reset()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join(WAIT_S)
        self._server.server_close()

    def reset(self) -> None:
        self.before = ""  # script that runs before the tag
        self.script = "/r/x.js"
        self.attributes = ""  # of the tag
        self.body = ""
        self.headers: dict[str, str] = {}  # of every page
        self.outage = ""  # "cut": connections end without an answer; "busy": 503
        self.received: list[Received] = []
        self.posts: list[list[tuple[str, str]]] = []
        self.pages: list[Page] = []

    def html(self) -> str:
        tag = f'<script src="{self.script}" data-key="{self.key}" {self.attributes}></script>'
        head = f'<title>t</title><link rel=icon href="data:,"><script src="/before.js"></script>{tag}'
        return f"<!doctype html><html><head>{head}</head><body>{self.body}<p>text</p></body></html>"

    def events(self, kind: str) -> list[dict[str, Any]]:
        """Return the different events of a kind that Molva acknowledged, in order."""
        found = {one.event["i"]: one.event for one in list(self.received) if one.status == 200}
        return [event for event in found.values() if event["t"] == kind]

    def wait_events(self, kind: str, count: int) -> list[dict[str, Any]]:
        """Return the events of a kind once there are so many; more are a failure."""
        deadline = time.monotonic() + WAIT_S
        while len(self.events(kind)) < count and time.monotonic() < deadline:
            time.sleep(POLL_S)
        found = self.events(kind)
        assert len(found) == count, [(one.host, one.status, one.event) for one in self.received]
        return found

    def wait_posts(self, count: int) -> list[list[tuple[str, str]]]:
        """Return what forms sent, once there are so many posts."""
        deadline = time.monotonic() + WAIT_S
        while len(self.posts) < count and time.monotonic() < deadline:
            time.sleep(POLL_S)
        assert len(self.posts) == count
        return self.posts


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: browsers leave connections, and tests cut them."""


def _handler_of(sites: Sites) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = IDLE_S
        tunnel = ""  # the host of a tunnel that leads here

        def do_CONNECT(self) -> None:
            host, _, port = self.path.rpartition(":")
            if not host.endswith(".test") or port != "443":
                self.reply(403, {}, b"")
                return
            self.send_response(200)
            self.end_headers()
            self.tunnel = host
            self.connection = sites.tls.wrap_socket(self.connection, server_side=True)
            self.rfile = self.connection.makefile("rb")
            self.wfile = self.connection.makefile("wb", buffering=0)
            self.close_connection = False

        def finish(self) -> None:
            super().finish()
            self.connection.close()

        def do_GET(self) -> None:
            self.answer(b"")

        def do_POST(self) -> None:
            self.answer(self.rfile.read(int(self.headers.get("content-length", "0"))))

        def do_OPTIONS(self) -> None:
            self.answer(b"")

        def do_HEAD(self) -> None:
            self.answer(b"")

        def answer(self, body: bytes) -> None:
            url = urlsplit(self.path if not self.tunnel else f"https://{self.tunnel}{self.path}")
            if not (url.hostname or "").endswith(".test"):
                self.reply(403, {}, b"")
            elif url.path.startswith("/r/"):
                self.pass_on(url.hostname or "", f"{url.path}?{url.query}".rstrip("?"), body)
            elif url.path == "/before.js":
                self.reply(200, {"Content-Type": "text/javascript"}, (WATCH + sites.before).encode())
            elif self.command == "POST":
                sites.posts.append(_fields(self.headers.get("content-type", ""), body))
                self.reply(200, {"Content-Type": "text/html"}, b"<!doctype html><title>posted</title>posted")
            else:
                sites.pages.append(Page(url.geturl(), self.headers.get("sec-purpose", "")))
                kind = {"Content-Type": "text/html; charset=utf-8"}
                self.reply(200, kind | sites.headers, sites.html().encode())

        def pass_on(self, host: str, path: str, body: bytes) -> None:
            """Be the shop's web server: ask Molva and give its answer back as it is."""
            is_event = self.command == "POST" and path == "/r/e"
            if is_event and sites.outage:
                sites.received.append(Received(host, dict(self.headers), json.loads(body), 0, []))
                if sites.outage == "busy":
                    self.reply(503, {"Retry-After": "2", "Access-Control-Allow-Origin": "*"}, b"{}")
                else:
                    self.close_connection = True
                return
            headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_HEADERS}
            headers |= {"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "https" if self.tunnel else "http"}
            connection = http.client.HTTPConnection("127.0.0.1", sites.molva_port, timeout=WAIT_S)
            try:
                connection.request(self.command, path, body or None, headers)
                answer = connection.getresponse()
                data = answer.read()
            finally:
                connection.close()
            if is_event:
                given = Received(host, dict(self.headers), json.loads(body), answer.status, answer.getheaders())
                sites.received.append(given)
            self.reply(answer.status, answer.getheaders(), data)

        def reply(self, status: int, headers: dict[str, str] | list[tuple[str, str]], body: bytes) -> None:
            self.send_response_only(status)
            for name, value in headers.items() if isinstance(headers, dict) else headers:
                if name.lower() not in HOP_HEADERS | {"content-length"}:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_words: Any) -> None:
            """Keep the test output quiet."""

    return Handler


def _fields(content_type: str, body: bytes) -> list[tuple[str, str]]:
    """Return the fields of a form, in either encoding."""
    if not content_type.startswith("multipart/"):
        return parse_qsl(body.decode(), keep_blank_values=True)
    message = message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body)
    parts: Any = message.get_payload()
    return [(part.get_param("name", header="content-disposition"), part.get_payload()) for part in parts]


def _certificate(folder: Path) -> Path:
    """Make a certificate nobody trusts, with its key, in one file."""
    path = folder / "sites.pem"
    names = ",".join(f"DNS:{name}" for name in ("shop.test", "*.shop.test", "brand.test", "other.test", "molva.test"))
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=shop.test", "-addext", f"subjectAltName={names}"]
    done = subprocess.run(
        [*command, "-keyout", path, "-out", folder / "certificate.pem"], capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 0, f"openssl made no certificate: {done.stderr.decode()}"
    path.write_text(path.read_text() + (folder / "certificate.pem").read_text())
    return path
