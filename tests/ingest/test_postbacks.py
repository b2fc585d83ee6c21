"""Postbacks at the edge: fields in every form, statuses in every tracker's words, amounts by their currency."""

import json
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from ingest.directory import PostbackOutcome
from ingest.postbacks import TXID_MAX, record_payload
from ingest.rate_limits import RateLimits

KEY = "pb_live_1"
NOW_MS = 1_790_000_000_000
SALE = {"click_id": "abc", "status": "sale", "amount": "19.99", "currency": "EUR", "txid": "A-1"}
FORM = "application/x-www-form-urlencoded"


def call(edge: Any, fields: Any, *, key: str = KEY, headers: Any = (), **options: Any) -> Any:
    query = fields if isinstance(fields, str) else urlencode(fields)
    return edge.request("GET", f"/r/pb/{key}", headers, query=query, **options)


def post(edge: Any, body: bytes, kind: str, *, query: str = "", headers: Any = ()) -> Any:
    return edge.request("POST", f"/r/pb/{KEY}", [("Content-Type", kind), *headers], (body,), query=query)


def as_query(edge: Any, fields: dict[str, Any]) -> Any:
    return call(edge, fields)


def as_form(edge: Any, fields: dict[str, Any]) -> Any:
    return post(edge, urlencode(fields).encode(), FORM)


def as_json(edge: Any, fields: dict[str, Any]) -> Any:
    return post(edge, json.dumps(fields).encode(), "application/json; charset=utf-8")


DOORS = {"query": as_query, "form": as_form, "json": as_json}


@pytest.mark.parametrize("door", DOORS)
def test_a_sale_is_a_verified_report(edge, door: str) -> None:
    answer = DOORS[door](edge, SALE | {"sub1": "mail", "unknown": "x"})

    [report] = edge.sink.reports
    assert (answer.status, answer.json) == (200, {"id": "cnv_1", "status": "received"})
    assert answer.header("cache-control") == "no-store"
    assert (report.kind, report.trust, report.source, report.livemode) == ("sale", "verified", "postback", True)
    assert (report.external_id, report.click_id, report.refund_of) == ("A-1", "abc", None)
    assert (report.amount, report.currency, report.subs) == (1999, "EUR", {"sub1": "mail"})
    assert (report.occurred_at_ms, report.received_at_ms, report.address) == (NOW_MS, NOW_MS, None)


def test_the_other_names_of_the_fields_are_known(edge) -> None:
    call(edge, {"subid": "clk_abc", "status": "sale", "payout": "5", "tid": "T"})

    [report] = edge.sink.reports
    assert (report.click_id, report.external_id, report.amount, report.currency) == ("clk_abc", "T", 500, "EUR")


def test_without_a_transaction_the_click_is_the_number(edge) -> None:
    call(edge, {"click_id": "clk_abc", "status": "lead"})
    call(edge, {"click_id": "abc", "status": "lead"})

    one, other = edge.sink.reports
    assert (one.external_id, one.kind, one.amount, one.currency) == ("abc", "lead", None, None)
    assert one.request_digest == other.request_digest


def test_p09_the_same_click_transaction_and_status_are_the_same_report(edge) -> None:
    for changes in ({}, {"amount": "20"}, {"click_id": "clk_abc"}, {"status": "SALE"}, {"sub1": "x"}):
        call(edge, SALE | changes)
    for changes in ({"click_id": "abd"}, {"status": "lead"}, {"txid": "A-2"}):
        call(edge, SALE | changes)

    digests = [report.request_digest for report in edge.sink.reports]
    assert len(set(digests[:5])) == 1
    assert len(set(digests)) == 4


@pytest.mark.parametrize(
    ("word", "mapping", "kind"),
    [
        ("lead", {}, "lead"),
        ("Sale", {}, "sale"),
        ("rejected", {}, "refund"),
        ("refund", {}, "refund"),
        ("hold", {"lead_status": "hold,new"}, "lead"),
        ("NEW", {"lead_status": "hold, new"}, "lead"),
        ("approved", {"sale_status": "approved", "lead_status": "hold"}, "sale"),
        ("trash", {"rejected_status": "trash"}, "refund"),
        ("chargeback", {"refund_status": "chargeback"}, "refund"),
        ("lead", {"sale_status": "lead"}, "sale"),
    ],
)
def test_words_of_other_trackers_are_mapped(edge, word: str, mapping: dict[str, str], kind: str) -> None:
    assert call(edge, SALE | mapping | {"status": word}).status == 200
    assert edge.sink.reports[0].kind == kind


def test_what_takes_back_names_its_sale_and_is_one_report_a_status(edge) -> None:
    call(edge, SALE | {"status": "rejected"})
    call(edge, SALE | {"status": "refund", "amount": "5"})
    call(edge, {"txid": "A-1", "status": "refund"})

    rejected, part, whole = edge.sink.reports
    # Trackers send the payout with every status; a rejected transaction loses everything.
    assert (rejected.refund_of, rejected.external_id, rejected.amount) == ("A-1", "A-1:rejected", None)
    assert (part.refund_of, part.external_id, part.amount, part.currency) == ("A-1", "A-1:refund", 500, "EUR")
    assert (whole.amount, whole.currency) == (None, None)


@pytest.mark.parametrize(
    ("currency", "text", "minor"),
    [
        ("EUR", "0", 0),
        ("eur", "1", 100),
        ("EUR", "19.9", 1990),
        ("EUR", "19.9900", 1999),
        ("JPY", "1999", 1999),
        ("JPY", "1999.00", 1999),
        ("KWD", "1.234", 1234),
        ("EUR", "100000000000", 10**13),
    ],
)
@pytest.mark.parametrize("door", DOORS)
def test_amounts_are_decimals_of_their_currency(edge, door: str, currency: str, text: str, minor: int) -> None:
    assert DOORS[door](edge, SALE | {"currency": currency, "amount": text}).status == 200
    assert edge.sink.reports[0].amount == minor


@pytest.mark.parametrize(("number", "minor"), [(5, 500), (19.99, 1999), (0.1, 10)])
def test_json_numbers_are_read_as_the_text_they_were_sent_as(edge, number: float, minor: int) -> None:
    assert as_json(edge, SALE | {"amount": number}).status == 200
    assert edge.sink.reports[0].amount == minor


# Changed fields, the field that is named.
WRONG: dict[str, tuple[dict[str, str], str]] = {
    "no-status": ({"status": ""}, "status"),
    "unknown-status": ({"status": "maybe"}, "status"),
    "no-click": ({"click_id": ""}, "click_id"),
    "bad-click": ({"click_id": "a b"}, "click_id"),
    "long-click": ({"click_id": "x" * 65}, "click_id"),
    "bad-subid": ({"click_id": "", "subid": "<script>"}, "subid"),
    "long-txid": ({"txid": "t" * (TXID_MAX + 1)}, "txid"),
    "long-value": ({"txid": "t" * 256}, "txid"),
    "no-amount": ({"amount": ""}, "amount"),
    "negative": ({"amount": "-1"}, "amount"),
    "exponent": ({"amount": "1e3"}, "amount"),
    "not-a-number": ({"amount": "NaN"}, "amount"),
    "infinite": ({"amount": "inf"}, "amount"),
    "full-width": ({"amount": "１９"}, "amount"),
    "comma": ({"amount": "19,99"}, "amount"),
    "underscore": ({"amount": "1_000"}, "amount"),
    "too-exact": ({"amount": "0.001"}, "amount"),
    "too-exact-for-yen": ({"amount": "1.5", "currency": "JPY"}, "amount"),
    "too-large": ({"amount": "100000000000.01"}, "amount"),
    "endless": ({"amount": "9" * 250}, "amount"),
    "bad-payout": ({"amount": "", "payout": "x"}, "payout"),
    "unknown-currency": ({"currency": "XXX"}, "currency"),
    "no-currency": ({"currency": "€"}, "currency"),
    "nul": ({"txid": "a\0b"}, "txid"),
}


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("door", DOORS)
def test_p22_wrong_values_are_refused_by_name_and_kept(edge, door: str, case: str) -> None:
    changes, field = WRONG[case]
    answer = DOORS[door](edge, SALE | changes)

    assert answer.status == 422
    assert answer.wrong_fields == [field]
    assert edge.sink.reports == []
    [refused] = edge.sink.refused
    assert (refused["source"], refused["program_id"], refused["code"]) == ("postback", "prg_1", "invalid_request")
    assert b"status" in refused["payload"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 422),
        (b'"x"', 422),
        (b"\xff\xfe{\x00}\x00", 400),
        (b'{"status": "sale", "status": "lead"}', 422),
        (b'{"status": {"a": 1}}', 422),
        (b'{"status": true}', 422),
        (b'{"status": "\\ud800"}', 422),
        (b'{"status": "sale", "amount": 1e400}', 422),
        (b'{"status": "sale", "amount": NaN}', 422),
        (b"[" * 100_000, 422),
        (json.dumps({f"f{number}": 1 for number in range(101)}).encode(), 422),
    ],
    ids=["cut", "list", "text", "utf-16", "twice", "nested", "flag", "surrogate", "infinite", "nan", "deep", "many"],
)
def test_p43_json_is_read_strictly(edge, body: bytes, status: int) -> None:
    if len(body) > 64 * 1024:
        status = 413
    assert post(edge, body, "application/json").status == status
    assert edge.sink.reports == []


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("status=%ff", 400),
        ("status=sale&status=lead", 422),
        ("&".join(f"f{number}=1" for number in range(101)), 422),
        ("status=sale&x=" + "y" * 9000, 414),
        ("", 422),
        ("%00=%00&&==&", 422),
    ],
    ids=["latin-1", "twice", "many", "long", "empty", "odd"],
)
def test_p40_p43_queries_are_read_strictly(edge, query: str, status: int) -> None:
    assert call(edge, query).status == status
    assert edge.sink.reports == []
    assert len(edge.sink.refused) == 1


def test_p43_texts_are_kept_in_nfc(edge) -> None:
    call(edge, "click_id=abc&status=lead&txid=" + quote("e\u0301"))

    assert edge.sink.reports[0].external_id == "é"


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "zstd", "x"])
def test_p41_compressed_bodies_are_415(edge, encoding: str) -> None:
    assert post(edge, b"x" * 10, FORM, headers=[("Content-Encoding", encoding)]).status == 415


@pytest.mark.parametrize(("kind", "status"), [("text/plain", 415), ("multipart/form-data", 415), ("", 200)])
def test_a_body_says_what_it_is(edge, kind: str, status: int) -> None:
    assert post(edge, urlencode(SALE).encode(), kind).status == status


def test_the_query_may_carry_the_mapping_of_a_body(edge) -> None:
    body = json.dumps(SALE | {"status": "approved"}).encode()

    assert post(edge, body, "application/json", query="sale_status=approved").status == 200
    assert edge.sink.reports[0].kind == "sale"


def test_what_came_in_query_and_body_is_kept_as_one(edge, run) -> None:
    """A person corrects one thing, and it goes the same way again."""
    body = json.dumps(SALE | {"status": "approved", "amount": "x"}).encode()
    post(edge, body, "application/json", query="sale_status=approved")
    kept = edge.sink.refused[0]["payload"].replace(b'"x"', b'"7"')
    setup = edge.app._setup

    outcome = run(record_payload(setup, edge.directory.postback(KEY), kept, now_ms=NOW_MS - 5))

    [report] = edge.sink.reports
    assert outcome.conversion_id == "cnv_1"
    assert (report.kind, report.amount, report.received_at_ms) == ("sale", 700, NOW_MS - 5)


@pytest.mark.parametrize("key", ["", "pb_live_2", "pk_live_1", "a/b", "%00"])
def test_an_unknown_key_is_404_and_nothing_is_kept(edge, key: str) -> None:
    answer = call(edge, SALE, key=key)

    assert (answer.status, answer.json["code"]) == (404, "not_found")
    assert edge.sink.reports == edge.sink.refused == []


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "OPTIONS"])
def test_other_methods_are_405(edge, method: str) -> None:
    assert edge.request(method, f"/r/pb/{KEY}").status == 405


def test_another_amount_for_the_same_is_kept_and_the_first_one_answered(edge) -> None:
    edge.sink.postback_outcome = PostbackOutcome(conversion_id="cnv_7", is_changed=True)
    answer = call(edge, SALE)

    assert (answer.status, answer.json["id"]) == (200, "cnv_7")
    assert [event["code"] for event in edge.sink.refused] == ["changed"]


def test_p23_a_taken_number_is_409_and_kept(edge) -> None:
    edge.sink.postback_outcome = PostbackOutcome(conversion_id="cnv_7", is_conflict=True)
    answer = call(edge, SALE)

    assert (answer.status, answer.wrong_fields) == (409, ["txid"])
    assert [event["code"] for event in edge.sink.refused] == ["conflict"]


def test_p4_a_busy_store_is_503(edge) -> None:
    edge.sink.is_busy = True
    answer = call(edge, SALE)

    assert (answer.status, answer.header("retry-after")) == (503, "2")


def test_a_key_that_floods_waits(make_edge) -> None:
    edge = make_edge(limits=RateLimits(clicks_per_minute=1, reports_per_minute=1, calls_per_minute=2))

    answers = [call(edge, SALE) for _ in range(3)]

    assert [answer.status for answer in answers] == [200, 200, 429]
    assert 0 < int(answers[2].header("retry-after")) <= 30
    assert edge.sink.refused == []
