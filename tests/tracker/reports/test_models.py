"""The report that compares models, from stored decisions and clicks, on both databases."""

from typing import Any

import msgspec
import pytest

from attribution.compare import trace_journey
from attribution.engine import attribute
from attribution.types import Settings as AttributionSettings
from attribution.types import Touch
from tracker.clicks import touches
from tracker.conversions import store as conversions
from tracker.conversions.journey import load_case
from tracker.db.ids import new_id
from tracker.instants import DAY_MS, show_instant
from tracker.programs import store as programs
from tracker.programs.defaults import default_settings
from tracker.reports import models, store
from tracker.reports.journeys import count_lost, read_journey
from tracker.reports.types import Asked

HOUR_MS = 3_600_000
MINUTE_MS = 60_000


def seeded(world: Any, **attribution: Any) -> Any:
    settings = msgspec.structs.replace(
        default_settings(), attribution=AttributionSettings(program_id="", binding="none", **attribution)
    )
    world.seed(settings)
    world.boris = world.add_partner("Boris", "BORIS")
    world.now_ms = world.services.now_ms()
    return world


def ask(world: Any, **changes: Any) -> Asked:
    values = {
        "program_id": world.program_id,
        "livemode": True,
        "currency": "EUR",
        "since_ms": world.now_ms - DAY_MS,
        "until_ms": world.now_ms + DAY_MS,
    }
    return Asked(**(values | changes))


def report(world: Any, **changes: Any) -> Any:
    program = world.read(lambda conn: programs.get_program(conn, world.program_id))
    return world.run(models.compare_models(world.services.db, program, ask(world, **changes)))


def way(world: Any, *codes: str, **fields: Any) -> str:
    """Clicks of one visitor, an hour apart, the last one an hour ago."""
    visitor = ""
    for place, code in enumerate(codes):
        click = world.click(code, a=(len(codes) - place) * HOUR_MS, **({"w": visitor} if visitor else {}), **fields)
        visitor = visitor or click
    return visitor


def sell(world: Any, visitor: str, **fields: Any) -> str:
    sold = world.track("sale", world.sale(visitor_id=visitor, **fields))
    assert sold.status_code == 200, sold.text
    return sold.json()["id"]


def column(told: Any, model: str) -> dict[str, int]:
    chosen = [each for each in told.comparison.models if each.model == model]
    return {each.partner_id: each.amount_minor for each in chosen[0].partners}


def claim_like(row: Any) -> Any:
    """A browser's claim of another order, beside a verified one."""
    changes = {"conversion_id": new_id("cnv", row.received_at_ms), "seq": row.seq + 1_000, "external_id": "claimed"}
    return msgspec.structs.replace(row, **changes, trust="unverified", status="attributed")


@pytest.fixture
def told(unseeded_world: Any) -> Any:
    """A world of one sale of 100.00 with clicks of Anna, Boris and Boris; Boris is credited."""
    world = seeded(unseeded_world)
    sell(world, way(world, "ANNA", "BORIS", "BORIS"))
    return world


def test_each_model_shares_the_same_conversion_its_own_way(told) -> None:
    anna, boris = told.anna.partner_id, told.boris.partner_id

    found = report(told)

    assert (found.conversions, found.is_cut, found.lost) == (1, False, 0)
    assert {each.partner_id: each.amount_minor for each in found.comparison.in_force.partners} == {
        anna: 0,
        boris: 10_000,
    }
    assert column(found, "first_click") == {anna: 10_000, boris: 0}
    assert column(found, "linear") == {anna: 3_334, boris: 6_666}
    assert column(found, "shared_by_distinct_partner") == {anna: 5_000, boris: 5_000}
    assert column(found, "last_click") == {anna: 0, boris: 10_000}
    assert column(found, "participation") == {anna: 10_000, boris: 10_000}


@pytest.mark.parametrize("model", ["first_click", "last_click", "linear", "position_based", "time_decay"])
def test_stored_explanations_say_what_the_engine_traces(unseeded_world, model: str) -> None:
    world = seeded(unseeded_world, model=model)
    sales = [
        sell(world, way(world, "ANNA", "BORIS", "ANNA")),
        sell(world, way(world, "BORIS"), promo_code="NOSUCH"),
        sell(world, "nobody"),
        sell(world, "nobody", partner_code="ANNA"),
        sell(world, way(world, "ANNA", "BORIS"), click_id=world.click("ANNA", a=30 * MINUTE_MS)),
    ]
    names = {one.enrollment_id: one.partner_id for one in (world.anna, world.boris)}

    def both(conn: Any, sale: str) -> Any:
        row = conversions.get_conversion(conn, sale)
        program = programs.get_program(conn, world.program_id)
        case = load_case(conn, row, program)
        decision = attribute(case.conversion, case.journey, program.settings.attribution)
        traced = trace_journey(case.conversion, case.journey, decision)
        explanation = conversions.newest_decision(conn, sale).explanation
        return traced, read_journey(
            sale, explanation, at_ms=row.occurred_at_ms, base_minor=row.amount_minor, currency="EUR"
        )

    for sale in sales:
        traced, read = world.read(lambda conn, sale=sale: both(conn, sale))
        renamed = msgspec.structs.replace(
            traced,
            credits=tuple(
                msgspec.structs.replace(
                    each,
                    partner_id=names[each.partner_id],
                    touch_id=each.touch_id if each.touch_id is None or ":" in each.touch_id else f"clk_{each.touch_id}",
                )
                for each in traced.credits
            ),
            touches=tuple(msgspec.structs.replace(each, partner_id=names[each.partner_id]) for each in traced.touches),
        )
        assert read == renamed


@pytest.mark.parametrize("changes", [{"livemode": False}, {"currency": "USD"}, {"until_ms": 0}, {"since_ms": 2**50}])
def test_other_modes_currencies_and_days_are_left_out(told, changes) -> None:
    if "since_ms" in changes:
        changes = changes | {"until_ms": 2**50 + 1}

    assert report(told, **changes).conversions == 0


def test_rejected_and_unverified_conversions_are_nobodys_success(told) -> None:
    visitor = way(told, "ANNA")
    rejected = sell(told, visitor)
    told.write(lambda conn: conversions.set_status(conn, rejected, "rejected"))
    told.write(lambda conn: conversions.insert_conversion(conn, claim_like(conversions.get_conversion(conn, rejected))))

    assert report(told).conversions == 1


def test_base_is_net_of_tax_under_the_terms_of_then(unseeded_world) -> None:
    world = seeded(unseeded_world)
    sell(world, way(world, "ANNA"), amount=11_900, tax=1_900)

    assert report(world).comparison.amount_minor == 10_000


def test_visitors_who_never_bought_are_lost_journeys_and_buyers_are_not(told) -> None:
    way(told, "ANNA", "BORIS")
    way(told, "ANNA")
    known = way(told, "BORIS")
    sell(told, known, customer={"external_id": "c-1"}, occurred_at=show_instant(told.now_ms - 3 * DAY_MS))

    found = report(told)

    assert found.lost == 2
    assert not found.is_lost_cut
    assert report(told, livemode=False).lost == 0


def test_more_than_fits_is_cut_and_said(told, monkeypatch) -> None:
    for _ in range(3):
        sell(told, way(told, "ANNA"))
    monkeypatch.setattr(models, "CONVERSIONS_MAX", 2)
    monkeypatch.setattr(models, "CLICKS_AT_ONCE", 1)
    monkeypatch.setattr(models, "CLICKS_MAX", 2)
    monkeypatch.setattr(store, "PIECE", 1)

    found = report(told)

    assert (found.conversions, found.is_cut, found.is_lost_cut) == (2, True, True)
    assert column(found, "last_click")[told.anna.partner_id] == 20_000, "the newest are kept"


def test_exactly_what_fits_is_not_cut(told, monkeypatch) -> None:
    monkeypatch.setattr(models, "CONVERSIONS_MAX", 1)

    assert not report(told).is_cut


def test_first_click_since_an_instant_is_found_by_halves(told) -> None:
    rows = told.read(lambda conn: touches.read_clicks(conn, after=0, up_to=10**9))
    received = {row[0]: row[6] for row in rows}
    newest = max(received)

    def first(at_ms: int) -> int:
        return told.read(lambda conn: touches.first_seq_since(conn, at_ms))

    assert first(0) <= min(received)
    assert first(max(received.values()) + 1) == newest + 1
    at_ms = sorted(received.values())[1]
    assert first(at_ms) == min(seq for seq, moment in received.items() if moment >= at_ms)


def test_ways_of_equal_partners_are_counted_once_with_their_number() -> None:
    def touch(name: str, visitor: str | None, partner: str, at_ms: int) -> Touch:
        return Touch(
            touch_id=name, kind="click", partner_id=partner, program_id="p", visitor_id=visitor, at_ms=at_ms, seq=at_ms
        )

    seen = [
        touch("1", "v", "enr_b", 2),
        touch("2", "v", "enr_a", 1),
        touch("3", "w", "enr_a", 3),
        touch("4", "w", "enr_b", 4),
        touch("5", "bought", "enr_a", 5),
        touch("6", None, "enr_a", 6),
        touch("7", "stranger", "enr_gone", 7),
    ]

    counted = count_lost(seen, {"enr_a": "prt_a", "enr_b": "prt_b"}, converted={"bought"})

    assert [(each.partners, each.losses, each.conversions) for each in counted] == [(("prt_a", "prt_b"), 2, 0)]
