import json
import sys
from typing import Any

import pytest
import structlog

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
