"""The status of a commission, computed from the ledger at an instant; pure.

Lists, statements and the API call it. Statuses are never stored: a hold ends by the clock, a freeze by a verdict.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from tracker.ledger.types import StatusView


def commission_status(
    *,
    remaining_minor: int,
    available_at_ms: int,
    frozen_by: Sequence[str],
    now_ms: int,
    time_zone: str,
) -> StatusView:
    """Return status, reasons and the first day of payment of an accrual (its reversals share all three).

    Void when reversals left nothing, else frozen while any case freezes it, else pending before `available_at_ms`, else
    payable. `frozen_by` names the cases. The day is the program's (IANA `time_zone`); void and frozen have none.
    """
    if remaining_minor == 0:
        return StatusView(status="void", reasons=("reversed",), payable_on=None)
    if frozen_by:
        return StatusView(status="frozen", reasons=tuple(f"case:{case_id}" for case_id in frozen_by), payable_on=None)
    payable_on = local_date(available_at_ms, time_zone)
    if now_ms < available_at_ms:
        return StatusView(status="pending", reasons=("hold_period",), payable_on=payable_on)
    return StatusView(status="payable", reasons=(), payable_on=payable_on)


def local_date(at_ms: int, time_zone: str) -> str:
    """Return the ISO date of an instant in a time zone."""
    # Whole seconds: a float of milliseconds could round up to the next day.
    return datetime.fromtimestamp(at_ms // 1000, UTC).astimezone(ZoneInfo(time_zone)).date().isoformat()
