"""P13: whatever a door refuses of a known key is kept, with its door and its reason."""

import json
from collections import Counter
from typing import Any

from tracker.quarantine import store
from tracker.replay import DOORS

EVENTS = 1000
WRONG: tuple[Any, ...] = (None, -1, 2**63, 1.5, "NaN", "१२३", "x" * 5000, [], {}, "\x00", "1e3", True)


def wrong_report(number: int) -> bytes:
    """A body of the server API that no door takes."""
    bodies = (
        b"\xff" * number,
        json.dumps({"external_id": f"e{number}", "amont": number}).encode(),
        json.dumps({"external_id": WRONG[number % len(WRONG)], "amount": -number}).encode(),
        json.dumps([number]).encode(),
        b'{"external_id": "a", "external_id": "b"}',
        b'{"amount": NaN, "external_id": "n"}',
        json.dumps({"external_id": "x", "amount": 1, "currency": "ZZZ", "refund_of": "y"}).encode(),
    )
    return bodies[number % len(bodies)]


def wrong_event(number: int, key: str) -> bytes:
    """A body of the snippet's door that is refused though its key is known."""
    events = (
        {"t": "click", "s": -number},
        {"t": "sale", "o": f"o{number}", "m": "1.234", "y": "EUR"},
        {"t": "sale", "o": "", "m": 1, "y": "EUR"},
        {"t": "lead", "h": "zz"},
        {"t": "refund", "o": "r"},
        {"t": "sale", "o": "o", "m": WRONG[number % len(WRONG)], "y": "EU"},
        {"t": "lead", "o": "o", "d": {"text": "x" * 2000}},
    )
    body = json.dumps({"k": key, **events[number % len(events)]}).encode()
    return body[:-1] if number % 11 == 0 else body


def test_p13_a_thousand_invalid_events_are_a_thousand_rows_with_a_reason(world) -> None:
    sent: Counter[str] = Counter()
    key = world.keys["publishable", True]
    postback = world.write(lambda conn: world.make_key(conn, world.program_id, "postback", livemode=True))
    world.run(world.services.refresh())
    for number in range(EVENTS):
        door = sorted(DOORS)[number % len(DOORS)]
        if door == "browser_event":
            answer = world.browser(wrong_event(number, key))
        elif door == "postback":
            answer = world.request("GET", f"/r/pb/{postback.value}?status=sale&txid=t{number}&amount=-{number}")
        else:
            answer = world.track(door.removeprefix("track_"), wrong_report(number), wait=False)
        assert 400 <= answer.status_code < 500, (number, door, answer.text)
        sent[door] += 1

    counts = world.read(lambda conn: store.count_by_cause(conn, livemode=True, program_id=world.program_id))

    kept: Counter[str] = Counter()
    for each in counts:
        assert each.code
        assert each.lost == 0
        kept[each.source] += each.waiting
    assert kept == sent
    assert kept.total() == EVENTS
    assert set(kept) == set(DOORS), "Each of them can be taken again."


def test_p13_what_is_refused_before_it_is_read_is_kept_as_far_as_it_came(world) -> None:
    world.track("sale", b" " * (1024 * 1024 + 1))
    world.track("sale", b"{}", headers={"Content-Encoding": "gzip"})
    world.track("sale", b"external_id=1", headers={"Content-Type": "application/x-www-form-urlencoded"})

    events = world.read(store.list_events)

    told = [(event.code, event.payload[:13], event.is_cut) for event in reversed(events)]
    assert told == [
        ("body_too_large", b" " * 13, True),
        ("unsupported_encoding", b"{}", False),
        ("unsupported_media_type", b"external_id=1", False),
    ]
