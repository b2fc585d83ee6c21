import pytest

from tracker.i18n.messages import InputError
from tracker.programs.origins import check_destination, is_loopback, normal_origin

SITES = ("https://shop.example", "http://127.0.0.1:8001")


@pytest.mark.parametrize(
    ("typed", "origin"),
    [
        ("https://shop.example", "https://shop.example"),
        (" HTTPS://Shop.Example:443/ ", "https://shop.example"),
        ("shop.example", "https://shop.example"),
        ("https://shop.example:8443", "https://shop.example:8443"),
        ("http://localhost:8001", "http://localhost:8001"),
        ("http://127.0.0.1", "http://127.0.0.1"),
        ("http://[::1]:80", "http://[::1]"),
        ("https://магазин.рф", "https://xn--80aairftm.xn--p1ai"),
        ("https://BÜCHER.example/", "https://xn--bcher-kva.example"),
    ],
)
def test_origin_is_brought_into_one_form(typed, origin):
    assert normal_origin(typed) == origin


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "http://shop.example",
        "ftp://shop.example",
        "https://shop.example/path",
        "https://shop.example?x",
        "https://shop.example#x",
        "https://user@shop.example",
        "https://shop.example:99999",
        "https://shop.example:",
        "https://",
        "https://-shop.example",
        "https://shop..example",
        "https://0x7f000001",
        "https://2130706433",
        "https://a_b.example",
        "https://shop .example",
        "https://[::1",
        "javascript://shop.example",
        "https://shop.example\x00",
    ],
)
def test_what_is_no_safe_origin_is_refused(typed):
    with pytest.raises(InputError):
        normal_origin(typed)


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example",
        "https://shop.example/",
        "https://shop.example/sale?utm=1&x=%20#top",
        "https://shop.example:8443/a",
        "http://127.0.0.1:8001/shop",
    ],
)
def test_destination_on_a_site_is_taken_as_it_is(url):
    assert check_destination(url, origins=SITES) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/relative",
        "//shop.example/",
        "https:shop.example",
        "https:/shop.example",
        "https://evil.example/",
        "https://shop.example.evil.example/",
        "https://evilshop.example/",
        "https://shop.example@evil.example/",
        "https://evil.example\\@shop.example/",
        "https://shop.example\\.evil.example/",
        "https://shop.example//evil.example/",
        "https://user:pw@shop.example/",
        "https://shop.example/\r\nSet-Cookie: a=b",
        "https://shop.example/\tx",
        "https://shop.example/a b",
        'https://shop.example/"x',
        "https://shop.example/<x>",
        "http://shop.example/",
        "ftp://shop.example/",
        "javascript:alert(1)",
        "javascript://shop.example/%0aalert(1)",
        "data:text/html,x",
        "https://shop.example:99999/",
        "https://shop.exаmple/",
        "https://shop.example/" + "a" * 2000,
        "https://",
        "https://[::1/",
    ],
)
def test_destination_elsewhere_or_ambiguous_is_refused(url):
    with pytest.raises(InputError):
        check_destination(url, origins=SITES)


@pytest.mark.parametrize(
    ("host", "answer"),
    [
        ("localhost", True),
        ("shop.localhost", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("10.0.0.1", False),
        ("localhost.evil.example", False),
        ("", False),
    ],
)
def test_loopback_is_this_machine_only(host, answer):
    assert is_loopback(host) is answer
