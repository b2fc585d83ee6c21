"""The second person: confirms or refuses a verdict over the program's limit.

Only pages call it, since a key is no person. What is confirmed is decided anew on what the case covers now; whoever
proposed it cannot confirm it, only take it back.
"""

import msgspec
from sqlalchemy import Connection

from tracker.audit.store import record
from tracker.cases import store, talk_store
from tracker.cases.claims import find_case
from tracker.cases.decide import CaseConflictError
from tracker.cases.review import carry_out, load, outcome_of
from tracker.cases.types import CaseRow, ProposalRow, ReviewResult, VerdictRow
from tracker.db.database import Database
from tracker.db.ids import new_id


async def confirm_proposal(db: Database, *, case_id: str, proposal_id: str, actor: str, now_ms: int) -> ReviewResult:
    """Carry out a proposed verdict; raises CaseNotFoundError, CaseConflictError or VerdictRefusedError.

    `proposal_id` is the one the second person read: another one in its place is a conflict.
    """
    return await db.write(lambda conn: confirm(conn, case_id, proposal_id=proposal_id, actor=actor, now_ms=now_ms))


async def refuse_proposal(db: Database, *, case_id: str, proposal_id: str, actor: str, now_ms: int) -> CaseRow:
    """Give the case back to the queue undecided; whoever proposed may do it too. Raises as `confirm_proposal`."""
    return await db.write(lambda conn: refuse(conn, case_id, proposal_id=proposal_id, actor=actor, now_ms=now_ms))


def confirm(conn: Connection, case_id: str, *, proposal_id: str, actor: str, now_ms: int) -> ReviewResult:
    """Do what `confirm_proposal` does inside a transaction at hand."""
    proposal = _waiting(conn, find_case(conn, case_id), proposal_id)
    if proposal.actor == actor:
        message = f"You proposed this verdict on case {case_id} yourself; a second person must confirm it."
        raise CaseConflictError(message)
    loaded = load(conn, case_id)
    freed = msgspec.structs.replace(loaded, case=msgspec.structs.replace(loaded.case, proposal_id=None))
    shared = {name: getattr(proposal, name) for name in _SHARED}
    verdict = VerdictRow(verdict_id=new_id("vdt", now_ms), at_ms=now_ms, confirmed_by=actor, **shared)
    return carry_out(conn, freed, verdict, outcome_of(conn, freed, verdict))


# What a proposal and the verdict made of it have in common; the instant is that of the confirmation.
_SHARED = tuple(name for name in ProposalRow.__struct_fields__ if name not in {"proposal_id", "amounts", "at_ms"})


def refuse(conn: Connection, case_id: str, *, proposal_id: str, actor: str, now_ms: int) -> CaseRow:
    """Do what `refuse_proposal` does inside a transaction at hand."""
    case = find_case(conn, case_id)
    proposal = _waiting(conn, case, proposal_id)
    freed = msgspec.structs.replace(
        case,
        status="open" if case.status == "claimed" else case.status,
        claimed_by=None,
        claim_ends_at_ms=None,
        proposal_id=None,
    )
    store.update_case(conn, freed)
    record(
        conn,
        at_ms=now_ms,
        actor=actor,
        action="case.proposal_withdrawn" if actor == proposal.actor else "case.proposal_refused",
        object_id=case.case_id,
        reason=proposal.reason_code,
        before={"status": case.status, "proposal_id": proposal.proposal_id},
        after={"status": freed.status, "proposal_id": None},
    )
    return freed


def _waiting(conn: Connection, case: CaseRow, proposal_id: str) -> ProposalRow:
    """Return the proposal that waits; raises CaseConflictError when it is another one, or none."""
    proposal = None if case.proposal_id is None else talk_store.proposal_row(conn, case.proposal_id)
    if proposal is None or proposal.proposal_id != proposal_id:
        raise CaseConflictError(f"This verdict on case {case.case_id} waits no more; reload the page.")
    return proposal
