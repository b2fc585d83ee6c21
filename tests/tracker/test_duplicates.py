"""P9: whatever a door of the browser is sent many times at once becomes one row, with one answer."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import func, select

from tracker.conversions.tables import conversions
from tracker.custom_events.tables import custom_events

SITE = "https://shop.example"
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
)


def rows_of(world: Any, kind: str, number: str) -> int:
    if kind == "click":
        return len(world.api("GET", f"/v1/clicks?filter[visitor_id]={number}").json()["data"])
    column = custom_events.c.browser_event_id if kind == "trial" else conversions.c.external_id
    query = select(func.count()).where(column == number)
    return world.read(lambda conn: conn.execute(query).scalar_one())


@pytest.mark.parametrize("times", [2, 10])
@pytest.mark.parametrize("kind", ["click", "lead", "sale", "trial"])
def test_p09_one_event_sent_many_times_at_once_is_one_row_with_one_answer(shared_world, kind: str, times: int) -> None:
    world = shared_world
    number = world.number("event")
    event = {
        "click": {"t": "click", "c": number, "w": number, "r": "ANNA"},
        "lead": {"t": "lead", "o": number, "c": number},
        "sale": {"t": "sale", "o": number, "c": number, "m": "19.99", "y": "EUR"},
        "trial": {"t": "trial", "i": number, "c": number},
    }[kind]
    sent = {"k": world.keys["publishable", True], **event}
    headers = {"Origin": SITE, "User-Agent": CHROME}

    async def send() -> list[Any]:
        # A repeated send is older by then, which makes it no other event.
        return await asyncio.gather(
            *(world.http.post("/r/e", json=sent | {"a": age, "z": age}, headers=headers) for age in range(times))
        )

    answers = world.run(send())

    assert {(answer.status_code, answer.content) for answer in answers} == {(200, answers[0].content)}
    assert rows_of(world, kind, number) == 1
