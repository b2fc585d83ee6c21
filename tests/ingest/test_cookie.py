import pytest

from ingest.cookie import VALUE_MAX, cookie_domain, cookie_value, first_touch_id, read_cookie, set_cookie

GOOD = "1.abc.ANNA.t5x~first.BORIS.t00"


def test_a_first_touch_stands_for_both() -> None:
    value = cookie_value(click_id="abc", code="ANNA", at_ms=36_000_000, previous=None)

    assert value == "1.abc.ANNA.rs0~abc.ANNA.rs0"
    assert first_touch_id(value) == "abc"


def test_a_later_touch_keeps_the_first() -> None:
    value = cookie_value(click_id="new", code="ZED", at_ms=0, previous=GOOD)

    assert value == "1.new.ZED.0~first.BORIS.t00"
    assert first_touch_id(value) == "first"


def test_a_value_is_read_back_whatever_the_code_holds() -> None:
    for code in ("ANNA", "a.b", "a~b", "ü", "a b;c=d,e"):
        value = cookie_value(click_id="abc", code=code, at_ms=1, previous=None)
        assert read_cookie(f"x=1; _mv={value}; y=2", "_mv") == value, code


def test_a_value_never_grows_beyond_its_limit_for_a_code_we_hand_out() -> None:
    long = cookie_value(click_id="c" * 64, code="A" * 32, at_ms=2**41, previous=None)
    both = cookie_value(click_id="d" * 64, code="B" * 32, at_ms=2**41, previous=long)

    assert len(both) <= VALUE_MAX


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "other=1",
        "_mv=",
        "_mv=1",
        f"_mv=2{GOOD[1:]}",
        f"_mv={GOOD}x.y",
        "_mv=1.a b.C.1~a.C.1",
        "_mv=1..ANNA.1~a.ANNA.1",
        "_mv=1." + "a" * 65 + ".ANNA.1~a.ANNA.1",
        "_mv=1.a.%00" + "A" * 250 + ".1~a.A.1",
        '_mv="1.a.A\\012Set-Cookie: x.1~a.A.1"',
        "_mv=<script>alert(1)</script>",
        f"x_mv={GOOD}",
        "\xff_mv=\x00",
    ],
)
def test_hostile_cookies_are_no_cookie(header: str | None) -> None:
    assert read_cookie(header, "_mv") is None


@pytest.mark.parametrize(
    ("probed", "host", "expected"),
    [
        pytest.param("shop.example", "go.shop.example", "shop.example", id="parent"),
        pytest.param(".shop.example", "go.shop.example", "shop.example", id="leading dot"),
        pytest.param("SHOP.example", "go.shop.example", "shop.example", id="case"),
        pytest.param("go.shop.example", "go.shop.example", "go.shop.example", id="itself"),
        pytest.param("other.example", "go.shop.example", None, id="stranger"),
        pytest.param("p.example", "go.shop.example", None, id="not at a dot"),
        pytest.param("a.go.shop.example", "go.shop.example", None, id="child"),
        pytest.param("example", "go.shop.example", None, id="one label"),
        pytest.param("1.2.3.4", "1.2.3.4", None, id="address"),
        pytest.param("2.3.4", "1.2.3.4", None, id="end of an address"),
        pytest.param("shop.example\r\nX: y", "go.shop.example", None, id="line break"),
        pytest.param("shop.example;Path=/x", "go.shop.example", None, id="attribute"),
        pytest.param(None, "go.shop.example", None, id="absent"),
        pytest.param("", "go.shop.example", None, id="empty"),
        pytest.param("...", "go.shop.example", None, id="dots"),
    ],
)
def test_only_a_parent_of_the_host_becomes_the_domain(probed: str | None, host: str, expected: str | None) -> None:
    assert cookie_domain(probed, host) == expected


def test_set_cookie_is_for_scripts_and_secure_on_https() -> None:
    assert set_cookie(name="_mv", value=GOOD, days=60, domain="shop.example", secure=True) == (
        f"_mv={GOOD}; Path=/; Max-Age=5184000; SameSite=Lax; Domain=shop.example; Secure"
    )
    assert "Domain" not in set_cookie(name="_mv", value=GOOD, days=60, domain=None, secure=False)
