"""What the snippet is told, and the cookie it is given."""

import pytest

from ingest.directory import Discount

CLICK = {"t": "click", "c": "click_1", "r": "anna", "w": "visitor_1"}
STATE = "1.new.ANNA.t5x~first.BORIS.t00"
REPORTS = {
    "lead": {"t": "lead", "o": "1"},
    "sale": {"t": "sale", "o": "1", "m": 100, "y": "EUR"},
    "custom": {"t": "signup_started"},
}


def test_a_click_brings_what_the_program_shows_the_visitor(edge) -> None:
    edge.directory.change(clean_urls=True, discount=Discount(kind="percent", value=10, code="FRIEND10"))

    answer = edge.post(CLICK).json

    assert answer["clean"] is True
    assert answer["discount"] == {"kind": "percent", "value": 10, "code": "FRIEND10"}
    assert answer["partner"] == {"name": "Anna"}


def test_a_fixed_discount_says_its_currency(edge) -> None:
    edge.directory.change(discount=Discount(kind="amount", value=500, currency="EUR"))

    assert edge.post(CLICK).json["discount"] == {"kind": "amount", "value": 500, "currency": "EUR"}


def test_what_is_not_set_is_not_said(edge) -> None:
    assert edge.post(CLICK).json.keys() == {"c", "r", "ttl", "partner"}


@pytest.mark.parametrize("kind", REPORTS)
def test_a_report_gets_no_offer_of_a_landing(edge, kind: str) -> None:
    edge.directory.change(clean_urls=True, discount=Discount(kind="percent", value=10))

    assert not {"clean", "discount", "partner"} & edge.post(REPORTS[kind]).json.keys()


@pytest.mark.parametrize("kind", ["click", *REPORTS])
@pytest.mark.parametrize(
    ("cookie", "expected"),
    [
        pytest.param(None, [], id="none is set"),
        pytest.param(f"_mv={STATE}", ["", "shop.example"], id="one from before is taken away"),
    ],
)
def test_a_cookieless_program_leaves_nothing_in_the_browser(
    edge, kind: str, cookie: str | None, expected: list[str]
) -> None:
    edge.directory.change(cookieless=True)
    headers = [("Sec-Fetch-Site", "same-site"), ("Host", "go.shop.example")] + ([("Cookie", cookie)] if cookie else [])
    event = {"click": CLICK, **REPORTS}[kind] | {"g": "shop.example"}

    answer = edge.post(event, headers)

    assert answer.json["ttl"] == 0
    gone = [value.decode() for name, value in answer.raw if name == b"set-cookie"]
    assert [value.partition("Domain=")[2] for value in gone] == expected
    assert all(value.startswith("_mv=; Path=/; Max-Age=0") for value in gone)


@pytest.mark.parametrize("kind", ["click", *REPORTS])
def test_every_event_renews_the_cookie_on_the_probed_domain(edge, kind: str) -> None:
    headers = [("Sec-Fetch-Site", "same-site"), ("Host", "go.shop.example"), ("Cookie", f"_mv={STATE}")]
    event = {"click": CLICK, **REPORTS}[kind] | {"g": "shop.example"}

    cookie = edge.post(event, headers).header("set-cookie") or ""

    assert cookie.startswith(f"_mv={STATE};")
    assert "Domain=shop.example" in cookie
    assert f"Max-Age={60 * 86_400}" in cookie


SAME_SITE = ("Sec-Fetch-Site", "same-site")


@pytest.mark.parametrize(
    ("host", "domain", "is_set"),
    [
        pytest.param("shop.example", None, False, id="unknown-domain"),
        pytest.param("shop.example", "", True, id="host-only-on-purpose"),
        pytest.param("127.0.0.1:8000", None, True, id="address"),
        pytest.param("localhost:8000", None, True, id="one-label"),
    ],
)
def test_a_known_cookie_of_an_unknown_domain_is_not_doubled(edge, host: str, domain: str | None, is_set: bool) -> None:
    """Another host of the site wrote it; a second one of this host alone would hide it."""
    headers = [SAME_SITE, ("Host", host), ("Cookie", f"_mv={STATE}")]

    answer = edge.post(CLICK | ({} if domain is None else {"g": domain}), headers)

    assert (answer.header("set-cookie") is not None) is is_set


def test_of_two_cookies_the_newer_touch_stays_and_the_host_only_one_goes(edge) -> None:
    older = "1.old.BORIS.t00~first.BORIS.t00"
    headers = [SAME_SITE, ("Host", "go.shop.example"), ("Cookie", f"_mv={STATE}; _mv={older}")]

    answer = edge.post(CLICK | {"g": "shop.example"}, headers)

    made = [value.decode().split(";")[0] for name, value in answer.raw if name == b"set-cookie"]
    assert made == ["_mv=", f"_mv={STATE}"]
