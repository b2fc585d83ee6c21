import json
import logging
import sys
from typing import Any

import httpx2
import pytest
import structlog
from sqlalchemy import create_engine
from sqlalchemy.exc import IntegrityError

from tracker.logs import configure_logs


@pytest.fixture(autouse=True)
def as_before() -> Any:
    yield
    structlog.reset_defaults()


def test_p45_a_field_nobody_allowed_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info")

    structlog.get_logger().info("tried", email="a@b.example", ip="203.0.113.1", token="secret", rows=3)

    line = json.loads(capsys.readouterr().err)
    assert line.keys() == {"event", "level", "timestamp", "rows"}


def test_quieter_levels_say_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("error")

    structlog.get_logger().info("tried")

    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("trouble", [OSError(32, "Broken pipe"), ValueError("I/O operation on closed file")])
def test_a_closed_standard_error_loses_the_line_and_not_the_work(
    monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    class Closed:
        def write(self, _text: str) -> None:
            raise trouble

        def flush(self) -> None:
            raise trouble

    monkeypatch.setattr(sys, "stderr", Closed())
    configure_logs("info")

    structlog.get_logger().info("tried")


def test_a_listed_field_is_redacted(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info")

    structlog.get_logger().error("failed", error="no mailbox a@b.example at 203.0.113.1", host="127.0.0.1")

    line = json.loads(capsys.readouterr().err)
    assert line["error"] == "no mailbox [redacted] at [redacted]"
    assert line["host"] == "127.0.0.1"


def test_p45_the_values_of_a_failed_statement_are_not_logged(capsys: pytest.CaptureFixture[str]) -> None:
    """A constraint that breaks quotes the row; the traceback would carry it into the log."""
    configure_logs("info")
    engine, row = create_engine("sqlite://"), ("Canary Person",)
    with engine.begin() as conn:
        conn.exec_driver_sql("CREATE TABLE people (name TEXT UNIQUE)")
        conn.exec_driver_sql("INSERT INTO people VALUES (?)", row)

    try:
        with engine.begin() as conn:
            conn.exec_driver_sql("INSERT INTO people VALUES (?)", row)
    except IntegrityError:
        structlog.get_logger().exception("job_failed")
    engine.dispose()

    text = capsys.readouterr().err
    assert "UNIQUE constraint failed" in text
    assert "Canary" not in text


def test_lines_of_libraries_have_the_same_form(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info")

    logging.getLogger("some.library").warning("no answer from %s", "https://api.telegram.example/bot123:token/send")

    line = json.loads(capsys.readouterr().err)
    assert line["event"] == "no answer from https://api.telegram.example/[redacted]"
    assert (line["logger"], line["level"]) == ("some.library", "warning")
    assert line["timestamp"].endswith("Z")


def test_a_library_s_traceback_is_redacted(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info")

    try:
        int("a@b.example")
    except ValueError:
        logging.getLogger("some.library").exception("failed")

    assert "a@b.example" not in capsys.readouterr().err


@pytest.mark.parametrize("name", ["httpx", "httpx2", "httpcore"])
def test_libraries_that_tell_whole_urls_are_silenced(name: str) -> None:
    configure_logs("debug")

    assert not logging.getLogger(name).isEnabledFor(logging.INFO)


def test_p45_a_failed_request_is_told_by_its_route_and_never_by_its_url(
    world, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logs("info")

    async def fail(_transaction: Any) -> Any:
        raise RuntimeError("canary reason")

    world.services.db.read = fail
    transport = httpx2.ASGITransport(app=world.app, raise_app_exceptions=False)

    async def ask() -> httpx2.Response:
        async with httpx2.AsyncClient(transport=transport, base_url="https://go.shop.example") as client:
            headers = {"Authorization": f"Bearer {world.keys['secret', True]}"}
            return await client.get("/v1/conversions/canary-id?email=canary", headers=headers)

    answer = world.run(ask())
    del world.services.db.read

    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    (told,) = [line for line in lines if line["event"] == "request_failed"]
    assert answer.status_code == 500
    assert told["route"] == "/v1/conversions/{id}"
    assert told["request_id"] == answer.json()["request_id"]
    assert not any("canary" in json.dumps(line) for line in lines)
