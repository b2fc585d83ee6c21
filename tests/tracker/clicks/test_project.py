"""Acknowledged clicks: stored before the answer, projected once, rebuilt alike."""

import asyncio
import sqlite3
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from sqlalchemy import Connection, delete, func, select, text

from ingest.address_keys import KEY_BYTES
from tracker.clicks import store
from tracker.clicks.projector import BATCH_MAX
from tracker.clicks.tables import click_days, clicks, cursors
from tracker.clicks.types import ClickFilter
from tracker.db.opening import open_database

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
)
GPC_LINK = {"Sec-GPC": "1", "User-Agent": CHROME}
DAY_MS = 86_400_000


def all_rows(conn: Connection) -> tuple[list[Any], list[Any]]:
    rows = [tuple(row) for row in conn.execute(select(clicks).order_by(clicks.c.seq))]
    days = [tuple(row) for row in conn.execute(select(click_days).order_by(*click_days.primary_key.columns))]
    return rows, days


def click_rows(conn: Connection) -> list[Any]:
    return store.list_clicks(conn, ClickFilter())


def test_p1_an_acknowledged_click_is_in_the_file_another_process_reads(world, tmp_path) -> None:
    click = world.click()

    if world.services.db.dialect == "sqlite":
        with sqlite3.connect(f"file:{tmp_path / 'inbox.db'}?mode=ro", uri=True) as other:
            bodies = [row[0] for row in other.execute("SELECT body FROM inbox")]
        other.close()
    else:
        url = world.services.db._engine.url.render_as_string(hide_password=False)
        second = open_database(url.replace("+asyncpg", ""))
        bodies = [row.body for row in world.run(second.inbox.rows(after=0, up_to=100, limit=100))]
        world.run(second.close())
    assert sum(click in body for body in bodies) == 1


def test_p1_an_acknowledged_sale_is_readable_at_once(world) -> None:
    sent = world.track("sale", world.sale(), wait=False).json()

    assert world.api("GET", f"/v1/conversions/{sent['id']}").status_code == 200


def test_p9_a_click_delivered_many_times_is_one(world) -> None:
    event = {"t": "click", "c": "same", "r": "ANNA", "w": "same"}

    async def storm() -> None:
        headers = {"Origin": "https://shop.example", "User-Agent": CHROME}
        body = {"k": world.keys["publishable", True], **event}
        answers = await asyncio.gather(*(world.http.post("/r/e", json=body, headers=headers) for _ in range(10)))
        assert len({answer.content for answer in answers}) == 1

    world.run(storm())
    world.browser(event | {"r": "anna", "u": "https://shop.example/other"})

    assert len(world.api("GET", "/v1/clicks").json()["data"]) == 1
    _, days = world.read(all_rows)
    assert [day[-2:] for day in days] == [(1, 0)]


def test_a_redirect_and_its_landing_page_are_one_click(world) -> None:
    """The landing page adopts the click the link made and sends it again, with more to tell or not."""
    link = f"/r/to/{world.anna.slug}"
    answer = world.request("GET", link, headers={"User-Agent": CHROME}, follow_redirects=False)
    token = dict(parse_qsl(urlsplit(answer.headers["location"]).query))["_mv"]
    last = token.split(".")[0]

    event = {"t": "click", "c": last, "w": last, "r": "ANNA", "u": "https://shop.example/landing"}
    headers = {"Sec-Fetch-Site": "same-site", "Host": "go.shop.example"}
    landed = world.browser(event | {"g": "shop.example"}, headers=headers)

    assert landed.json() == {"c": last, "r": "ANNA", "ttl": 60 * 86_400, "partner": {"name": "Anna"}}
    assert f"_mv=1.{last}.ANNA." in landed.headers["set-cookie"]
    [shown] = world.api("GET", "/v1/clicks").json()["data"]
    assert shown["id"] == f"clk_{last}"
    rows, days = world.read(all_rows)
    assert [(row.click_id, row.visitor_id, row.source) for row in world.read(click_rows)] == [(last, last, "redirect")]
    assert len(rows) == 1
    assert [day[-2:] for day in days] == [(1, 0)]
    assert world.read(lambda conn: store.drops_since(conn, 0)) == {"duplicate": 1}


def test_a_click_repeated_in_one_batch_or_later_is_a_counted_duplicate(world) -> None:
    at_ms = 20_000 * DAY_MS
    click = world.inbox_body("a")
    world.run(world.services.db.inbox.append([(at_ms, click), (at_ms + 1, click), (at_ms + DAY_MS, click)]))
    world.run(world.services.project())
    world.run(world.services.db.inbox.append([(at_ms + DAY_MS, world.inbox_body("a", code="OTHER"))]))
    world.run(world.services.project())
    world.run(world.services.project())

    rows, days = world.read(all_rows)
    assert (len(rows), [day[-2:] for day in days]) == (1, [(1, 0)])
    assert world.read(lambda conn: store.drops_since(conn, 20_001)) == {"duplicate": 2}
    assert world.read(lambda conn: store.drops_since(conn, 0)) == {"duplicate": 3}


def test_a_click_known_to_another_program_counts_there_too(world) -> None:
    """A cross-domain token may lead into a site of another program."""
    world.run(world.services.db.inbox.append([(20_000 * DAY_MS, world.inbox_body("a"))]))

    def second(conn: Connection) -> str:
        return world.make_program(conn, "Others", (), None, world.services.now_ms())

    other = world.write(second)
    world.run(world.services.db.inbox.append([(20_000 * DAY_MS, world.inbox_body("a", program_id=other))]))
    world.run(world.services.project())

    assert len(world.read(all_rows)[0]) == 2
    assert world.read(lambda conn: store.drops_since(conn, 0)) == {}


def test_projecting_twice_changes_nothing(world) -> None:
    for _ in range(3):
        world.click()
    world.run(world.services.project())
    before = world.read(all_rows)

    world.run(world.services.project())
    assert world.read(all_rows) == before
    assert len(before[0]) == 3


def test_the_projection_can_be_dropped_and_built_again(world) -> None:
    """Within its retention the inbox holds everything the projected clicks were made of."""
    rows = [
        (1_790_000_000_000 + number * 50_000_000, world.inbox_body(f"c{number % 7}-{number // 2}"))
        for number in range(BATCH_MAX + 20)
    ]
    rows.append((1_790_000_000_000, world.inbox_body("bot", user_agent="curl/8")))
    world.run(world.services.db.inbox.append(rows))
    world.run(world.services.project())
    before = world.read(all_rows)

    def drop(conn: Connection) -> None:
        guards = ["clicks_no_update", "clicks_no_delete"] if conn.dialect.name == "sqlite" else []
        for guard in guards:
            conn.execute(text(f"DROP TRIGGER {guard}"))
        if conn.dialect.name == "postgresql":
            conn.execute(text("ALTER TABLE clicks DISABLE TRIGGER USER"))
        for table in (clicks, click_days, cursors):
            conn.execute(delete(table))

    world.write(drop)
    world.run(world.services.project_gently())
    assert world.read(all_rows) == before
    assert len(before[0]) > BATCH_MAX // 2


def test_roll_ups_count_people_and_bots_by_their_day(world) -> None:
    at_ms = 20_000 * DAY_MS
    sent = [
        (at_ms, world.inbox_body("a")),
        (at_ms + 1, world.inbox_body("b", user_agent="curl/8.5")),
        (at_ms + 2, world.inbox_body("late", age_ms=DAY_MS)),
        (at_ms + DAY_MS, world.inbox_body("c")),
        (at_ms + DAY_MS, world.inbox_body("t", livemode=False)),
        (at_ms + DAY_MS, world.inbox_body("c")),
    ]
    world.run(world.services.db.inbox.append(sent))
    world.run(world.services.project())

    counted = world.read(lambda conn: store.clicks_by_day(conn, livemode=True, from_day=0))
    tested = world.read(lambda conn: store.clicks_by_day(conn, livemode=False, from_day=0))

    assert counted == {19_999: (1, 0), 20_000: (1, 1), 20_001: (1, 0)}
    assert tested == {20_001: (1, 0)}


def test_a_link_under_gpc_is_counted_and_tells_nothing(world) -> None:
    answer = world.request("GET", f"/r/to/{world.anna.slug}", headers=GPC_LINK, follow_redirects=False)
    assert answer.status_code == 302

    [shown] = world.api("GET", "/v1/clicks").json()["data"]
    [row] = world.read(click_rows)

    assert (shown["ip"], shown["visitor_id"], shown["country"], shown["http_referer"]) == (None, None, None, None)
    assert (row.host_key, row.net_key, row.is_bot) == (None, None, False)
    kept = world.run(world.services.db.inbox.rows(after=0, up_to=100, limit=100))
    assert kept
    assert not any("203.0.113" in each.body or "Chrome" in each.body for each in kept)


def test_the_address_is_kept_as_keys_and_mask_alone(world) -> None:
    world.click()
    world.run(world.services.project())

    [row] = world.read(click_rows)
    [packed] = world.read(lambda conn: conn.execute(select(clicks)).all())

    assert row.masked_ip == "203.0.113.x"
    assert (len(row.host_key), len(row.net_key)) == (KEY_BYTES, KEY_BYTES)
    assert "203.0.113.9" not in str(row)
    assert bytes([203, 0, 113, 9]) not in b"".join(value for value in packed if isinstance(value, bytes))


def test_each_agent_is_stored_once(world) -> None:
    for _ in range(3):
        world.click()
    world.browser({"t": "click", "c": "b", "r": "ANNA"}, headers={"User-Agent": "x" * 100_000})
    world.run(world.services.project())

    found = world.read(lambda conn: [row[0] for row in conn.execute(select(store.agents.c.text))])
    assert sorted(len(text) for text in found) == sorted([len(CHROME), 512])


def test_drops_are_counted_by_day_and_reason(world) -> None:
    for _ in range(3):
        world.browser({"t": "click", "c": "a", "r": "nobody"})
    world.run(world.services.sink.save_drops())
    world.run(world.services.sink.save_drops())

    assert world.read(lambda conn: store.drops_since(conn, 0)) == {"unknown_code": 3}


def test_counts_survive_a_save_that_failed(world, monkeypatch: pytest.MonkeyPatch) -> None:
    world.browser({"t": "click", "c": "a", "r": "nobody"})

    async def broken(_transaction: Any) -> None:
        raise RuntimeError("no space")

    with monkeypatch.context() as patched:
        patched.setattr(world.services.db, "write", broken)
        with pytest.raises(RuntimeError):
            world.run(world.services.sink.save_drops())
    world.run(world.services.sink.save_drops())

    assert world.read(lambda conn: store.drops_since(conn, 0)) == {"unknown_code": 1}


def test_clicks_sent_together_keep_their_order(world) -> None:
    async def many() -> None:
        headers = {"Origin": "https://shop.example", "User-Agent": CHROME}
        key = world.keys["publishable", True]
        await asyncio.gather(
            *(
                world.http.post("/r/e", json={"k": key, "t": "click", "c": f"n{number}", "r": "ANNA"}, headers=headers)
                for number in range(60)
            )
        )

    world.run(many())
    world.run(world.services.project())

    assert world.read(lambda conn: conn.execute(select(func.count()).select_from(clicks)).scalar_one()) == 60
