"""Logging as JSON lines on standard error, ours and that of libraries, with an allow-list of fields.

A field that is not on the list is left out, and what stands in a listed one is redacted: no address, mailbox, agent or
secret can slip into a log by accident. A request is told by the template of its route, never by its URL.
"""

import contextlib
import json
import logging
import sys
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any, TextIO, cast

import structlog
from starlette.requests import Request

from tracker.redaction import redact

FIELDS = frozenset(
    {
        "event", "level", "timestamp", "exception", "error", "path", "rows", "kind", "subject_id", "attempts",
        "task", "rule", "conversion_id", "program_id", "partner_id", "payout_id", "case_id", "amount_minor",
        "host", "port", "signal", "count", "logger", "request_id", "route", "method",
    }
)  # fmt: skip

# Not free text: when it was, and where the server listens.
UNTOUCHED = frozenset({"timestamp", "host"})
# Libraries that tell whole URLs below this level, tokens included.
TALKATIVE = ("httpx", "httpx2", "httpcore", "httpcore2", "apprise", "aiosmtplib")


class StandardError:
    """Standard error as it is at the moment; where it is closed or broken the line is lost, never the work that logged.

    A terminal that went away or a full disk behind a redirected log must not stop the loops that store clicks.
    """

    def write(self, text: str) -> None:
        """Write the text, or lose it."""
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(text)

    def flush(self) -> None:
        """Flush what can be flushed."""
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()


def configure_logs(level: str) -> None:
    """Send Molva's logs and those of its libraries to standard error; call once a process."""
    numeric = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            keep_known,
            redact_texts,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(numeric),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", StandardError())),
    )
    handler = logging.StreamHandler(cast("TextIO", StandardError()))
    handler.setFormatter(JsonLine())
    logging.basicConfig(level=max(numeric, logging.WARNING), handlers=[handler], force=True)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(max(numeric, logging.WARNING))


def keep_known(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Return the event without fields nobody allowed."""
    return {name: value for name, value in event.items() if name in FIELDS}


def redact_texts(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Return the event with what its texts quote of people and secrets taken out."""
    return {
        name: redact(value) if isinstance(value, str) and name not in UNTOUCHED else value
        for name, value in event.items()
    }


def route_of(request: Request) -> str:
    """Return the template of the route a request took, as a log may tell it; empty where none did."""
    return str(getattr(request.scope.get("route"), "path", ""))


class JsonLine(logging.Formatter):
    """Lines of libraries in the same form as ours."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one JSON line."""
        line = {
            "event": redact(record.getMessage()),
            "logger": record.name,
            "level": record.levelname.lower(),
            "timestamp": f"{datetime.fromtimestamp(record.created, UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
        }
        if record.exc_info:
            line["exception"] = redact(self.formatException(record.exc_info))
        return json.dumps(line)
