from typing import Any

import pytest

from tracker.event_retention import purge_refused_events
from tracker.quarantine import store
from tracker.quarantine.types import PAYLOAD_MAX, EventCount, EventFilter

NOW_MS = 1_790_000_000_000


def keep(world: Any, **changes: Any) -> str:
    event = store.make_event(
        **{
            "program_id": world.program_id,
            "livemode": True,
            "source": "track_sale",
            "code": "invalid_request",
            "cause": "amount: wrong",
            "payload": b"\xff\x00raw",
            "now_ms": NOW_MS,
        }
        | changes
    )
    world.write(lambda conn: store.keep(conn, event))
    return event.event_id


def listed(world: Any, **wanted: Any) -> list[str]:
    return [event.event_id for event in world.read(lambda conn: store.list_events(conn, EventFilter(**wanted)))]


def counted(world: Any) -> list[tuple[str, str, int, int]]:
    found = world.read(lambda conn: store.count_by_cause(conn, livemode=True, program_id=world.program_id))
    return [(each.source, each.code, each.waiting, each.lost) for each in found]


def test_p13_bytes_are_kept_as_they_came(world) -> None:
    keep(world)

    [event] = world.read(store.list_events)
    assert (event.payload, event.verdict, event.cause) == (b"\xff\x00raw", "quarantined", "amount: wrong")
    assert not event.is_cut


def test_p13_a_long_payload_is_cut_and_says_so(world) -> None:
    keep(world, payload=b"x" * 100_000)

    [event] = world.read(store.list_events)
    assert (len(event.payload), event.payload_bytes, event.is_cut) == (PAYLOAD_MAX, 100_000, True)


def test_p13_in_a_full_door_the_oldest_of_the_same_cause_makes_room_and_is_counted(world, monkeypatch) -> None:
    monkeypatch.setattr(store, "EVENTS_MAX", 3)
    first = keep(world, code="conflict")
    ids = [keep(world, now_ms=NOW_MS + number) for number in range(1, 6)]

    assert listed(world) == [ids[4], ids[3], first]
    assert counted(world) == [("track_sale", "invalid_request", 2, 3), ("track_sale", "conflict", 1, 0)]


def test_p13_a_new_cause_finds_room_in_a_full_door(world, monkeypatch) -> None:
    monkeypatch.setattr(store, "EVENTS_MAX", 3)
    ids = [keep(world, now_ms=NOW_MS + number) for number in range(3)]

    new = keep(world, code="conflict", now_ms=NOW_MS + 9)

    assert listed(world) == [new, ids[2], ids[1]]
    assert counted(world) == [("track_sale", "invalid_request", 2, 1), ("track_sale", "conflict", 1, 0)]


def test_what_was_judged_makes_room_last(world, monkeypatch) -> None:
    monkeypatch.setattr(store, "EVENTS_MAX", 2)
    judged, waiting = keep(world), keep(world, now_ms=NOW_MS + 1)
    world.write(lambda conn: store.judge(conn, judged, verdict="discarded", by="cli", at_ms=NOW_MS, reason="spam"))

    newest = keep(world, now_ms=NOW_MS + 2)
    assert listed(world) == [newest, judged]
    assert waiting not in listed(world)

    world.write(lambda conn: store.judge(conn, newest, verdict="accepted", by="cli", at_ms=NOW_MS, result_id="cnv_1"))
    last = keep(world, now_ms=NOW_MS + 3)
    assert listed(world) == [last, newest]


@pytest.mark.parametrize(
    "other",
    [{"livemode": False}, {"source": "browser_event"}],
    ids=["other-mode", "other-door"],
)
def test_a_flood_at_one_door_leaves_room_at_the_others(world, monkeypatch, other) -> None:
    monkeypatch.setattr(store, "EVENTS_MAX", 2)
    here = keep(world, **other)
    for number in range(5):
        keep(world, now_ms=NOW_MS + number)

    assert here in listed(world)
    assert len(listed(world)) == 3


def test_p13_the_bytes_of_a_door_are_bounded(world, monkeypatch) -> None:
    monkeypatch.setattr(store, "BYTES_MAX", 1000)
    for number in range(4):
        keep(world, payload=b"x" * 400, now_ms=NOW_MS + number)
    assert len(listed(world)) == 2

    keep(world, payload=b"x" * 1001, now_ms=NOW_MS + 9)

    # What finds no room at all is counted instead.
    assert listed(world) == []
    assert counted(world) == [("track_sale", "invalid_request", 0, 5)]


def test_lists_are_filtered_and_continue_after_the_last_one_seen(world) -> None:
    ids = [keep(world, now_ms=NOW_MS + number) for number in range(4)]
    other = keep(world, now_ms=NOW_MS + 9, code="conflict", source="track_lead", livemode=False)

    assert listed(world) == [other, *reversed(ids)]
    assert listed(world, livemode=True) == ids[::-1]
    assert listed(world, code="conflict") == listed(world, source="track_lead") == [other]
    assert listed(world, program_id=world.program_id, verdict="quarantined") == [other, *reversed(ids)]
    assert listed(world, verdict="discarded") == []
    assert listed(world, received_from_ms=NOW_MS + 2, received_to_ms=NOW_MS + 3) == [ids[3], ids[2]]
    page = world.read(lambda conn: store.list_events(conn, before=ids[2], limit=1))
    assert [event.event_id for event in page] == [ids[1]]


def test_only_one_verdict_is_given(world) -> None:
    event_id = keep(world)

    def judge(**values: Any) -> bool:
        return world.write(lambda conn: store.judge(conn, event_id, by="cli", at_ms=NOW_MS, **values))

    assert judge(verdict="accepted", result_id="cnv_1")
    assert not judge(verdict="discarded", reason="spam")
    event = world.read(lambda conn: store.get_event(conn, event_id))
    assert (event.verdict, event.result_id, event.judge_reason) == ("accepted", "cnv_1", None)


def test_p13_events_go_when_their_days_are_over(world) -> None:
    days_ms = world.services.settings.refused_event_days * 86_400_000
    now_ms = world.services.now_ms()
    old, young = keep(world, now_ms=now_ms - days_ms - 1), keep(world, now_ms=now_ms - days_ms + 60_000)

    world.run(purge_refused_events(world.services))

    assert listed(world) == [young]
    assert old not in listed(world)


def test_counts_are_those_of_the_mode(world) -> None:
    keep(world)
    keep(world, livemode=False)

    assert counted(world) == [("track_sale", "invalid_request", 1, 0)]
    everything = world.read(lambda conn: store.count_by_cause(conn, livemode=None, program_id=None))
    assert everything == [EventCount(source="track_sale", code="invalid_request", waiting=2)]


@pytest.mark.parametrize(
    ("payload", "number"),
    [
        (b'{"external_id": "A-1"}', "A-1"),
        (b'{"o": "A-2"}', "A-2"),
        (b'{"external_id": 7}', None),
        (b'{"external_id": "a\\u0000b"}', None),
        (b'{"external_id": "\xd4"}', None),
        (b'{"external\xd4_id": "A-1"}', None),
        (b"[" * 100_000, None),
        (b'"A-1"', None),
        (b"", None),
    ],
    ids=["api", "browser", "number", "nul", "not_utf8", "key_not_utf8", "deep", "text", "empty"],
)
def test_the_number_is_read_as_far_as_it_can_be(payload: bytes, number: str | None) -> None:
    event = store.make_event(
        program_id="prg_1", livemode=True, source="api", code="c", cause="c", payload=payload, now_ms=1_790_000_000_000
    )

    assert event.external_id == number
