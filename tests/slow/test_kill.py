"""Promise 1 of the server: what was acknowledged is stored, whatever happens to the process."""

import json
import random
import sqlite3
import threading
import time

import pytest

CLIENTS = 16
DRAIN_S = 15.0


def names_of_round(number):
    return f"k{number}"


def is_of_another_round(number):
    mine = f"{names_of_round(number)}-"
    return lambda item: mine not in item.get("external_id", item["id"])


def find_round(client, number):
    """Return the clicks and orders of a round that the API lists, as lists: a doubled one would show."""
    is_over = is_of_another_round(number)
    clicks = [item["id"].removeprefix("clk_") for item in client.newest("clicks", is_over)]
    orders = [item["external_id"] for item in client.newest("conversions", is_over)]
    return clicks, orders


def repeat_unanswered(client, load):
    """Send again what got no answer, as a shop and the snippet's queue do."""
    for click_id in sorted(load.clicks_tried - load.clicks_acked):
        assert client.post_click(click_id)
    for order in sorted(load.sales_tried.keys() - load.sales_acked):
        assert client.post_sale(order, load.sales_tried[order])


@pytest.mark.parametrize("rounds", [10, pytest.param(50, marks=pytest.mark.slow)], ids="{}-rounds".format)
def test_p01_kill_9_loses_no_acknowledged_event(installation, client_of, load_of, rounds):
    chance = random.Random()
    installation.start()
    acknowledged = 0
    for number in range(rounds):
        with load_of(installation, names_of_round(number), CLIENTS) as load:
            time.sleep(chance.uniform(0.1, 0.9))
            installation.kill()
        installation.start()

        with client_of(installation) as client:
            clicks, orders = find_round(client, number)
            assert load.clicks_acked - set(clicks) == set()
            assert load.sales_acked - set(orders) == set()

            repeat_unanswered(client, load)
            clicks, orders = find_round(client, number)
        assert sorted(clicks) == sorted(load.clicks_tried)
        assert sorted(orders) == sorted(load.sales_tried)
        acknowledged += len(load.clicks_acked) + len(load.sales_acked)

    assert acknowledged > rounds * CLIENTS, "The load was too small to mean anything."
    assert installation.molva("ledger", "verify")["problems"] == []
    assert installation.molva("audit", "verify")["problems"] == []


def test_p07_sigterm_answers_and_stores_what_is_in_flight(installation, client_of):
    """The database is locked from outside, so that all clicks surely wait when the signal comes."""
    installation.start()
    lock = sqlite3.connect(installation.data_dir / "molva.db", isolation_level=None, check_same_thread=False)
    lock.execute("BEGIN IMMEDIATE")
    acked = []
    ids = [f"waiting-{number}" for number in range(CLIENTS)]

    def post(click_id):
        with client_of(installation) as client:
            if client.post_click(click_id):
                acked.append(click_id)

    posting = [threading.Thread(target=post, args=(click_id,)) for click_id in ids]
    for thread in posting:
        thread.start()
    time.sleep(0.5)
    assert acked == []

    ending = threading.Timer(0.5, lock.execute, args=("ROLLBACK",))
    ending.start()
    started = time.monotonic()
    code = installation.stop(DRAIN_S)
    for thread in posting:
        thread.join()

    ending.join()
    lock.close()

    assert time.monotonic() - started <= DRAIN_S
    assert code == 0
    assert sorted(acked) == sorted(ids)
    stored = sqlite3.connect(f"file:{installation.data_dir / 'molva.db'}?mode=ro", uri=True)
    bodies = [json.loads(row[0]) for row in stored.execute("SELECT body FROM inbox")]
    assert {one for body in bodies for one in body if one in ids} == set(ids)
    stored.close()


def test_p07_sigterm_under_load_keeps_every_acknowledged_click(installation, client_of, load_of):
    installation.start()
    with load_of(installation, names_of_round(0), CLIENTS) as load:
        time.sleep(0.7)
        assert installation.stop(DRAIN_S) == 0
    installation.start()

    with client_of(installation) as client:
        clicks, orders = find_round(client, 0)
    assert load.clicks_acked
    assert load.clicks_acked - set(clicks) == set()
    assert load.sales_acked - set(orders) == set()
