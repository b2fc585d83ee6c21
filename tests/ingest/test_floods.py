"""Rate limits at the browser's doors: what can be sent again is asked to wait, nobody is kept from going on."""

import json
from typing import Any

import pytest

from ingest.rate_limits import RateLimits
from ingest.signatures import sign

KEY = "pk_live_1"
SECRET = b"signing secret of the shop"
NOW_S = "1790000000"
CLICK: dict[str, Any] = {"t": "click", "c": "click_1", "r": "anna", "w": "visitor_1"}
LIMITS = {"clicks_per_minute": 2, "reports_per_minute": 2, "calls_per_minute": 1}


@pytest.mark.parametrize(
    "event",
    [CLICK, {"t": "sale", "o": "1", "m": 1, "y": "EUR"}, {"t": "trial_started"}],
    ids=["click", "claim", "custom"],
)
def test_a_flood_is_429_so_that_the_snippets_queue_tries_again(make_edge, event: dict[str, Any]) -> None:
    """A drop is final for the snippet; what is real must come again."""
    edge = make_edge(limits=RateLimits(**LIMITS))

    answers = [edge.post(event) for _ in range(4)]

    assert [answer.status for answer in answers] == [200, 200, 429, 429]
    assert {answer.drop for answer in answers[2:]} == {"rate_limited"}
    assert 0 < int(answers[3].header("retry-after")) <= 60
    assert answers[3].json["code"] == "rate_limited"
    assert edge.sink.drops == ["rate_limited"] * 2
    assert edge.sink.refused == []
    assert len(edge.sink.clicks) + len(edge.sink.reports) + len(edge.sink.custom) == 2
    assert edge.post(event, peer="203.0.113.200").status == 200


def test_what_a_shop_signed_is_never_too_much(make_edge) -> None:
    edge = make_edge(limits=RateLimits(**LIMITS))

    body = json.dumps({"k": KEY, "t": "sale", "o": "1", "m": 1, "y": "EUR"}).encode()
    signature = sign(SECRET, message_id="msg_1", timestamp=NOW_S, content=body)
    headers = [("webhook-id", "msg_1"), ("webhook-timestamp", NOW_S), ("webhook-signature", signature)]

    answers = [edge.post(body, headers) for _ in range(5)]

    assert [answer.status for answer in answers] == [200] * 5


def test_a_link_always_leads_on_and_leaves_the_click_to_the_page(make_edge) -> None:
    edge = make_edge(limits=RateLimits(**LIMITS))

    answers = [edge.follow() for _ in range(3)]

    assert [answer.drop for answer in answers] == [None, None, "rate_limited"]
    assert answers[2].status == 302
    assert answers[2].header("location") == "https://shop.example/start?a=1&via=ANNA#top"
    assert len(edge.sink.clicks) == 2
