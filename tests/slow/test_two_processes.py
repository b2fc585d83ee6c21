"""Promises 6, 9 and 10 with two processes on one PostgreSQL: an event counts once, in whatever order and wherever."""

import asyncio
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

EVENTS = 20
TIMES = 10  # each event is sent so often at once, over connections that the processes share
AMOUNT = 10_000
HOUR_MS = 3_600_000
ANSWER_S = 20.0


async def send_at_once(installation, wire_to, requests):
    """Send each request on a connection of its own at the same moment; return the replies in order."""
    wires = await asyncio.gather(*(wire_to(installation.port) for _ in requests))
    try:
        return await asyncio.gather(*(wire.ask(sent) for wire, sent in zip(wires, requests, strict=True)))
    finally:
        for wire in wires:
            wire.transport.abort()


def test_p09_an_event_sent_ten_times_at_once_to_two_processes_is_one_row(
    two_processes, client_of, wire_to, fast, figures
):
    two_processes.start()
    bodies = {}
    for number in range(EVENTS):
        click, order = f"click-{number}", f"order-{number}"
        clicks = fast(send_at_once(two_processes, wire_to, [two_processes.click(click)] * TIMES))
        assert {reply.status for reply in clicks} == {200}
        assert len({reply.body for reply in clicks}) == 1
        sales = fast(send_at_once(two_processes, wire_to, [two_processes.sale(order, click)] * TIMES))
        # The first is taken (202), the others are told what became of it (200).
        assert Counter(reply.status for reply in sales)[202] == 1
        assert {reply.status for reply in sales} == {200, 202}
        bodies[order] = {json.loads(reply.body)["id"] for reply in sales}

    assert all(len(ids) == 1 for ids in bodies.values())
    with client_of(two_processes) as client:
        stored = client.newest("clicks", lambda _: False)
        sold = client.newest("conversions", lambda _: False)
    assert sorted(one["id"] for one in stored) == sorted(f"clk_click-{number}" for number in range(EVENTS))
    assert {one["external_id"]: {one["id"]} for one in sold} == bodies
    assert len(sold) == EVENTS
    two_processes.verify()
    figures(sent=2 * EVENTS * TIMES, clicks=len(stored), sales=len(sold))


def steps(installation, name):
    """Return the four reports of one purchase as requests; they say when each thing happened, hours ago."""
    click, now = f"click-{name}", datetime.now(UTC)
    hours = {"lead": 9, "sale": 8, "refund": 7}
    at = {kind: (now - timedelta(hours=ago)).isoformat() for kind, ago in hours.items()}
    shared = {"currency": "EUR", "customer": {"external_id": f"person-{name}"}}
    lead = {"external_id": f"lead-{name}", "click_id": click, "occurred_at": at["lead"], **shared}
    sale = {"external_id": f"order-{name}", "click_id": click, "occurred_at": at["sale"], "amount": AMOUNT, **shared}
    refund = {"external_id": f"back-{name}", "refund_of": f"order-{name}", "amount": AMOUNT // 4, "currency": "EUR"}
    return {
        "click": installation.click(click, age_ms=10 * HOUR_MS),
        "lead": installation.report("lead", lead),
        "sale": installation.report("sale", sale),
        "refund": installation.report("refund", refund | {"occurred_at": at["refund"]}),
    }


def lines_of(client, name):
    """Return what a purchase came to: each conversion's status and commissions."""
    found = {}
    for one in client.newest("conversions", lambda _: False):
        if one["external_id"].endswith(f"-{name}"):
            shown = client.api("GET", f"/v1/conversions/{one['id']}")[1]
            found[one["kind"]] = (shown["status"], sorted(line["amount"] for line in shown["commissions"]))
    return found


@pytest.mark.slow
def test_p10_every_order_of_a_purchase_comes_to_the_same_in_two_processes(
    two_processes, client_of, wire_to, fast, figures
):
    """Each report goes over a connection of its own, so that neighbours are taken by either process."""
    two_processes.start()
    results = {}

    async def send(order, name):
        requests = steps(two_processes, name)
        for kind in order:
            replies = await send_at_once(two_processes, wire_to, [requests[kind]])
            assert replies[0].status in (200, 202), replies[0].body

    orders = list(permutations(("click", "lead", "sale", "refund")))
    for number, order in enumerate(orders):
        fast(send(order, f"p{number}"))

    async def settle(client):
        for _ in range(int(ANSWER_S / 0.5)):
            for number, order in enumerate(orders):
                results[order] = lines_of(client, f"p{number}")
            outcomes = {json.dumps(one, sort_keys=True) for one in results.values()}
            # Before anything is decided all are alike, too.
            if len(outcomes) == 1 and "received" not in outcomes.pop():
                return
            await asyncio.sleep(0.5)

    with client_of(two_processes) as client:
        fast(settle(client))
    different = {json.dumps(one, sort_keys=True): order for order, one in results.items()}
    figures(orders=len(orders), outcomes=list(different))
    assert len(different) == 1, different
    assert results[orders[0]]["sale"][1] == [-AMOUNT // 20, AMOUNT // 5]  # the quarter that went back, and all of it
    two_processes.verify()
