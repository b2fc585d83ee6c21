"""Instants on the API: ISO 8601 in UTC outside, Unix milliseconds inside; pure."""

from datetime import UTC, datetime

from ingest.problems import FieldError, invalid

AHEAD_MAX_MS = 5 * 60_000  # clocks differ; more than that is a mistake
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)


def parse_instant(text: str, field: str) -> int:
    """Return Unix ms of an ISO 8601 instant with a zone; raises ProblemError 422."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None or not text.isascii():
        raise invalid(
            FieldError(field=field, message=f'"{text[:40]}" is not an instant; write it like 2026-03-05T09:30:00Z.')
        )
    if instant < EARLIEST:
        raise invalid(FieldError(field=field, message=f'"{text[:40]}" is before the year 2000; check the date.'))
    return round(instant.timestamp() * 1000)


def parse_occurred(text: str | None, now_ms: int) -> int:
    """Return when something happened; absent means now, more than 5 min ahead is refused."""
    if text is None:
        return now_ms
    occurred_at_ms = parse_instant(text, "occurred_at")
    if occurred_at_ms > now_ms + AHEAD_MAX_MS:
        raise invalid(
            FieldError(
                field="occurred_at", message=f'"{text[:40]}" is more than 5 minutes ahead; send when it happened.'
            )
        )
    return occurred_at_ms
