"""Taking refused events again: by the very door, with the instant of receipt they had."""

import json
from typing import Any

import pytest

from ingest.signatures import sign
from tracker.audit import store as audit
from tracker.clicks import store as clicks
from tracker.clicks.types import ClickFilter
from tracker.conversions import store as conversions
from tracker.keys.make import signing_bytes
from tracker.ledger.verify import verify_ledger
from tracker.quarantine import store
from tracker.quarantine.types import EventFilter, QuarantinedEvent
from tracker.replay import EventJudgedError, EventNotFoundError, Replay, discard_event, replay_event


def refused(world: Any, **wanted: Any) -> QuarantinedEvent:
    """The one refused event that waits."""
    [event] = world.read(lambda conn: store.list_events(conn, EventFilter(verdict="quarantined", **wanted)))
    return event


def replay(world: Any, event: QuarantinedEvent, corrected: bytes | None = None) -> Replay:
    return world.run(replay_event(world.services, event.event_id, actor="user:usr_1", corrected=corrected))


def again(world: Any, event: QuarantinedEvent) -> QuarantinedEvent:
    found = world.read(lambda conn: store.get_event(conn, event.event_id))
    assert found is not None
    return found


def audited(world: Any, event: QuarantinedEvent) -> list[str]:
    return [entry.action for entry in world.read(lambda conn: audit.list_entries(conn, object_id=event.event_id))]


def later(world: Any, monkeypatch: pytest.MonkeyPatch, seconds: int = 3600) -> None:
    now_ms = world.services.now_ms() + seconds * 1000
    monkeypatch.setattr(world.services, "now_ms", lambda: now_ms)


def test_a_corrected_sale_is_a_normal_conversion_of_its_own_instant(world, monkeypatch) -> None:
    click_id = world.click()
    body = world.sale(amount="100.00", click_id=click_id)
    assert world.track("sale", body).status_code == 422
    event = refused(world)
    later(world, monkeypatch)

    taken = replay(world, event, json.dumps(body | {"amount": 10_000}).encode())

    assert (taken.verdict, event.verdict) == ("accepted", "quarantined")
    sale = world.api("GET", f"/v1/conversions/{taken.result_id}").json()
    assert (sale["external_id"], sale["amount"], sale["trust"]) == (body["external_id"], 10_000, "verified")
    row = world.read(lambda conn: conversions.get_conversion(conn, taken.result_id))
    assert row.received_at_ms == row.occurred_at_ms == event.received_at_ms
    kept = again(world, event)
    assert (kept.verdict, kept.judged_by, kept.result_id) == ("accepted", "user:usr_1", taken.result_id)
    assert kept.payload == event.payload
    assert json.loads(kept.corrected)["amount"] == 10_000
    assert audited(world, event) == ["event.replayed"]
    assert world.run(verify_ledger(world.services.db)).ok


def test_a_replayed_sale_earns_as_one_that_was_right_at_once(world) -> None:
    click_id = world.click()
    right = world.track("sale", world.sale(click_id=click_id)).json()
    wrong = world.sale(click_id=click_id, amont=1)
    world.track("sale", wrong)
    del wrong["amont"]

    taken = replay(world, refused(world), json.dumps(wrong).encode())
    world.track("sale", wrong)  # The same report again decides and shows what the replay stored.

    shown = world.api("GET", f"/v1/conversions/{taken.result_id}").json()
    assert [each["amount"] for each in shown["commissions"]] == [each["amount"] for each in right["commissions"]]
    assert shown["attribution"]["winner"] == right["attribution"]["winner"]


def test_a_lead_and_a_refund_are_taken_by_their_own_doors(world) -> None:
    sale = world.sale()
    world.track("sale", sale)
    wrong = {"external_id": "r-1", "refund_of": sale["external_id"], "amount": 99_999, "currency": "EUR"}
    world.track("refund", wrong)
    event = refused(world, source="track_refund")
    taken = replay(world, event, json.dumps(wrong | {"amount": 4000}).encode())
    row = world.read(lambda conn: conversions.get_conversion(conn, taken.result_id))
    assert (row.kind, row.amount_minor) == ("refund", 4000)

    world.track("lead", {"external_id": ""})
    taken = replay(world, refused(world), b'{"external_id": "l-1"}')
    row = world.read(lambda conn: conversions.get_conversion(conn, taken.result_id))
    assert (row.kind, row.external_id) == ("lead", "l-1")


def test_what_is_still_wrong_stays_with_the_new_cause(world) -> None:
    body = world.sale(amount=-1, currency="EUR")
    world.track("sale", body)
    event = refused(world)

    told = replay(world, event, json.dumps(body | {"amount": 1, "currency": "ZZZ"}).encode())

    assert (told.verdict, told.result_id) == ("quarantined", None)
    assert "ZZZ" in told.cause
    kept = again(world, event)
    assert (kept.verdict, kept.cause, kept.judged_by) == ("quarantined", told.cause, None)
    assert json.loads(kept.corrected)["currency"] == "ZZZ"
    assert audited(world, event) == ["event.replay_refused"]
    assert len(world.read(store.list_events)) == 1


def test_p23_a_conflict_passes_as_it_came_once_the_shop_has_another_number(world) -> None:
    """The first report wins; the second waits here, and a person gives it a number of its own."""
    sale = world.sale()
    world.track("sale", sale)
    assert world.track("sale", sale | {"amount": 1}).status_code == 409
    event = refused(world)

    assert replay(world, event).code == "conflict"
    assert replay(world, event, json.dumps(sale | {"amount": 1, "external_id": "B-1"}).encode()).verdict == "accepted"


def test_a_replay_that_broke_off_half_way_gives_the_same_conversion(world) -> None:
    """Stored but not noted: the next replay finds the conversion by its number."""
    body = json.dumps(world.sale()).encode()
    world.track("sale", body, headers={"Content-Type": "text/plain"})
    event = refused(world)
    assert event.code == "unsupported_media_type"
    first = world.track("sale", body).json()

    assert replay(world, event).result_id == first["id"]


@pytest.mark.parametrize("test", [False, True], ids=["live", "test-mode"])
def test_a_browsers_event_is_taken_with_its_browser_and_instant(world, monkeypatch, test) -> None:
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    body = {"k": world.keys["publishable", not test], "t": "click", "c": "clk1", "r": "ANNA", "s": -1}
    assert world.browser(body, headers={"User-Agent": agent}).status_code == 422
    event = refused(world)
    later(world, monkeypatch)

    taken = replay(world, event, json.dumps(body | {"s": 0}).encode())

    assert (taken.verdict, taken.result_id) == ("accepted", "clk_clk1")
    world.run(world.services.project())
    [click] = world.read(lambda conn: clicks.list_clicks(conn, ClickFilter(livemode=not test), limit=5))
    assert (click.click_id, click.received_at_ms) == ("clk1", event.received_at_ms)
    assert world.read(lambda conn: clicks.get_agent(conn, click.agent_id)).text == agent


def test_a_browsers_sale_and_event_become_a_claim_and_a_custom_event(world) -> None:
    key = world.keys["publishable", True]
    sale = {"k": key, "t": "sale", "o": "W-1", "m": "12.345", "y": "EUR"}
    world.browser(sale)
    taken = replay(world, refused(world), json.dumps(sale | {"m": "12.34"}).encode())
    row = world.read(lambda conn: conversions.get_conversion(conn, taken.result_id))
    assert (row.trust, row.amount_minor, row.external_id) == ("unverified", 1234, "W-1")

    world.browser({"k": key, "t": "refund"})
    taken = replay(world, refused(world), json.dumps({"k": key, "t": "gave_up"}).encode())
    assert taken.result_id.startswith("evt_")


def test_an_event_the_door_drops_stays_with_the_reason(world) -> None:
    key = world.keys["publishable", True]
    world.browser({"k": key, "t": "click", "r": "ANNA"})

    told = replay(world, refused(world), json.dumps({"k": key, "t": "click", "c": "c1", "r": "NOBODY"}).encode())

    assert (told.verdict, told.code) == ("quarantined", "unknown_code")


def test_an_event_cannot_be_moved_to_another_program_or_mode(world) -> None:
    world.browser({"k": world.keys["publishable", True], "t": "click", "r": "ANNA"})
    event = refused(world)

    body = {"k": world.keys["publishable", False], "t": "click", "c": "c1", "r": "ANNA"}
    told = replay(world, event, json.dumps(body).encode())

    assert (told.verdict, told.code) == ("quarantined", "wrong_key")


def test_a_signature_counts_at_the_instant_of_receipt_and_only_for_what_was_signed(world, monkeypatch) -> None:
    body = json.dumps({"k": world.keys["publishable", True], "t": "sale", "o": "S-1", "m": 100, "y": "ZZZ"}).encode()
    now_s = world.services.now_ms() // 1000
    signature = sign(signing_bytes(world.keys["signing", True]), message_id="m1", timestamp=str(now_s), content=body)
    signed = {"webhook-id": "m1", "webhook-timestamp": str(now_s), "webhook-signature": signature}
    assert world.browser(body, headers=signed).status_code == 422
    event = refused(world)
    later(world, monkeypatch)

    assert "ZZZ" in replay(world, event).cause, "The signature still holds: the currency is what is wrong."
    taken = replay(world, event, body.replace(b"ZZZ", b"EUR"))

    row = world.read(lambda conn: conversions.get_conversion(conn, taken.result_id))
    assert row.trust == "unverified"


def test_a_test_event_keeps_the_clock_it_was_received_at(world) -> None:
    world.api("POST", "/v1/test/clock", test=True, json={"advance_seconds": 86_400})
    body = world.sale(amount=-1)
    world.track("sale", body, test=True)
    event = refused(world)
    world.api("POST", "/v1/test/clock", test=True, json={"advance_seconds": 864_000})

    taken = replay(world, event, json.dumps(body | {"amount": 1}).encode())

    row = world.read(lambda conn: conversions.get_conversion(conn, taken.result_id))
    assert abs(row.received_at_ms - event.received_at_ms - 86_400_000) < 2000
    assert not row.livemode


def test_a_servers_click_is_taken_with_its_instant(world, monkeypatch) -> None:
    body = {"partner_code": "NOBODY", "click_id": "srv1", "landing_url": "https://shop.example/x"}
    assert world.api("POST", "/v1/track/click", json=body).status_code == 422
    event = refused(world, source="track_click")
    later(world, monkeypatch)

    taken = replay(world, event, json.dumps(body | {"partner_code": "ANNA"}).encode())

    assert taken.result_id == "clk_srv1"
    world.run(world.services.project())
    [click] = world.read(lambda conn: clicks.list_clicks(conn, ClickFilter(livemode=True), limit=5))
    assert (click.received_at_ms, click.occurred_at_ms) == (event.received_at_ms, event.received_at_ms)


def test_a_postback_is_taken_by_its_own_door(world, monkeypatch) -> None:
    click_id = world.click()
    made = world.write(lambda conn: world.make_key(conn, world.program_id, "postback", livemode=True))
    world.run(world.services.refresh())
    query = f"click_id={click_id}&status=sale&amount=19.999&currency=EUR&txid=t1"
    assert world.request("GET", f"/r/pb/{made.value}?{query}").status_code == 422
    event = refused(world, source="postback")
    later(world, monkeypatch)

    assert replay(world, event).verdict == "quarantined"
    taken = replay(world, event, query.replace("19.999", "19.99").encode())

    row = world.read(lambda conn: conversions.get_conversion(conn, taken.result_id))
    assert (row.kind, row.amount_minor, row.received_at_ms) == ("sale", 1999, event.received_at_ms)


def test_a_postback_that_named_another_amount_is_never_taken_as_it_is(world) -> None:
    click_id = world.click()
    made = world.write(lambda conn: world.make_key(conn, world.program_id, "postback", livemode=True))
    world.run(world.services.refresh())
    query = f"/r/pb/{made.value}?click_id={click_id}&status=sale&currency=EUR&txid=t1&amount="
    assert world.request("GET", f"{query}10").status_code == 200
    assert world.request("GET", f"{query}11").status_code == 200

    told = replay(world, refused(world, source="postback"))

    assert (told.verdict, told.code) == ("quarantined", "changed")


def test_what_was_cut_is_not_taken_as_it_is(world) -> None:
    world.track("sale", b" " * 70_000 + b"{}")
    event = refused(world)
    assert event.is_cut

    told = replay(world, event)

    assert (told.verdict, told.code) == ("quarantined", "payload_cut")


def test_an_event_of_a_door_that_is_gone_says_so(world) -> None:
    event = store.make_event(
        program_id=world.program_id,
        livemode=True,
        source="old_door",
        code="invalid_request",
        cause="",
        payload=b"{}",
        now_ms=world.services.now_ms(),
    )
    world.write(lambda conn: store.keep(conn, event))

    assert replay(world, event).code == "no_such_door"


def test_a_discarded_event_keeps_reason_and_person_and_is_final(world) -> None:
    world.track("sale", world.sale(amount=-1))
    event = refused(world)

    world.run(discard_event(world.services, event.event_id, reason="A test of the shop.", actor="user:usr_1"))

    kept = again(world, event)
    assert (kept.verdict, kept.judge_reason, kept.judged_by) == ("discarded", "A test of the shop.", "user:usr_1")
    assert audited(world, event) == ["event.discarded"]
    with pytest.raises(EventJudgedError):
        replay(world, event)
    with pytest.raises(EventJudgedError):
        world.run(discard_event(world.services, event.event_id, reason="Again.", actor="user:usr_1"))


def test_an_event_that_does_not_exist_is_told_apart(world) -> None:
    missing = store.make_event(
        program_id=world.program_id, livemode=True, source="", code="", cause="", payload=b"", now_ms=1
    )

    with pytest.raises(EventNotFoundError):
        replay(world, missing)
