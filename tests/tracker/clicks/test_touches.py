"""Touches by the indexes, for many at once: of somebody with very many clicks only those that count are read."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import insert, select

from attribution.types import Touch
from tracker.clicks import touches
from tracker.clicks.encoding import pack_browser_id
from tracker.clicks.tables import clicks
from tracker.db import row_statements
from tracker.recompute import simulate

SHORT = "a-name-and-no-sixteen-bytes"
PACKED = [f"{letter}{'A' * 21}" for letter in "BCDE"]


@pytest.fixture(autouse=True)
def fresh_statements() -> Iterator[None]:
    """Statements are compiled once; those of other limits must not stay."""
    row_statements._compiled.cache_clear()
    yield
    row_statements._compiled.cache_clear()


@pytest.fixture
def few(monkeypatch: Any) -> Callable[[], None]:
    """Lower the limits to what a test can fill."""

    def lower() -> None:
        row_statements._compiled.cache_clear()
        monkeypatch.setattr(touches, "BUSY_ROWS", 20)
        monkeypatch.setattr(touches, "TOUCHES_MAX", 10)
        monkeypatch.setattr(simulate, "TOUCHES_MAX", 10)

    return lower


@pytest.fixture
def busy(world: Any) -> Any:
    """One visitor with 40 later clicks, others with one each; every second one came late and is older than before."""
    first = world.click(c=PACKED[0])
    world.click(c=PACKED[1], w=PACKED[1])
    world.click(c=SHORT, w=SHORT)
    world.settle()

    def grow(conn: Any) -> None:
        row = conn.execute(select(clicks).where(clicks.c.click_key == pack_browser_id(first))).one()._asdict()
        for place in range(40):
            conn.execute(
                insert(clicks).values(
                    row
                    | {
                        "seq": 1_000 + place,
                        "click_key": pack_browser_id(f"later-{place}"),
                        "visitor_key": pack_browser_id(first),
                        "received_at_ms": row["received_at_ms"] + 10 * place,
                        "age_ms": 500 if place % 2 else 0,
                    }
                )
            )

    world.write(grow)
    return world


def asked(world: Any, *visitors: str) -> set[touches.Key]:
    return {(world.program_id, visitor) for visitor in visitors}


def find(world: Any, *visitors: str, up_to: int = 10**9) -> dict[str, list[Touch]]:
    def read(conn: Any) -> touches.Touches:
        wanted = asked(world, *visitors)
        return touches.find_touches(conn, wanted, set(), numbers=touches.numbering(conn), up_to=up_to)

    return {visitor: found for (_, visitor), found in world.read(read).by_visitor.items()}


def test_of_a_busy_visitor_the_first_and_the_last_are_read_and_of_others_all(
    busy: Any, few: Any, monkeypatch: Any
) -> None:
    whole = find(busy, PACKED[0], PACKED[1], SHORT)
    few()
    read: list[int] = []
    real = touches.sort_touches
    monkeypatch.setattr(
        touches, "sort_touches", lambda rows, *rest, **named: read.append(len(rows)) or real(rows, *rest, **named)
    )

    found = find(busy, PACKED[0], PACKED[1], SHORT)

    assert len(whole[PACKED[0]]) == 41
    assert read[0] <= 10 + 4, "nobody's clicks are loaded to be thrown away"
    kept = simulate.keep_ends(found[PACKED[0]])
    assert list(kept) == list(simulate.keep_ends(whole[PACKED[0]])), "the same as of all of them"
    assert len(kept) == 10
    assert {visitor: found[visitor] for visitor in (PACKED[1], SHORT)} == {
        visitor: whole[visitor] for visitor in (PACKED[1], SHORT)
    }


def test_clicks_behind_the_watermark_are_no_ends_of_a_busy_visitor(busy: Any, few: Any) -> None:
    whole = find(busy, PACKED[0], up_to=1_020)
    few()

    found = find(busy, PACKED[0], up_to=1_020)

    assert list(simulate.keep_ends(found[PACKED[0]])) == list(simulate.keep_ends(whole[PACKED[0]]))


def test_strung_keys_are_those_of_the_rows(busy: Any) -> None:
    def read(conn: Any, after: int, up_to: int) -> tuple[Any, Any]:
        packed = touches.read_packed_keys(conn, after=after, up_to=up_to)
        return packed, touches.read_keys(conn, after=after, up_to=up_to)

    packed, rows = busy.read(lambda conn: read(conn, 0, 2))
    if busy.services.db.dialect == "sqlite":
        assert [(seq, packed.visitor_keys[16 * n : 16 * n + 16]) for n, seq in enumerate(packed.seqs)] == [
            (row[0], row[2]) for row in rows
        ]
        assert packed.programs == [row[1] for row in rows]
        assert packed.click_keys == b"".join(row[3] for row in rows)
    else:
        assert packed is None
    assert [row[0] for row in rows] == [1, 2]
    # A key of another length would run into its neighbours, and nothing has no keys.
    assert busy.read(lambda conn: touches.read_packed_keys(conn, after=0, up_to=3)) is None
    assert busy.read(lambda conn: touches.read_packed_keys(conn, after=5_000, up_to=6_000)) is None


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 64, 65, 512, 513, 1_100])
def test_any_number_of_clicks_is_read_by_their_numbers_each_once(busy: Any, count: int) -> None:
    numbers = list(range(1_000, 1_000 + count))

    found = busy.read(lambda conn: touches.read_numbered(conn, numbers))

    assert sorted(row[0] for row in found) == numbers[:40]
