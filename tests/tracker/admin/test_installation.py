"""The installation check as a person uses it, against a shop on loopback that the test writes."""

import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ingest.install_check import Sighting
from ingest.networks import Networks
from tracker.installation import store
from tracker.installation.store import OPEN_MS

CHECK_PATH = re.compile(r"/admin/installation/chk_[0-9a-f]{32}")


class Shop:
    """A site on loopback: one page, one script, and a list of what was asked."""

    def __init__(self, port):
        self.site = f"http://127.0.0.1:{port}"
        self.html = "<p>hello"
        self.headers = {}
        self.status = 200
        self.asked = []


@pytest.fixture
def site():
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            shop.asked.append(self.path)
            is_script = self.path.endswith(".js")
            body = b"0" if is_script else shop.html.encode()
            self.send_response(200 if is_script else shop.status)
            self.send_header("Content-Type", "text/javascript" if is_script else "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            for name, value in shop.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    shop = Shop(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield shop
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@pytest.fixture
def checked(owner, world, site):
    """The shop is a site of the program; returns what starts a check of it and gives the page of the check."""
    owner.send(f"/admin/programs/{world.program.program_id}/sites", site=site.site)

    def check(page="/"):
        return owner.send("/admin/installation", program=world.program.program_id, site=site.site, page=page)

    return check


def tag(site, key):
    return f'<head><script async src="{site.site}/r/x.js" data-key="{key}"></script></head>'


def note(owner, services, page, **changes):
    """Let the click of a check arrive, as the edge would note it."""
    values = {"key": "", "drop": "unknown_code", "host": "127.0.0.1", "origin": "", "fetch_site": "same-origin"}
    values |= {"page_url": "http://127.0.0.1/", "state": 3, "is_cookie_sent": True} | changes
    check_id = CHECK_PATH.search(str(page.url))[0].rsplit("/", 1)[1]
    sighting = Sighting(**values)
    owner.client.portal.call(
        services.db.write, lambda conn: store.note_sighting(conn, check_id, sighting, now_ms=services.now_ms())
    )


def test_page_shows_the_tag_and_the_programs_sites(owner, world):
    page = owner.get("/admin/installation").text

    assert f"data-key=&#34;{world.key.value}&#34;" in page
    assert '<option value="https://shop.example"' in page


def test_sound_page_is_read_from_here_and_waits_for_the_browser(checked, site, world):
    site.html = tag(site, world.key.value)

    page = checked("/pricing?a=1")

    assert CHECK_PATH.search(str(page.url))
    for words in (
        "The tag stands in",
        "this program&#39;s live key",
        "answers with a script",
        "has no Content-Security",
    ):
        assert words in page.text
    assert re.search(rf'href="{site.site}/pricing\?a=1&amp;via=mvcheck-[A-Za-z0-9_-]{{22}}"', page.text)
    assert "Look again" in page.text
    assert "Something has to be mended" not in page.text
    assert site.asked == ["/pricing?a=1", "/r/x.js"]


@pytest.mark.parametrize(
    ("html", "headers", "words"),
    [
        pytest.param("<p>nothing", {}, "does not stand in the page", id="no tag"),
        pytest.param("KEY:pk_live_unknown", {}, "does not exist here or was revoked", id="wrong key"),
        pytest.param(
            "KEY",
            {"Content-Security-Policy": "script-src https://a.test"},
            "Add {site} to script-src.",
            id="policy",
        ),
        pytest.param(
            "KEY",
            {"Content-Security-Policy": "connect-src https://a.test"},
            "Add {site} to connect-src.",
            id="calls",
        ),
    ],
)
def test_fault_of_the_page_names_its_remedy(checked, site, world, html, headers, words):
    kind, _, key = html.partition(":")
    site.html = tag(site, key or world.key.value) if kind == "KEY" else html
    site.headers = headers

    page = checked()

    assert words.format(site=site.site) in page.text
    assert "Something has to be mended" in page.text


def test_tag_of_another_program_is_told_apart(owner, checked, site):
    made = owner.send(
        "/admin/programs",
        name="Other",
        currency="EUR",
        time_zone="UTC",
        sites="https://o.example",
        reward_on_0="sale",
        reward_kind_0="percent",
        reward_value_0="5",
        hold_days="1",
    )
    site.html = tag(site, re.search(r"pk_live_[0-9A-Za-z]+", made.text)[0])

    assert "the key of another program" in checked().text


def test_looking_again_without_a_click_says_why(checked, owner, site, world):
    site.html = tag(site, world.key.value)
    page = checked()

    again = owner.get(f"{CHECK_PATH.search(str(page.url))[0]}?looked=1").text

    assert "No click of this check has come." in again
    assert "a blocker in this browser is the likeliest reason" in again


def test_browser_that_asks_not_to_be_tracked_is_told_so(checked, owner, site, world):
    site.html = tag(site, world.key.value)
    page = checked()

    again = owner.get(f"{CHECK_PATH.search(str(page.url))[0]}?looked=1", **{"Sec-GPC": "1"}).text

    assert "sends Global Privacy Control" in again


def test_click_that_came_makes_the_whole_good(checked, owner, services, site, world):
    site.html = tag(site, world.key.value)
    page = checked()
    path = CHECK_PATH.search(str(page.url))[0]
    assert owner.get(f"{path}/state").json() == {"seen_at_ms": None}

    note(owner, services, page, key=world.key.value, page_url=f"{site.site}/")

    assert owner.get(f"{path}/state").json() == {"seen_at_ms": services.now_ms()}
    shown = owner.get(path).text
    for words in ("The installation works.", "its click arrived", "read it back", "page&#39;s own host"):
        assert words in shown


def test_click_from_a_tag_manager_proves_what_the_html_does_not_show(checked, owner, services, site, world):
    page = checked()

    note(owner, services, page, key=world.key.value, page_url=f"{site.site}/")

    shown = owner.get(CHECK_PATH.search(str(page.url))[0]).text
    assert "The installation works." in shown
    assert "A tag manager may still add it" in shown


def test_click_the_edge_refused_says_the_reason(checked, owner, services, site, world):
    page = checked()

    note(owner, services, page, key=world.key.value, drop="origin_not_allowed")

    assert "none of the program&#39;s sites" in owner.get(CHECK_PATH.search(str(page.url))[0]).text


def test_check_that_is_over_cannot_be_opened_any_more(checked, owner, services):
    page = checked()
    services.clock.advance(OPEN_MS)

    shown = owner.get(CHECK_PATH.search(str(page.url))[0]).text

    assert "The time of this check is over." in shown
    assert "mvcheck-" not in shown


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        pytest.param({"site": "https://evil.example"}, 422, "one of the program", id="no site of the program"),
        pytest.param({"site": "http://127.0.0.1:1"}, 422, "one of the program", id="other port of this machine"),
        pytest.param({"page": "pricing"}, 422, "begins with a slash", id="no slash"),
        pytest.param({"page": "/#top"}, 422, "begins with a slash", id="hash"),
        pytest.param({"page": "/@evil.example"}, 303, "", id="an at sign stays in the path"),
        pytest.param({"page": "/ x"}, 422, "without blanks", id="blank"),
        pytest.param({"page": "/a\\b"}, 422, "without blanks", id="backslash"),
        pytest.param({"page": "//evil.example"}, 422, "", id="two slashes"),
        pytest.param({"program": "prg_" + "0" * 32}, 404, "", id="no such program"),
        pytest.param({"program": "nonsense"}, 404, "", id="no id"),
    ],
)
def test_only_pages_of_the_programs_sites_are_asked(owner, checked, site, world, fields, status, words):
    form = {"program": world.program.program_id, "site": site.site, "page": "/"} | fields

    answer = owner.send("/admin/installation", follow=False, **form)

    assert answer.status_code == status
    assert words in answer.text
    assert all(path == fields.get("page") for path in site.asked)


def test_redirect_is_shown_and_not_followed(checked, site):
    site.status, site.headers = 301, {"Location": "http://169.254.169.254/latest"}

    page = checked()

    assert "leads on to http://169.254.169.254/latest" in page.text
    assert site.asked == ["/"]


def test_viewer_sees_the_tag_but_starts_no_check(browser, world):
    browser.sign_in("viewer")

    assert world.key.value in browser.get("/admin/installation").text
    assert "Check the page" not in browser.get("/admin/installation").text


def test_russian_reader_gets_russian_findings(checked, owner, site, world):
    site.html = tag(site, world.key.value)
    page = checked()
    owner.send("/admin/account/language", language="ru")

    shown = owner.get(f"{CHECK_PATH.search(str(page.url))[0]}?looked=1").text

    assert "Тег есть в HTML страницы." in shown
    assert "Клик этой проверки не пришёл." in shown


def test_page_shows_since_when_the_country_data_is_and_whose_it_is(owner, services):
    page = owner.get("/admin/installation").text

    assert "Data of 17 Jun 2026" in page
    assert "In use" in page
    assert "There is no file, so they are unknown." in page  # networks: this test brings none
    assert 'href="https://www.nro.net/"' in page
    assert 'href="https://db-ip.com"' in page


def test_page_says_that_country_data_is_old_or_unreadable(owner, services, tmp_path, monkeypatch):
    monkeypatch.setattr("tracker.geo.places.OLD_DAYS", -1)  # moving the clock would end the session
    assert "Old" in owner.get("/admin/installation").text

    services.enricher.networks = Networks(country_files=(tmp_path / "gone.mmdb",))
    page = owner.get("/admin/installation").text
    assert "Not readable" in page
    assert "gone.mmdb" in page
    assert "molva geo update" in page
