"""P10: whatever arrives first, the ledger ends the same.

Every event says when it happened; after each one everything that waits is decided, so that what comes later always
finds a decision already made.
"""

from itertools import permutations
from typing import Any, Literal

import msgspec
import pytest
from sqlalchemy import select

from attribution.types import Settings as AttributionSettings
from tracker.conversions.late import LATE_MS
from tracker.instants import show_instant
from tracker.jobs.tables import jobs
from tracker.ledger.verify import verify
from tracker.programs.defaults import default_settings
from tracker.rewards.types import RewardRule

MINUTE_MS = 60_000
STEPS = ("click", "lead", "sale", "refund")
ORDERS = list(permutations(STEPS))
SAMPLE = ORDERS[::5]  # on PostgreSQL, where each takes longer

# What ties the sale to its click, and the orders tried: the click's own id and the longest way round try all.
TIES = {"click_id": ORDERS, "visitor_id": SAMPLE, "identity": ORDERS, "lead_id": SAMPLE}


def seed(world: Any, binding: Literal["first_conversion", "none"]) -> Any:
    """Make a program that pays for leads, too."""
    settings = default_settings()
    per_lead = RewardRule(reward_id="lead-fixed", on="lead", kind="fixed", amount_minor=500)
    attribution = AttributionSettings(program_id="", binding=binding)
    world.seed(msgspec.structs.replace(settings, rewards=(*settings.rewards, per_lead), attribution=attribution))
    return world


@pytest.fixture
def paying_world(unseeded_world: Any) -> Any:
    return seed(unseeded_world, "first_conversion")


class Journey:
    """One person: a click an hour ago, then a lead, a sale, a partial refund, ten minutes apart."""

    def __init__(self, world: Any, tie: str) -> None:
        self.world, self.tie = world, tie
        self.now_ms = world.services.now_ms()
        self.click_id, self.customer = world.number("click"), world.number("customer")
        self.lead_number, self.order = world.number("lead"), world.number("order")
        self.ids: dict[str, str] = {}

    def at(self, minutes_ago: int) -> str:
        return show_instant(self.now_ms - minutes_ago * MINUTE_MS)

    def arrive(self, step: str) -> None:
        getattr(self, step)()
        self.world.settle()

    def click(self) -> None:
        self.world.click(c=self.click_id, a=60 * MINUTE_MS)

    def rival(self) -> None:
        """A click of the same browser on another partner's link, between the lead and the sale."""
        self.world.click("BORIS", c=self.world.number("rival"), w=self.click_id, a=45 * MINUTE_MS)

    def lead(self) -> None:
        body = {"external_id": self.lead_number, "occurred_at": self.at(50), "click_id": self.click_id}
        body |= {"visitor_id": self.click_id, "customer": {"external_id": self.customer}}
        self.report("lead", body)

    def sale(self) -> None:
        tied: dict[str, Any] = {
            "click_id": {"click_id": self.click_id},
            "visitor_id": {"visitor_id": f"vis_{self.click_id}"},
            "identity": {"customer": {"external_id": self.customer}},
            "lead_id": {"lead_id": self.lead_number},
        }[self.tie]
        body = {"external_id": self.order, "amount": 10_000, "currency": "EUR", "occurred_at": self.at(40)}
        self.report("sale", body | tied)

    def refund(self) -> None:
        body = {"external_id": self.order, "refund_of": self.order, "amount": 4_000, "currency": "EUR"}
        self.report("refund", body | {"occurred_at": self.at(30)})

    def report(self, kind: str, body: dict[str, Any]) -> None:
        answer = self.world.track(kind, body, wait=False)
        assert answer.status_code == 202, answer.text
        self.ids[kind] = answer.json()["id"]

    def ledger(self) -> dict[tuple[str, str, str, str], int]:
        """What is owed in the end: (conversion, partner, currency, day) → minor units, nothing left out but noughts."""
        owed: dict[tuple[str, str, str, str], int] = {}
        for kind in ("lead", "sale"):
            for line in self.world.api("GET", f"/v1/conversions/{self.ids[kind]}").json()["commissions"]:
                place = (kind, line["partner_id"], line["currency"], line["payable_on"])
                owed[place] = owed.get(place, 0) + line["amount"]
        return {place: amount for place, amount in owed.items() if amount}

    def statuses(self) -> list[str]:
        return [
            self.world.api("GET", f"/v1/conversions/{self.ids[kind]}").json()["status"] for kind in ("lead", "sale")
        ]


def orders_of(world: Any, tie: str) -> list[tuple[str, ...]]:
    return TIES[tie] if world.services.db.dialect == "sqlite" else SAMPLE


@pytest.mark.parametrize("tie", TIES)
def test_p10_every_order_of_click_lead_sale_and_refund_ends_in_one_ledger(paying_world, tie: str) -> None:
    world = paying_world
    wanted = None
    for order in orders_of(world, tie):
        journey = Journey(world, tie)
        for step in order:
            journey.arrive(step)

        ended = journey.ledger()
        wanted = wanted or ended
        assert ended == wanted, order
        assert {(kind, partner): amount for (kind, partner, *_), amount in ended.items()} == {
            ("lead", world.anna.partner_id): 500,
            ("sale", world.anna.partner_id): 1_200,
        }, order
        assert journey.statuses() == ["accepted", "part_refunded"], order
    report = world.read(verify)
    assert report.ok, report.problems


@pytest.mark.parametrize("rival_at", [0, 2, 4], ids=["first", "between", "last"])
@pytest.mark.parametrize("binding", ["first_conversion", "none"])
def test_p10_a_rivals_click_decides_the_same_whenever_it_arrives(
    unseeded_world, rival_at: int, binding: Literal["first_conversion", "none"]
) -> None:
    """Where programs bind, what happened first binds, not what was reported first."""
    world = seed(unseeded_world, binding)
    boris = world.add_partner("Boris", "BORIS")
    earner = world.anna.partner_id if binding == "first_conversion" else boris.partner_id
    for order in SAMPLE:
        journey = Journey(world, "identity")
        for step in [*order[:rival_at], "rival", *order[rival_at:]]:
            journey.arrive(step)

        assert {(kind, partner): amount for (kind, partner, *_), amount in journey.ledger().items()} == {
            ("lead", world.anna.partner_id): 500,
            ("sale", earner): 1_200,
        }, order


def test_a_click_that_comes_a_day_late_changes_nothing(paying_world) -> None:
    """Beyond the window the decision stays, until somebody recomputes."""
    world = paying_world
    journey = Journey(world, "click_id")
    journey.sale()
    journey.lead()
    world.settle()
    ahead_ms = LATE_MS + MINUTE_MS
    now_ms = world.services.now_ms
    world.services.now_ms = lambda: now_ms() + ahead_ms
    setup = world.app._edge._setup
    setup.now_ms = world.services.now_ms
    try:
        world.click(c=journey.click_id, a=ahead_ms + 60 * MINUTE_MS)
        world.settle()
    finally:
        del world.services.now_ms
        setup.now_ms = world.services.now_ms

    assert journey.ledger() == {}


def test_a_click_after_its_conversion_decides_nothing_again(paying_world) -> None:
    world = paying_world
    journey = Journey(world, "visitor_id")
    journey.sale()
    world.settle()

    world.browser({"t": "click", "c": world.number("later"), "w": journey.click_id, "r": "ANNA"})
    world.run(world.services.project())

    assert not world.read(lambda conn: conn.execute(select(jobs.c.seq)).first())
