"""Deciding again: what a dry run tells, what applying does, what stays; on both databases."""

from typing import Any

import pytest
from sqlalchemy import func, select

from tracker.audit.store import list_entries
from tracker.conversions import store as conversions
from tracker.conversions.tables import bindings, decisions
from tracker.i18n.messages import InputError
from tracker.ledger.verify import verify
from tracker.privacy.retention_store import purge_clicks
from tracker.recompute import store
from tracker.recompute.tables import attribution_runs
from tracker.recompute.types import WhatIf
from tracker.recompute.writers import RequestWriter


def count_decisions(world: Any) -> int:
    return world.read(lambda conn: conn.execute(select(func.count()).select_from(decisions)).scalar_one())


def forgotten_click(teller: Any, tools: Any, *, sale: str | None = None) -> tuple[str, str]:
    """A sale nobody was credited for, whose click arrives two days late; returns the sale and the click."""
    world = teller.world
    visitor = world.number("visitor")
    sale = sale or teller.sale(60, visitor_id=visitor)
    world.settle()
    with tools.later(world, tools.LATE):
        click = teller.click("ANNA", 90, c=visitor)
        world.settle()
    return sale, click


def test_a_dry_run_tells_who_gains_and_moves_nothing(teller, tools, recompute) -> None:
    world = teller.world
    sale, click = forgotten_click(teller, tools)
    before = count_decisions(world)

    told = recompute(world, is_dry_run=True)

    assert (told["changed"], told["locked"], told["applied"]) == (1, 0, False)
    (anna,) = told["partners"]
    assert anna == {
        "enrollment_id": world.anna.enrollment_id,
        "name": "Anna",
        "currency": "EUR",
        "conversions": 1,
        "amount_before": 0,
        "amount_after": 10_000,
        "commission_before": 0,
        "commission_after": 2_000,
    }
    assert told["sums"] == [
        {
            "currency": "EUR",
            "amount_before": 0,
            "amount_after": 10_000,
            "commission_before": 0,
            "commission_after": 2_000,
        }
    ]
    assert (count_decisions(world), tools.owed(world), tools.earners(world, sale)) == (before, {}, {})
    (change,) = world.read(lambda conn: store.list_changes(conn, told["run_id"]))
    assert (change.conversion_id, change.decision_id, change.after.credits[0].touch_id) == (sale, None, click)


def test_applying_books_the_difference_under_a_new_version(teller, tools, recompute) -> None:
    world = teller.world
    sale, _ = forgotten_click(teller, tools)

    done = recompute(world)

    assert (done["changed"], done["applied"]) == (1, True)
    assert tools.earners(world, sale) == {world.anna.partner_id: "1"}
    assert tools.owed(world) == {world.anna.partner_id: 2_000}
    newest = world.read(lambda conn: conversions.newest_decision(conn, sale))
    assert (newest.version, newest.run_id, newest.cause) == (2, done["run_id"], f"run:{done['run_id']}")
    (change,) = world.read(lambda conn: store.changes_of(conn, sale))
    assert change.decision_id == newest.decision_id
    assert (change.before.status, change.after.commissions[0].amount_minor) == ("unattributed", 2_000)
    (line,) = world.api("GET", "/v1/commissions").json()["data"]
    assert line["conversion_id"] == sale
    assert world.read(verify).ok
    actions = [entry.action for entry in world.read(lambda conn: list_entries(conn, object_id=done["run_id"]))]
    assert sorted(actions) == ["attribution_run.finished", "attribution_run.started"]


def test_applying_twice_changes_nothing_the_second_time(teller, tools, recompute) -> None:
    world = teller.world
    forgotten_click(teller, tools)
    first = recompute(world)
    world.settle()
    decided = count_decisions(world)

    second = recompute(world)

    assert second["changed"] == 0
    assert second["result_digest"] == first["result_digest"]
    assert count_decisions(world) == decided


def test_money_moves_from_who_was_credited_to_who_should_have_been(teller, tools, recompute) -> None:
    world = teller.world
    visitor = teller.click("ANNA", 90)
    sale = teller.sale(60, visitor_id=visitor)
    world.settle()
    with tools.later(world, tools.LATE):
        teller.click("BORIS", 70, c=world.number("later"), w=visitor)
        world.settle()

    done = recompute(world)

    assert tools.earners(world, sale) == {world.boris.partner_id: "1"}
    assert tools.owed(world) == {world.boris.partner_id: 2_000}
    moved = {one["name"]: one["commission_after"] - one["commission_before"] for one in done["partners"]}
    assert moved == {"Anna": -2_000, "Boris": 2_000}
    assert [one["name"] for one in done["partners"]] == ["Anna", "Boris"], "who loses most comes first"
    assert world.read(verify).ok


def lose_evidence(world: Any, by: str) -> None:
    """Let a person reject every sale, or let every click or person be forgotten."""
    if by == "judged":
        world.write(lambda conn: conn.execute(conversions.conversions.update().values(status="rejected")))
    if by == "erased":
        gone = {"erased_at_ms": world.services.now_ms()}
        world.write(lambda conn: conn.execute(conversions.customers.update().values(**gone)))
    if by == "purged":
        world.write(lambda conn: purge_clicks(conn, before_ms=world.services.now_ms(), limit=100))


@pytest.mark.parametrize("by", ["payable", "judged", "erased", "purged"])
def test_a_locked_result_stays_and_is_told(unseeded_world, tools, recompute, by: str) -> None:
    world = tools.seed(unseeded_world, hold_days=0 if by == "payable" else 30)
    teller = tools.Teller(world)
    visitor = teller.click("ANNA", 90)
    sale = teller.sale(60, visitor_id=visitor, customer={"external_id": "frieda"})
    world.settle()
    lose_evidence(world, by)
    with tools.later(world, tools.LATE):
        teller.click("BORIS", 70, c=world.number("later"), w=visitor)
        world.settle()
        done = recompute(world)
        asked = recompute(world, what_if=WhatIf(window_seconds=60))

    assert (done["changed"], done["locked"], done["partners"]) == (0, 1, [])
    (change,) = world.read(lambda conn: store.list_changes(conn, done["run_id"]))
    assert (change.locked_by, change.decision_id) == (by, None)
    assert change.after.credits[0].partner_id == world.boris.enrollment_id
    assert tools.earners(world, sale) == {world.anna.partner_id: "1"}
    # What would have been can be told of what is paid or judged, and not of what is forgotten.
    assert (asked["changed"], asked["locked"]) == ((1, 0) if by in ("payable", "judged") else (0, 1))


def test_within_a_day_a_result_is_open_whatever_its_hold(unseeded_world, tools, recompute) -> None:
    """Late facts decide again so long; a run must not be stricter than they are."""
    world = tools.seed(unseeded_world, hold_days=0)
    teller = tools.Teller(world)
    visitor = teller.click("ANNA", 90)
    teller.sale(60, visitor_id=visitor)
    world.settle()

    told = recompute(world, is_dry_run=True, what_if=WhatIf(window_seconds=60))

    (change,) = world.read(lambda conn: store.list_changes(conn, told["run_id"]))
    assert change.locked_by is None


def test_a_what_if_is_written_down_and_nothing_reads_it(teller, tools, recompute) -> None:
    world = teller.world
    visitor = teller.click("ANNA", 90)
    teller.click("BORIS", 80, c=world.number("second"), w=visitor)
    sale = teller.sale(60, visitor_id=visitor)
    world.settle()
    before = count_decisions(world)

    told = recompute(world, what_if=WhatIf(model="first_click"))

    assert (told["kind"], told["applied"], told["settings"]) == ("what_if", False, {"model": "first_click"})
    assert told["changed"] == 1
    assert tools.earners(world, sale) == {world.boris.partner_id: "1"}
    assert tools.owed(world) == {world.boris.partner_id: 2_000}
    assert count_decisions(world) == before
    shorter = recompute(world, what_if=WhatIf(window_seconds=60))
    assert {one["name"]: one["amount_after"] for one in shorter["partners"]} == {"Boris": 0}


def test_a_binding_that_moves_takes_the_customers_later_sales_along(teller, tools, recompute) -> None:
    """The first sale finds its click late: it binds the customer, and the second sale, through another, follows."""
    world = teller.world
    person = {"external_id": "carla"}
    visitor = world.number("visitor")
    first = teller.sale(60, visitor_id=visitor, customer=person)
    rival = teller.click("BORIS", 50)
    second = teller.sale(40, click_id=rival, customer=person)
    world.settle()
    assert tools.earners(world, second) == {world.boris.partner_id: "1"}
    with tools.later(world, tools.LATE):
        teller.click("ANNA", 90, c=visitor)
        world.settle()

    told = recompute(world, is_dry_run=True)
    done = recompute(world)

    assert told["changed"] == done["changed"] == 2
    assert told["sums"] == done["sums"]
    assert tools.earners(world, first) == tools.earners(world, second) == {world.anna.partner_id: "1"}
    assert tools.owed(world) == {world.anna.partner_id: 4_000}
    world.settle()
    assert recompute(world)["changed"] == 0
    assert world.read(verify).ok


def test_a_lead_decided_twice_in_a_run_leaves_one_change_from_first_to_last(teller, tools, recompute) -> None:
    """A sale before its lead needs the lead's credit first; another sale then binds the customer, and so the lead."""
    world = teller.world
    lead_number, person = world.number("lead"), {"external_id": "twice"}
    heir = teller.sale(100, lead_id=lead_number)
    binding = teller.sale(80, customer=person, visitor_id="twice-visitor")
    lead = teller.sale(60, kind="lead", external_id=lead_number, customer=person, visitor_id="twice-visitor")
    world.settle()
    with tools.later(world, tools.LATE):
        teller.click("ANNA", 200, c="twice-visitor")
        world.settle()

    told = recompute(world)

    runs_decisions = world.read(
        lambda conn: conn.execute(
            select(func.count())
            .select_from(decisions)
            .where(decisions.c.conversion_id == lead, decisions.c.run_id == told["run_id"])
        ).scalar_one()
    )
    assert runs_decisions == 2, "without the odd order this test would prove nothing"
    changes = {change.conversion_id: change for change in world.read(lambda conn: changes_in(conn, told["run_id"]))}
    assert set(changes) == {heir, binding, lead}
    assert (changes[lead].before.status, changes[lead].before.commissions) == ("unattributed", ())
    assert changes[lead].after.via == "binding"
    newest = world.read(lambda conn: conversions.newest_decision(conn, lead))
    assert changes[lead].decision_id == newest.decision_id
    assert newest.via == "binding"


def test_a_run_that_ended_behind_a_lead_decided_ahead_notes_it_when_it_goes_on(
    teller, tools, recompute, monkeypatch
) -> None:
    world = teller.world
    lead_number = world.number("lead")
    teller.sale(100, lead_id=lead_number)
    lead = teller.sale(60, kind="lead", external_id=lead_number, visitor_id="ahead-visitor")
    world.settle()
    with tools.later(world, tools.LATE):
        teller.click("ANNA", 200, c="ahead-visitor")
        world.settle()
    prepare = RequestWriter.prepare

    async def prepare_and_end(self: RequestWriter, run_id: str, conversion_ids: Any) -> None:
        await prepare(self, run_id, conversion_ids)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(RequestWriter, "prepare", prepare_and_end)
        with pytest.raises(KeyboardInterrupt):
            recompute(world)
    run_id = world.read(lambda conn: conn.execute(select(attribution_runs.c.run_id)).scalar_one())
    assert world.read(lambda conn: changes_in(conn, run_id)) == []

    recompute(world, resume=run_id)

    changes = {change.conversion_id: change for change in world.read(lambda conn: changes_in(conn, run_id))}
    assert (changes[lead].before.status, changes[lead].after.status) == ("unattributed", "attributed")


def changes_in(conn: Any, run_id: str) -> Any:
    return store.list_changes(conn, run_id)


def test_a_sale_inherits_what_its_lead_is_credited_now(teller, tools, recompute) -> None:
    world = teller.world
    visitor, lead_number = world.number("visitor"), world.number("lead")
    teller.sale(120, kind="lead", external_id=lead_number, visitor_id=visitor)
    sale = teller.sale(60, lead_id=lead_number)
    world.settle()
    with tools.later(world, tools.LATE):
        teller.click("ANNA", 150, c=visitor)
        world.settle()

    told = recompute(world, is_dry_run=True)
    done = recompute(world)

    assert told["changed"] == done["changed"] == 2
    assert tools.earners(world, sale) == {world.anna.partner_id: "1"}
    assert world.read(lambda conn: conversions.newest_decision(conn, sale)).via == "lead_id"


def test_only_what_is_in_the_scope_is_decided_again(teller, tools, recompute) -> None:
    world = teller.world
    forgotten_click(teller, tools)

    recent = recompute(world, is_dry_run=True, since_ms=teller.zero_ms - 30 * 60_000)
    wide = recompute(world, is_dry_run=True, since_ms=teller.zero_ms - 61 * 60_000, program_id=world.program_id)

    assert (recent["decided"], recent["changed"]) == (0, 0)
    assert (wide["decided"], wide["changed"]) == (1, 1)


def test_an_earlier_binding_outside_of_the_scope_still_binds(teller, tools, recompute) -> None:
    world = teller.world
    person = {"external_id": "dora"}
    teller.sale(120, click_id=teller.click("ANNA", 150), customer=person)
    second = teller.sale(60, click_id=teller.click("BORIS", 70), customer=person)
    world.settle()

    told = recompute(world, is_dry_run=True, since_ms=teller.zero_ms - 90 * 60_000)

    assert (told["decided"], told["changed"]) == (1, 0)
    assert tools.earners(world, second) == {world.anna.partner_id: "1"}


def test_an_unknown_program_is_refused(teller, recompute) -> None:
    with pytest.raises(InputError, match="no such program"):
        recompute(teller.world, program_id="prg_" + "0" * 32)


def test_a_conversion_that_waits_for_its_first_decision_is_left_to_it(teller, tools, recompute) -> None:
    world = teller.world
    sale, _ = forgotten_click(teller, tools)
    world.write(lambda conn: conversions.set_status(conn, sale, "received"))

    assert recompute(world)["decided"] == 0


def test_a_conversion_that_is_not_credited_any_more_gives_its_binding_back(teller, tools, recompute) -> None:
    """Else the customer would stay with a partner who never earned it."""
    world = teller.world
    person = {"external_id": "erna"}
    first = teller.sale(120, click_id=teller.click("ANNA", 150), customer=person)
    second = teller.sale(60, click_id=teller.click("BORIS", 70), customer=person)
    world.settle()
    # As if somebody had found out that the first sale's click was never that person's.
    world.write(
        lambda conn: conn.execute(
            conversions.conversions.update()
            .values(click_id=None)
            .where(conversions.conversions.c.conversion_id == first)
        )
    )

    told = recompute(world, is_dry_run=True)
    done = recompute(world)
    world.settle()

    assert told["changed"] == done["changed"] == 2
    assert tools.earners(world, first) == {}
    assert tools.earners(world, second) == {world.boris.partner_id: "1"}
    bound = world.read(lambda conn: conn.execute(select(bindings.c.conversion_id)).scalars().all())
    assert bound == [second]
    assert tools.owed(world) == {world.boris.partner_id: 2_000}
    assert recompute(world)["changed"] == 0
    assert world.read(verify).ok
