"""Who works on a case: claiming, giving back, and the next case nobody else holds.

Pages call it before anybody judges, so that two reviewers never meet over one case. A claim ends by itself after a
while without activity; every move of a claim is in the audit trail.
"""

import msgspec
from sqlalchemy import Connection

from tracker.audit.store import record
from tracker.cases import store
from tracker.cases.decide import CLAIM_MS, CaseConflictError, as_of, check_undecided
from tracker.cases.types import CaseRow
from tracker.cases.waiting_store import next_case
from tracker.db.database import Database
from tracker.db.ids import IdError, canonical_id
from tracker.programs import store as programs


class CaseNotFoundError(LookupError):
    """There is no case with this id."""


async def claim_case(db: Database, *, case_id: str, actor: str, now_ms: int) -> CaseRow:
    """Assign an undecided case to the actor; claiming one's own again makes the claim last longer.

    Raises CaseNotFoundError or CaseConflictError (decided, or held by somebody else).
    """
    return await db.write(lambda conn: claim(conn, find_case(conn, case_id), actor=actor, now_ms=now_ms))


async def unclaim_case(db: Database, *, case_id: str, actor: str, now_ms: int) -> CaseRow:
    """Give a claimed case back to everybody, whoever claimed it; raises CaseConflictError when it is not claimed."""
    return await db.write(lambda conn: _unclaim(conn, find_case(conn, case_id), actor=actor, now_ms=now_ms))


async def claim_next(
    db: Database, *, livemode: bool, actor: str, now_ms: int, without: str | None = None
) -> CaseRow | None:
    """Assign the next case that waits to the actor and return it, None when there is none.

    `now_ms` is real time; a test case is claimed on its program's own clock, which runs ahead.
    """

    def run(conn: Connection) -> CaseRow | None:
        case = next_case(conn, livemode=livemode, actor=actor, now_ms=now_ms, without=without)
        if case is None:
            return None
        ahead_ms = 0 if livemode else programs.test_offset_ms(conn, case.program_id)
        return claim(conn, case, actor=actor, now_ms=now_ms + ahead_ms)

    return await db.write(run)


def find_case(conn: Connection, case_id: str) -> CaseRow:
    """Return a case by its id with or without prefix; raises CaseNotFoundError."""
    try:
        case = store.case_row(conn, canonical_id("cas", case_id))
    except IdError as error:
        raise CaseNotFoundError(str(error)) from error
    if case is None:
        raise CaseNotFoundError(f'There is no case "{case_id}"; look it up in the queue.')
    return case


def claim(conn: Connection, case: CaseRow, *, actor: str, now_ms: int) -> CaseRow:
    """Do what `claim_case` does inside a transaction at hand."""
    check_undecided(case, actor, now_ms=now_ms)
    current = as_of(case, now_ms)
    claimed = msgspec.structs.replace(
        current,
        status="claimed" if current.status == "open" else current.status,
        claimed_by=actor,
        claim_ends_at_ms=now_ms + CLAIM_MS,
    )
    if current.claimed_by == actor:
        store.update_case(conn, claimed)
        return claimed
    return _move(conn, case, claimed, action="case.claimed", actor=actor, now_ms=now_ms)


def free(conn: Connection, case: CaseRow, *, actor: str, action: str, now_ms: int) -> CaseRow:
    """Take a case from whoever holds it; what it waits for stays."""
    freed = msgspec.structs.replace(
        case,
        status="open" if case.status == "claimed" else case.status,
        claimed_by=None,
        claim_ends_at_ms=None,
    )
    return _move(conn, case, freed, action=action, actor=actor, now_ms=now_ms)


def _unclaim(conn: Connection, case: CaseRow, *, actor: str, now_ms: int) -> CaseRow:
    if case.status == "decided" or case.claimed_by is None:
        raise CaseConflictError(f"Case {case.case_id} is {case.status}; only a claimed case can be given back.")
    if case.proposal_id is not None:
        raise CaseConflictError(f"Case {case.case_id} waits for a second person; confirm or refuse the verdict first.")
    return free(conn, case, actor=actor, action="case.unclaimed", now_ms=now_ms)


def _move(conn: Connection, before: CaseRow, after: CaseRow, *, action: str, actor: str, now_ms: int) -> CaseRow:
    store.update_case(conn, after)
    record(
        conn,
        at_ms=now_ms,
        actor=actor,
        action=action,
        object_id=after.case_id,
        before={"status": before.status, "claimed_by": before.claimed_by},
        after={"status": after.status, "claimed_by": after.claimed_by},
    )
    return after
