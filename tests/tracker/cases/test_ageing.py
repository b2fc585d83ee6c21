"""Time reminds and escalates; it never pays, releases or cancels."""

import pytest

from tracker.cases.ageing import AT_ONCE, age_days
from tracker.cases.claims import claim_case, claim_next
from tracker.cases.decide import CLAIM_MS
from tracker.cases.store import queue
from tracker.instants import DAY_MS

T0 = 1_760_000_000_000
UNDECIDED = ("open", "claimed", "waiting_partner", "appealed")


@pytest.fixture
def held(world, make):
    """A sale with 700 frozen by a case; (conversion id, case id)."""
    conversion_id = world.sale()
    return conversion_id, world.judge(conversion_id, make.finding()).case_id


def told(world, case_id):
    entries = [each for each in world.audit(case_id) if each.action in {"case.reminded", "case.escalated"}]
    return [(each.action, each.after["reminded_days"], each.actor) for each in entries]


def test_a_case_is_reminded_of_after_3_7_and_14_days_and_escalated_after_30_each_once(world, held):
    for hour in range(0, 24 * 40, 6):
        world.watch(T0 + hour * DAY_MS // 24)

    assert told(world, held[1]) == [
        ("case.reminded", 3, "system:cases"),
        ("case.reminded", 7, "system:cases"),
        ("case.reminded", 14, "system:cases"),
        ("case.escalated", 30, "system:cases"),
    ]


@pytest.mark.parametrize(("age_ms", "days"), [(3 * DAY_MS - 1, []), (3 * DAY_MS, [3]), (29 * DAY_MS, [14])])
def test_only_the_newest_age_reached_is_told(world, held, age_ms, days):
    world.watch(T0 + age_ms)

    assert [each[1] for each in told(world, held[1])] == days


def test_age_alone_moves_neither_money_nor_status(world, held):
    for days in (3, 7, 14, 30, 365, 3650):
        world.watch(T0 + days * DAY_MS)

    assert world.statuses(held[0]) == ["in_review"]
    assert world.money(now_ms=T0 + 3650 * DAY_MS) == [("EUR", 0, 0, 700)]
    assert world.case(held[1]).status == "open"


def test_a_decided_case_is_not_reminded_of(world, held):
    world.verdict(held[1], "void")

    world.watch(T0 + 40 * DAY_MS)

    assert told(world, held[1]) == []


def test_an_appeal_starts_to_age_anew(world, held):
    world.watch(T0 + 30 * DAY_MS)
    world.verdict(held[1], "void", now_ms=T0 + 31 * DAY_MS)
    case = world.appeal(held[1], now_ms=T0 + 32 * DAY_MS)

    assert age_days(case, T0 + 34 * DAY_MS) == 2
    world.watch(T0 + 35 * DAY_MS)
    assert [each[1] for each in told(world, held[1])] == [30, 3]


def test_the_queue_shows_what_was_escalated(world, make, held):
    other = world.judge(world.sale(), make.finding(cluster_key="host:1"), now_ms=T0 + 20 * DAY_MS)
    world.watch(T0 + 30 * DAY_MS)

    rows = world.read(lambda conn: queue(conn, livemode=True, statuses=UNDECIDED, narrow="escalated"))

    assert [row.case.case_id for row in rows] == [held[1]]
    assert other.is_new


def test_a_claim_without_activity_is_freed_and_written_down(world, held):
    claim = {"case_id": held[1], "actor": "user:usr_1"}
    world.run(claim_case(world.database, **claim, now_ms=T0))
    world.run(claim_case(world.database, **claim, now_ms=T0 + 60_000))

    world.watch(T0 + CLAIM_MS)
    assert world.case(held[1]).claimed_by == "user:usr_1"

    world.watch(T0 + 60_000 + CLAIM_MS)
    assert (world.case(held[1]).status, world.case(held[1]).claimed_by) == ("open", None)
    assert world.audit(held[1])[-1].action == "case.claim_over"


def test_a_case_that_waits_for_its_partner_goes_on_waiting_when_the_claim_is_over(world, held):
    world.verdict(held[1], "ask")

    world.watch(T0 + DAY_MS)

    assert (world.case(held[1]).status, world.case(held[1]).claimed_by) == ("waiting_partner", None)


def test_every_case_is_looked_at_in_pieces(world, make):
    for number in range(3):
        world.judge(world.sale(), make.finding(cluster_key=f"host:{number}"))

    assert len(world.watch(T0)) == 3 <= AT_ONCE


def test_next_is_the_highest_score_nobody_holds_and_nothing_postpones(world, make):
    def opened(factor, key):
        return world.judge(world.sale(), make.finding(factor=factor, cluster_key=key)).case_id

    highest, second, lowest = opened(950_000, "a"), opened(900_000, "b"), opened(600_000, "c")

    def take(actor, now_ms=T0, without=None):
        found = world.run(claim_next(world.database, livemode=True, actor=actor, now_ms=now_ms, without=without))
        return found.case_id if found else None

    assert take("user:usr_1") == highest
    assert take("user:usr_2") == second
    assert take("user:usr_3") == lowest
    assert take("user:usr_4") is None
    assert take("user:usr_2", without=second) is None
    world.verdict(highest, "hold", days=2)
    assert take("user:usr_1", now_ms=T0 + 6) is None
    assert take("user:usr_4", now_ms=T0 + 2 * DAY_MS + 5) == highest
