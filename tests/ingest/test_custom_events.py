"""Events with names of the site's own, at the door."""

import json

import pytest

from ingest.signatures import sign

NOW_MS = 1_790_000_000_000
SECRET = b"signing secret of the shop"
EVENT = {"t": "trial_started", "i": "event_1", "c": "click_1", "w": "visitor_1", "r": "ANNA"}


def test_a_custom_event_is_kept_as_it_came(edge) -> None:
    body = json.dumps({"k": "pk_live_1", **EVENT, "d": {"plan": "pro"}, "a": 1000}).encode()

    answer = edge.post(body)

    assert (answer.status, answer.drop) == (200, None)
    assert answer.json == {"c": "click_1", "r": "ANNA", "ttl": 60 * 86_400, "id": "evt_1"}
    [event] = edge.sink.custom
    assert event.payload == body
    assert (event.program_id, event.livemode, event.name) == ("prg_1", True, "trial_started")
    assert (event.browser_event_id, event.click_id, event.visitor_id) == ("event_1", "click_1", "visitor_1")
    assert (event.occurred_at_ms, event.received_at_ms) == (NOW_MS - 1000, NOW_MS)
    assert not edge.sink.reports
    assert not edge.sink.clicks


def test_an_event_without_click_or_id_is_taken(edge) -> None:
    assert edge.post({"t": "video.75"}).json == {"c": None, "r": None, "ttl": 60 * 86_400, "id": "evt_1"}
    assert edge.post({"t": "video.75", "a": 2**53}).json["id"] == "evt_2"
    assert edge.sink.custom[1].occurred_at_ms == NOW_MS


def test_the_same_event_again_is_a_duplicate_with_the_first_answer(edge) -> None:
    first = edge.post(EVENT)
    again = edge.post(EVENT | {"a": 5000})

    assert (again.status, again.drop, again.json) == (200, "duplicate", first.json)
    assert again.header("access-control-expose-headers") == "X-Molva-Drop"
    assert edge.sink.drops == ["duplicate"]
    assert len(edge.sink.custom) == 1


@pytest.mark.parametrize(
    ("reason", "changes", "headers"),
    [
        ("origin_not_allowed", {}, [("Origin", "https://evil.example")]),
        ("gpc", {}, [("Sec-GPC", "1")]),
        ("gpc", {"s": 128}, []),
        ("unknown_key", {"k": "pk_live_2"}, []),
    ],
)
def test_a_dropped_custom_event_leaves_nothing(edge, reason: str, changes: dict, headers: list) -> None:
    body = json.dumps({"k": "pk_live_1", **EVENT, **changes}).encode()

    answer = edge.request("POST", "/r/e", headers, (body,))

    assert (answer.status, answer.drop) == (200, reason)
    assert not edge.sink.custom


@pytest.mark.parametrize("name", ["refund", "Signup", "sign up", "1st", "x" * 33, ""])
def test_a_name_that_is_none_is_refused_by_its_key(edge, name: str) -> None:
    answer = edge.post(EVENT | {"t": name})

    assert answer.status == 422
    assert answer.wrong_fields == ["t"]
    assert not edge.sink.custom
    assert len(edge.sink.refused) == 1


def test_a_refund_from_a_browser_is_sent_to_the_server_api(edge) -> None:
    assert "POST /v1/track/refund" in edge.post(EVENT | {"t": "refund"}).json["detail"]


def test_a_signed_custom_event_is_verified_and_a_wrong_signature_is_401(edge) -> None:
    body = json.dumps({"k": "pk_live_1", **EVENT}).encode()
    timestamp = str(NOW_MS // 1000)
    headers = [("webhook-id", "msg_1"), ("webhook-timestamp", timestamp)]
    right = sign(SECRET, message_id="msg_1", timestamp=timestamp, content=body)

    assert edge.post(body, [*headers, ("webhook-signature", "v1,AAAA")]).status == 401
    assert edge.post(body, [*headers, ("webhook-signature", right)]).status == 200
    assert [event.trust for event in edge.sink.custom] == ["verified"]


def test_p4_a_busy_store_is_503(edge) -> None:
    edge.sink.is_busy = True

    assert edge.post(EVENT).status == 503
