"""Facts that arrive after a conversion was decided: what they concern is decided again.

A click that waited in a browser's queue, a lead reported after its sale, a browser recognised as a customer only later:
within a day the end is the same as if they had come in order. Re-deciding equal facts changes nothing, so asking once
too often does no harm.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection

from tracker.conversions import late_store
from tracker.conversions.late_store import SeenClick
from tracker.conversions.types import ConversionRow
from tracker.instants import DAY_MS
from tracker.jobs import store as jobs

LATE_MS = DAY_MS  # facts that come later than this after a conversion change nothing by themselves
DECIDE = "decide_conversion"  # the job every stored conversion waits for
# Test objects live by a clock of their own, which runs ahead of the worker's.
AT_ONCE = 0


def after_clicks(conn: Connection, rows: Sequence[SeenClick]) -> None:
    """Decide again what newly projected clicks concern. Call it in the transaction that stores them."""
    if rows:
        since_ms = min(row.received_at_ms for row in rows) - LATE_MS
        _decide_again(conn, late_store.concerned_by_clicks(conn, rows, since_ms=since_ms), cause="late_click")


def after_identity(conn: Connection, row: ConversionRow) -> None:
    """Decide again the customer's other conversions: a browser of theirs has become known, or their partner."""
    concerned = late_store.of_customer(conn, row, since_ms=row.received_at_ms - LATE_MS)
    _decide_again(conn, concerned, cause=f"customer:{row.conversion_id}")


def after_lead(conn: Connection, lead: ConversionRow) -> None:
    """Decide again the sales that name a lead, once it is decided itself."""
    concerned = late_store.naming_lead(conn, lead, since_ms=lead.received_at_ms - LATE_MS)
    _decide_again(conn, concerned, cause=f"lead:{lead.conversion_id}")


def _decide_again(conn: Connection, conversion_ids: Iterable[str], *, cause: str) -> None:
    for conversion_id in conversion_ids:
        jobs.enqueue(conn, kind=DECIDE, subject_id=conversion_id, run_at_ms=AT_ONCE, cause=cause)
