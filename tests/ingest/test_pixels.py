"""The pixel: a click from an image, an image whatever happens, and the cookie where it will be kept."""

from typing import Any

import pytest

from ingest.pixels import IMAGE
from ingest.rate_limits import RateLimits

KEY = "pk_live_1"
NOW_T36 = "tlpwu8"  # 1,790,000,000 s
COOKIE = f"_mv=1.click_9.ANNA.{NOW_T36}~first_1.BORIS.{NOW_T36}"
SAME_SITE = [("Sec-Fetch-Site", "same-site"), ("Host", "go.shop.example"), ("Referer", "https://shop.example/p")]


def load(edge: Any, query: str = f"k={KEY}&r=ANNA", headers: Any = (), method: str = "GET", **options: Any) -> Any:
    sent = [("User-Agent", "Mozilla/5.0 (X11) Firefox/140.0"), *headers]
    answer = edge.request(method, "/r/px", sent, query=query, **options)
    assert answer.body == (b"" if method == "HEAD" else IMAGE)
    assert (answer.header("content-type"), answer.header("cache-control")) == ("image/gif", "no-store")
    return answer


def test_an_image_of_a_page_without_script_is_a_click(edge) -> None:
    answer = load(edge, f"k={KEY}&r=anna&u=https://shop.example/p?a=1&sub1=mail&utm_source=news")

    [click] = edge.sink.clicks
    assert (answer.status, answer.drop, answer.header("set-cookie")) == (200, None, None)
    assert (click.source, click.enrollment_id, click.code, click.livemode) == ("pixel", "enr_anna", "ANNA", True)
    assert click.visitor_id == click.click_id
    assert len(click.click_id) == 22
    assert (click.address, click.page_url) == ("198.51.100.7", "https://shop.example/p?a=1")
    assert click.details == {"sub1": "mail", "utm_source": "news"}


def test_the_image_is_one_transparent_dot() -> None:
    assert IMAGE[:6] == b"GIF89a"
    assert IMAGE[6:10] == b"\x01\x00\x01\x00"
    assert IMAGE[-1:] == b";"


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("via=ANNA", []),
        ("ref=ANNA", []),
        ("u=https://shop.example/?via=ANNA", []),
        ("", [("Referer", "https://shop.example/?x=1&ref=ANNA")]),
        ("r=ANNA&via=NOBODY", []),
    ],
    ids=["parameter", "second-parameter", "page", "referer", "r-first"],
)
def test_the_code_may_stand_where_a_page_without_script_can_put_it(edge, query: str, headers: Any) -> None:
    assert load(edge, f"k={KEY}&{query}", headers).drop is None
    assert len(edge.sink.clicks) == 1


@pytest.mark.parametrize(
    ("query", "headers", "method", "reason"),
    [
        ("", [], "GET", "unknown_key"),
        ("k=pk_live_2&r=ANNA", [], "GET", "unknown_key"),
        (f"k={KEY}&r=NOBODY", [], "GET", "unknown_code"),
        (f"k={KEY}", [], "GET", "unknown_code"),
        (f"k={KEY}&r=ANNA", [("Referer", "https://evil.example/")], "GET", "origin_not_allowed"),
        (f"k={KEY}&r=ANNA", [("Referer", "about:blank")], "GET", "origin_not_allowed"),
        (f"k={KEY}&r=ANNA", [("Sec-Fetch-Site", "cross-site")], "GET", "origin_not_allowed"),
        (f"k={KEY}&r=ANNA", [("Sec-Purpose", "prefetch")], "GET", "prefetch"),
        (f"k={KEY}&r=ANNA", [("Sec-Fetch-Dest", "iframe")], "GET", "framed"),
        (f"k={KEY}&r=ANNA", [("Sec-GPC", "1")], "GET", "gpc"),
        (f"k={KEY}&r=ANNA", [], "HEAD", "not_navigation"),
        (f"k={KEY}&r=ANNA", [("Cookie", COOKIE)], "GET", "duplicate"),
    ],
    ids=["no-key", "other-key", "nobody", "no-code", "strange-page", "opaque", "hidden-page", "prefetch", "framed",
         "gpc", "head", "same-click"],
)  # fmt: skip
def test_what_is_no_click_still_gets_its_image(edge, query: str, headers: Any, method: str, reason: str) -> None:
    answer = load(edge, query, headers, method)

    assert (answer.status, answer.drop) == (200, reason)
    assert answer.header("set-cookie") is None
    assert edge.sink.drops == [reason]
    assert edge.sink.clicks == []


def test_a_flood_still_gets_its_image(make_edge) -> None:
    limits = RateLimits(clicks_per_minute=1, reports_per_minute=1, calls_per_minute=1)
    edge = make_edge(limits=limits)

    assert [load(edge).drop for _ in range(3)] == [None, "rate_limited", "rate_limited"]
    assert len(edge.sink.clicks) == 1


def test_p4_a_busy_store_still_gives_the_image_and_says_so(edge) -> None:
    edge.sink.is_busy = True

    answer = load(edge)

    assert (answer.status, answer.drop, answer.header("retry-after")) == (503, None, "2")


def test_the_visitor_is_the_cookies_and_the_cookie_is_renewed(edge) -> None:
    old = f"_mv=1.click_9.BORIS.{NOW_T36}~first_1.BORIS.{NOW_T36}"
    answer = load(edge, headers=[*SAME_SITE, ("Cookie", old)])

    [click] = edge.sink.clicks
    assert click.visitor_id == "first_1"
    cookie = answer.header("set-cookie")
    assert cookie.startswith(f"_mv=1.{click.click_id}.ANNA.{NOW_T36}~first_1.BORIS.{NOW_T36}; Path=/; Max-Age=5184000")
    assert cookie.endswith("SameSite=Lax; Domain=shop.example; Secure")


@pytest.mark.parametrize(
    "headers",
    [
        [("Host", "go.shop.example"), ("Referer", "https://shop.example/")],
        [("Sec-Fetch-Site", "cross-site"), ("Host", "go.shop.example"), ("Referer", "https://shop.example/")],
        [("Sec-Fetch-Site", "same-site"), ("Host", "molva.test"), ("Referer", "https://shop.example/")],
    ],
    ids=["unknown", "cross-site", "no-common-domain"],
)
def test_a_cookie_nobody_would_keep_is_not_set(edge, headers: Any) -> None:
    assert load(edge, headers=headers).header("set-cookie") is None
    assert len(edge.sink.clicks) == 1


def test_half_an_hour_later_the_same_code_is_a_new_click(edge) -> None:
    old = "_mv=1.click_9.ANNA.tlpvg2~first_1.ANNA.tlpvg2"  # 1,790,000,000 - 1,806 s
    assert load(edge, headers=[("Cookie", old)]).drop is None


@pytest.mark.parametrize(("given", "kept"), [("order-77_x", True), ("a.b", False), ("x" * 65, False), ("%00", False)])
def test_p9_the_page_may_name_the_click_so_that_a_reload_is_none(edge, given: str, kept: bool) -> None:
    load(edge, f"k={KEY}&r=ANNA&c={given}")

    assert (edge.sink.clicks[0].click_id == given) is kept


@pytest.mark.parametrize("method", ["POST", "PUT", "OPTIONS"])
def test_other_methods_are_405(edge, method: str) -> None:
    assert edge.request(method, "/r/px").status == 405


@pytest.mark.parametrize("forwarded", ["203.0.113.1", "garbage", "fe80::1%eth0", "10.0.0.1, 203.0.113.1"])
def test_p35_every_door_of_clicks_stores_the_sockets_address(edge, forwarded: str) -> None:
    header = [("X-Forwarded-For", forwarded)]
    load(edge, headers=header)
    edge.follow(headers=header)
    edge.post({"t": "click", "c": "a", "r": "ANNA"}, header)

    assert [click.source for click in edge.sink.clicks] == ["pixel", "redirect", "snippet"]
    assert {click.address for click in edge.sink.clicks} == {"198.51.100.7"}
