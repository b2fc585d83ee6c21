"""What shops' servers report: limits, refusals that are kept, retries, test mode."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, func, select

from tracker.clicks.tables import agents
from tracker.conversions import store
from tracker.conversions.tables import conversions
from tracker.quarantine.store import PAGE_MAX, list_events
from tracker.quarantine.tables import quarantined_events
from tracker.quarantine.types import QuarantinedEvent

# Field of a sale, values at the limit, values beyond it with the field that is named.
TEXTS = {"click_id": 64, "visitor_id": 64, "promo_code": 64, "partner_code": 64, "lead_id": 128, "external_id": 128}
FIELDS: dict[str, tuple[list[Any], list[Any]]] = {
    **{name: (["x", "x" * longest], ["", "x" * (longest + 1), 7, True, ["x"]]) for name, longest in TEXTS.items()},
    "amount": ([0, 10**13], [-1, 10**13 + 1, "100", 0.001, True, None]),
    "currency": (["EUR", "JPY", "KWD"], ["eur", "EU", "EURO", "XXX", "XTS", "EUR\n", 978]),
    "discount": ([0, 10**13], [-1, 1.5, "1"]),
    "tax": ([0, 10_000], [-1, 10_001, "1"]),
    "shipping": ([0, 10_000], [-1, "1"]),
    "occurred_at": (
        ["2026-03-05T09:30:00Z", "2026-03-05T09:30:00.123+02:00", "2000-01-01T00:00:00Z"],
        [
            "yesterday",
            "2026-03-05",
            "2026-03-05T09:30:00",
            "2026-13-05T09:30:00Z",
            "1999-12-31T23:59:59Z",
            "0001-01-01T00:00:00+14:00",
            "9999-12-31T23:59:59-14:00",
            "２０２６-03-05T09:30:00Z",
            1_790_000_000,
            "x" * 41,
            "",
        ],
    ),
    "ip": (
        ["203.0.113.7", "2001:db8::1", "::ffff:1.2.3.4"],
        ["203.0.113", "fe80::1%eth0", "localhost", "1.2.3.4:80", "x" * 46, "", 1],
    ),
    "user_agent": (["", "u" * 4096], ["u" * 4097, 1]),
    **{f"sub{number}": (["", "s" * 255], ["s" * 256, 1]) for number in range(1, 6)},
    "metadata": (
        [{}, {f"k{number}": number for number in range(50)}, {"a": "x" * 9_990}, {"big": 10**25}],
        [{f"k{number}": number for number in range(51)}, {"a": "x" * 9_995}, [], "x"],
    ),
    "customer": (
        [
            {},
            {"external_id": "c" * 128, "email": "e" * 242 + "@example.com", "phone": "1" * 40, "name": "n" * 200},
            {"country": "DE", "is_new": True},
        ],
        [],
    ),
    "items": ([[], [{"sku": "s" * 128, "category": "c" * 128, "quantity": 10**9, "amount": 10**13}] * 200], [[{}] * 201, {}, "x"]),  # noqa: E501
}  # fmt: skip
NESTED: dict[str, list[Any]] = {
    "customer.external_id": ["", "x" * 129, 5],
    "customer.email": ["x" * 255, 5],
    "customer.phone": ["1" * 41],
    "customer.name": ["n" * 201],
    "customer.country": ["de", "DEU", "DE\n", ""],
    "customer.is_new": ["yes", 1],
    "customer.role": ["admin"],
    "items[1].sku": ["x" * 129],
    "items[1].quantity": [-1, 1.5, 10**9 + 1],
    "items[1].amount": [-1, 10**13 + 1],
    "items[1].price": [1],
}


def body_of(nested: str, value: Any) -> dict[str, Any]:
    outer, inner = nested.rsplit(".", 1)
    return {"customer": {inner: value}} if outer == "customer" else {"items": [{"sku": "a"}, {inner: value}]}


def refused(world: Any, external_id: str | None = None) -> list[QuarantinedEvent]:
    found = world.read(list_events)
    return [event for event in found if external_id is None or external_id.encode() in event.payload]


def is_stored(world: Any, external_id: str) -> bool:
    query = select(func.count()).where(conversions.c.external_id == external_id)
    return bool(world.read(lambda conn: conn.execute(query).scalar_one()))


@pytest.mark.parametrize("field", FIELDS)
def test_each_field_is_taken_at_its_limit(shared_world, field: str) -> None:
    for value in FIELDS[field][0]:
        body = shared_world.sale(**{field: value})
        if field == "external_id":
            body["external_id"] = (shared_world.number("") + "x" * 128)[: len(value) if len(value) > 1 else 20]
        answer = shared_world.track("sale", body, wait=False)
        assert answer.status_code == 202, (value, answer.text)


@pytest.mark.parametrize("field", FIELDS)
def test_p22_each_field_beyond_its_limit_is_refused_by_name_and_kept(shared_world, field: str) -> None:
    for value in FIELDS[field][1]:
        body = shared_world.sale() | {field: value}
        before = len(refused(shared_world))
        answer = shared_world.track("sale", body, wait=False)

        assert answer.status_code == 422, (value, answer.text)
        assert [error["field"] for error in answer.json()["errors"]] == [field], (value, answer.text)
        assert len(refused(shared_world)) == min(before + 1, PAGE_MAX)
        assert not is_stored(shared_world, str(body["external_id"]) or "?")


@pytest.mark.parametrize("field", NESTED)
def test_each_nested_field_is_refused_by_its_path(shared_world, field: str) -> None:
    for value in NESTED[field]:
        answer = shared_world.track("sale", shared_world.sale(**body_of(field, value)), wait=False)

        assert answer.status_code == 422, (value, answer.text)
        assert [error["field"] for error in answer.json()["errors"]] == [field]


AMOUNTS = {
    "NaN": "NaN",
    "Infinity": "Infinity",
    "minus Infinity": "-Infinity",
    "1e400": "1e400",
    "minus one": "-1",
    "2^63": str(2**63),
    "2^64": str(2**64),
    "5000 digits": "9" * 5000,
    "text 1e3": '"1e3"',
    "number 1e3": "1e3",
    "text": '"100"',
    "full-width": '"１００"',
    "fraction": "0.001",
    "whole float": "100.0",
    "bool": "true",
    "above the most": str(10**13 + 1),
    "list": "[1]",
    "null": "null",
}


@pytest.mark.parametrize("kind", ["sale", "lead", "refund"])
def test_p22_wrong_amounts_name_the_field_are_kept_and_make_no_row(shared_world, kind: str) -> None:
    for name, amount in AMOUNTS.items():
        if (kind, name) == ("lead", "null"):
            continue  # a lead needs no amount
        external_id = shared_world.number("wrong")
        more = ',"refund_of":"x"' if kind == "refund" else ""
        body = f'{{"external_id":"{external_id}","amount":{amount},"currency":"EUR"{more}}}'.encode()
        answer = shared_world.track(kind, body)

        assert answer.status_code == 422, (name, answer.text)
        assert [error["field"] for error in answer.json()["errors"]] == ["amount"], (name, answer.text)
        [event] = refused(shared_world, external_id)
        assert (event.payload, event.source, event.livemode) == (body, f"track_{kind}", True)
        assert event.cause
        assert not is_stored(shared_world, external_id)


@pytest.mark.parametrize("kind", ["sale", "lead", "refund"])
def test_p22_an_unknown_currency_is_kept_too(shared_world, kind: str) -> None:
    body = shared_world.sale(currency="ABC") | ({"refund_of": "x"} if kind == "refund" else {})
    answer = shared_world.track(kind, body)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "currency"
    assert len(refused(shared_world, body["external_id"])) == 1
    assert not is_stored(shared_world, body["external_id"])


def test_an_amount_needs_a_currency_and_a_sale_an_amount(shared_world) -> None:
    for body, field in (({"amount": 1}, "currency"), ({"currency": "EUR"}, "amount"), ({}, "amount")):
        answer = shared_world.track("sale", {"external_id": shared_world.number("x"), **body})
        assert answer.json()["errors"][0]["field"] == field

    answer = shared_world.track("lead", {"external_id": shared_world.number("x")})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"x"',
        b"{",
        b"\xff",
        b'{"external_id":"a","external_id":"b"}',
        b'{"external_id":"\\ud800","amount":1,"currency":"EUR"}',
        b'{"external_id":"\\u0000","amount":1,"currency":"EUR"}',
        b'{"external_id":"a","metadata":' + b"[" * 50 + b"]" * 50 + b"}",
        b"[" * 100_000,
        '{"external_id":"a"}'.encode("utf-16"),
    ],
)
def test_p43_bodies_that_are_no_report_are_4xx_and_kept(shared_world, body: bytes) -> None:
    before = len(refused(shared_world, None))
    answer = shared_world.track("sale", body)

    assert 400 <= answer.status_code < 500
    assert answer.json()["detail"]
    assert len(refused(shared_world)) == min(before + 1, PAGE_MAX)


def test_p43_texts_are_stored_in_nfc_with_everything_a_person_may_type(shared_world) -> None:
    name = "E\u0301va \u202eevil\u202c 👩‍👩‍👧 <b>'\"; DROP TABLE"
    body = shared_world.sale(customer={"external_id": shared_world.number("cus"), "name": name})
    found = shared_world.track("sale", body).json()

    customer = shared_world.read(lambda conn: store.get_customer(conn, found["customer_id"]))
    assert customer.name == name.replace("E\u0301", "É")


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate"])
def test_p41_compressed_bodies_are_415(shared_world, encoding: str) -> None:
    assert shared_world.track("sale", b"x", headers={"Content-Encoding": encoding}).status_code == 415


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_only_json_is_taken(shared_world, kind: str) -> None:
    answer = shared_world.track("sale", json.dumps(shared_world.sale()).encode(), headers={"Content-Type": kind})

    assert answer.status_code == 415


def test_p40_a_body_beyond_a_megabyte_is_413(shared_world) -> None:
    body = json.dumps(shared_world.sale()).encode()

    assert shared_world.track("sale", body + b" " * (1024 * 1024 - len(body))).status_code == 200
    answer = shared_world.track("sale", body + b" " * 1024 * 1024)
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"

    async def pieces() -> Any:
        for _ in range(40):
            yield b" " * 65_536

    headers = {"Authorization": f"Bearer {shared_world.keys['secret', True]}", "Content-Type": "application/json"}
    answer = shared_world.request("POST", "/v1/track/sale", content=pieces(), headers=headers)
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "field",
    ["role", "program_id", "partner_id", "status", "balance", "verified", "created_at", "trust", "livemode", "id"],
)
def test_p32_fields_nobody_may_set_are_refused(shared_world, field: str) -> None:
    for kind, more in (("sale", {}), ("lead", {}), ("refund", {"refund_of": "x"})):
        answer = shared_world.track(kind, shared_world.sale() | more | {field: "x"})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == field
    answer = shared_world.api("POST", "/v1/test/clock", test=True, json={"advance_seconds": 1, field: "x"})
    assert answer.json()["errors"][0]["field"] == field


# Retries


def test_p9_the_same_report_again_answers_200_with_the_first_result(shared_world) -> None:
    body = shared_world.sale(customer={"external_id": "c", "email": None})
    first = shared_world.track("sale", body, wait=False)
    assert first.status_code == 202
    assert first.json()["status"] == "received"
    assert first.json()["livemode"] is True
    assert first.json()["links"]["self"].endswith(first.json()["id"])

    again = shared_world.track("sale", dict(reversed(body.items())) | {"promo_code": None}, wait=False)
    assert again.status_code == 200
    assert again.json()["id"] == first.json()["id"]
    assert shared_world.track("sale", body).json()["commissions"] == []


@pytest.mark.parametrize(
    "change", [{"amount": 10_001}, {"currency": "USD"}, {"promo_code": "X"}, {"customer": {}}, {"tax": 1}]
)
def test_p23_the_same_number_with_another_body_is_409_and_kept(shared_world, change: dict) -> None:
    body = shared_world.sale()
    first = shared_world.track("sale", body).json()

    answer = shared_world.track("sale", body | change)

    assert answer.status_code == 409
    assert answer.json()["errors"][0]["field"] == "external_id"
    assert [event.code for event in refused(shared_world, body["external_id"])] == ["conflict"]
    assert shared_world.api("GET", f"/v1/conversions/{first['id']}").json() == first


def test_numbers_are_apart_by_kind_and_mode(shared_world) -> None:
    body = shared_world.sale()
    ids = {
        shared_world.track("sale", body).json()["id"],
        shared_world.track("lead", body).json()["id"],
        shared_world.track("sale", body, test=True).json()["id"],
        shared_world.track("sale", body | {"external_id": body["external_id"].upper()}).json()["id"],
    }

    assert len(ids) == 4


def test_p9_many_at_once_are_one(world) -> None:
    body = world.sale(click_id=world.click())
    headers = {"Authorization": f"Bearer {world.keys['secret', True]}", "Idempotency-Key": "k1"}

    async def all_at_once() -> list[Any]:
        return await asyncio.gather(
            *(world.http.post("/v1/track/sale?wait=true", json=body, headers=headers) for _ in range(8))
        )

    answers = world.run(all_at_once())

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(world.api("GET", "/v1/commissions").json()["data"]) == 1


def test_an_idempotency_key_gives_the_stored_answer(shared_world) -> None:
    body, headers = shared_world.sale(), {"Idempotency-Key": shared_world.number("key")}
    first = shared_world.track("sale", body, wait=False, headers=headers)
    assert "idempotent-replayed" not in first.headers

    again = shared_world.track("sale", body, wait=False, headers=headers)

    assert (again.status_code, again.content) == (202, first.content)
    assert again.headers["idempotent-replayed"] == "true"


def test_an_idempotency_key_for_another_request_is_409(shared_world) -> None:
    headers = {"Idempotency-Key": shared_world.number("key")}
    assert shared_world.track("sale", shared_world.sale(), headers=headers).status_code == 200

    for kind in ("sale", "lead"):
        other = shared_world.sale()
        answer = shared_world.track(kind, other, headers=headers)
        assert answer.status_code == 409
        assert answer.json()["code"] == "idempotency_conflict"
        assert not is_stored(shared_world, other["external_id"])


def test_idempotency_keys_of_modes_never_meet(shared_world) -> None:
    headers = {"Idempotency-Key": shared_world.number("key")}
    live = shared_world.track("sale", shared_world.sale(), headers=headers)
    test = shared_world.track("sale", shared_world.sale(), headers=headers, test=True)

    assert (live.status_code, test.status_code) == (200, 200)


def test_a_refused_request_does_not_use_its_key_up(shared_world) -> None:
    headers = {"Idempotency-Key": shared_world.number("key")}
    body = shared_world.sale()

    assert shared_world.track("sale", body | {"amount": -1}, headers=headers).status_code == 422
    assert shared_world.track("sale", body, headers=headers).status_code == 200


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", "ключ".encode()])
def test_an_idempotency_key_has_limits(shared_world, key: Any) -> None:
    answer = shared_world.track("sale", shared_world.sale(), headers={"Idempotency-Key": key})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "Idempotency-Key"


def test_the_test_clock_honours_the_idempotency_key(shared_world) -> None:
    headers = {"Idempotency-Key": shared_world.number("key")}
    first, again = (
        shared_world.api("POST", "/v1/test/clock", test=True, json={"advance_seconds": 60}, headers=headers)
        for _ in range(2)
    )

    assert first.json() == again.json()
    assert again.headers["idempotent-replayed"] == "true"


# Time


def iso(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def test_what_happens_more_than_five_minutes_ahead_is_refused(shared_world) -> None:
    now = datetime.now(UTC)
    near, far = iso(now + timedelta(minutes=4)), iso(now + timedelta(minutes=6))

    assert shared_world.track("sale", shared_world.sale(occurred_at=near)).status_code == 200
    answer = shared_world.track("sale", shared_world.sale(occurred_at=far))
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "occurred_at"


def test_a_hold_counts_from_when_it_happened(shared_world) -> None:
    old = iso(datetime.now(UTC) - timedelta(days=40))
    sold = shared_world.track("sale", shared_world.sale(occurred_at=old, promo_code="ANNA")).json()

    assert [(line["amount"], line["status"]) for line in sold["commissions"]] == [(2000, "payable")]


def test_a_sale_from_before_the_program_is_judged_by_its_first_terms(shared_world) -> None:
    sold = shared_world.track("sale", shared_world.sale(occurred_at="2000-01-01T00:00:00Z", promo_code="ANNA")).json()

    assert [(line["amount"], line["status"]) for line in sold["commissions"]] == [(2000, "payable")]
    assert sold["occurred_at"] == "2000-01-01T00:00:00.000Z"


def test_the_test_clock_lives_through_a_hold(world) -> None:
    click = world.click(test=True)
    sold = world.track("sale", world.sale(click_id=click), test=True).json()
    assert sold["livemode"] is False
    assert [line["status"] for line in sold["commissions"]] == ["pending"]

    for seconds in (86_400 * 29, 86_400 * 2):
        assert world.api("POST", "/v1/test/clock", test=True, json={"advance_seconds": seconds}).status_code == 200
    later = world.api("GET", f"/v1/conversions/{sold['id']}", test=True).json()

    assert [line["status"] for line in later["commissions"]] == ["payable"]
    assert world.api("GET", "/v1/commissions?filter[status]=payable", test=True).json()["data"]
    assert not world.api("GET", "/v1/commissions?filter[status]=payable").json()["data"]


def test_after_the_test_clock_moved_the_worker_still_decides_at_once(world) -> None:
    """Jobs once waited for the real clock to reach the test program's: for weeks."""
    world.api("POST", "/v1/test/clock", test=True, json={"advance_seconds": 86_400 * 60})
    sent = world.track("sale", world.sale(promo_code="ANNA"), test=True, wait=False).json()

    assert eventually(world, lambda: status_of(world, sent["id"], test=True) == "accepted")


def status_of(world: Any, conversion_id: str, *, test: bool = False) -> str:
    return world.api("GET", f"/v1/conversions/{conversion_id}", test=test).json()["status"]


def eventually(world: Any, claim: Callable[[], bool]) -> bool:
    for _ in range(60):
        if claim():
            return True
        world.run(asyncio.sleep(0.05))
    return False


@pytest.mark.parametrize("seconds", [0, -1, 1.5, "60", True, None, 10**12])
def test_the_test_clock_moves_forward_by_whole_seconds(shared_world, seconds: Any) -> None:
    answer = shared_world.api("POST", "/v1/test/clock", test=True, json={"advance_seconds": seconds})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "advance_seconds"


def test_a_live_key_moves_no_clock(shared_world) -> None:
    assert shared_world.api("POST", "/v1/test/clock", json={"advance_seconds": 1}).status_code == 403


def test_modes_never_see_each_other(world) -> None:
    live, test = world.click(), world.click(test=True)
    crossed = world.track("sale", world.sale(click_id=live), test=True).json()
    assert crossed["commissions"] == []
    sold = world.track("sale", world.sale(click_id=test), test=True).json()
    assert len(sold["commissions"]) == 1
    world.track("sale", world.sale(click_id=live))

    for path in ("/v1/conversions", "/v1/commissions", "/v1/clicks"):
        for is_test in (False, True):
            shown = world.api("GET", path, test=is_test).json()["data"]
            assert shown
            assert {one["livemode"] for one in shown} == {not is_test}
            for one in shown:
                assert world.api("GET", f"{path}/{one['id']}", test=is_test).status_code == 200
                assert world.api("GET", f"{path}/{one['id']}", test=not is_test).status_code == 404


def test_without_waiting_the_worker_decides(world) -> None:
    sent = world.track("sale", world.sale(promo_code="ANNA"), wait=False).json()

    assert sent["status"] == "received"
    assert eventually(world, lambda: status_of(world, sent["id"]) == "accepted")


def test_a_program_without_sites_takes_reports(unseeded_world) -> None:
    world = unseeded_world
    world.seed(sites=())

    sold = world.track("sale", world.sale())

    assert (sold.status_code, sold.json()["status"]) == (200, "unattributed")
    answer = world.browser({"t": "click", "c": "a", "r": "ANNA"})
    assert answer.headers["x-molva-drop"] == "unknown_code"


def test_the_buyers_address_and_agent_are_kept_only_as_keys(world) -> None:
    world.track("sale", world.sale(ip="203.0.113.77", user_agent="Mozilla/5.0 (X11) Gecko/20100101 Firefox/140.0"))

    def rows(conn: Connection) -> Any:
        return conn.execute(select(conversions)).one(), conn.execute(select(agents.c.browser)).scalars().all()

    row, browsers = world.read(rows)
    assert row.masked_ip == "203.0.113.x"
    assert "203.0.113.77" not in json.dumps(row.report)
    assert browsers == ["Firefox 140"]


def test_p13_a_flood_at_the_public_door_leaves_room_for_the_server(world, monkeypatch) -> None:
    monkeypatch.setattr("tracker.quarantine.store.EVENTS_MAX", 3)
    for _ in range(5):
        world.browser({"t": "sale", "c": "a"})
    world.track("sale", world.sale(amount=-1))

    query = select(quarantined_events.c.source, func.count()).group_by(quarantined_events.c.source)
    assert dict(world.read(lambda conn: [tuple(row) for row in conn.execute(query)])) == {
        "browser_event": 3,
        "track_sale": 1,
    }


def test_p13_every_refused_report_is_in_the_list(world) -> None:
    bodies = [world.sale(amount=-number) for number in range(1, 40)]
    for body in bodies:
        world.track("sale", body)

    kept = {json.loads(event.payload)["external_id"] for event in refused(world)}
    assert kept == {body["external_id"] for body in bodies}
    assert all(event.cause.startswith("amount: ") for event in refused(world))


def test_codes_of_nobody_and_odd_spellings_are_taken(shared_world) -> None:
    for promo, partner in (("ANNA", "nobody"), ("nobody", " anna "), ("%", "_"), ("'", "\\"), ("ANNA", "ANNA")):
        answer = shared_world.track("sale", shared_world.sale(promo_code=promo, partner_code=partner))
        assert answer.status_code == 200
        assert bool(answer.json()["commissions"]) is ("ANNA" in f"{promo} {partner}".upper())
