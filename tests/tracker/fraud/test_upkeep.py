"""The background task of the fraud rules: random checks come by themselves, once."""

from tracker.cases import store as cases_store
from tracker.fraud.upkeep import look_after_rules

DAY_MS = 86_400_000


def queue(world):
    found = world.read(lambda conn: cases_store.queue(conn, livemode=True, statuses=("open",)))
    return [row.case for row in found]


def test_commissions_whose_hold_is_over_are_drawn_once(world, monkeypatch):
    for number in range(4):
        world.track("sale", world.sale(external_id=f"A-{number}", partner_code="ANNA"))
    world.run(look_after_rules(world.services))
    assert queue(world) == []

    # The hold of 30 days ends within a week that is over 38 days later at the latest.
    later_ms = world.services.now_ms() + 37 * DAY_MS
    monkeypatch.setattr(world.services, "now_ms", lambda: later_ms)
    for _ in range(2):
        world.run(look_after_rules(world.services))

    drawn = queue(world)
    assert {case.kind for case in drawn} == {"audit"}
    assert 2 <= len(drawn) <= 4
    assert len({case.cluster_key for case in drawn}) == len(drawn)
