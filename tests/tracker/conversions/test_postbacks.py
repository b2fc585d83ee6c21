"""What other trackers report becomes conversions, once each, and takes them back."""

import asyncio
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import func, select

from tracker.conversions.process import process_conversion
from tracker.conversions.tables import conversions
from tracker.quarantine.store import list_events

SITE = "https://shop.example"


@pytest.fixture(scope="module")
def keys(shared_world: Any) -> dict[bool, str]:
    """A live and a test postback key of the world's program."""
    world = shared_world
    made = {
        livemode: world.write(
            lambda conn, livemode=livemode: world.make_key(conn, world.program_id, "postback", livemode=livemode)
        ).value
        for livemode in (True, False)
    }
    world.run(world.services.refresh())
    return made


def call(world: Any, key: str, **fields: Any) -> Any:
    return world.request("GET", f"/r/pb/{key}?{urlencode(fields)}")


def shown(world: Any, conversion_id: str, *, test: bool = False) -> Any:
    world.run(process_conversion(world.services, conversion_id))
    return world.api("GET", f"/v1/conversions/{conversion_id}", test=test).json()


def count(world: Any, external_id: str) -> int:
    query = select(func.count()).where(conversions.c.external_id.in_([external_id, f"{external_id}:rejected"]))
    return world.read(lambda conn: conn.execute(query).scalar_one())


def causes(world: Any, number: str) -> list[str]:
    return [event.code for event in world.read(list_events) if number.encode() in event.payload]


@pytest.mark.parametrize("shape", ["{}", "clk_{}"], ids=["bare", "shown"])
def test_a_sale_pays_the_partner_of_its_click(shared_world, keys, shape: str) -> None:
    world = shared_world
    click, order = world.click(), world.number("tx")

    answer = call(world, keys[True], click_id=shape.format(click), status="sale", amount="100.00", txid=order)

    assert (answer.status_code, answer.json()["status"]) == (200, "received")
    sold = shown(world, answer.json()["id"])
    assert (sold["kind"], sold["external_id"], sold["trust"], sold["status"]) == ("sale", order, "verified", "accepted")
    assert (sold["amount"], sold["currency"], sold["livemode"]) == (10_000, "EUR", True)
    assert [(line["partner_id"], line["amount"]) for line in sold["commissions"]] == [(world.anna.partner_id, 2_000)]


def test_a_test_key_makes_test_objects(shared_world, keys) -> None:
    world = shared_world
    click = world.click(test=True)

    made = call(world, keys[False], click_id=click, status="sale", amount="1", txid=world.number("tx")).json()

    assert shown(world, made["id"], test=True)["livemode"] is False
    assert world.api("GET", f"/v1/conversions/{made['id']}").status_code == 404


def test_a_lead_becomes_a_sale_under_the_same_transaction(shared_world, keys) -> None:
    world = shared_world
    click, order = world.click(), world.number("tx")
    mapping = {"lead_status": "hold,new", "sale_status": "approved", "rejected_status": "trash"}

    lead = call(world, keys[True], subid=click, status="hold", tid=order, **mapping).json()
    sale = call(world, keys[True], subid=click, status="approved", payout="50", tid=order, **mapping).json()

    assert lead["id"] != sale["id"]
    assert [shown(world, each["id"])["kind"] for each in (lead, sale)] == ["lead", "sale"]


def test_p09_one_postback_sent_ten_times_at_once_is_one_row_with_one_answer(shared_world, keys) -> None:
    world = shared_world
    click, order = world.click(), world.number("tx")
    query = urlencode({"click_id": click, "status": "sale", "amount": "10", "txid": order})

    async def send() -> list[Any]:
        return await asyncio.gather(*(world.http.get(f"/r/pb/{keys[True]}?{query}") for _ in range(10)))

    answers = world.run(send())

    assert {(answer.status_code, answer.content) for answer in answers} == {(200, answers[0].content)}
    assert count(world, order) == 1


def test_another_amount_changes_nothing_and_is_kept(shared_world, keys) -> None:
    world = shared_world
    click, order = world.click(), world.number("tx")
    first = call(world, keys[True], click_id=click, status="sale", amount="10", txid=order)

    again = call(world, keys[True], click_id=click, status="sale", amount="9999", txid=order)

    assert (again.status_code, again.content) == (200, first.content)
    assert shown(world, first.json()["id"])["amount"] == 1_000
    assert causes(world, order) == ["changed"]


def test_p23_a_number_of_another_report_is_409_and_kept(shared_world, keys) -> None:
    world = shared_world
    click = world.click()
    body = world.sale(click_id=click)
    sold = world.track("sale", body).json()

    answer = call(world, keys[True], click_id=click, status="sale", amount="1", txid=body["external_id"])

    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert world.api("GET", f"/v1/conversions/{sold['id']}").json() == sold
    assert causes(world, body["external_id"]) == ["conflict"]


@pytest.mark.parametrize("status", ["rejected", "refund"])
def test_what_is_taken_back_takes_the_commission_back(shared_world, keys, status: str) -> None:
    world = shared_world
    click, order = world.click(), world.number("tx")
    sale = call(world, keys[True], click_id=click, status="sale", amount="100", txid=order).json()
    assert shown(world, sale["id"])["status"] == "accepted"

    back = [call(world, keys[True], click_id=click, status=status, txid=order) for _ in range(3)]

    assert {(answer.status_code, answer.content) for answer in back} == {(200, back[0].content)}
    assert shown(world, back[0].json()["id"])["status"] == "accepted"
    after = world.api("GET", f"/v1/conversions/{sale['id']}").json()
    assert after["status"] == "refunded"
    assert sum(line["amount"] for line in after["commissions"]) == 0


def test_a_part_is_refunded_and_never_more_than_is_left(shared_world, keys) -> None:
    world = shared_world
    click, order = world.click(), world.number("tx")
    sale = call(world, keys[True], click_id=click, status="sale", amount="100", txid=order).json()
    shown(world, sale["id"])

    part = call(world, keys[True], click_id=click, status="refund", amount="40", txid=order)
    whole = call(world, keys[True], click_id=click, status="rejected", amount="100", txid=order)

    assert [shown(world, answer.json()["id"])["amount"] for answer in (part, whole)] == [4_000, 6_000]
    too_much = call(world, keys[True], click_id=click, status="refund", amount="1", txid=order + "x")
    assert too_much.status_code == 200  # Its sale may still come.
    order_2 = world.number("tx")
    call(world, keys[True], click_id=click, status="sale", amount="1", txid=order_2)
    answer = call(world, keys[True], click_id=click, status="refund", amount="1.01", txid=order_2)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "amount")


def test_p10_a_refund_with_its_amount_waits_for_its_sale(shared_world, keys) -> None:
    world = shared_world
    click, order = world.click(), world.number("tx")

    back = call(world, keys[True], click_id=click, status="refund", amount="25", txid=order)
    sale = call(world, keys[True], click_id=click, status="sale", amount="100", txid=order).json()
    sold = shown(world, sale["id"])
    shown(world, back.json()["id"])

    assert sold["id"] == sale["id"]
    assert world.api("GET", f"/v1/conversions/{sale['id']}").json()["status"] == "part_refunded"


@pytest.mark.parametrize("has_lead", [False, True], ids=["unknown", "only-a-lead"])
def test_what_cannot_be_taken_back_is_kept_with_its_cause(shared_world, keys, *, has_lead: bool) -> None:
    world = shared_world
    click, order = world.click(), world.number("tx")
    if has_lead:
        assert call(world, keys[True], click_id=click, status="lead", txid=order).status_code == 200

    answer = call(world, keys[True], click_id=click, status="rejected", amount="0", txid=order)

    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_sale")
    assert answer.json()["errors"][0]["field"] == "txid"
    assert ("is a lead" in answer.json()["detail"]) is has_lead
    assert causes(world, order) == ["unknown_sale"]


def test_a_browsers_claim_is_confirmed(shared_world, keys) -> None:
    world = shared_world
    click, order = world.click(), world.number("tx")
    claimed = world.browser({"t": "sale", "o": order, "m": 99_999, "y": "EUR", "c": click, "w": click}).json()
    assert call(world, keys[True], click_id=click, status="rejected", txid=order).status_code == 422

    made = call(world, keys[True], click_id=click, status="sale", amount="10", txid=order).json()

    assert made["id"] == claimed["id"]
    sold = shown(world, made["id"])
    assert (sold["trust"], sold["amount"]) == ("verified", 1_000)


def test_another_programs_or_modes_sale_is_out_of_reach(shared_world, keys) -> None:
    world = shared_world
    click, order = world.click(), world.number("tx")
    call(world, keys[True], click_id=click, status="sale", amount="10", txid=order)

    assert call(world, keys[False], click_id=click, status="rejected", txid=order).status_code == 422


def test_p48_a_revoked_key_ends_at_once(world) -> None:
    from tracker.keys.store import revoke_key  # noqa: PLC0415

    made = world.write(lambda conn: world.make_key(conn, world.program_id, "postback", livemode=True))
    world.run(world.services.refresh())
    assert call(world, made.value, click_id="a", status="lead").status_code == 200

    world.write(lambda conn: revoke_key(conn, key_id=made.key_id, actor="test", now_ms=world.services.now_ms()))
    world.run(world.services.refresh())

    assert call(world, made.value, click_id="b", status="lead").status_code == 404
