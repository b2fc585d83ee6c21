"""The guard in front of outside addresses, against real sockets on loopback."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tracker import outgoing
from tracker.outgoing import BODY_MAX, OutgoingError, Resolved, fetch, is_public, resolve


@pytest.fixture
def server():
    """A server on loopback that remembers what it was asked."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append((self.path, dict(self.headers)))
            if self.path == "/redirect":
                self.send_response(302)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            body = b"x" * (BODY_MAX + 10) if self.path == "/long" else b"<p>hello"
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            if self.path == "/encoded":
                self.send_header("Content-Encoding", "br")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.path == "/slow":
                gate.wait(5)
            try:
                self.wfile.write(body)
            except OSError:
                return  # The guard has read enough and hung up.

        def log_message(self, *_):
            pass

    gate = threading.Event()
    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield running.server_address[1], asked
    finally:
        gate.set()
        running.shutdown()
        running.server_close()
        thread.join(5)


def answers(*addresses):
    async def resolver(_host):
        return Resolved(addresses=addresses)

    return resolver


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("93.184.215.14", True),
        ("2606:4700::1111", True),
        ("10.0.0.1", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("127.0.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:93.184.215.14", True),
        ("64:ff9b::a00:1", False),
        ("2002:a00:1::", False),
        ("ff02::1", False),
    ],
)
def test_only_addresses_of_the_public_internet_are_public(address, expected):
    assert is_public(address) is expected


def test_answer_is_read_and_the_name_is_sent_to_the_pinned_address(run, server):
    port, asked = server

    answer = run(fetch(f"http://shop.test:{port}/a?b=c", allow_loopback=True, resolver=answers("127.0.0.1")))

    assert (answer.status, answer.body) == (200, b"<p>hello")
    assert answer.header("content-type") == "text/html"
    (path, headers), *rest = asked
    assert rest == []
    assert path == "/a?b=c"
    assert headers["Host"] == f"shop.test:{port}"
    assert "Cookie" not in headers


def test_private_address_is_never_asked(run, server):
    port, asked = server

    with pytest.raises(OutgoingError) as refused:
        run(fetch(f"http://shop.test:{port}/", allow_loopback=False, resolver=answers("127.0.0.1")))

    assert refused.value.trouble == "not_public"
    assert asked == []


def test_one_private_address_among_public_ones_is_enough_to_refuse(run):
    with pytest.raises(OutgoingError) as refused:
        run(fetch("http://shop.test/", allow_loopback=True, resolver=answers("93.184.215.14", "192.168.0.1")))

    assert refused.value.trouble == "not_public"


def test_redirect_is_not_followed(run, server):
    port, asked = server

    answer = run(fetch(f"http://shop.test:{port}/redirect", allow_loopback=True, resolver=answers("127.0.0.1")))

    assert (answer.status, answer.header("location"), len(asked)) == (302, "/elsewhere", 1)


def test_environment_proxy_is_not_used(run, server, monkeypatch):
    port, asked = server
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")

    assert run(fetch(f"http://shop.test:{port}/", allow_loopback=True, resolver=answers("127.0.0.1"))).status == 200
    assert len(asked) == 1


def test_long_answer_is_cut(run, server):
    port, _ = server

    answer = run(fetch(f"http://shop.test:{port}/long", allow_loopback=True, resolver=answers("127.0.0.1")))

    assert len(answer.body) == BODY_MAX


@pytest.mark.parametrize(("path", "trouble"), [("/encoded", "encoded"), ("/slow", "too_slow")])
def test_answer_that_cannot_be_read_says_why(run, server, monkeypatch, path, trouble):
    port, _ = server
    monkeypatch.setattr(outgoing, "STEP_S", 0.3)

    with pytest.raises(OutgoingError) as refused:
        run(fetch(f"http://shop.test:{port}{path}", allow_loopback=True, resolver=answers("127.0.0.1")))

    assert refused.value.trouble == trouble


def test_closed_port_is_no_answer(run, server):
    with pytest.raises(OutgoingError) as refused:
        run(fetch("http://shop.test:9/", allow_loopback=True, resolver=answers("127.0.0.1")))

    assert refused.value.trouble == "no_answer"


def test_names_of_this_machine_resolve(run):
    assert "127.0.0.1" in run(resolve("localhost")).addresses


def test_name_that_is_none_is_unresolved(run):
    with pytest.raises(OutgoingError) as refused:
        run(resolve("a..b"))

    assert refused.value.trouble == "unresolved"


@pytest.mark.parametrize(
    "url", ["http://shop.test/\x00", "http://sh\xf6p.test/", "http://shop.test/\ud800", "http://\u200b/"]
)
def test_address_no_client_can_send_is_no_answer(run, url):
    with pytest.raises(OutgoingError):
        run(fetch(url, allow_loopback=True, resolver=answers("127.0.0.1")))


@pytest.mark.parametrize("host", ["", "a\x00b", "\ud800", "x" * 300])
def test_nonsense_is_unresolved(run, host):
    with pytest.raises(OutgoingError):
        run(resolve(host))
