"""Judging cases: load, decide, save, each in one transaction.

The admin page and the API call it. A verdict is a person's: it writes the verdict, the conversions' new statuses, the
ledger, the enrollment and the audit trail together or not at all. Over the program's limit it only writes a proposal,
which a second person confirms (`seconding.py`).
"""

from collections.abc import Iterable
from typing import Any, get_args

import msgspec
from sqlalchemy import Connection

from tracker.audit.store import record
from tracker.cases import four_eyes, store, talk_store
from tracker.cases.claims import claim, find_case
from tracker.cases.decide import Makers, VerdictRefusedError, decide, occasion_of, restorable, ruling, status_restored
from tracker.cases.opening import freeze_new_lines
from tracker.cases.reasons import REASONS
from tracker.cases.types import (
    AGAINST,
    POSTPONING,
    Action,
    CaseRow,
    CoveredConversion,
    Effects,
    Outcome,
    ProposalRow,
    Proposed,
    ReviewResult,
    Verdict,
    VerdictRow,
)
from tracker.conversions import store as conversions
from tracker.conversions.booking import known_of, transfers_to_restore
from tracker.db.database import Database
from tracker.db.ids import IdError, canonical_id, new_id
from tracker.ledger import store as ledger
from tracker.ledger.holds import frozen_by
from tracker.ledger.transfers import remaining
from tracker.ledger.types import Hold, NewTransfer, PostedLine
from tracker.partners import store as partners
from tracker.partners.types import EnrollmentStatus
from tracker.programs import store as programs

TEXT_MAX = 1000  # characters of a public text or note; a longer story belongs into a letter


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """A case and all that a verdict may touch."""

    case: CaseRow
    covered: list[CoveredConversion]
    lines: list[PostedLine]
    holds: list[Hold]
    verdicts: list[VerdictRow]
    enrollment: EnrollmentStatus
    limit_minor: int | None
    currency: str


async def give_verdict(
    db: Database,
    *,
    case_id: str,
    verdict: str,
    action: str,
    reason_code: str,
    public_text: str,
    note: str,
    deciding_finding: str | None,
    actor: str,
    now_ms: int,
    days: int | None = None,
) -> ReviewResult | Proposed:
    """Judge a case and return what that did, or what waits for a second person.

    An empty `public_text` takes the reason's default; `days` (1 to 90, 7 when None) belong to ask and hold. Raises
    CaseNotFoundError, CaseConflictError (decided, or claimed by somebody else) or VerdictRefusedError (a field outside
    its closed list, too long, or not of this case).
    """
    row = new_verdict(
        case_id=case_id,
        verdict=verdict,
        action=action,
        reason_code=reason_code,
        public_text=public_text,
        note=note,
        deciding_finding=deciding_finding,
        actor=actor,
        now_ms=now_ms,
        days=days,
    )
    return await db.write(lambda conn: judge_case(conn, row))


def new_verdict(
    *,
    case_id: str,
    verdict: str,
    action: str,
    reason_code: str,
    public_text: str,
    note: str,
    deciding_finding: str | None,
    actor: str,
    now_ms: int,
    days: int | None = None,
) -> VerdictRow:
    """Return a verdict as it would be stored; raises as `give_verdict` for what is wrong with its fields alone."""
    try:
        known_id = canonical_id("cas", case_id)
    except IdError:
        known_id = case_id  # `find_case` refuses it with the others that are nowhere.
    return VerdictRow(
        verdict_id=new_id("vdt", now_ms),
        case_id=known_id,
        verdict=_one_of(verdict, Verdict, field="verdict"),
        action=_one_of(action, Action, field="action"),
        reason_code=_one_of(reason_code, tuple(REASONS), field="reason_code"),
        public_text=_text(public_text, "public_text") or REASONS[reason_code].public_text,
        note=_text(note, "note"),
        deciding_finding=_finding_id(deciding_finding),
        actor=actor,
        at_ms=now_ms,
        days=days,
    )


def judge_case(conn: Connection, verdict: VerdictRow) -> ReviewResult | Proposed:
    """Do what `give_verdict` does inside a transaction at hand."""
    loaded = load(conn, verdict.case_id)
    outcome = outcome_of(conn, loaded, verdict)
    amounts = four_eyes.moved(outcome, loaded.lines)
    if four_eyes.needs_second(amounts, limit_minor=loaded.limit_minor, currency=loaded.currency):
        return _propose(conn, loaded, verdict, amounts)
    return carry_out(conn, loaded, verdict, outcome)


def outcome_of(conn: Connection, loaded: Loaded, verdict: VerdictRow) -> Outcome:
    """Return what a verdict does to a loaded case; raises as `give_verdict`."""
    _check_finding(conn, verdict, loaded)
    at_ms = verdict.at_ms
    last = ruling(loaded.verdicts)
    was_paused = last is not None and (last.effects or {}).get("enrollment_after") == "paused"
    return decide(
        loaded.case,
        verdict,
        covered=loaded.covered,
        lines=loaded.lines,
        holds=loaded.holds,
        make=Makers(transfer_id=lambda: new_id("com", at_ms), hold_id=lambda: new_id("hld", at_ms)),
        due=_owed_again(conn, loaded, verdict) if verdict.action == "clear" else (),
        enrollment=loaded.enrollment,
        is_paused_here=was_paused and loaded.case.appealed_at_ms is not None,
    )


def carry_out(conn: Connection, loaded: Loaded, verdict: VerdictRow, outcome: Outcome) -> ReviewResult:
    """Save what a verdict does: nothing of it happens without the rest."""
    at_ms = verdict.at_ms
    # A confirmed verdict was claimed when it was proposed.
    claimed = loaded.case if verdict.confirmed_by else claim(conn, loaded.case, actor=verdict.actor, now_ms=at_ms)
    is_decided = outcome.case_status == "decided"
    after = msgspec.structs.replace(
        claimed,
        status=outcome.case_status,
        due_at_ms=outcome.due_at_ms,
        decided_at_ms=at_ms if is_decided else None,
        postponed_until_ms=outcome.postponed_until_ms,
        proposal_id=None,
    )
    statuses = {each.conversion_id: each.status for each in loaded.covered}
    effects = Effects(
        case=loaded.case,
        left=after.status,
        statuses={each: statuses[each] for each in outcome.statuses},
        known={
            each.conversion_id: known_of(conn, each.conversion_id, refunded_minor=each.refunded_minor)
            for each in loaded.covered
            if verdict.action in AGAINST
        },
        enrollment_before=loaded.enrollment if outcome.enrollment_status else None,
        enrollment_after=outcome.enrollment_status,
    )
    stored = msgspec.structs.replace(verdict, effects=msgspec.to_builtins(effects))
    store.update_case(conn, after)
    store.insert_verdict(conn, stored)
    ledger.post(conn, outcome.transfers)
    ledger.save_holds(conn, outcome.releases)
    for conversion_id, status in outcome.statuses.items():
        conversions.set_status(conn, conversion_id, status)
        # What an appeal brings back may be covered by another case, which then holds it.
        freeze_new_lines(conn, conversion_id, now_ms=at_ms, actor=verdict.actor)
    released = _count_free(conn, outcome.releases)
    if outcome.enrollment_status is not None:
        partners.follow_verdict(
            conn,
            enrollment_id=after.enrollment_id,
            status=outcome.enrollment_status,
            reason_code="mistake" if verdict.action == "clear" else "fraud" if verdict.verdict == "fraud" else "terms",
            reason=verdict.public_text,
            actor=verdict.actor,
            now_ms=at_ms,
        )
    record(
        conn,
        at_ms=at_ms,
        actor=verdict.confirmed_by or verdict.actor,
        action="case.decided" if is_decided else "case.asked" if verdict.action == "ask" else "case.postponed",
        object_id=after.case_id,
        reason=verdict.reason_code,
        before=_before(loaded, claimed),
        after=_after(loaded, after, outcome=outcome, verdict=verdict, released=released),
    )
    return ReviewResult(
        case=after,
        verdict=stored,
        statuses=outcome.statuses,
        transfers=outcome.transfers,
        released=released,
        enrollment_status=outcome.enrollment_status,
    )


def load(conn: Connection, case_id: str) -> Loaded:
    """Return a case with all that a verdict may touch; raises CaseNotFoundError."""
    case = find_case(conn, case_id)
    covered = store.covered_conversions(conn, case.case_id)
    enrollment = partners.get_enrollment(conn, case.enrollment_id)
    program = programs.get_program(conn, case.program_id)
    return Loaded(
        case=case,
        covered=covered,
        lines=ledger.lines_of_conversions(conn, [conversion.conversion_id for conversion in covered]),
        holds=ledger.holds_of_case(conn, case.case_id),
        verdicts=store.verdicts_of(conn, case.case_id),
        enrollment=enrollment.status if enrollment else "left",
        limit_minor=program.settings.four_eyes_minor if program else None,
        currency=program.currency if program else "",
    )


def _owed_again(conn: Connection, loaded: Loaded, verdict: VerdictRow) -> list[NewTransfer]:
    """Return what an upheld appeal books: what the verdict appealed against took from what it brings back."""
    against = ruling(loaded.verdicts)
    if against is None:
        return []
    effects = None if against.effects is None else msgspec.convert(against.effects, Effects)
    owed: list[NewTransfer] = []
    for each in restorable(loaded.case, loaded.covered):
        row = conversions.get_conversion(conn, each.conversion_id)
        if row is not None:
            owed += transfers_to_restore(
                conn,
                msgspec.structs.replace(row, status=status_restored(each)),
                cause=occasion_of(against).cause,
                known=effects.known.get(each.conversion_id) if effects else None,
                occasion=occasion_of(verdict),
            )
    return owed


def _propose(conn: Connection, loaded: Loaded, verdict: VerdictRow, amounts: dict[str, int]) -> Proposed:
    """Write down a verdict for a second person; the case stays claimed by the first."""
    claimed = claim(conn, loaded.case, actor=verdict.actor, now_ms=verdict.at_ms)
    values = {name: getattr(verdict, name) for name in _PROPOSED if name not in {"proposal_id", "amounts"}}
    proposal = ProposalRow(proposal_id=new_id("vdp", verdict.at_ms), amounts=amounts, **values)
    talk_store.insert_proposal(conn, proposal)
    waiting = msgspec.structs.replace(claimed, proposal_id=proposal.proposal_id, claim_ends_at_ms=None)
    store.update_case(conn, waiting)
    record(
        conn,
        at_ms=verdict.at_ms,
        actor=verdict.actor,
        action="case.proposed",
        object_id=waiting.case_id,
        reason=verdict.reason_code,
        after={
            "proposal_id": proposal.proposal_id,
            "verdict": verdict.verdict,
            "action": verdict.action,
            "amounts": amounts,
        },
    )
    return Proposed(case=waiting, proposal=proposal)


_PROPOSED = ProposalRow.__struct_fields__


def _before(loaded: Loaded, case: CaseRow) -> dict[str, Any]:
    return {
        "status": case.status,
        "conversions": {conversion.conversion_id: conversion.status for conversion in loaded.covered},
        "commissions": remaining(loaded.lines),
    }


def _count_free(conn: Connection, releases: Iterable[Hold]) -> int:
    """Return how many commissions nothing freezes any more; another case may go on doing so."""
    let_go = {hold.transfer_id for hold in releases}
    return len(let_go - frozen_by(ledger.holds_of_accruals(conn, sorted(let_go))).keys())


def _after(loaded: Loaded, case: CaseRow, *, outcome: Outcome, verdict: VerdictRow, released: int) -> dict[str, Any]:
    commissions = remaining(loaded.lines)
    for transfer in outcome.transfers:
        accrual_id = transfer.reverses_id or transfer.transfer_id
        commissions[accrual_id] = commissions.get(accrual_id, 0) + transfer.amount_minor
    before = {conversion.conversion_id: conversion.status for conversion in loaded.covered}
    told = {
        "status": case.status,
        "verdict_id": verdict.verdict_id,
        "verdict": verdict.verdict,
        "action": verdict.action,
        "deciding_finding": verdict.deciding_finding,
        "conversions": before | outcome.statuses,
        "commissions": commissions,
        "released": released,
    }
    if verdict.action in POSTPONING:
        told["until_ms"] = case.postponed_until_ms
    if outcome.enrollment_status is not None:
        told["enrollment"] = outcome.enrollment_status
    if verdict.confirmed_by is not None:
        told["proposed_by"] = verdict.actor
    return told


def _check_finding(conn: Connection, verdict: VerdictRow, loaded: Loaded) -> None:
    if verdict.deciding_finding is None:
        return
    case, ids = loaded.case, [conversion.conversion_id for conversion in loaded.covered]
    found = store.findings_of_case(conn, case.case_id, ids, enrollment_id=case.enrollment_id)
    if verdict.deciding_finding not in {row.finding_id for row in found}:
        message = (
            f"Finding {verdict.deciding_finding} does not speak in case {verdict.case_id}; name one its page shows."
        )
        raise VerdictRefusedError("deciding_finding", message)


def _one_of(value: str, allowed: Any, *, field: str) -> Any:
    """Return the value when it is in the closed list (a Literal or a tuple), else refuse it."""
    names = allowed if isinstance(allowed, tuple) else get_args(allowed)
    if value not in names:
        raise VerdictRefusedError(field, f'"{value[:80]}" is not known; use one of {", ".join(names)}.')
    return value


def _text(value: str, field: str) -> str:
    text = value.strip()
    if len(text) > TEXT_MAX:
        raise VerdictRefusedError(field, f"The text has {len(text)} characters; at most {TEXT_MAX} are kept.")
    return text


def _finding_id(value: str | None) -> str | None:
    if value is None:
        return None
    try:
        return canonical_id("fnd", value)
    except IdError as error:
        raise VerdictRefusedError("deciding_finding", str(error)) from error
