"""What a browser's clock may decide: how old an event is, and nothing else; pure.

The time of an event is the server's clock less the event's age. The age is a difference on one clock, so a wrong clock
does not spoil it; ages nobody could have are not believed. What was doubtful is kept with the event as a warning.
"""

from typing import Literal, NamedTuple

from ingest.events import WireEvent

QUEUED_AGE_MAX_MS = 7 * 86_400_000  # the snippet's retry queue keeps events for 7 days; older ages are made up
LATE_MS = 86_400_000  # an event of the day is ordinary; an older one waited in the queue
AHEAD_MAX_MS = 5 * 60_000  # clocks differ; more than that is a mistake

# `queued`: waited for more than a day, its age is believed. `time_not_believed`: older than the queue keeps events, or
# from the future; the server's time is used. `clock_off`: the browser's clock is wrong; the age still counts.
ClockWarning = Literal["queued", "time_not_believed", "clock_off"]


class ClientTime(NamedTuple):
    """How old an event is taken to be, in ms, and what was doubtful about its times."""

    age_ms: int
    warnings: tuple[ClockWarning, ...]


def read_client_time(event: WireEvent, now_ms: int) -> ClientTime:
    """Return the age to take off the server's time; see test_p12_client_times in tests/ingest/test_client_clock.py."""
    warnings: list[ClockWarning] = []
    age_ms = max(0, event.age_ms)
    if event.age_ms > QUEUED_AGE_MAX_MS or event.age_ms < -AHEAD_MAX_MS:
        age_ms = 0
        warnings.append("time_not_believed")
    elif event.age_ms > LATE_MS:
        warnings.append("queued")
    sent_at_ms = event.sent_at_ms
    if sent_at_ms is not None and not now_ms - LATE_MS <= sent_at_ms <= now_ms + AHEAD_MAX_MS:
        warnings.append("clock_off")
    return ClientTime(age_ms, tuple(warnings))
