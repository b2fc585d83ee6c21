"""The installation check in a real browser: the demo shop, and sites with a fault."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

pytestmark = pytest.mark.browser

ARTIFACTS = Path(__file__).parents[2] / "test-artifacts"
SLOW_MS = 30_000  # the page asks every second; a busy machine takes longer


class Site:
    """A site of our own on loopback; the test writes its page."""

    def __init__(self, port: int) -> None:
        self.origin = f"http://127.0.0.1:{port}"
        self.html = ""
        self.headers: dict[str, str] = {}


@pytest.fixture
def site() -> Iterator[Site]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = site.html.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            for name, value in site.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site = Site(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def program_page(page, demo):
    page.goto(f"{demo['admin_url']}programs/{demo['program_id']}")


def add_site(page, demo, origin):
    page.set_default_timeout(SLOW_MS)
    program_page(page, demo)
    page.fill("#site", origin)
    page.click("form[action$='/sites'] button[type=submit]")
    page.wait_for_selector(f".notice:has-text('{origin}')")


def start_check(page, demo, origin):
    page.goto(f"{demo['admin_url']}installation?program={demo['program_id']}")
    page.select_option("select[name=site]", origin)
    page.click("form[action='/admin/installation'] button[type=submit]")
    page.wait_for_selector("[data-open-check]")


def tag(demo, key):
    return f'<script async src="{demo["admin_url"].removesuffix("/admin/")}/r/x.js" data-key="{key}"></script>'


def sign_in(page, demo):
    page.goto(demo["admin_url"])
    page.fill("input[name=email]", demo["email"])
    page.fill("input[name=password]", demo["password"])
    page.click("button[type=submit]")
    page.wait_for_url("**/admin/**")


def test_demo_shop_passes_and_nothing_is_counted(demo, staff, api):
    clicks = api.get("/v1/clicks?limit=1")["data"]

    start_check(staff, demo, demo["shop_url"].rstrip("/"))
    text = staff.inner_text("main")
    assert "The tag stands in the page's HTML." in text
    assert "The tag carries this program's live key." in text
    assert "allows the script and its calls" in text
    with staff.expect_popup() as opened:
        staff.click("[data-open-check]")

    staff.wait_for_selector(".notice:has-text('The installation works.')", timeout=SLOW_MS)
    text = staff.inner_text("main")
    assert "The script ran and its click arrived" in text
    assert "write its cookie and read it back" in text
    assert "another host or port of the same site at the same address" in text
    assert "mvcheck" not in "".join(f"{each['name']}={each['value']}" for each in opened.value.context.cookies())
    opened.value.close()
    assert api.get("/v1/clicks?limit=1")["data"] == clicks


def test_site_without_the_tag_gets_the_remedy(demo, staff, site):
    site.html = "<!doctype html><title>Shop</title><p>hello"
    add_site(staff, demo, site.origin)

    start_check(staff, demo, site.origin)
    with staff.expect_popup() as opened:
        staff.click("[data-open-check]")
    opened.value.wait_for_load_state()
    opened.value.close()
    staff.click("a:has-text('Look again')")

    text = staff.inner_text("main")
    assert "Something has to be mended" in text
    assert "Paste the tag before </head> of every page" in text
    assert "No click of this check has come." in text
    assert "The page carries no tag" in text


def test_site_with_a_wrong_key_gets_the_remedy(demo, staff, site):
    site.html = f"<!doctype html><title>Shop</title>{tag(demo, 'pk_live_nobody')}<p>hello"
    add_site(staff, demo, site.origin)

    start_check(staff, demo, site.origin)
    with staff.expect_popup() as opened:
        staff.click("[data-open-check]")

    staff.wait_for_selector(".finding:has-text('with a key that does not exist here')", timeout=SLOW_MS)
    opened.value.close()
    text = staff.inner_text("main")
    assert "The tag carries a key that does not exist here or was revoked." in text
    assert "Put the program's live publishable key into data-key" in text


def test_content_policy_that_stops_the_script_is_named(demo, staff, site):
    site.html = f"<!doctype html><title>Shop</title>{tag(demo, demo['publishable_key'])}<p>hello"
    site.headers = {"Content-Security-Policy": "script-src 'self'"}
    add_site(staff, demo, site.origin)

    start_check(staff, demo, site.origin)
    with staff.expect_popup() as opened:
        staff.click("[data-open-check]")
    opened.value.wait_for_load_state()
    opened.value.close()
    staff.click("a:has-text('Look again')")

    text = staff.inner_text("main")
    assert f"Add {demo['admin_url'].removesuffix('/admin/')} to script-src." in text
    assert "The content policy is the reason" in text


def test_blocked_script_is_told_from_a_missing_one(demo, browser, site):
    site.html = f"<!doctype html><title>Shop</title>{tag(demo, demo['publishable_key'])}<p>hello"
    context = browser.new_context(locale="en-GB")
    page = context.new_page()
    sign_in(page, demo)
    add_site(page, demo, site.origin)
    context.route("**/r/x.js", lambda route: route.abort())

    start_check(page, demo, site.origin)
    with page.expect_popup() as opened:
        page.click("[data-open-check]")
    opened.value.wait_for_load_state()
    page.click("a:has-text('Look again')")

    assert "a blocker in this browser is the likeliest reason" in page.inner_text("main")
    context.close()


def test_without_script_the_check_is_a_form_and_two_links(demo, browser, visitor):
    context = browser.new_context(java_script_enabled=False, locale="en-GB")
    page = context.new_page()
    sign_in(page, demo)
    start_check(page, demo, demo["shop_url"].rstrip("/"))
    address = page.get_attribute("[data-open-check]", "href")

    # The staff page runs no script; the shop's page is opened by a browser that does.
    shop = visitor.new_page()
    with shop.expect_response(lambda response: response.url.endswith("/r/e")) as answered:
        shop.goto(address)
    assert answered.value.headers["x-molva-drop"] == "unknown_code"
    page.click("a:has-text('Look again')")

    assert "The script ran and its click arrived" in page.inner_text("main")
    context.close()


@pytest.mark.parametrize("width", [360, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "ru"])
def test_pages_of_the_check_fit_and_are_kept_as_pictures(demo, browser, site, width, scheme, language):
    site.html = f"<!doctype html><title>Shop</title>{tag(demo, 'pk_live_nobody')}<p>hello"
    site.headers = {"Content-Security-Policy": "script-src 'self' https://a-rather-long-name-of-a-host.shop.example"}
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, locale="ru-RU" if language == "ru" else "en-GB"
    )
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    sign_in(page, demo)
    add_site(page, demo, site.origin)
    page.goto(f"{demo['admin_url']}account")
    page.select_option("select[name=language]", language)
    page.click("form:has(select[name=language]) button[type=submit]")
    ARTIFACTS.mkdir(exist_ok=True)

    def keep(name):
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        assert page.evaluate("document.documentElement.lang") == language
        page.screenshot(path=ARTIFACTS / f"installation_{name}_{width}_{scheme}_{language}.png", full_page=True)

    page.goto(f"{demo['admin_url']}installation")
    keep("start")
    start_check(page, demo, site.origin)
    page.goto(f"{page.url}?looked=1")
    keep("fault")
    start_check(page, demo, demo["shop_url"].rstrip("/"))
    keep("open")
    with page.expect_popup() as opened:
        page.click("[data-open-check]")
    page.wait_for_selector("[data-seen]:not([data-seen=''])", timeout=SLOW_MS)
    opened.value.close()
    keep("done")

    page.goto(f"{demo['admin_url']}account")
    page.select_option("select[name=language]", "en")
    page.click("form:has(select[name=language]) button[type=submit]")
    context.close()
    assert complaints == []
