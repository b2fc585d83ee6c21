"""The npm package in a real Chromium: it loads the built snippet from a local site, and settles when it cannot."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

import snippet

from .reading import WITHIN_S

pytestmark = pytest.mark.browser

PACKAGE = Path(__file__).parents[2] / "snippet/package"


class Shop:
    """A local site whose pages import the package; `script` says what the address of the snippet gives."""

    def __init__(self) -> None:
        self.script = "real"
        self.head = ""
        self.policy = ""
        self.events: list[dict[str, Any]] = []
        self.scripts = 0
        shop = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                path = urlsplit(self.path).path
                if path == "/r/x.js":
                    shop.scripts += 1
                    self.answer_script()
                elif path.startswith("/package/"):
                    self.reply("text/javascript", (PACKAGE / path.removeprefix("/package/")).read_bytes())
                else:
                    page = f"<!doctype html><title>t</title><link rel=icon href=data:,>{shop.head}<body></body>"
                    self.reply("text/html; charset=utf-8", page.encode(), policy=shop.policy)

            def answer_script(self) -> None:
                if shop.script == "real":
                    self.reply("text/javascript", snippet.script(None).body)
                elif shop.script == "slow":
                    time.sleep(1)
                    self.reply("text/javascript", snippet.script(None).body)
                elif shop.script == "another":
                    self.reply("text/javascript", b"window.another = 1;")
                else:
                    self.reply("text/plain", b"gone", status=404)

            def do_POST(self) -> None:
                event = json.loads(self.rfile.read(int(self.headers["content-length"])))
                shop.events.append(event)
                self.reply("application/json", json.dumps({"c": event.get("c"), "ttl": 86400}).encode())

            def reply(self, kind: str, body: bytes, *, status: int = 200, policy: str = "") -> None:
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(body)))
                if policy:
                    self.send_header("content-security-policy", policy)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_words: Any) -> None:
                """Keep the test output quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def url(self, path: str) -> str:
        return f"http://localhost:{self.server.server_port}{path}"


@pytest.fixture
def shop() -> Iterator[Shop]:
    shop = Shop()
    thread = threading.Thread(target=shop.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield shop
    shop.server.shutdown()
    thread.join(10)
    shop.server.server_close()


IMPORT = "const { load, watch } = await import('/package/index.js');"
BLOCKED = {"ok": False, "reason": "blocked", "queued": False, "id": None}


def run(page: Any, text: str) -> Any:
    return page.evaluate(f"async () => {{ {IMPORT} {text} }}")


def test_loaded_package_gives_the_referral_and_reports(shop, page):
    page.goto(shop.url("/?via=anna"))

    found = run(
        page,
        """
        const molva = load({ key: 'pk_test', field: 'partner', params: ['via', 'ref'] });
        const early = molva.get();
        const report = molva.sale({ order: 'A-1', amount: '19.99', currency: 'EUR' });
        const referral = await molva.ready();
        const heard = await new Promise(resolve => watch(molva, resolve));
        const { dataset, async } = document.querySelector('script[data-key]');
        return { early, referral, heard, ok: (await report).ok, now: molva.get().code, data: { ...dataset }, async,
          same: molva('get').id === referral.id };
        """,
    )

    assert found["early"] is None
    assert found["referral"]["code"] == found["heard"]["code"] == found["now"] == "anna"
    assert found["ok"] is True
    assert found["same"] is True
    assert found["async"] is True
    assert found["data"] == {"key": "pk_test", "field": "partner", "params": "via ref"}
    assert sorted(event["t"] for event in shop.events) == ["click", "sale"]


def test_same_address_and_key_load_one_script(shop, page):
    page.goto(shop.url("/"))

    same, tags = run(
        page,
        """
        const first = load({ key: 'pk_test' });
        await first.ready();
        return [load({ key: 'pk_test' }) === first, document.querySelectorAll('script[data-key]').length];
        """,
    )

    assert (same, tags, shop.scripts) == (True, 1, 1)


def test_second_key_reports_to_its_program_too(shop, page):
    page.goto(shop.url("/?via=anna"))

    run(
        page,
        "await load({ key: 'pk_one' }).ready(); await load({ key: 'pk_two' }).ready()",
    )

    deadline = time.monotonic() + WITHIN_S
    while len(shop.events) < 2 and time.monotonic() < deadline:
        page.wait_for_timeout(20)
    assert [event["k"] for event in shop.events] == ["pk_one", "pk_two"]


def test_calls_of_a_stub_in_the_page_are_made(shop, page):
    shop.head = """<script>window.molva = window.molva || function () { (molva.q = molva.q || []).push(arguments) };
      molva('lead', { id: 'early' }); molva('ready', referral => { window.heard = referral.code })</script>"""
    page.goto(shop.url("/?via=anna"))

    run(page, "await load({ key: 'pk_test' }).ready()")
    page.wait_for_function("() => window.heard")

    assert page.evaluate("() => window.heard") == "anna"
    assert {event.get("o") for event in shop.events} == {None, "early"}


def test_tag_that_stands_in_the_page_is_used(shop, page):
    shop.head = '<script src="/r/x.js" data-key="pk_test"></script>'
    page.goto(shop.url("/?via=anna"))

    referral = run(page, "return await load({ key: 'pk_test', api: '/r' }).ready()")

    assert referral["code"] == "anna"
    assert shop.scripts == 1


@pytest.mark.parametrize("script", ["missing", "another"])
def test_blocked_script_settles_everything(shop, page, script):
    shop.script = script
    page.goto(shop.url("/?via=anna"))

    found = run(
        page,
        """
        const molva = load({ key: 'pk_test' });
        molva.consent('granted'); molva.fill(document.createElement('form'));
        return [await molva.ready(), await molva.sale({ order: '1', amount: 1, currency: 'EUR' }), molva.get(),
          await molva.set('x'), molva.link('https://a.example/')];
        """,
    )

    assert found == [None, BLOCKED, None, None, "https://a.example/"]


def test_silent_script_settles_after_the_wait_and_the_report_is_sent_when_it_arrives(shop, page):
    shop.script = "slow"
    page.goto(shop.url("/"))

    referral, report = run(
        page,
        "const m = load({ key: 'pk_test', waitMs: 50 }); return [await m.ready(), await m.lead({ id: 'L-1' })]",
    )

    assert referral is None
    assert report == {"ok": False, "reason": "timeout", "queued": True, "id": None}
    deadline = time.monotonic() + WITHIN_S
    while not shop.events and time.monotonic() < deadline:
        page.wait_for_timeout(50)
    assert [event["o"] for event in shop.events] == ["L-1"]


def test_script_a_policy_forbids_settles(shop, page):
    shop.policy = "script-src 'self' 'unsafe-eval'"
    page.goto(shop.url("/"))

    assert run(page, "return await load({ key: 'k', src: 'http://other.test/r/x.js' }).ready()") is None


def test_nonce_passes_a_strict_policy(shop, page):
    shop.policy = "script-src 'nonce-abc' 'strict-dynamic' 'unsafe-eval'"
    shop.head = f"""<script type="module" nonce="abc">
      {IMPORT} window.found = [await load({{ key: 'pk_test', nonce: 'abc' }}).ready()];</script>"""
    page.goto(shop.url("/?via=anna"))
    page.wait_for_function("() => window.found")

    assert page.evaluate("() => window.found[0].code") == "anna"


@pytest.mark.parametrize(("names", "code"), [("molva-snippet", "anna"), ("other", None)], ids=["allowed", "forbidden"])
def test_trusted_types_let_the_named_policy_load(shop, page, names, code):
    shop.policy = f"require-trusted-types-for 'script'; trusted-types {names}"
    shop.head = f"""<script type="module">
      {IMPORT} window.found = [await load({{ key: 'pk_test' }}).ready()];</script>"""
    page.goto(shop.url("/?via=anna"))
    page.wait_for_function("() => window.found")

    assert page.evaluate("() => window.found[0] && window.found[0].code") == code


def test_change_reaches_the_watcher_until_it_stops(shop, page):
    page.goto(shop.url("/?via=anna"))

    heard = run(
        page,
        """
        const molva = load({ key: 'pk_test' });
        const heard = [];
        const stop = watch(molva, referral => heard.push(referral && referral.code));
        await molva.ready();
        const change = detail => document.dispatchEvent(new CustomEvent('molva:change', { detail }));
        change({ code: 'ben' }); change(null);
        stop();
        change({ code: 'late' });
        return heard.slice(-2);
        """,
    )

    assert heard == ["ben", None]


def test_missing_key_loads_nothing_and_settles(shop, page):
    page.goto(shop.url("/?via=anna"))

    assert run(page, "return [await load({}).ready(), (await load().lead()).reason]") == [None, "no_key"]
    assert shop.scripts == 0
