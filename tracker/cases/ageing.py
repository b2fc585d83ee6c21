"""What time does to a case: reminders at 3, 7 and 14 days, the owners' business at 30, claims that are over.

The worker calls it. Nothing is paid, released, rejected or cancelled here: age only tells people that somebody waits.
"""

from functools import partial

import msgspec
from sqlalchemy import Connection

from tracker.audit.store import record
from tracker.cases import store
from tracker.cases.claims import free
from tracker.cases.decide import holder_of
from tracker.cases.store import ESCALATED_DAYS
from tracker.cases.types import CaseRow
from tracker.cases.waiting_store import cases_to_watch
from tracker.instants import DAY_MS
from tracker.programs import store as programs
from tracker.services import Services

REMINDED_AFTER = (3, 7, 14, ESCALATED_DAYS)  # days; the last one escalates
AT_ONCE = 100  # cases looked at in one transaction, a few milliseconds
ACTOR = "system:cases"


async def watch_cases(services: Services) -> None:
    """Write every reminder that is due, and free what nobody works on any more."""
    after: str | None = None
    while True:
        seen = await services.db.write(partial(watch, after=after, now_ms=services.now_ms()))
        if len(seen) < AT_ONCE:
            return
        after = seen[-1]


def watch(conn: Connection, *, after: str | None, now_ms: int) -> list[str]:
    """Look at the next undecided cases inside a transaction at hand and return their ids."""
    rows = cases_to_watch(conn, after=after, limit=AT_ONCE)
    offsets = {
        each: programs.test_offset_ms(conn, each) for each in {row.program_id for row in rows if not row.livemode}
    }
    for row in rows:
        at_ms = now_ms if row.livemode else now_ms + offsets[row.program_id]
        case = row
        if row.claimed_by is not None and holder_of(row, at_ms) is None:
            case = free(conn, row, actor=ACTOR, action="case.claim_over", now_ms=at_ms)
        _remind(conn, case, now_ms=at_ms)
    return [row.case_id for row in rows]


def age_days(case: CaseRow, now_ms: int) -> int:
    """Return for how many whole days a case has waited: since it opened, or since its appeal."""
    return max(0, now_ms - (case.appealed_at_ms or case.opened_at_ms)) // DAY_MS


def _remind(conn: Connection, case: CaseRow, *, now_ms: int) -> None:
    """Tell the newest age that was not told; after a pause of the server older ones would only be noise.

    A random check holds nothing, so nobody waits for it until its partner was asked or has appealed.
    """
    if case.kind == "audit" and case.status not in {"waiting_partner", "appealed"}:
        return
    age = age_days(case, now_ms)
    reached = max((days for days in REMINDED_AFTER if days <= age), default=0)
    if reached <= case.reminded_days:
        return
    store.update_case(conn, msgspec.structs.replace(case, reminded_days=reached))
    record(
        conn,
        at_ms=now_ms,
        actor=ACTOR,
        action="case.escalated" if reached == ESCALATED_DAYS else "case.reminded",
        object_id=case.case_id,
        before={"reminded_days": case.reminded_days},
        after={"reminded_days": reached, "status": case.status, "claimed_by": case.claimed_by},
    )
