"""Reading a site from the server: what is asked, and what never is."""

import socket
import threading

import pytest

from tracker.installation.markup import read_markup
from tracker.installation.reading import judge_page, read_site
from tracker.outgoing import Answered

PAGE = "https://shop.example/"
BASE = "https://go.shop.example/r/"
STANDINGS = {"pk_live": "live", "pk_test": "test", "pk_other": "other_program"}


def standing_of(key):
    return STANDINGS.get(key, "unknown")


def judged(html, **headers):
    pairs = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    markup = read_markup(html, page_url=PAGE, script_base=BASE)
    answer = Answered(status=200, headers=pairs, body=b"")
    return judge_page(answer, markup, page_url=PAGE, standing_of=standing_of)


def tag(key):
    return f'<script src="{BASE}x.js" data-key="{key}"></script>'


@pytest.mark.parametrize(
    ("keys", "standing"),
    [
        (["pk_live"], "live"),
        (["pk_test"], "test"),
        (["pk_other", "pk_live"], "live"),
        (["pk_nobody", "pk_other"], "other_program"),
        (["pk_nobody"], "unknown"),
        (["wrong"], "missing"),
    ],
)
def test_of_several_tags_the_one_with_the_best_key_counts(keys, standing):
    page = judged("".join(tag(key) for key in keys))

    assert (page.key_standing, page.tags) == (standing, len(keys))


def test_policies_of_header_and_page_both_count():
    meta = '<meta http-equiv="Content-Security-Policy" content="connect-src \'self\'">'

    page = judged(meta + tag("pk_live"), content_security_policy="script-src https://go.shop.example")

    assert page.script_forbidden_by == ""
    assert page.connect_forbidden_by == "connect-src 'self'"


def test_report_only_policy_forbids_nothing():
    page = judged(tag("pk_live"), content_security_policy_report_only="script-src 'none'")

    assert (page.script_forbidden_by, page.has_policy) == ("", False)


def test_installation_on_the_internet_never_asks_this_machine(run):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        port = listener.getsockname()[1]

        reading = run(
            read_site(
                f"http://127.0.0.1:{port}/",
                hosts=frozenset({"127.0.0.1"}),
                base_url="https://203.0.113.5",
                script_url="https://203.0.113.5/r/x.js",
                standing_of=standing_of,
            )
        )

        assert (reading.page.status, reading.page.trouble) == (None, "not_public")
        with pytest.raises(TimeoutError):
            listener.accept()


def test_script_on_a_host_that_is_none_of_ours_is_not_asked(run):
    with socket.create_server(("127.0.0.1", 0)) as page_server, socket.create_server(("127.0.0.2", 0)) as other:
        other.settimeout(0.2)
        html = f'<script src="http://127.0.0.2:{other.getsockname()[1]}/r/x.js" data-key="pk_live"></script>'.encode()
        port = page_server.getsockname()[1]

        def answer():
            connection, _ = page_server.accept()
            with connection:
                connection.recv(65536)
                head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(html)}\r\n\r\n"
                connection.sendall(head.encode() + html)

        page_server.settimeout(30)
        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        reading = run(
            read_site(
                f"http://127.0.0.1:{port}/",
                hosts=frozenset({"127.0.0.1"}),
                base_url="http://127.0.0.1:8000",
                script_url="http://127.0.0.1:8000/r/x.js",
                standing_of=standing_of,
            )
        )
        thread.join(30)

        assert reading.page.key_standing == "live"
        assert reading.script is not None
        assert reading.script.status is None
        with pytest.raises(TimeoutError):
            other.accept()
