"""Custom events: kept once, unchanged, shown by the command line."""

import asyncio
import json
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.exc import DBAPIError

from tracker.clicks import store as clicks
from tracker.custom_events import store
from tracker.custom_events.tables import custom_events
from tracker.event_commands import list_events
from tracker.event_retention import purge_custom_events

EVENT = {"t": "trial_started", "i": "event_1", "c": "click_1", "w": "visitor_1"}


def kept(world: Any) -> list[Any]:
    return world.read(store.list_events)


def test_a_custom_event_is_kept_as_it_came(world) -> None:
    body = json.dumps({"k": world.keys["publishable", True], **EVENT, "d": {"plan": "pro"}}).encode()

    answer = world.browser(body)

    assert answer.status_code == 200, answer.text
    [event] = kept(world)
    assert answer.json() == {"c": "click_1", "r": None, "ttl": 60 * 86_400, "id": event.event_id}
    assert (event.payload, event.name, event.trust) == (body, "trial_started", "unverified")
    assert (event.program_id, event.livemode, event.click_id) == (world.program_id, True, "click_1")


def test_p9_an_event_delivered_many_times_is_one(world) -> None:
    async def storm() -> list[Any]:
        body = {"k": world.keys["publishable", True], **EVENT}
        headers = {"Origin": "https://shop.example"}
        return await asyncio.gather(*(world.http.post("/r/e", json=body, headers=headers) for _ in range(5)))

    answers = world.run(storm())

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sorted(answer.headers.get("x-molva-drop", "") for answer in answers) == ["", *["duplicate"] * 4]
    assert len(kept(world)) == 1
    world.run(world.services.sink.save_drops())
    assert world.read(lambda conn: clicks.drops_since(conn, 0)) == {"duplicate": 4}


def test_modes_and_events_without_an_id_are_apart(world) -> None:
    world.browser(EVENT)
    world.browser(EVENT, test=True)
    for _ in range(2):
        world.browser({"t": "scrolled"})

    assert sorted((event.name, event.livemode) for event in kept(world)) == [
        ("scrolled", True),
        ("scrolled", True),
        ("trial_started", False),
        ("trial_started", True),
    ]


def test_kept_events_are_never_changed(world) -> None:
    world.browser(EVENT)

    with pytest.raises(DBAPIError, match="never changed"):
        world.write(lambda conn: conn.execute(update(custom_events).values(name="other")))


def test_kept_events_go_when_their_days_are_over(world, monkeypatch) -> None:
    world.browser(EVENT)
    [event] = kept(world)
    last_ms = event.received_at_ms + world.services.settings.custom_event_days * 86_400_000

    monkeypatch.setattr(world.services, "now_ms", lambda: last_ms)
    world.run(purge_custom_events(world.services))
    assert kept(world) == [event]

    monkeypatch.setattr(world.services, "now_ms", lambda: last_ms + 1)
    world.run(purge_custom_events(world.services))
    assert kept(world) == []


def test_events_list_shows_them_as_accepted(world) -> None:
    world.browser(EVENT | {"t": "refund"})
    world.browser(EVENT)

    def listed(**params: Any) -> list[tuple[str, str, str]]:
        found = world.run(list_events(world.services, params))["data"]
        return [(event["verdict"], event["code"], json.loads(event["payload"])["t"]) for event in found]

    accepted = ("accepted", "trial_started", "trial_started")
    refused = ("quarantined", "invalid_request", "refund")
    assert listed(verdict="accepted") == [accepted]
    assert listed(verdict="quarantined") == [refused]
    assert listed(verdict="discarded") == []
    assert listed() == [accepted, refused]
