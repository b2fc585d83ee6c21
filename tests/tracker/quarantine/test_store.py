from typing import Any

from tracker.quarantine import store


def keep(world: Any, **changes: Any) -> None:
    event = store.make_event(
        **{
            "program_id": world.program_id,
            "livemode": True,
            "source": "track_sale",
            "code": "invalid_request",
            "cause": "amount: wrong",
            "payload": b"\xff\x00raw",
            "now_ms": 1_790_000_000_000,
        }
        | changes
    )
    world.write(lambda conn: store.keep(conn, event))


def test_p13_bytes_are_kept_as_they_came(world) -> None:
    keep(world)

    [event] = world.read(store.list_events)
    assert (event.payload, event.verdict, event.cause) == (b"\xff\x00raw", "quarantined", "amount: wrong")


def test_p13_a_payload_is_cut_and_the_number_of_events_bounded(world, monkeypatch) -> None:
    monkeypatch.setattr(store, "EVENTS_MAX", 2)
    for number in range(4):
        keep(world, payload=b"x" * 100_000, now_ms=1_790_000_000_000 + number)

    found = world.read(store.list_events)
    assert [len(event.payload) for event in found] == [store.PAYLOAD_MAX] * 2
    assert found[0].received_at_ms > found[1].received_at_ms
