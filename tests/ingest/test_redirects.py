import json
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlsplit

import pytest

from ingest.events import STATE_GPC
from ingest.redirects import origin_of, shared_domain, with_parameters

NOW_T36 = "tlpwu8"  # 1,790,000,000 s
EVIL = "evil.example"
OURS = "shop.example"
# Shared with the making of links (tests/tracker/partners/test_destinations.py); {evil} and {ours} are hosts.
_PLAIN = [
    *json.loads((Path(__file__).parents[1] / "hostile_destinations.json").read_text()),
    "x" * 3000,
    "https://{ours}/" + "x" * 3000,
]
HOSTILE = [text.replace("{evil}", EVIL).replace("{ours}", OURS) for text in _PLAIN]
STAYING = [
    "https://shop.example", "https://shop.example/", "https://shop.example:443/a", "HTTPS://SHOP.EXAMPLE/a",
    "https://shop.example?@evil.example", "https://shop.example#@evil.example", "https://shop.example/@evil.example",
    "https://shop.example//evil.example", "https://shop.example/%2f%2fevil.example", "https://shop.example/?url=//evil.example",
    "https://www.shop.example:8443/x?y=z#w", "https://shop.example/..//evil.example", "https://shop.example?",
]  # fmt: skip
ALLOWED = {(OURS, None), (OURS, 443), ("www.shop.example", 8443)}


def test_p33_the_table_is_long_enough() -> None:
    assert len(set(HOSTILE)) >= 120


@pytest.mark.parametrize("wanted", [*HOSTILE, *STAYING], ids=lambda text: repr(text)[:60])
def test_p33_no_deep_link_leaves_the_program(edge, wanted: str) -> None:
    """A destination that is refused gives way to the link's own; one that stays may lead anywhere on the site."""
    # Plain where a request line can carry it, and as it should be sent.
    for spelled in {quote(wanted, safe=""), wanted if wanted.isascii() else quote(wanted)}:
        answer = edge.follow(f"url={spelled}")

        location = answer.header("location")
        parts = urlsplit(location)
        assert answer.status == 302
        assert parts.scheme == "https"
        assert (parts.hostname, parts.port) in ALLOWED, (wanted, location)
        assert "@" not in parts.netloc
        assert "\\" not in location
        assert location.isascii()
        assert location.isprintable()
        assert ("via", "ANNA") in parse_qsl(parts.query)


def test_p33_a_link_to_a_site_that_was_removed_leads_nowhere(edge) -> None:
    edge.directory.change_link(hosts=frozenset({"https://other.example"}))

    answer = edge.follow()

    assert answer.status == 404
    assert answer.header("location") is None
    assert edge.sink.clicks == []


def test_p33_hostile_destinations_are_no_origin() -> None:
    for wanted in HOSTILE:
        assert origin_of(wanted) not in {"https://shop.example", "https://www.shop.example:8443"}, wanted


@pytest.mark.parametrize("wanted", STAYING)
def test_honest_deep_links_are_followed(edge, wanted: str) -> None:
    landed = urlsplit(edge.follow(f"url={quote(wanted, safe='')}").header("location"))
    asked = urlsplit(wanted)

    assert landed.hostname == asked.hostname
    assert landed.path == (asked.path or "/")


def test_p34_the_host_header_decides_nothing(edge) -> None:
    answer = edge.follow(headers=[("Host", EVIL), ("X-Forwarded-Host", EVIL), ("Forwarded", f"host={EVIL}")])

    assert EVIL not in str(answer.raw)


@pytest.mark.parametrize(
    ("url", "parameters", "expected"),
    [
        ("https://a.example", [("via", "X")], "https://a.example/?via=X"),
        ("https://a.example/p?b=1#f", [("via", "X")], "https://a.example/p?b=1&via=X#f"),
        ("https://a.example/?via=MINE", [("via", "X")], "https://a.example/?via=MINE"),
        ("https://a.example/?b=%20c+d", [("sub1", "a b&c")], "https://a.example/?b=%20c+d&sub1=a%20b%26c"),
        ("https://a.example/?", [("via", "Ü")], "https://a.example/?via=%C3%9C"),
    ],
)
def test_parameters_come_behind_those_of_the_destination(url: str, parameters: list, expected: str) -> None:
    assert with_parameters(url, parameters) == expected


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ("shop.example", "shop.example", ""),
        ("go.shop.example", "shop.example", "shop.example"),
        ("go.shop.example", "www.shop.example", "shop.example"),
        ("a.example", "b.example", None),
        ("127.0.0.1", "127.0.0.1", ""),
        ("127.0.0.1", "126.0.0.1", None),
        ("localhost", "localhost", ""),
        ("a.localhost", "b.localhost", None),
        ("::1", "shop.example", None),
        ("shop.example", "", None),
    ],
)
def test_the_cookie_goes_where_both_hosts_see_it(ours: str, theirs: str, expected: str | None) -> None:
    assert shared_domain(ours, theirs) == expected


# Following a link


def test_a_followed_link_is_a_click(edge) -> None:
    answer = edge.follow("sub1=a%20b&utm_source=blog&other=x&sub9=y", [("Referer", "https://blog.example")])

    assert answer.status == 302
    [click] = edge.sink.clicks
    assert answer.header("location") == (
        f"https://shop.example/start?a=1&sub1=a%20b&utm_source=blog&via=ANNA&_mv={click.click_id}.ANNA.{NOW_T36}#top"
    )
    assert (click.source, click.enrollment_id, click.http_referer) == ("redirect", "enr_anna", "https://blog.example")
    assert click.details == {"sub1": "a b", "utm_source": "blog"}
    assert len(click.click_id) == 22


def test_the_cookie_of_a_link_is_for_the_landing_page(edge, make_edge) -> None:
    cookie = edge.follow().header("set-cookie") or ""
    assert "Domain=shop.example" in cookie
    assert edge.sink.clicks[0].click_id in cookie

    elsewhere = make_edge(base_url="https://links.example")
    assert elsewhere.follow().header("set-cookie") is None
    same = make_edge(base_url="https://shop.example")
    assert "Domain" not in (same.follow().header("set-cookie") or "Domain")


def token_in(answer, name: str = "_mv") -> str | None:
    """Return the token as the landing page reads it."""
    return dict(parse_qsl(urlsplit(answer.header("location")).query)).get(name)


def test_the_token_hands_the_click_on(edge) -> None:
    answer = edge.follow(headers=[("Cookie", "_mv=1.new.ZED.t5x~first.BORIS.t00")])

    assert token_in(answer) == f"{edge.sink.clicks[0].click_id}.ANNA.{NOW_T36}"


def test_a_link_to_another_site_carries_the_token_without_a_cookie(make_edge) -> None:
    elsewhere = make_edge(base_url="https://links.example")

    answer = elsewhere.follow()

    assert answer.header("set-cookie") is None
    assert (token_in(answer) or "").startswith(f"{elsewhere.sink.clicks[0].click_id}.ANNA.")


def test_code_and_token_have_the_names_the_operator_chose(make_edge) -> None:
    edge = make_edge(token_name="k7d", url_parameters=("h2n",), cookie_name="q_x8")

    answer = edge.follow()

    query = dict(parse_qsl(urlsplit(answer.header("location")).query))
    assert query.keys() == {"a", "h2n", "k7d"}
    assert query["h2n"] == "ANNA"


@pytest.mark.parametrize(
    ("headers", "method"),
    [
        ([("Sec-GPC", "1")], "GET"),
        ([("Sec-Purpose", "prefetch")], "GET"),
        ([("Sec-Fetch-Dest", "iframe")], "GET"),
        ([], "HEAD"),
    ],
    ids=["gpc", "prefetch", "framed", "head"],
)
def test_what_is_no_visitors_click_carries_no_token(edge, headers: list, method: str) -> None:
    assert token_in(edge.follow(headers=headers, method=method)) is None


def test_a_paused_partners_link_carries_no_token(edge) -> None:
    edge.directory.change_link(is_active=False)

    assert token_in(edge.follow()) is None


@pytest.mark.parametrize("headers", [[], [("Sec-GPC", "1")]], ids=["tracked", "gpc"])
def test_a_token_somebody_copied_is_taken_out_of_the_destination(edge, headers: list) -> None:
    """Whoever copies an address from a landing page copies the token of that visit with it."""
    edge.directory.change_link(destination="https://shop.example/p?_mv=old.BORIS.t00&a=_mv")

    answer = edge.follow(headers=headers)

    assert "BORIS" not in (answer.header("location") or "")
    assert (answer.header("location") or "").startswith("https://shop.example/p?a=_mv&via=ANNA")


def test_a_known_browser_stays_the_same_visitor(edge) -> None:
    answer = edge.follow(headers=[("Cookie", "_mv=1.new.ZED.t5x~first.BORIS.t00")])

    assert edge.sink.clicks[0].visitor_id == "first"
    assert (answer.header("set-cookie") or "").split(";")[0].endswith("~first.BORIS.t00")


@pytest.mark.parametrize(
    ("reason", "headers", "method"),
    [
        ("prefetch", [("Sec-Purpose", "prefetch")], "GET"),
        ("prefetch", [("Purpose", "prefetch")], "GET"),
        ("not_navigation", [], "HEAD"),
        ("not_navigation", [("Sec-Fetch-Dest", "image")], "GET"),
        ("not_navigation", [("Sec-Fetch-Dest", "empty")], "GET"),
        ("not_navigation", [("Sec-Fetch-Dest", "script")], "GET"),
        ("framed", [("Sec-Fetch-Dest", "iframe")], "GET"),
        ("framed", [("Sec-Fetch-Dest", "object")], "GET"),
    ],
)
def test_what_is_nobodys_visit_goes_on_and_counts_nothing(edge, reason: str, headers: list, method: str) -> None:
    answer = edge.follow(headers=headers, method=method)

    assert (answer.status, answer.drop) == (302, reason)
    assert answer.header("location") == "https://shop.example/start?a=1#top"
    assert answer.header("set-cookie") is None
    assert not edge.sink.clicks


def test_a_paused_partners_link_leads_on_without_credit(edge) -> None:
    edge.directory.change_link(is_active=False)

    answer = edge.follow()

    assert (answer.status, answer.drop) == (302, "unknown_code")
    assert "via=" not in (answer.header("location") or "")
    assert not edge.sink.clicks


def test_a_link_of_a_cookieless_program_neither_reads_nor_sets_a_cookie(edge) -> None:
    """The click is counted and handed on in the address; the browser is left as it was."""
    edge.directory.change_link(cookieless=True)

    answer = edge.follow(headers=[("Cookie", "_mv=1.a.ANNA.1~a.ANNA.1")])

    assert answer.header("set-cookie") is None
    [click] = edge.sink.clicks
    assert click.visitor_id == click.click_id != "a"
    assert f"_mv={click.click_id}." in (answer.header("location") or "")


def test_a_link_under_gpc_is_an_anonymous_click(edge) -> None:
    """Nothing personal reaches the inbox: no address, agent, visitor, referrer or cookie."""
    headers = [
        ("Sec-GPC", "1"),
        ("User-Agent", "Firefox"),
        ("Cookie", "_mv=1.a.ANNA.1~a.ANNA.1"),
        ("Referer", "https://blog.example/me"),
    ]
    answer = edge.follow(headers=headers)

    assert "via=ANNA" in (answer.header("location") or "")
    assert answer.header("set-cookie") is None
    [click] = edge.sink.clicks
    assert (click.address, click.user_agent, click.visitor_id, click.http_referer) == ("0.0.0.0", "", "", None)
    assert click.state & STATE_GPC

    edge.directory.change_link(gpc="ignore")
    assert edge.follow(headers=headers).header("set-cookie")
    assert edge.sink.clicks[1].visitor_id == "a"


@pytest.mark.parametrize(
    "query",
    ["url=%ff", "&" * 5000, "a=1&" * 500, "url=", "sub1=%00", "sub1=" + "x" * 5000, "%", "=;=", "sub1=%ed%a0%80"],
)
def test_p42_hostile_queries_still_lead_home(edge, query: str) -> None:
    answer = edge.follow(query)

    assert answer.status == 302
    assert (answer.header("location") or "").startswith("https://shop.example/")


def test_p43_link_parameters_are_kept_in_nfc(edge) -> None:
    edge.follow("sub1=e%CC%81")

    assert edge.sink.clicks[0].details == {"sub1": "é"}
