"""`GET /v1/events`: what was refused, and events with names of the site's own, as one list."""

import json
from typing import Any

from tracker.replay import replay_event


def listed(world: Any, query: str = "", *, test: bool = False) -> Any:
    return world.api("GET", f"/v1/events{query}", test=test).json()


def ids(page: Any) -> list[str]:
    return [event["id"] for event in page["data"]]


def fill(world: Any) -> list[dict[str, Any]]:
    """Three refused events and two custom ones; returns them newest first."""
    world.track("sale", world.sale(amount=-1))
    world.browser({"t": "trial_started", "i": "e1"})
    world.track("lead", b"{")
    world.browser({"t": "refund"})
    world.browser({"t": "gave_up", "i": "e2"})
    found: list[dict[str, Any]] = listed(world)["data"]
    return found


def test_refused_and_custom_events_are_one_list_newest_first(world) -> None:
    found = fill(world)

    assert sorted((event["source"], event["code"], event["verdict"]) for event in found) == [
        ("browser_event", "gave_up", "accepted"),
        ("browser_event", "invalid_request", "quarantined"),
        ("browser_event", "trial_started", "accepted"),
        ("track_lead", "invalid_json", "quarantined"),
        ("track_sale", "invalid_request", "quarantined"),
    ]
    assert [event["received_at"] for event in found] == sorted((event["received_at"] for event in found), reverse=True)
    assert json.loads(next(event["payload"] for event in found if event["source"] == "track_sale"))["amount"] == -1


def test_pages_follow_one_another_across_both_kinds(world) -> None:
    found = [event["id"] for event in fill(world)]

    first = listed(world, "?limit=2")
    second = listed(world, f"?limit=2&starting_after={ids(first)[-1]}")
    third = listed(world, f"?limit=2&starting_after={ids(second)[-1]}")

    assert ids(first) + ids(second) + ids(third) == found
    assert [page["has_more"] for page in (first, second, third)] == [True, True, False]


def test_filters_choose_and_wrong_ones_are_refused(world) -> None:
    fill(world)

    assert len(listed(world, "?filter[verdict]=accepted")["data"]) == 2
    assert len(listed(world, "?filter[verdict]=quarantined")["data"]) == 3
    assert [event["code"] for event in listed(world, "?filter[source]=track_lead")["data"]] == ["invalid_json"]
    assert [event["verdict"] for event in listed(world, "?filter[code]=gave_up")["data"]] == ["accepted"]
    assert listed(world, "?created_at[gte]=2099-01-01T00:00:00Z")["data"] == []
    assert len(listed(world, "?created_at[lte]=2099-01-01T00:00:00Z")["data"]) == 5
    assert world.api("GET", "/v1/events?filter[verdict]=lost").status_code == 422
    assert world.api("GET", "/v1/events?filter[status]=accepted").status_code == 422


def test_one_event_says_what_became_of_it(world) -> None:
    body = world.sale(amount=-1)
    world.track("sale", body)
    [event] = listed(world)["data"]
    assert (event["result_id"], event["corrected"]) == (None, None)

    right = json.dumps(body | {"amount": 1})
    taken = world.run(replay_event(world.services, event["id"], actor="cli", corrected=right.encode()))

    shown = world.api("GET", f"/v1/events/{event['id'].removeprefix('evt_')}").json()
    assert (shown["verdict"], shown["result_id"], shown["corrected"]) == ("accepted", taken.result_id, right)
    assert shown["judged_by"] == "cli"


def test_another_mode_or_program_does_not_see_them(world) -> None:
    event = fill(world)[0]

    assert listed(world, test=True) == {"data": [], "has_more": False}
    assert world.api("GET", f"/v1/events/{event['id']}", test=True).status_code == 404
    assert world.api("GET", f"/v1/events?starting_after={event['id']}", test=True).status_code == 404
    assert world.api("GET", "/v1/events/evt_" + "0" * 32).status_code == 404
