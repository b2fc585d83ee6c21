import base64
import gzip
import hashlib
import json
from typing import Any, get_args

import pytest

import snippet
from ingest.drops import DropReason
from ingest.events import PAGE_URL_MAX, STATE_FRAMED, STATE_GPC
from ingest.signatures import sign

KEY = "pk_live_1"
SITE_ORIGIN = "https://shop.example"
SECRET = b"signing secret of the shop"
NOW_MS = 1_790_000_000_000
CLICK: dict[str, Any] = {"t": "click", "c": "click_1", "r": "anna", "w": "visitor_1"}
SALE: dict[str, Any] = {"t": "sale", "c": "click_1", "w": "visitor_1", "o": "order 1", "m": 10_000, "y": "EUR"}


def test_a_click_is_stored_as_sent_with_what_the_server_saw(edge) -> None:
    answer = edge.post(
        CLICK | {"u": "https://shop.example/p", "f": "https://blog.example", "p": "via", "a": 5000, "s": 3, "i": "e1"},
        [("Accept-Language", "de"), ("X-Forwarded-For", "6.6.6.6")],
    )

    assert answer.status == 200
    assert answer.json == {"c": "click_1", "r": "ANNA", "ttl": 60 * 86_400, "partner": {"name": "Anna"}}
    [click] = edge.sink.clicks
    assert (click.click_id, click.visitor_id, click.code, click.enrollment_id) == (
        "click_1",
        "visitor_1",
        "ANNA",
        "enr_anna",
    )
    assert (click.address, click.age_ms, click.livemode, click.source) == ("198.51.100.7", 5000, True, "snippet")
    assert (click.page_url, click.http_referer, click.parameter) == (
        "https://shop.example/p",
        "https://blog.example",
        "via",
    )
    assert click.headers == {"accept-language": "de"}


def test_without_a_visitor_the_click_stands_for_it(edge) -> None:
    edge.post({"t": "click", "c": "click_1", "r": "ANNA"})

    assert edge.sink.clicks[0].visitor_id == "click_1"


@pytest.mark.parametrize(
    ("sent", "believed", "warnings"),
    [
        (86_400_000, 86_400_000, ()),
        (86_400_001, 86_400_001, ("queued",)),
        (7 * 86_400_000, 7 * 86_400_000, ("queued",)),
        (7 * 86_400_000 + 1, 0, ("time_not_believed",)),
        (2**53, 0, ("time_not_believed",)),
        (-5000, 0, ()),
        (-300_001, 0, ("time_not_believed",)),
    ],
    ids=["a-day", "longer", "a-week", "longer-than-the-queue", "absurd", "clock-set-back", "future"],
)
def test_p12_an_age_is_believed_up_to_a_week_and_kept_with_its_warning(
    edge, sent: int, believed: int, warnings: tuple[str, ...]
) -> None:
    edge.post(CLICK | {"a": sent})
    edge.post({"t": "sale", "o": "1", "m": 1, "y": "EUR", "a": sent})

    click, report = edge.sink.clicks[0], edge.sink.reports[0]
    assert (click.age_ms, click.warnings) == (believed, warnings)
    assert (NOW_MS - report.occurred_at_ms, report.warnings) == (believed, warnings)


@pytest.mark.parametrize(
    ("off_ms", "is_off"), [(0, False), (-86_400_000, False), (-86_400_001, True), (300_000, False), (300_001, True)]
)
def test_p12_a_wrong_clock_is_noted_and_decides_nothing(edge, off_ms: int, is_off: bool) -> None:
    edge.post(CLICK | {"a": 5000, "z": NOW_MS + off_ms})

    click = edge.sink.clicks[0]
    assert (click.age_ms, click.warnings) == (5000, ("clock_off",) if is_off else ())


def test_long_addresses_are_shortened(edge) -> None:
    edge.post(CLICK | {"u": "u" * 3000, "f": "f" * 3000})

    assert len(edge.sink.clicks[0].page_url) == len(edge.sink.clicks[0].http_referer) == PAGE_URL_MAX


@pytest.mark.parametrize(
    ("reason", "event", "headers"),
    [
        ("unknown_key", CLICK | {"k": "pk_live_2"}, []),
        ("unknown_code", CLICK | {"r": "nobody"}, []),
        ("origin_not_allowed", CLICK, [("Origin", "https://evil.example")]),
        ("origin_not_allowed", CLICK, [("Origin", "null")]),
        ("origin_not_allowed", CLICK, [("Origin", "http://shop.example")]),
        ("prefetch", CLICK, [("Sec-Purpose", "prefetch;prerender")]),
        ("framed", CLICK | {"s": STATE_FRAMED}, []),
        ("gpc", CLICK, [("Sec-GPC", "1")]),
        ("gpc", CLICK | {"s": STATE_GPC}, []),
        ("gpc", SALE, [("Sec-GPC", "1")]),
        ("origin_not_allowed", SALE, [("Origin", "https://evil.example")]),
    ],
)
def test_a_dropped_event_says_why_and_leaves_nothing(edge, reason: str, event: dict, headers: list) -> None:
    body = json.dumps({"k": KEY, **event}).encode()
    answer = edge.request("POST", "/r/e", headers or [("Origin", SITE_ORIGIN)], (body,))

    assert (answer.status, answer.drop) == (200, reason)
    assert edge.sink.drops == [reason]
    assert not edge.sink.clicks
    assert not edge.sink.reports
    assert answer.header("set-cookie") is None


def test_every_reason_of_the_events_door_is_in_the_closed_set() -> None:
    assert {reason.value for reason in DropReason} == {
        "unknown_key",
        "unknown_code",
        "origin_not_allowed",
        "prefetch",
        "not_navigation",
        "framed",
        "gpc",
        "duplicate",
        "rate_limited",
    }


def test_an_unknown_code_is_void_so_that_the_snippet_forgets_it(edge) -> None:
    assert edge.post(CLICK | {"r": "producthunt"}).json == {"void": True}


def test_without_an_origin_or_without_sites_every_page_counts(edge) -> None:
    body = json.dumps({"k": KEY, **CLICK}).encode()
    assert edge.request("POST", "/r/e", [], (body,)).drop is None

    edge.directory.change(origins=frozenset())
    assert edge.post(CLICK, [("Origin", "https://elsewhere.example")]).drop is None


def test_a_program_that_ignores_gpc_keeps_the_click_whole(edge) -> None:
    """The snippet's own GPC bit must not make such a click anonymous later."""
    edge.directory.change(gpc="ignore")

    answer = edge.post(CLICK | {"s": STATE_GPC | 1}, [("Sec-GPC", "1")])

    assert answer.drop is None
    assert edge.sink.clicks[0].state == 1
    assert edge.sink.clicks[0].address == "198.51.100.7"


@pytest.mark.parametrize("missing", ["c", "r"])
def test_a_click_needs_its_id_and_code(edge, missing: str) -> None:
    answer = edge.post({name: value for name, value in CLICK.items() if name != missing})

    assert answer.status == 422
    assert answer.wrong_fields == [missing]


@pytest.mark.parametrize("missing", ["o", "m", "y"])
def test_a_sale_needs_number_amount_and_currency(edge, missing: str) -> None:
    answer = edge.post({name: value for name, value in SALE.items() if name != missing})

    assert answer.status == 422
    assert answer.wrong_fields == [missing]
    assert not edge.sink.reports


@pytest.mark.parametrize(
    ("change", "field"),
    [({"y": "XXX"}, "y"), ({"t": "lead", "y": "ABC"}, "y"), ({"t": "lead", "y": None}, "y")],
    ids=["sale", "lead", "amount without currency"],
)
def test_p22_an_unknown_currency_is_refused_by_its_key(edge, change: dict, field: str) -> None:
    event = {name: value for name, value in (SALE | change).items() if value is not None}
    answer = edge.post(event)

    assert answer.status == 422
    assert answer.wrong_fields == [field]
    assert len(edge.sink.refused) == 1


def test_p24_an_unsigned_sale_is_a_claim(edge) -> None:
    answer = edge.post(SALE | {"x": "cust 1", "e": "a@b.example", "q": "SPRING", "d": {"plan": "pro"}, "a": 1000})

    assert answer.json["trust"] == "unverified"
    assert answer.json["id"] == "cnv_1"
    [report] = edge.sink.reports
    assert (report.trust, report.kind, report.external_id) == ("unverified", "sale", "order 1")
    assert (report.amount, report.currency, report.promo_code) == (10_000, "EUR", "SPRING")
    assert report.occurred_at_ms == NOW_MS - 1000
    assert report.customer is not None
    assert (report.customer.external_id, report.customer.email) == ("cust 1", "a@b.example")


def test_a_lead_without_number_goes_by_its_event_id(edge) -> None:
    edge.post({"t": "lead", "c": "click_1", "i": "event_1"})

    assert edge.sink.reports[0].external_id == "event_1"


def test_the_same_claim_sent_later_or_by_another_build_is_the_same(edge) -> None:
    edge.post(SALE | {"i": "one", "a": 1, "z": 5, "n": "1.0", "s": 1})
    edge.post(SALE | {"i": "two", "a": 9, "z": 6, "n": "1.1", "s": 2})
    edge.post(SALE | {"m": 10_001})

    first, again, other = (report.request_digest for report in edge.sink.reports)
    assert first == again != other


def test_spellings_of_the_same_report_are_one(edge) -> None:
    """Pages hold numbers and write currencies as they like; Base64 costs the snippet fewer bytes than hexadecimal."""
    digest = hashlib.sha256(b"a@b.example").digest()
    spelled = [
        {"o": "7", "x": "8", "y": "EUR", "h": digest.hex(), "c": None, "w": None},
        {"o": 7, "x": 8, "y": "eur", "h": base64.b64encode(digest).decode(), "c": "", "w": ""},
        {"o": 7, "x": 8, "y": "eur", "h": base64.urlsafe_b64encode(digest).decode().rstrip("=")},
    ]
    for event in spelled:
        edge.post({"t": "sale", "m": 100, **{key: value for key, value in event.items() if value is not None}})

    assert len({report.request_digest for report in edge.sink.reports}) == 1
    for report in edge.sink.reports:
        assert (report.external_id, report.customer.external_id, report.currency) == ("7", "8", "EUR")
        assert report.email_sha256 == digest.hex()
        assert (report.click_id, report.visitor_id) == (None, None)


def signed_headers(body: bytes, *, secret: bytes = SECRET, age_s: int = 0) -> list[tuple[str, str]]:
    timestamp = str(NOW_MS // 1000 - age_s)
    signature = sign(secret, message_id="msg_1", timestamp=timestamp, content=body)
    return [("webhook-id", "msg_1"), ("webhook-timestamp", timestamp), ("webhook-signature", signature)]


def test_p25_a_signed_body_is_verified(edge) -> None:
    body = json.dumps({"k": KEY, **SALE}).encode()

    assert edge.post(body, signed_headers(body)).json["trust"] == "verified"
    assert edge.sink.reports[0].trust == "verified"


@pytest.mark.parametrize("name", ["order 1", "Größe", "e\u0301"])
def test_p25_signature_as_fields_is_verified(edge, name: str) -> None:
    """The signer's own spelling is what was signed, composed letters or not."""
    event = {"k": KEY, **SALE, "o": name}
    content = json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    fields = dict(signed_headers(content))

    assert edge.post(json.dumps(event | fields).encode()).json["trust"] == "verified"


@pytest.mark.parametrize(
    ("secret", "age_s", "change"),
    [(b"wrong", 0, b""), (SECRET, 301, b""), (SECRET, -301, b""), (SECRET, 0, b" ")],
    ids=["wrong secret", "stale", "from the future", "swapped body"],
)
def test_p25_a_wrong_signature_is_401_and_kept(edge, secret: bytes, age_s: int, change: bytes) -> None:
    body = json.dumps({"k": KEY, **SALE}).encode()

    answer = edge.post(body + change, signed_headers(body, secret=secret, age_s=age_s))

    assert answer.status == 401
    assert answer.json["code"] == "bad_signature"
    assert not edge.sink.reports
    assert edge.sink.refused[0]["code"] == "bad_signature"


@pytest.mark.parametrize("timestamp", ["", "9" * 5000, "-1", "x"])
def test_p42_a_broken_signature_timestamp_is_401(edge, timestamp: str) -> None:
    answer = edge.post(SALE, [("webhook-id", "m"), ("webhook-timestamp", timestamp), ("webhook-signature", "v1,AA")])

    assert answer.status == 401


def test_p23_a_conflict_of_signed_reports_is_409(edge) -> None:
    edge.sink.outcome = "conflict"

    answer = edge.post(SALE)

    assert answer.status == 409
    assert answer.wrong_fields == ["o"]
    assert edge.sink.refused[0]["code"] == "conflict"


def test_p13_a_refused_event_of_a_known_key_is_kept_as_bytes(edge) -> None:
    body = b'{"k":"pk_live_1","t":"sale","o":"1","m":NaN,"y":"EUR"}'

    answer = edge.post(body)

    assert answer.status == 422
    assert answer.wrong_fields == ["m"]
    [event] = edge.sink.refused
    assert event["payload"] == body
    assert (event["program_id"], event["livemode"], event["source"]) == ("prg_1", True, "browser_event")


def test_a_refused_event_of_an_unknown_key_is_not_kept(edge) -> None:
    assert edge.post(b'{"k":"pk_live_2","t":"refund"}').status == 422
    assert edge.post(b"rubbish").status == 400
    assert not edge.sink.refused


def test_p4_a_busy_store_is_503_with_retry_after(edge) -> None:
    edge.sink.is_busy = True

    for event in (CLICK, SALE):
        answer = edge.post(event)
        assert answer.status == 503
        assert int(answer.header("retry-after") or "0") > 0


# CORS


def test_the_programs_own_pages_may_send_credentials(edge) -> None:
    answer = edge.post(CLICK)

    assert answer.header("access-control-allow-origin") == SITE_ORIGIN
    assert answer.header("access-control-allow-credentials") == "true"


def test_other_pages_read_without_credentials(edge) -> None:
    edge.directory.change(origins=frozenset())
    answer = edge.post(CLICK)

    assert answer.header("access-control-allow-origin") == "*"
    assert answer.header("access-control-allow-credentials") is None


def test_a_refusal_is_readable_like_any_answer(edge) -> None:
    """A page that sent credentials could not read a problem for everybody and would send the event again for days."""
    own = edge.post(CLICK | {"c": "a b"})
    assert own.status == 422
    assert own.header("access-control-allow-origin") == SITE_ORIGIN
    assert own.header("access-control-allow-credentials") == "true"

    other = edge.request("POST", "/r/e", [("Origin", "https://evil.example")], (b"x",))
    assert other.header("access-control-allow-origin") == "*"
    assert other.header("access-control-allow-credentials") is None


def test_a_preflight_lets_signature_headers_through(edge) -> None:
    own = edge.request("OPTIONS", "/r/e", [("Origin", SITE_ORIGIN), ("Access-Control-Request-Method", "POST")])
    assert own.status == 204
    assert "webhook-signature" in (own.header("access-control-allow-headers") or "")
    assert own.header("access-control-allow-origin") == SITE_ORIGIN
    assert own.header("access-control-allow-credentials") == "true"

    other = edge.request("OPTIONS", "/r/e", [("Origin", "https://evil.example")])
    assert other.header("access-control-allow-origin") == "*"
    assert other.header("access-control-allow-credentials") is None


# Cookie


@pytest.mark.parametrize("site", ["same-origin", "same-site"])
def test_a_same_site_click_sets_the_cookie_on_the_probed_parent(edge, site: str) -> None:
    answer = edge.post(CLICK | {"g": "shop.example"}, [("Sec-Fetch-Site", site), ("Host", "go.shop.example")])

    cookie = answer.header("set-cookie") or ""
    assert cookie.startswith("_mv=1.click_1.ANNA.")
    assert "Domain=shop.example" in cookie
    assert "SameSite=Lax" in cookie
    assert cookie.endswith("Secure")


@pytest.mark.parametrize(
    ("domain", "headers"),
    [
        (None, [("Sec-Fetch-Site", "same-site"), ("Host", "go.shop.example")]),
        ("evil.example", [("Sec-Fetch-Site", "same-site"), ("Host", "go.shop.example")]),
        ("example", [("Sec-Fetch-Site", "same-site"), ("Host", "go.shop.example")]),
        ("shop.example", [("Sec-Fetch-Site", "same-site"), ("Host", "[::1]:8000")]),
        ("shop.example", [("Sec-Fetch-Site", "same-site")]),
    ],
)
def test_a_domain_that_is_no_parent_of_the_host_is_not_honoured(edge, domain: str | None, headers: list) -> None:
    event = CLICK if domain is None else CLICK | {"g": domain}

    assert "Domain" not in (edge.post(event, headers).header("set-cookie") or "Domain")


@pytest.mark.parametrize("site", ["cross-site", "none", None])
def test_no_cookie_unless_same_site(edge, site: str | None) -> None:
    headers = [] if site is None else [("Sec-Fetch-Site", site)]

    assert edge.post(CLICK, headers).header("set-cookie") is None


def test_the_cookie_of_the_snippet_is_renewed_as_it_is(edge) -> None:
    value = "1.new.ANNA.t5x~first.BORIS.t00"
    headers = [("Sec-Fetch-Site", "same-origin"), ("Cookie", f"a=b; _mv={value}; c=d")]

    assert (edge.post(CLICK, headers).header("set-cookie") or "").startswith(f"_mv={value};")
    assert (edge.post(SALE, headers).header("set-cookie") or "").startswith(f"_mv={value};")


def test_a_code_full_of_blanks_makes_no_overlong_cookie(edge) -> None:
    answer = edge.post(CLICK | {"r": "anna" + " " * 60}, [("Sec-Fetch-Site", "same-origin")])

    assert len((answer.header("set-cookie") or "").split(";")[0]) <= 230


def test_a_conversion_makes_no_cookie_of_its_own(edge) -> None:
    assert edge.post(SALE, [("Sec-Fetch-Site", "same-origin")]).header("set-cookie") is None


# HTTP


@pytest.mark.parametrize(
    ("method", "path", "status", "allowed"),
    [
        ("GET", "/r/e", 405, "POST, OPTIONS"),
        ("PUT", "/r/e", 405, "POST, OPTIONS"),
        ("POST", "/r/x.js", 405, "GET, HEAD"),
        ("POST", "/r/to/anna", 405, "GET, HEAD"),
        ("GET", "/r/", 404, None),
        ("GET", "/r/e/", 404, None),
        ("GET", "/r/../etc/passwd", 404, None),
        ("GET", "/r/to/", 404, None),
        ("GET", "/r/to/nobody", 404, None),
        ("GET", "/r/to/anna/x", 404, None),
        ("GET", "/r/to/\x00", 404, None),
        ("BREW", "/r/coffee", 404, None),
    ],
)
def test_wrong_methods_and_addresses_are_problems(
    edge, method: str, path: str, status: int, allowed: str | None
) -> None:
    answer = edge.request(method, path)

    assert (answer.status, answer.header("allow")) == (status, allowed)
    assert answer.header("content-type") == "application/problem+json"
    assert answer.json["request_id"].startswith("req_")


@pytest.mark.parametrize("length", ["65537", "99999999999999999999999", "x", "-1", "1e3", ""])
def test_p40_a_declared_length_beyond_64_kilobytes_is_413_unread(edge, length: str) -> None:
    assert edge.post(b"{}", [("Content-Length", length)]).status == 413


def test_p40_an_undeclared_body_beyond_64_kilobytes_is_413(edge) -> None:
    assert edge.request("POST", "/r/e", [], (b" " * 65_537,)).status == 413
    assert edge.request("POST", "/r/e", [], (b" " * 40_000, b" " * 40_000, b"")).status == 413


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "zstd", "identity, gzip", "x", "GZIP"])
def test_p41_compressed_bodies_are_415(edge, encoding: str) -> None:
    body = gzip.compress(b"0" * 10_000_000)

    assert edge.post(body, [("Content-Encoding", encoding)]).status == 415


def test_identity_is_no_compression(edge) -> None:
    assert edge.post(CLICK, [("Content-Encoding", "Identity")]).status == 200


def test_a_body_in_pieces_is_one_body(edge) -> None:
    body = json.dumps({"k": KEY, **CLICK}).encode()
    chunks = tuple(body[start : start + 7] for start in range(0, len(body), 7))

    assert edge.request("POST", "/r/e", [], (*chunks, b"")).status == 200
    assert len(edge.sink.clicks) == 1


def test_every_answer_forbids_sniffing_and_what_could_be_cached_forbids_caching(edge) -> None:
    for answer in (edge.post(CLICK), edge.post(b"x"), edge.follow()):
        assert answer.header("x-content-type-options") == "nosniff"
    for answer in (edge.post(b"x"), edge.follow()):
        assert answer.header("cache-control") == "no-store"


# Script


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("", None),
        ("identity", None),
        ("gzip", "gzip"),
        ("gzip, deflate, br, zstd", "br"),
        ("gzip;q=1.0, br;q=0", "gzip"),
        ("br; q=0.000", None),
        ("br;q=0.5", "br"),
        ("gzip;q=0.001", "gzip"),
        ("GZIP", "gzip"),
        ("*", None),
        ("brx", None),
    ],
)
def test_the_script_comes_in_the_encoding_asked_for(edge, accepted: str, encoding: Any) -> None:
    answer = edge.request("GET", "/r/x.js", [("Accept-Encoding", accepted)])

    assert (answer.status, answer.header("content-encoding")) == (200, encoding)
    assert answer.body == snippet.script(encoding).body
    assert answer.header("content-length") == str(len(answer.body))
    assert answer.header("vary") == "Accept-Encoding"
    assert answer.header("access-control-allow-origin") == "*"
    assert "max-age=3600" in (answer.header("cache-control") or "")
    assert (answer.header("content-type") or "").startswith("text/javascript")


@pytest.mark.parametrize("spelling", ["{}", "W/{}", '"other", {}', '{} , "other"', "*"])
def test_a_known_version_is_not_sent_again(edge, spelling: str) -> None:
    etag = edge.request("GET", "/r/x.js").header("etag") or ""

    answer = edge.request("GET", "/r/x.js", [("If-None-Match", spelling.format(etag))])

    assert (answer.status, answer.body) == (304, b"")
    assert answer.header("etag") == etag
    assert edge.request("GET", "/r/x.js", [("If-None-Match", '"old"')]).status == 200


def test_head_of_the_script_has_its_length_and_no_body(edge) -> None:
    answer = edge.request("HEAD", "/r/x.js")

    assert (answer.status, answer.body) == (200, b"")
    assert answer.header("content-length") == str(len(snippet.script(None).body))


@pytest.mark.parametrize(
    ("path", "build"),
    [("/r/x.js", "x.js"), ("/r/x.core.js", "x.core.js"), ("/r/x.compat.js", "x.compat.js"), ("/r/x.v1.js", "x.v1.js")],
)
@pytest.mark.parametrize(("encoding", "ending"), [("", ""), ("br", ".br"), ("gzip", ".gz")])
def test_every_build_is_served_in_every_encoding(
    edge, built, path: str, build: str, encoding: str, ending: str
) -> None:
    answer = edge.request("GET", path, [("Accept-Encoding", encoding)])

    assert (answer.status, answer.header("content-encoding")) == (200, encoding or None)
    assert answer.body == built[f"{build}{ending}"]
    assert answer.header("vary") == "Accept-Encoding"
    assert answer.header("access-control-allow-origin") == "*"
    assert answer.header("cross-origin-resource-policy") == "cross-origin"
    assert (answer.header("content-type") or "").startswith("text/javascript")


def test_only_the_frozen_build_is_kept_for_ever(edge, built) -> None:
    kept = {name: edge.request("GET", f"/r/{name}").header("cache-control") for name in get_args(snippet.Build)}

    assert kept.pop("x.v1.js") == "public, max-age=31536000, immutable"
    assert set(kept.values()) == {"public, max-age=3600, stale-while-revalidate=86400"}


def test_the_name_of_the_script_is_a_setting(make_edge, built) -> None:
    renamed = make_edge(script_name="m4t")

    for path in ("/r/m4t.js", "/r/m4t.core.js", "/r/m4t.compat.js", "/r/m4t.v1.js"):
        assert renamed.request("GET", path).status == 200
        assert renamed.request("POST", path).header("allow") == "GET, HEAD"
    for path in ("/r/x.js", "/r/x.v1.js", "/r/m4t", "/r/m4t.v2.js", "/r/.js"):
        assert renamed.request("GET", path).status == 404


def test_a_build_that_is_missing_is_503_with_the_remedy(edge, built, tmp_path) -> None:
    (tmp_path / "x.core.js").unlink()

    answer = edge.request("GET", "/r/x.core.js", [("Origin", SITE_ORIGIN)])

    assert answer.status == 503
    assert "make build" in answer.json["detail"]
    assert str(tmp_path) not in answer.body.decode()


def test_the_prefix_is_a_setting(make_edge) -> None:
    moved = make_edge(prefix="/go-1", cookie_name="_x")

    assert moved.request("GET", "/go-1/x.js").status == 200
    assert moved.request("GET", "/go-1/to/anna").status == 302
    assert moved.request("GET", "/r/x.js").status == 404
