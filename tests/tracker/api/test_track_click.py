"""Clicks that a shop's server saw: the same pipeline and inbox, with a key that is trusted."""

import asyncio
from typing import Any

import pytest

from tracker.clicks.store import drops_since
from tracker.instants import show_instant
from tracker.quarantine.store import list_events


def track(world: Any, *, test: bool = False, wait: bool = False, **fields: Any) -> Any:
    body = {"partner_code": "ANNA", **fields}
    return world.track(
        "click", {name: value for name, value in body.items() if value is not None}, wait=wait, test=test
    )


def click_of(world: Any, shown_id: str, *, test: bool = False) -> Any:
    return world.api("GET", f"/v1/clicks/{shown_id}", test=test).json()


def test_a_click_is_stored_and_shown(shared_world) -> None:
    world = shared_world
    click = world.number("srv")
    before_ms = world.services.now_ms() - 3_600_000

    answer = track(
        world,
        click_id=click,
        visitor_id="v1",
        ip="203.0.113.77",
        user_agent="Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0",
        landing_url="https://shop.example/p",
        referrer="https://blog.example/",
        occurred_at=show_instant(before_ms),
        sub1="mail",
        metadata={"campaign": "spring"},
    )

    assert answer.status_code == 202
    assert answer.json() == {
        "id": f"clk_{click}",
        "status": "received",
        "livemode": True,
        "links": {"self": f"https://go.shop.example/v1/clicks/clk_{click}"},
    }
    shown = click_of(world, f"clk_{click}")
    assert (shown["visitor_id"], shown["source"], shown["ip"], shown["is_bot"]) == (
        "vis_v1",
        "server",
        "203.0.113.x",
        False,
    )
    assert (shown["page_url"], shown["http_referer"]) == ("https://shop.example/p", "https://blog.example/")
    assert shown["occurred_at"] == show_instant(before_ms)


@pytest.mark.parametrize("name", ["partner_code", "link"])
def test_a_sale_is_the_merit_of_a_servers_click(shared_world, name: str) -> None:
    world = shared_world
    given = {"partner_code": "anna"} if name == "partner_code" else {"partner_code": None, "link": world.anna.slug}
    click = track(world, click_id=world.number("srv"), **given).json()["id"]

    sold = world.track("sale", world.sale(click_id=click)).json()

    assert [line["partner_id"] for line in sold["commissions"]] == [world.anna.partner_id]


def test_a_click_without_address_or_agent_is_neither_a_bot_nor_anybodys_host(shared_world) -> None:
    shown = track(shared_world, click_id=shared_world.number("srv"), wait=True).json()

    assert (shown["is_bot"], shown["ip"], shown["country"]) == (False, None, None)


def test_a_bots_agent_is_one_wherever_it_comes_from(shared_world) -> None:
    answer = track(shared_world, click_id=shared_world.number("srv"), user_agent="Googlebot/2.1", wait=True)

    assert (answer.status_code, answer.json()["is_bot"]) == (200, True)


def test_without_an_id_the_server_makes_one(shared_world) -> None:
    one, other = (track(shared_world).json()["id"] for _ in range(2))

    assert one != other
    assert click_of(shared_world, one)["id"] == one


def test_p09_one_click_sent_ten_times_at_once_is_one_row_with_one_answer(shared_world) -> None:
    world = shared_world
    click = world.number("srv")
    body = {"partner_code": "ANNA", "click_id": click}
    headers = {"Authorization": f"Bearer {world.keys['secret', True]}"}

    async def send() -> list[Any]:
        return await asyncio.gather(
            *(world.http.post("/v1/track/click", json=body, headers=headers) for _ in range(10))
        )

    answers = world.run(send())

    assert {(answer.status_code, answer.content) for answer in answers} == {(202, answers[0].content)}
    listed = world.api("GET", f"/v1/clicks?filter[visitor_id]={click}").json()["data"]
    assert [each["id"] for each in listed] == [f"clk_{click}"]


def test_the_first_report_of_a_click_stays(shared_world) -> None:
    world = shared_world
    click = world.number("srv")
    track(world, click_id=click, landing_url="https://shop.example/one")
    track(world, click_id=click, landing_url="https://shop.example/two")

    assert click_of(world, click)["page_url"] == "https://shop.example/one"


def test_an_idempotency_key_keeps_even_a_click_without_an_id_one(shared_world) -> None:
    world = shared_world
    headers = {"Idempotency-Key": world.number("key")}
    one, other = (world.track("click", {"partner_code": "ANNA"}, wait=False, headers=headers) for _ in range(2))

    assert one.content == other.content
    assert other.headers["idempotent-replayed"] == "true"


def test_a_test_key_makes_a_test_click_on_the_test_clock(shared_world) -> None:
    world = shared_world
    world.api("POST", "/v1/test/clock", test=True, json={"advance_seconds": 86_400})
    click = world.number("srv")

    track(world, test=True, click_id=click)

    shown = click_of(world, click, test=True)
    assert shown["livemode"] is False
    assert shown["occurred_at"] > show_instant(world.services.now_ms() + 80_000_000)
    assert world.api("GET", f"/v1/clicks/{click}").status_code == 404


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"partner_code": "NOBODY"}, "partner_code"),
        ({"partner_code": None}, "partner_code"),
        ({"link": "anna"}, "partner_code"),
        ({"partner_code": None, "link": "nobody"}, "link"),
        ({"click_id": "a b"}, "click_id"),
        ({"click_id": "x" * 65}, "click_id"),
        ({"visitor_id": ""}, "visitor_id"),
        ({"ip": "localhost"}, "ip"),
        ({"user_agent": "u" * 4097}, "user_agent"),
        ({"landing_url": "u" * 2049}, "landing_url"),
        ({"referrer": 1}, "referrer"),
        ({"occurred_at": "yesterday"}, "occurred_at"),
        ({"occurred_at": "9999-01-01T00:00:00Z"}, "occurred_at"),
        ({"sub1": "s" * 256}, "sub1"),
        ({"metadata": {"a": "x" * 10_000}}, "metadata"),
        ({"is_bot": False}, "is_bot"),
    ],
)
def test_p22_each_wrong_field_is_named_and_the_body_kept(shared_world, fields: dict[str, Any], field: str) -> None:
    world = shared_world
    mark = world.number("mark")
    answer = track(world, **{"sub5": mark, **fields})

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    [event] = [event for event in world.read(list_events) if mark.encode() in event.payload]
    assert event.source == "track_click"


def test_an_unknown_code_is_a_counted_drop(world) -> None:
    answer = track(world, partner_code="NOBODY")
    world.run(world.services.sink.save_drops())

    assert (answer.status_code, answer.headers["x-molva-drop"]) == (422, "unknown_code")
    assert world.read(lambda conn: drops_since(conn, 0)) == {"unknown_code": 1}


def test_another_programs_link_is_unknown(world) -> None:
    other = world.write(lambda conn: world.make_program(conn, "Other", ("https://other.example",), None, 0))
    key = world.write(lambda conn: world.make_key(conn, other, "secret", livemode=True)).value
    world.run(world.services.refresh())

    answer = world.track("click", {"link": world.anna.slug}, wait=False, key=key)

    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_code")
