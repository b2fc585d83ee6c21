"""Reports at the direct doors are answered as behind Starlette's layers."""

import json
from typing import Any

import pytest

from ingest.http import Answer, Request

PEER = "203.0.113.9"


def ask_directly(world: Any, path: str, headers: dict[str, str], body: bytes) -> Answer:
    door = world.app.direct_door(b"POST", path.encode())
    assert door is not None
    sent = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    sent.append((b"content-length", str(len(body)).encode()))
    answering = door(Request("POST", path.encode(), sent, (PEER, 50_000), body), lambda _answer: None)
    answer: Answer = world.run(answering)
    return answer


def told(body: bytes) -> Any:
    """What a body says, less what differs from request to request."""
    value = json.loads(body)
    return {name: each for name, each in value.items() if name not in ("id", "request_id", "links", "instance")}


@pytest.mark.parametrize("kind", ["lead", "sale", "refund", "click"])
def test_every_report_has_a_direct_door_and_nothing_else_does(shared_world, kind: str) -> None:
    assert shared_world.app.direct_door(b"POST", f"/v1/track/{kind}".encode()) is not None
    assert shared_world.app.direct_door(b"POST", f"/v1/track/{kind}?wait=true".encode()) is None
    assert shared_world.app.direct_door(b"GET", f"/v1/track/{kind}".encode()) is None
    assert shared_world.app.direct_door(b"POST", b"/v1/payouts") is None


SALE = {"amount": 10_000, "currency": "EUR"}


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        pytest.param({}, b'{"external_id":"%s","amount":10000,"currency":"EUR"}', 202, id="taken"),
        pytest.param({"Idempotency-Key": "k-%s"}, b'{"external_id":"%s","amount":1,"currency":"EUR"}', 202, id="key"),
        pytest.param({}, b'{"external_id":"%s"}', 422, id="no amount"),
        pytest.param({}, b'{"external_id":"%s","amount":1e400,"currency":"EUR"}', 422, id="no number"),
        pytest.param({}, b"{", 400, id="no JSON"),
        pytest.param({}, b'{"external_id":"1","external_id":"%s"}', 422, id="a field twice"),
        pytest.param({"Content-Type": "text/plain"}, b"{}", 415, id="media type"),
        pytest.param({"Content-Encoding": "gzip"}, b"{}", 415, id="compressed"),
        pytest.param({"Authorization": "Bearer sk_live_unknown"}, b"{}", 401, id="unknown key"),
        pytest.param({"Authorization": ""}, b"{}", 401, id="no key"),
    ],
)
def test_a_direct_door_answers_as_the_common_way(shared_world, headers, body, status) -> None:
    key = shared_world.keys["secret", True]
    answers = []
    for way in ("common", "direct"):
        number = shared_world.number(way)
        sent = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"} | {
            name: value.replace("%s", number) for name, value in headers.items()
        }
        content = body.replace(b"%s", number.encode())
        if way == "common":
            common = shared_world.request("POST", "/v1/track/sale", content=content, headers=sent)
            shown = dict(common.headers)
            answers.append((common.status_code, common.content.replace(number.encode(), b""), shown))
        else:
            answer = ask_directly(shared_world, "/v1/track/sale", sent, content)
            shown = {name.decode(): value.decode() for name, value in answer.headers}
            answers.append((answer.status, answer.body.replace(number.encode(), b""), shown))
    (common_status, common_body, common_headers), (direct_status, direct_body, direct_headers) = answers

    assert common_status == direct_status == status
    assert told(common_body) == told(direct_body)
    varying = ("content-length", "ratelimit-remaining", "ratelimit")
    assert {name: each for name, each in common_headers.items() if name.lower() not in varying} == {
        name: each for name, each in direct_headers.items() if name.lower() not in varying
    }


def test_what_breaks_behind_a_direct_door_is_answered_as_a_problem_and_logged(world, monkeypatch) -> None:
    async def broken(*_: Any) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(world.services.sink, "record_conversion", broken)
    headers = {"Authorization": f"Bearer {world.keys['secret', True]}", "Content-Type": "application/json"}

    answer = ask_directly(world, "/v1/track/sale", headers, json.dumps({"external_id": "A-1", **SALE}).encode())

    assert answer.status == 500
    assert json.loads(answer.body)["code"] == "failure"
    assert b"secret detail" not in answer.body
