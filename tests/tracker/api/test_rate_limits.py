"""Limits of the server API and of forged reports: told in headers, waited for, switched off by a setting."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from ingest.rate_limits import RateLimits
from tracker.conversions.tables import conversions
from tracker.ledger.tables import transfers
from tracker.services import Services
from tracker.settings import LimitSettings, Settings, load_settings

SITE = "https://shop.example"


def limit(world: Any, **changes: int) -> None:
    """Give the world new limits, at both halves of the application."""
    per_minute = {"clicks_per_minute": 10**6, "reports_per_minute": 10**6, "calls_per_minute": 10**6, **changes}
    world.services.limits = world.app._edge._setup.limits = RateLimits(**per_minute)


def test_every_answer_tells_what_the_key_has_left(world) -> None:
    limit(world, calls_per_minute=3)

    answers = [world.api("GET", "/v1/conversions") for _ in range(4)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [answer.headers["ratelimit-remaining"] for answer in answers] == ["2", "1", "0", "0"]
    assert {answer.headers["ratelimit-limit"] for answer in answers} == {"3"}
    refused = answers[3]
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["code"] == "rate_limited"
    assert 0 < int(refused.headers["retry-after"]) <= 20
    assert int(refused.headers["ratelimit-reset"]) <= 60


def test_refusals_tell_it_too_and_a_flood_is_no_bad_event(world) -> None:
    limit(world, calls_per_minute=2)
    wrong = world.track("sale", {"external_id": ""})
    assert (wrong.status_code, wrong.headers["ratelimit-remaining"]) == (422, "1")

    world.track("sale", world.sale())
    assert world.track("sale", world.sale()).status_code == 429
    assert world.read(lambda conn: conn.execute(select(func.count()).select_from(conversions)).scalar_one()) == 1


def test_keys_do_not_share_a_limit(world) -> None:
    limit(world, calls_per_minute=1)

    assert [world.api("GET", "/v1/clicks", test=test).status_code for test in (False, True, False, True)] == [
        200,
        200,
        429,
        429,
    ]


def test_who_has_no_key_is_told_no_limit(world) -> None:
    answer = world.request("GET", "/v1/conversions")

    assert answer.status_code == 401
    assert "ratelimit-limit" not in answer.headers


@pytest.mark.parametrize("enabled", [True, False])
def test_the_setting_switches_limits_off(world, *, enabled: bool) -> None:
    settings = Settings(limits=LimitSettings(enabled=enabled, calls_per_minute=1))
    services = Services(data_dir=Path(), settings=settings, secret=b"s" * 32, db=world.services.db)
    world.services.limits = services.limits

    statuses = [world.api("GET", "/v1/clicks").status_code for _ in range(3)]

    assert statuses == ([200, 429, 429] if enabled else [200, 200, 200])


def test_the_variables_set_the_limits(tmp_path: Path) -> None:
    environ = {"MOLVA_LIMITS__ENABLED": "false", "MOLVA_LIMITS__CALLS_PER_MINUTE": "7"}

    limits = load_settings(tmp_path, environ).limits

    assert (limits.enabled, limits.calls_per_minute, limits.clicks_per_minute) == (False, 7, 1200)


def test_p24_a_thousand_forged_sales_pay_nothing_and_are_limited(world) -> None:
    click, taken = world.click(), 100
    limit(world, reports_per_minute=taken)
    statuses = []
    for number in range(1000):
        answer = world.browser({"t": "sale", "o": f"forged-{number}", "m": 10**12, "y": "EUR", "c": click, "w": click})
        statuses.append(answer.status_code)
        if answer.status_code == 200:
            assert answer.json()["trust"] == "unverified"

    stored = world.read(
        lambda conn: conn.execute(
            select(conversions.c.trust, func.count()).group_by(conversions.c.trust).order_by(conversions.c.trust)
        ).all()
    )
    assert statuses[:taken] == [200] * taken
    assert statuses.count(429) >= 800  # Some tokens come back while the thousand are sent.
    assert [tuple(row) for row in stored] == [("unverified", statuses.count(200))]
    assert world.read(lambda conn: conn.execute(select(func.count()).select_from(transfers)).scalar_one()) == 0
    assert world.api("GET", "/v1/commissions").json()["data"] == []
