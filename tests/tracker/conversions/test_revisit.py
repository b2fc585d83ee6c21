"""What a change of terms, of a partner's status or of codes concerns is decided again, and nothing before it."""

import time
from typing import Any

import msgspec
import pytest
from sqlalchemy import func, select

from tracker.conversions import late, late_store, store
from tracker.conversions.tables import conversions, decisions
from tracker.instants import show_instant
from tracker.jobs.tables import jobs
from tracker.ledger.verify import verify
from tracker.links.store import add_promo_code
from tracker.partners.store import change_status
from tracker.programs.store import get_program, publish_version
from tracker.worker import decide_conversions

AHEAD_MS = 4 * 60_000  # reports may be up to five minutes ahead of our clock


def settle(world: Any) -> None:
    ends_at = time.monotonic() + 20
    while time.monotonic() < ends_at:
        world.run(world.services.project())
        world.run(decide_conversions(world.services))
        if not world.read(lambda conn: conn.execute(select(jobs.c.seq)).first()):
            return
    raise AssertionError("Deciding never comes to an end.")


def sell(world: Any, at_ms: int, **fields: Any) -> str:
    body = world.sale(occurred_at=show_instant(at_ms), **fields)
    sold = world.track("sale", body).json()
    return sold["id"]


def winners(world: Any, conversion_id: str) -> list[str]:
    shown = world.api("GET", f"/v1/conversions/{conversion_id}").json()
    return [part["partner"] for part in shown["attribution"]["winner"]]


def newest(world: Any, conversion_id: str) -> Any:
    return world.read(lambda conn: store.newest_decision(conn, conversion_id))


def test_conversion_decided_again_names_what_stood_before_and_why_it_does_not(world) -> None:
    now_ms = world.services.now_ms()
    visitor = world.click(a=120_000)
    sale = sell(world, now_ms - 60_000, visitor_id=visitor)
    first = world.api("GET", f"/v1/conversions/{sale}").json()["attribution"]
    world.add_partner("Boris", "BORIS")
    world.click("BORIS", a=90_000, c=world.number("later"), w=visitor)
    settle(world)

    again = world.api("GET", f"/v1/conversions/{sale}").json()["attribution"]

    assert (first["previous"], first["run"]) == (None, None)
    assert again["decision"] != first["decision"]
    assert again["previous"] == {
        "decision": first["decision"],
        "partner": world.anna.partner_id,
        "cause": "late_click",
        "decided_at": first["known_at"],
    }
    assert again["run"] is None


@pytest.fixture
def two_sales(world: Any) -> tuple[str, str]:
    """One sale of a minute ago and one that, by the shop's clock, happens in four minutes."""
    now_ms = world.services.now_ms()
    return tuple(sell(world, at_ms, click_id=world.click(a=120_000)) for at_ms in (now_ms - 60_000, now_ms + AHEAD_MS))


def ban(world: Any) -> None:
    world.write(
        lambda conn: change_status(
            conn,
            enrollment_id=world.anna.enrollment_id,
            status="banned",
            reason_code="fraud",
            reason="Bought through own links.",
            role="owner",
            actor="test",
            now_ms=world.services.now_ms(),
        )
    )


def shorten(world: Any) -> None:
    settings = world.read(lambda conn: get_program(conn, world.program_id)).settings
    shorter = msgspec.structs.replace(settings.attribution, window_seconds=1)
    world.write(
        lambda conn: publish_version(
            conn,
            program_id=world.program_id,
            settings=msgspec.structs.replace(settings, attribution=shorter),
            note="",
            actor="test",
            now_ms=world.services.now_ms(),
        )
    )


@pytest.mark.parametrize(
    ("change", "cause"), [(ban, "status:enr_"), (shorten, "terms:2")], ids=["partner's status", "published terms"]
)
def test_a_change_concerns_only_what_happened_after_it(world, two_sales, change: Any, cause: str) -> None:
    before, after = two_sales
    assert winners(world, before) == winners(world, after) == [world.anna.partner_id]

    change(world)
    settle(world)

    assert winners(world, before) == [world.anna.partner_id]
    assert winners(world, after) == []
    assert (newest(world, before).version, newest(world, before).cause) == (1, "reported")
    assert newest(world, after).version == 2
    assert newest(world, after).cause.startswith(cause)
    assert world.read(verify).ok


def test_a_code_registered_after_its_sale_counts_within_a_day(world) -> None:
    sold = sell(world, world.services.now_ms() - 60_000, promo_code=" spring10 ")
    old = sell(world, world.services.now_ms() - late.LATE_MS - 60_000, promo_code="SPRING10")
    other = sell(world, world.services.now_ms() - 60_000, promo_code="AUTUMN")
    assert winners(world, sold) == []

    now_ms = world.services.now_ms()
    code = world.write(
        lambda conn: add_promo_code(
            conn,
            enrollment_id=world.anna.enrollment_id,
            code="SPRING10",
            valid_to_ms=None,
            actor="test",
            now_ms=now_ms,
        )
    )
    settle(world)

    assert winners(world, sold) == [world.anna.partner_id]
    assert newest(world, sold).cause == f"code:{code.code_id}"
    assert [newest(world, each).version for each in (old, other)] == [1, 1]


def test_a_long_history_is_revisited_in_bounded_pieces_and_once(world, monkeypatch) -> None:
    monkeypatch.setattr(late_store, "FOUND_MAX", 2)
    now_ms = world.services.now_ms()
    sold = [sell(world, now_ms + AHEAD_MS, click_id=world.click(a=120_000)) for _ in range(5)]
    ban(world)
    for _ in range(2):
        world.write(
            lambda conn: late.after_terms(conn, world.program_id, effective_from_ms=now_ms, cause="status:again")
        )
    settle(world)

    assert [winners(world, each) for each in sold] == [[]] * 5
    count = select(func.count()).select_from(decisions)
    assert world.read(lambda conn: conn.execute(count).scalar_one()) == 10, "two versions of each, not more"
    assert world.read(lambda conn: conn.execute(select(conversions.c.status).distinct()).scalars().all()) == [
        "unattributed"
    ]
