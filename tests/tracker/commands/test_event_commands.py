"""`molva events …` as functions, on both databases."""

import json
from typing import Any

import pytest

from tracker.commands import COMMANDS
from tracker.i18n.messages import InputError
from tracker.quarantine import store
from tracker.quarantine.types import QuarantinedEvent

NOWHERE = "evt_" + "0" * 32


def do(world: Any, command: str, /, **params: Any) -> Any:
    return world.run(COMMANDS[command](world.services, params))


def refuse(world: Any, *, is_right: bool) -> QuarantinedEvent:
    """A refused sale that either only lacks its content type, or is wrong."""
    body = world.sale() if is_right else world.sale(amount=-1)
    world.track("sale", json.dumps(body).encode(), headers={"Content-Type": "text/plain"})
    return world.read(store.list_events)[0]


def test_each_event_is_told_apart_and_one_failure_is_no_success(world) -> None:
    right, wrong = refuse(world, is_right=True), refuse(world, is_right=False)

    told = do(world, "events replay", event=[right.event_id, wrong.event_id, NOWHERE, "nonsense", right.event_id])

    assert told["ok"] is False
    assert [(each["id"], each["verdict"], each["code"]) for each in told["data"]] == [
        (right.event_id, "accepted", "unsupported_media_type"),
        (wrong.event_id, "quarantined", "invalid_request"),
        (NOWHERE, None, "not_found"),
        ("nonsense", None, "not_found"),
    ]
    assert told["data"][0]["result_id"].startswith("cnv_")
    assert "amount" in told["data"][1]["cause"]


def test_all_taken_is_a_success_and_the_second_time_is_none(world) -> None:
    event = refuse(world, is_right=True)

    assert do(world, "events replay", event=[event.event_id.removeprefix("evt_")])["ok"] is True

    again = do(world, "events replay", event=[event.event_id])
    assert (again["ok"], again["data"][0]["code"]) == (False, "judged")
    [shown] = do(world, "events list", verdict="accepted")["data"]
    assert (shown["id"], shown["judged_by"], shown["verdict"]) == (event.event_id, "cli", "accepted")


def test_events_are_given_up_with_a_reason(world) -> None:
    event = refuse(world, is_right=False)

    with pytest.raises(InputError):
        do(world, "events discard", event=[event.event_id], reason="  ")
    assert do(world, "events discard", event=[event.event_id], reason="Spam.")["ok"] is True

    [shown] = do(world, "events list", verdict="discarded")["data"]
    assert (shown["reason"], shown["judged_by"]) == ("Spam.", "cli")
