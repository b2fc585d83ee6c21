"""Which half of the data a page shows: live, or what test keys made (`?mode=test`).

Lists ask `is_live`, pages of one thing know their own mode. Test objects live on their program's own clock.
"""

from sqlalchemy import Connection

from tracker.admin.visit import Visit
from tracker.programs import store as programs

TEST = "test"


def is_live(visit: Visit) -> bool:
    """Tell whether the page shows live data."""
    return visit.query("mode") != TEST


def instant_of(conn: Connection, program_id: str, *, livemode: bool, now_ms: int) -> int:
    """Return now for a program's objects of one mode: the test clock runs ahead."""
    return now_ms if livemode else now_ms + programs.test_offset_ms(conn, program_id)
