"""Refunds: before, after, too much, in parts; the ledger ends the same whatever came first."""

import itertools
import random
from typing import Any

import pytest

from tracker.conversions.process import process
from tracker.ledger.verify import verify


def refund_of(world: Any, sale: dict[str, Any], amount: int, **fields: Any) -> dict[str, Any]:
    return {
        "external_id": world.number("refund"),
        "refund_of": sale["external_id"],
        "amount": amount,
        "currency": sale["currency"],
        **fields,
    }


def balance_of(world: Any, conversion_id: str) -> int:
    lines = world.api("GET", f"/v1/commissions?filter[conversion_id]={conversion_id}&limit=100").json()["data"]
    return sum(line["amount"] for line in lines)


def test_a_refund_shows_its_negative_lines(shared_world) -> None:
    body = shared_world.sale(promo_code="ANNA")
    sold = shared_world.track("sale", body).json()

    back = shared_world.track("refund", refund_of(shared_world, body, 2_500))

    assert back.status_code == 200
    assert back.json()["kind"] == "refund"
    assert [line["amount"] for line in back.json()["commissions"]] == [-500]
    after = shared_world.api("GET", f"/v1/conversions/{sold['id']}").json()
    assert after["status"] == "part_refunded"
    assert [line["remaining"] for line in after["commissions"] if line["amount"] > 0] == [1_500]


def test_p18_a_whole_refund_takes_everything(shared_world) -> None:
    body = shared_world.sale(promo_code="ANNA")
    sold = shared_world.track("sale", body).json()
    shared_world.track("refund", refund_of(shared_world, body, 10_000))

    after = shared_world.api("GET", f"/v1/conversions/{sold['id']}").json()
    assert after["status"] == "refunded"
    assert balance_of(shared_world, sold["id"]) == 0


@pytest.mark.parametrize("seed", range(4))
def test_p18_any_split_takes_back_exactly_what_was_earned(shared_world, seed: int) -> None:
    chance = random.Random(seed)
    amount = chance.choice([9_999, 10_007, 3, 123_457])
    body = shared_world.sale(promo_code="ANNA", amount=amount)
    sold = shared_world.track("sale", body).json()
    earned = balance_of(shared_world, sold["id"])
    cuts = sorted(chance.sample(range(1, amount), min(5, amount - 1)))
    parts = [after - before for before, after in itertools.pairwise([0, *cuts, amount])]

    taken = 0
    for part in parts:
        lines = shared_world.track("refund", refund_of(shared_world, body, part)).json()["commissions"]
        taken -= sum(line["amount"] for line in lines)
        assert 0 <= taken <= earned

    assert taken == earned
    assert balance_of(shared_world, sold["id"]) == 0
    report = shared_world.read(verify)
    assert report.ok, report.problems


def test_more_than_is_left_is_refused_by_its_amount(shared_world) -> None:
    body = shared_world.sale(promo_code="ANNA")
    shared_world.track("sale", body)
    assert shared_world.track("refund", refund_of(shared_world, body, 6_000)).status_code == 200

    answer = shared_world.track("refund", refund_of(shared_world, body, 4_001))
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "amount"
    assert shared_world.track("refund", refund_of(shared_world, body, 4_000)).status_code == 200


def test_another_currency_is_refused_by_its_name(shared_world) -> None:
    body = shared_world.sale()
    shared_world.track("sale", body)

    answer = shared_world.track("refund", refund_of(shared_world, body, 1, currency="USD"))

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "currency"


def test_p10_a_refund_before_its_sale_waits_for_it(shared_world) -> None:
    body = shared_world.sale(promo_code="ANNA")
    early = shared_world.track("refund", refund_of(shared_world, body, 10_000))
    assert (early.status_code, early.json()["status"], early.json()["commissions"]) == (200, "received", [])

    sold = shared_world.track("sale", body).json()
    wait_for_refund(shared_world, early.json()["id"])

    assert balance_of(shared_world, sold["id"]) == 0
    assert shared_world.api("GET", f"/v1/conversions/{early.json()['id']}").json()["status"] == "accepted"


def wait_for_refund(world: Any, conversion_id: str) -> None:
    """Do what the worker is about to do."""
    world.write(lambda conn: process(conn, conversion_id, now_ms=world.services.now_ms()))


def test_a_waiting_refund_in_another_currency_takes_nothing_and_leaves_room(shared_world) -> None:
    body = shared_world.sale(promo_code="ANNA")
    wrong = shared_world.track("refund", refund_of(shared_world, body, 10_000, currency="USD")).json()
    sold = shared_world.track("sale", body).json()
    wait_for_refund(shared_world, wrong["id"])

    assert shared_world.api("GET", f"/v1/conversions/{wrong['id']}").json()["status"] == "rejected"
    assert balance_of(shared_world, sold["id"]) == 2_000
    assert shared_world.track("refund", refund_of(shared_world, body, 10_000)).status_code == 200
    assert balance_of(shared_world, sold["id"]) == 0


def test_more_refunded_than_sold_before_the_sale_takes_no_more_than_was_earned(shared_world) -> None:
    body = shared_world.sale(promo_code="ANNA")
    early = [shared_world.track("refund", refund_of(shared_world, body, 7_000)).json()["id"] for _ in range(2)]
    sold = shared_world.track("sale", body).json()
    for one in early:
        wait_for_refund(shared_world, one)

    assert balance_of(shared_world, sold["id"]) == 0


def test_a_refund_may_name_the_sale_by_our_id(shared_world) -> None:
    body = shared_world.sale(promo_code="ANNA")
    sold = shared_world.track("sale", body).json()

    for named in (sold["id"], sold["id"].removeprefix("cnv_")):
        report = refund_of(shared_world, body, 1_000) | {"refund_of": named}
        back = shared_world.track("refund", report)
        assert back.json()["refund_of"] == body["external_id"]
        assert [line["amount"] for line in back.json()["commissions"]] == [-200]
        assert shared_world.track("refund", report, wait=False).status_code == 200


def test_a_refund_names_no_lead_and_no_stranger(shared_world) -> None:
    lead = shared_world.track("lead", {"external_id": shared_world.number("lead")}).json()
    tested = shared_world.track("sale", shared_world.sale(), test=True).json()

    for named in (lead["id"], tested["id"], "cnv_" + "0" * 32, "cnv_x"):
        answer = shared_world.track("refund", refund_of(shared_world, shared_world.sale(), 1) | {"refund_of": named})
        assert (answer.status_code, answer.json()["status"]) == (200, "received")


def test_the_same_refund_again_takes_nothing_more(shared_world) -> None:
    body = shared_world.sale(promo_code="ANNA")
    sold = shared_world.track("sale", body).json()
    report = refund_of(shared_world, body, 10_000)

    assert [shared_world.track("refund", report).status_code for _ in range(3)] == [200, 200, 200]
    assert balance_of(shared_world, sold["id"]) == 0
    assert shared_world.track("refund", report | {"amount": 9_999}).status_code == 409


def test_a_refund_of_nothing_changes_nothing(shared_world) -> None:
    body = shared_world.sale(promo_code="ANNA")
    sold = shared_world.track("sale", body).json()

    assert shared_world.track("refund", refund_of(shared_world, body, 0)).status_code == 200
    assert balance_of(shared_world, sold["id"]) == 2_000
    assert shared_world.api("GET", f"/v1/conversions/{sold['id']}").json()["status"] == "accepted"


@pytest.mark.parametrize("order", list(itertools.permutations(["click", "sale", "part", "rest"])), ids="-".join)
def test_p10_arrival_order_changes_no_sum(shared_world, order: tuple[str, ...]) -> None:
    """A click that arrives late in a browser's queue is older than the sale; it is known only once it arrived."""
    world = shared_world
    click = world.number("click")
    body = world.sale(click_id=click, promo_code="ANNA")
    reports = {"part": refund_of(world, body, 3_333), "rest": refund_of(world, body, 1_667)}
    sold = {}
    for step in order:
        if step == "click":
            world.click(c=click, a=60_000)
        elif step == "sale":
            sold = world.track("sale", body).json()
        else:
            reports[step]["id"] = world.track("refund", dict(reports[step])).json()["id"]
    for step in ("part", "rest"):
        wait_for_refund(world, reports[step]["id"])

    assert balance_of(world, sold["id"]) == 1_000  # 20 % of the 50.00 that stayed
    assert world.api("GET", f"/v1/conversions/{sold['id']}").json()["status"] == "part_refunded"
    report = world.read(verify)
    assert report.ok, report.problems
