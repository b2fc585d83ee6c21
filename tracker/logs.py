"""Logging as JSON lines on standard error, with an allow-list of fields.

A field that is not on the list is left out: no address, mailbox, agent or secret can slip into a log by accident.
"""

import contextlib
import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO, cast

import structlog

FIELDS = frozenset(
    {
        "event", "level", "timestamp", "exception", "error", "path", "rows", "kind", "subject_id", "attempts",
        "task", "rule", "conversion_id", "program_id", "partner_id", "payout_id", "case_id", "amount_minor",
        "host", "port", "signal", "count",
    }
)  # fmt: skip


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
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(numeric),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", StandardError())),
    )
    logging.basicConfig(level=max(numeric, logging.WARNING), stream=sys.stderr, force=True)


def keep_known(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Return the event without fields nobody allowed."""
    return {name: value for name, value in event.items() if name in FIELDS}
