"""Promises 1, 6 and 7: what was acknowledged is stored, whatever happens to the process."""

import os
import random
import signal
import sqlite3
import statistics
import threading
import time
from collections import Counter

import pytest

CLIENTS = 48
DRAIN_S = 15.0
IN_FLIGHT = 100


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


def check_round(client, load, number):
    """Hold what is stored against what was acknowledged; return how much was stored without an answer."""
    clicks, orders = find_round(client, number)
    assert load.clicks_acked - set(clicks) == set()
    assert load.sales_acked - set(orders) == set()
    unanswered = len(set(clicks) - load.clicks_acked) + len(set(orders) - load.sales_acked)

    repeat_unanswered(client, load)
    clicks, orders = find_round(client, number)
    assert sorted(clicks) == sorted(load.clicks_tried)
    assert sorted(orders) == sorted(load.sales_tried)
    return unanswered


class Told:
    """What a run of kill rounds came to."""

    def __init__(self, figures):
        self._figures = figures
        self.acknowledged = 0
        self.unanswered = 0
        self.kills = Counter()

    def add(self, load, unanswered, killed):
        self.acknowledged += len(load.clicks_acked) + len(load.sales_acked)
        self.unanswered += unanswered
        self.kills[killed] += 1

    def print(self, installation):
        starts = installation.start_seconds[1:]
        self._figures(
            kills=dict(self.kills),
            acknowledged=self.acknowledged,
            missing=0,
            stored_unanswered=self.unanswered,
            restart_p50=f"{statistics.median(starts):.2f} s",
            restart_max=f"{max(starts):.2f} s",
        )


@pytest.mark.timeout(3600)  # about ten minutes on a machine with nothing else to do
@pytest.mark.parametrize(
    ("rounds", "events"),
    [(4, 1000), pytest.param(200, 200_000, marks=pytest.mark.slow)],
    ids="{}".format,
)
def test_p01_kill_9_loses_no_acknowledged_event(installation, client_of, load_of, figures, rounds, events):
    """Rounds go on beyond their number until so many events were acknowledged."""
    chance = random.Random()
    told = Told(figures)
    installation.start()
    number = 0
    while number < rounds or told.acknowledged < events:
        assert number < 3 * rounds, "The load was too small to mean anything."
        with load_of(installation, names_of_round(number), CLIENTS) as load:
            time.sleep(chance.uniform(0.1, 0.9))
            installation.kill()
        installation.start()

        with client_of(installation) as client:
            told.add(load, check_round(client, load, number), "server")
        number += 1

    installation.verify()
    told.print(installation)


def kill_one_member(installation, chance):
    """Kill one of the server processes; the load goes on while another takes its place."""
    os.kill(chance.choice(installation.members()), signal.SIGKILL)
    deadline = time.monotonic() + DRAIN_S
    while len(installation.members()) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("rounds", [2, pytest.param(20, marks=pytest.mark.slow)], ids="{}-rounds".format)
def test_p06_kill_9_of_one_or_all_of_two_processes_loses_nothing(two_processes, client_of, load_of, figures, rounds):
    chance = random.Random()
    told = Told(figures)
    two_processes.start()
    for number in range(rounds):
        killed = "one of two" if number % 2 == 0 else "all"
        with load_of(two_processes, names_of_round(number), CLIENTS) as load:
            time.sleep(chance.uniform(0.2, 0.9))
            if killed == "all":
                two_processes.kill()
            else:
                kill_one_member(two_processes, chance)
                time.sleep(chance.uniform(0.2, 0.9))
        if killed == "all":
            two_processes.start()
        else:
            # Three short lives in a row would end the server; a process that ran for a while is no short life.
            time.sleep(11 if rounds > 2 else 0)

        with client_of(two_processes) as client:
            told.add(load, check_round(client, load, number), killed)

    assert told.acknowledged > rounds * CLIENTS
    two_processes.verify()
    told.print(two_processes)


def test_p07_sigterm_answers_and_stores_what_is_in_flight(installation, client_of, figures):
    """Both files are locked from outside, so that everything surely waits when the signal comes."""
    installation.start()
    locks = [
        sqlite3.connect(installation.data_dir / name, isolation_level=None, check_same_thread=False)
        for name in ("molva.db", "inbox.db")
    ]
    for lock in locks:
        lock.execute("BEGIN IMMEDIATE")
    acked = []
    clicks = {f"waiting-{number}" for number in range(IN_FLIGHT * 3 // 4)}
    orders = {f"order-{number}" for number in range(IN_FLIGHT // 4)}

    def post(name):
        with client_of(installation) as client:
            if client.post_click(name) if name in clicks else client.post_sale(name, "waiting-0"):
                acked.append(name)

    posting = [threading.Thread(target=post, args=(name,)) for name in clicks | orders]
    for thread in posting:
        thread.start()
    time.sleep(1)
    assert acked == []

    ending = [threading.Timer(1, lock.execute, args=("ROLLBACK",)) for lock in locks]
    for timer in ending:
        timer.start()
    started = time.monotonic()
    code = installation.stop(DRAIN_S)
    took = time.monotonic() - started
    for thread in [*posting, *ending]:
        thread.join(DRAIN_S)
    for lock in locks:
        lock.close()

    assert code == 0
    assert set(acked) == clicks | orders
    assert set(installation.stored_clicks()) == clicks
    stored = sqlite3.connect(f"file:{installation.data_dir / 'molva.db'}?mode=ro", uri=True)
    assert {row[0] for row in stored.execute("SELECT external_id FROM conversions")} == orders
    stored.close()
    figures(in_flight=IN_FLIGHT, answered=len(acked), exit_after=f"{took:.1f} s")


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
