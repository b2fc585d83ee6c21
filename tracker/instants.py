"""Instants as the outside sees them: ISO 8601 in UTC; inside they are Unix milliseconds."""

from datetime import UTC, datetime

DAY_MS = 86_400_000


def show_instant(at_ms: int) -> str:
    """Return ISO 8601 in UTC with milliseconds."""
    seconds, rest = divmod(at_ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:03d}Z"
