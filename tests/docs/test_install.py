"""The installation pages: links resolve, blocks are read by what they are for, and what runs in a page runs in one."""

import base64
import hashlib
import hmac
import importlib.util
import json
import re
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
from playwright.sync_api import Page, sync_playwright

import snippet
from tracker.api.track import TrackBody

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs/install"
PAGES = sorted(FOLDER.glob("*.md"))
# Pages under version control elsewhere that the installation pages lead to.
READMES = sorted([*ROOT.glob("examples/*/README.md"), *ROOT.glob("snippet/package/README.md")])
CHROMIUM = Path("/usr/bin/chromium")
NODE_SECONDS = 60
LANGUAGES = {"nginx", "caddyfile", "toml", "js", "jsx", "json", "html", "python", "sh", "php", "csp"}


def block(page: str, language: str, number: int = 0) -> str:
    return re.findall(rf"^```{language}\n(.*?)^```$", (FOLDER / page).read_text(), re.DOTALL | re.MULTILINE)[number]


def node(*arguments: str) -> str:
    spec = importlib.util.spec_from_file_location("molva_build", ROOT / "hatch_build.py")
    build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)
    command = [build.find_node().node, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=NODE_SECONDS)
    assert done.returncode == 0, done.stderr
    return done.stdout


# Text


def anchors_of(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", [*PAGES, *READMES], ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{target} leads nowhere"
        if anchor:
            assert anchor in anchors_of(file), f"{target} names no heading"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page_is_reachable_and_says_how_it_was_tried(page):
    assert page.name == "index.md" or f"({page.name}" in (FOLDER / "index.md").read_text()
    tried = re.findall(r"^Tried: (.*)", page.read_text(), re.MULTILINE)
    assert len(tried) == 1 or page.name == "check.md"
    for name in re.findall(r"`(tests/[\w/]+\.py)`", page.read_text()):
        assert (ROOT / name).is_file(), name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_blocks_are_what_they_say(page, tmp_path):
    fenced = re.findall(r"^```(\w+)\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)
    for number, (language, text) in enumerate(fenced):
        if page.name != "check.md":
            assert language in LANGUAGES, language
        if language == "json":
            json.loads(text)
        elif language == "python":
            compile(text, page.name, "exec")
        elif language == "js":
            file = tmp_path / f"{number}.mjs"
            file.write_text(text)
            node("--check", str(file))


def test_attributes_named_on_the_pages_are_options_of_the_tag():
    source = (ROOT / "snippet/package/index.d.ts").read_text().split("interface TagOptions {")[1].split("\n}")[0]
    known = set(re.findall(r"^  (\w+)\??: ", source, re.MULTILINE)) | {"referral-fill", "rewardful"}
    for page in PAGES:
        assert set(re.findall(r"[^\w-]data-([a-z-]+)", page.read_text())) - {""} <= known, page.name


# Code


def test_next_config_answers_below_the_page(tmp_path):
    config = tmp_path / "next.config.mjs"
    config.write_text(block("vercel.md", "js"))

    said = node(
        "--input-type=module",
        "--eval",
        f"const config = await import('{config}'); console.log(JSON.stringify(await config.default.rewrites()))",
    )

    [rewrite] = json.loads(said)["beforeFiles"]
    assert rewrite == json.loads(block("vercel.md", "json"))["rewrites"][0]
    assert rewrite["source"] == "/r/:path*"


ORDER = {
    "id": 450789469,
    "total_price": "49.90",
    "total_tax": "7.90",
    "currency": "EUR",
    "email": "buyer@example.test",
    "note_attributes": [{"name": "gift", "value": "yes"}, {"name": "referral", "value": "click-1"}],
}


def shopify() -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(block("shopify.md", "python"), names)
    return names


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({}, {"amount": 4990, "tax": 790, "click_id": "click-1", "external_id": "450789469"}),
        ({"note_attributes": []}, {"click_id": None}),
        ({"note_attributes": [{"name": "referral", "value": None}]}, {"click_id": None}),
        ({"note_attributes": [{"name": "referral", "value": "a/b"}]}, {"click_id": None}),
        ({"email": None}, {"customer": {}}),
    ],
    ids=["whole", "no-attribute", "empty", "hostile", "no-address"],
)
def test_shopify_order_becomes_a_sale_the_api_takes(changes, wanted):
    sale = shopify()["sale_of"]({**ORDER, **changes})

    assert {name: sale.get(name) for name in wanted} == wanted
    msgspec.json.decode(msgspec.json.encode(sale), type=TrackBody)


def test_shopify_signature():
    body = b'{"id": 1}'
    header = base64.b64encode(hmac.new(b"secret", body, hashlib.sha256).digest()).decode()

    assert shopify()["is_signed"]("secret", header, body) is True
    assert shopify()["is_signed"]("secret", header, body + b" ") is False
    assert shopify()["is_signed"]("other", header, body) is False


# Pages


class Shop:
    """A local shop whose page holds a block; it serves the snippet and records what is sent."""

    def __init__(self) -> None:
        self.head = ""
        self.body = ""
        self.policy = ""
        self.events: list[dict[str, Any]] = []
        self.posts: list[tuple[str, str]] = []
        shop = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if urlsplit(self.path).path == "/r/x.js":
                    self.reply("text/javascript", snippet.script(None).body)
                    return
                page = f"<!doctype html><title>t</title><link rel=icon href=data:,>{shop.head}<body>{shop.body}</body>"
                self.reply("text/html; charset=utf-8", page.encode(), policy=shop.policy)

            def do_POST(self) -> None:
                text = self.rfile.read(int(self.headers["content-length"])).decode()
                if urlsplit(self.path).path == "/r/e":
                    shop.events.append(json.loads(text))
                    answer = {"c": shop.events[-1].get("c"), "ttl": 86400}
                    self.reply("application/json", json.dumps(answer).encode())
                else:
                    shop.posts.append((self.path, text))
                    self.reply("text/html", b"<title>posted</title>")

            def reply(self, kind: str, body: bytes, *, policy: str = "") -> None:
                self.send_response(200)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(body)))
                self.send_header("access-control-allow-origin", self.headers.get("origin") or "*")
                self.send_header("access-control-allow-credentials", "true")
                if policy:
                    self.send_header("content-security-policy", policy)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_words: Any) -> None:
                """Keep the test output quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port

    def url(self, path: str = "/", host: str = "localhost") -> str:
        return f"http://{host}:{self.port}{path}"

    def here(self, text: str, host: str = "localhost") -> str:
        """Return a block of a page with its hosts replaced by this one."""
        return re.sub(r"https://(go\.)?shop\.example", self.url("", host), text)


@pytest.fixture
def shop() -> Iterator[Shop]:
    shop = Shop()
    thread = threading.Thread(target=shop.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield shop
    shop.server.shutdown()
    thread.join(10)
    shop.server.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A Chromium for this module: while Playwright runs, no other event loop can, so it must end with the module."""
    if not CHROMIUM.is_file():
        pytest.fail(f"{CHROMIUM} is missing; install the package chromium (make test does).", pytrace=False)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Page]:
    context = browser.new_context()
    context.set_default_timeout(30_000)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert errors == []


def code_of(page: Page) -> Any:
    page.wait_for_function("() => window.molva && molva.get && molva.get()")
    return page.evaluate("() => molva.get().code")


@pytest.mark.browser
@pytest.mark.parametrize(
    ("name", "blocks"), [("html.md", (1, 0)), ("gtm.md", (0,)), ("tilda.md", (0,)), ("shopify.md", (0,))]
)
def test_tag_of_a_page_finds_the_referral(shop, page, name, blocks):
    shop.head = shop.here("".join(block(name, "html", number) for number in blocks))
    with page.expect_response("**/r/e"):
        page.goto(shop.url("/?via=anna"))

    assert code_of(page) == "anna"
    assert [event["t"] for event in shop.events] == ["click"]


@pytest.mark.browser
def test_consent_block_of_tag_manager_runs_before_and_after_the_script(shop, page):
    consent = block("gtm.md", "html", 1)
    shop.head = consent + shop.here(block("html.md", "html", 0)) + consent
    page.goto(shop.url("/?via=anna"))

    assert code_of(page) == "anna"


@pytest.mark.browser
def test_form_of_the_page_carries_the_click(shop, page):
    shop.head = shop.here(block("html.md", "html", 0))
    shop.body = block("forms.md", "html", 0)
    page.goto(shop.url("/?via=anna"))
    code_of(page)
    click_id = page.evaluate("() => molva.get().id")

    page.fill("input[name=email]", "a@b.example")
    page.click("button")
    page.wait_for_url("**/signup")

    [(path, text)] = shop.posts
    assert path == "/signup"
    assert text.endswith(f"&referral={click_id}")


@pytest.mark.browser
def test_hidden_field_of_tilda_is_filled_and_never_overwritten(shop, page):
    shop.head = shop.here(block("tilda.md", "html"))
    shop.body = "<input type=hidden name=referral><input type=hidden name=referral value=own>"
    page.goto(shop.url("/?via=anna"))
    page.wait_for_function("() => document.querySelector('input').value")

    values = page.evaluate("() => [...document.querySelectorAll('input')].map(input => input.value)")
    assert values == [page.evaluate("() => molva.get().id"), "own"]


@pytest.mark.browser
def test_cart_of_shopify_hears_of_a_click_once(shop, page):
    shop.head = shop.here(block("shopify.md", "html"))
    with page.expect_response("**/cart/update.js"):
        page.goto(shop.url("/?via=anna"))
    page.wait_for_function("() => sessionStorage.getItem('molva-cart')")
    page.goto(shop.url("/cart"))
    code_of(page)
    page.evaluate("() => molva.ready()")

    [(path, text)] = shop.posts
    assert path == "/cart/update.js"
    assert json.loads(text) == {"attributes": {"referral": page.evaluate("() => molva.get().id")}}


@pytest.mark.browser
@pytest.mark.parametrize(
    ("policy", "works"),
    [("POLICY", True), ("default-src 'self'", False), ("script-src 'self' HOST; connect-src 'self'", None)],
    ids=["of-the-page", "forbidding", "without-connect"],
)
def test_policy_of_the_page_is_enough_and_needed(shop, page, policy, works):
    """With the tag from another host: the script needs script-src, the click connect-src."""
    text = block("index.md", "csp").strip() if policy == "POLICY" else policy.replace("HOST", "https://go.shop.example")
    shop.policy = shop.here(text, host="127.0.0.1")
    shop.head = shop.here(block("html.md", "html", 0), host="127.0.0.1")

    page.goto(shop.url("/?via=anna"))

    if works is False:
        assert page.evaluate("() => typeof window.molva") == "undefined"
        return
    assert code_of(page) == "anna"
    page.evaluate("() => molva.ready()")
    assert [event["t"] for event in shop.events] == (["click"] if works else [])
