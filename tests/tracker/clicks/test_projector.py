"""The projector follows its load, stops when told, and leaves rows alone that somebody put back."""

import asyncio
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, func, select

from tracker.clicks import dictionaries, store
from tracker.clicks.dictionaries import Remembered
from tracker.clicks.project import Memory, arrive, save_batch
from tracker.clicks.projector import BATCH_MAX, BATCH_STEP, FOLLOWED, LATE_MS, REST_LONG, REST_SHORT, Pace, Projector
from tracker.clicks.tables import click_texts, clicks
from tracker.clicks.types import ClickFilter

AT_MS = 1_790_000_000_000
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
)


def append(world: Any, bodies: list[str]) -> None:
    world.run(world.services.db.inbox.append([(AT_MS, body) for body in bodies]))


def projector_of(world: Any) -> Projector:
    """One that nobody else drives; the world's own works beside it."""
    return Projector(world.services.db, world.services.enricher, now_ms=lambda: AT_MS)


def count(conn: Connection) -> int:
    return conn.execute(select(func.count()).select_from(clicks)).scalar_one()


def texts_in(conn: Connection) -> set[str]:
    return set(conn.execute(select(click_texts.c.text)).scalars())


@pytest.mark.parametrize(
    ("arriving", "late_ms", "rest"),
    [
        pytest.param(100, LATE_MS, REST_LONG, id="in time"),
        pytest.param(100, LATE_MS + 1, REST_SHORT, id="late under a load it can follow"),
        pytest.param(FOLLOWED, LATE_MS + 1, REST_SHORT, id="the most it follows"),
        pytest.param(FOLLOWED + 8, 60_000, REST_LONG, id="in a burst acknowledging comes first"),
        pytest.param(0, 60_000, REST_SHORT, id="after the burst the backlog is worked off"),
    ],
)
def test_pauses_follow_the_load(arriving, late_ms, rest):
    pace = Pace(1000, 50.0)

    pace.look(1000 + arriving // 2, 50.5)

    assert pace.rest(late_ms) == rest
    assert (pace.is_look_due(50.6), pace.is_look_due(50.8)) == (False, True)


def test_two_projectors_side_by_side_store_each_click_once(world) -> None:
    append(world, [world.inbox_body(f"c{number}") for number in range(BATCH_MAX)])
    one, other = projector_of(world), projector_of(world)

    async def both() -> None:
        await asyncio.gather(one.project(), other.project(), world.services.project())

    world.run(both())

    assert world.read(count) == BATCH_MAX
    assert world.read(lambda conn: store.clicks_by_day(conn, livemode=True, from_day=0)) == {
        AT_MS // 86_400_000: (BATCH_MAX, 0)
    }
    assert world.read(lambda conn: store.drops_since(conn, 0)) == {}


def test_a_told_projector_stops_between_batches(world) -> None:
    append(world, [world.inbox_body(f"c{number}") for number in range(BATCH_STEP)])
    told = asyncio.Event()
    told.set()

    assert world.run(projector_of(world).project_gently(told)) == 0


def test_a_batch_read_behind_a_cursor_that_was_put_back_is_not_stored(world) -> None:
    """Otherwise a projection that is built again would begin in the middle."""
    append(world, [world.inbox_body("a")])
    rows = world.run(world.services.db.inbox.rows(after=0, up_to=100, limit=1))
    arrived = [arrive(row, world.services.enricher) for row in rows]

    def save_twice(conn: Connection) -> tuple[int, int]:
        store.move_cursor(conn, 0)
        before = count(conn)
        refused = save_batch(conn, arrived, Memory(), after=rows[-1].seq)
        assert (count(conn), refused.cursor, refused.numbers) == (before, 0, None)
        return before, save_batch(conn, arrived, Memory(), after=0).cursor

    assert world.write(save_twice)[1] == rows[-1].seq
    assert world.read(count) == 1


def test_lists_and_look_ups_find_first_and_later_touches(world) -> None:
    first, later = "firstfirstfirstfirstQQ", "later-touch"
    append(world, [world.inbox_body(first), world.inbox_body(later, visitor_id=first), world.inbox_body("other")])
    world.run(world.services.project())

    def ask(conn: Connection) -> list[list[str]]:
        touches = store.clicks_of_visitors(conn, program_id=world.program_id, visitors=[first, "nobody"])
        listed = store.list_clicks(conn, ClickFilter(visitor_id=first))
        own = store.list_clicks(conn, ClickFilter(enrollment_id=world.anna.enrollment_id, program_id=world.program_id))
        return [[row.click_id for row in rows] for rows in (touches, listed, own)]

    assert world.read(ask) == [[first, later], [later, first], ["other", later, first]]
    found = world.read(partial(store.find_click, program_id=world.program_id, click_id=later))
    assert (found.visitor_id, found.source, found.details) == (first, "snippet", {"code": "ANNA", "parameter": "via"})
    for stranger in ("", "nobody", "later-touch\0", "é" * 8):
        assert world.read(partial(store.find_click, program_id=world.program_id, click_id=stranger)) is None


def test_unknown_programs_and_partners_have_no_clicks(world) -> None:
    nobody, nowhere = f"enr_{1:032x}", f"prg_{1:032x}"

    def ask(conn: Connection) -> list[Any]:
        return [
            store.list_clicks(conn, ClickFilter(enrollment_id=nobody)),
            store.list_clicks(conn, ClickFilter(program_id=nowhere)),
            store.clicks_of_visitors(conn, program_id=nowhere, visitors=["a"]),
            store.find_click(conn, program_id=nowhere, click_id="a"),
            store.clicks_by_day(conn, livemode=True, from_day=0, enrollment_id=nobody),
        ]

    assert world.read(ask) == [[], [], [], None, {}]


def test_texts_are_stored_once_and_only_unused_ones_are_forgotten(world) -> None:
    append(world, [world.inbox_body(f"c{number}", http_referer="https://blog.example/") for number in range(3)])
    world.run(world.services.project())
    stray = world.write(lambda conn: dictionaries.text_numbers(conn, ["nobody names me"]))["nobody names me"]
    before = world.read(texts_in)
    used = world.write(lambda conn: dictionaries.text_numbers(conn, ["https://blog.example/"]))

    def forget(conn: Connection) -> int:
        return dictionaries.forget_texts(conn, [stray, *used.values()], looked_up_to_seq=0)

    times = world.read(dictionaries.times_forgotten)
    assert world.write(forget) == 1
    assert before - world.read(texts_in) == {"nobody names me"}
    assert world.read(dictionaries.times_forgotten) == times + 1


def test_a_forgotten_text_that_comes_again_is_stored_again(world) -> None:
    """What the projector remembers must not outlive the dictionary."""
    projector = projector_of(world)
    append(world, [world.inbox_body("a", page_url="https://shop.example/one")])
    world.run(projector.project())
    number = world.write(lambda conn: dictionaries.text_numbers(conn, ["https://shop.example/one"]))
    world.write(lambda conn: dictionaries.forget_texts(conn, number.values(), looked_up_to_seq=2**40))

    append(world, [world.inbox_body("b", page_url="https://shop.example/one")])
    world.run(projector.project())

    shown = world.read(lambda conn: store.list_clicks(conn, ClickFilter()))
    assert [(row.click_id, row.page_url) for row in shown] == [("b", "https://shop.example/one"), ("a", None)]


def test_remembered_numbers_are_bounded_and_the_used_ones_stay():
    remembered = Remembered(10)
    remembered.put("often", 0)
    for number in range(1, 100):
        remembered.put(f"key {number}", number)
        assert remembered.get("often") == 0
        assert len(remembered) <= 10

    assert remembered.get("key 1") is None
    assert remembered.get("key 99") == 99
    remembered.clear()
    assert (remembered.get("often"), len(remembered)) == (None, 0)
