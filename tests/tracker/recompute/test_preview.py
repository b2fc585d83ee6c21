"""What a change of terms would have done: told before anybody publishes it, and nothing is written."""

from typing import Any

import msgspec
import pytest
from sqlalchemy import func, select

from tracker.conversions.tables import decisions
from tracker.programs.store import get_program
from tracker.programs.types import ProgramSettings
from tracker.recompute.preview import DAYS, EXAMPLES_MAX, preview_settings
from tracker.recompute.tables import attribution_runs


def settings_of(world: Any, **attribution: Any) -> ProgramSettings:
    """The program's terms with other attribution settings."""
    settings = world.read(lambda conn: get_program(conn, world.program_id)).settings
    return msgspec.structs.replace(settings, attribution=msgspec.structs.replace(settings.attribution, **attribution))


def preview(world: Any, settings: ProgramSettings, **options: Any) -> Any:
    services = world.services
    return world.run(preview_settings(services.db, world.program_id, settings, now_ms=services.now_ms(), **options))


@pytest.fixture
def sold(teller: Any, tools: Any) -> Any:
    """Two sales, each with a click of Anna and a later one of Boris."""
    world = teller.world
    for minutes in (90, 80):
        visitor = teller.click("ANNA", minutes + 20)
        teller.click("BORIS", minutes + 10, c=world.number("second"), w=visitor)
        teller.sale(minutes, visitor_id=visitor)
    world.settle()
    return world


def test_another_model_moves_amounts_and_commissions(sold) -> None:
    told = preview(sold, settings_of(sold, model="first_click"))

    assert (told.conversions, told.looked_at, told.is_cut, told.moved, told.repaid) == (2, 2, False, 2, 0)
    sums = {one.enrollment_id: one for one in told.partners}
    anna, boris = sums[sold.anna.enrollment_id], sums[sold.boris.enrollment_id]
    assert (anna.amount_before_minor, anna.amount_after_minor) == (0, 20_000)
    assert (boris.commission_before_minor, boris.commission_after_minor) == (4_000, 0)
    assert told.partners[0] == boris, "who would lose comes first"
    assert {example.after.credits[0].partner_id for example in told.examples} == {sold.anna.enrollment_id}


def test_another_rate_moves_commissions_alone(sold) -> None:
    settings = settings_of(sold)
    doubled = tuple(msgspec.structs.replace(rule, rate_bps=4_000) for rule in settings.rewards)

    told = preview(sold, msgspec.structs.replace(settings, rewards=doubled))

    assert (told.moved, told.repaid) == (0, 2)
    (boris,) = told.partners
    assert (boris.commission_before_minor, boris.commission_after_minor) == (4_000, 8_000)
    assert boris.amount_before_minor == boris.amount_after_minor == 20_000


def test_the_terms_in_force_change_nothing(sold) -> None:
    told = preview(sold, settings_of(sold))

    assert (told.moved, told.repaid, told.examples) == (0, 0, ())
    assert [one.commission_before_minor - one.commission_after_minor for one in told.partners] == [0]


def test_nothing_is_written(sold) -> None:
    def count(conn: Any) -> Any:
        return [conn.execute(select(func.count()).select_from(table)).scalar_one() for table in COUNTED]

    before = sold.read(count)
    preview(sold, settings_of(sold, window_seconds=1))

    assert sold.read(count) == before


COUNTED = (decisions, attribution_runs)


def test_what_happened_before_its_days_is_not_looked_at(sold) -> None:
    now_ms = sold.services.now_ms
    sold.services.now_ms = lambda: now_ms() + (DAYS + 1) * 86_400_000
    try:
        told = preview(sold, settings_of(sold, model="first_click"))
    finally:
        sold.services.now_ms = now_ms

    assert (told.conversions, told.partners) == (0, ())


def test_a_preview_whose_time_is_up_says_that_it_was_cut(story, monkeypatch) -> None:
    monkeypatch.setattr("tracker.recompute.preview.GROUPS_AT_ONCE", 1)
    ticks = iter(range(1_000))

    told = preview(story, settings_of(story, model="first_click"), budget_s=3, clock=lambda: next(ticks))

    assert told.is_cut
    assert 0 < told.looked_at < told.conversions
    whole = preview(story, settings_of(story, model="first_click"), budget_s=60)
    assert not whole.is_cut
    assert whole.looked_at == whole.conversions
    assert len(whole.examples) == EXAMPLES_MAX


def test_test_objects_are_in_no_sum(teller, tools) -> None:
    world = teller.world
    visitor = teller.click("ANNA", 90, test=True)
    teller.sale(60, visitor_id=visitor, test=True)
    world.settle()

    assert preview(world, settings_of(world, window_seconds=1)).partners == ()


def test_an_unknown_program_has_no_preview(sold) -> None:
    services = sold.services
    asked = preview_settings(services.db, "prg_" + "0" * 32, settings_of(sold), now_ms=services.now_ms())

    assert sold.run(asked) is None
