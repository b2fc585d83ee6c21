"""Claiming and judging cases: load, decide, save, each in one transaction.

The admin page and the API call it. A verdict is a person's: it writes the verdict, the conversions' new statuses, the
ledger and the audit trail together or not at all.
"""

from typing import Any, get_args

import msgspec
from sqlalchemy import Connection

from tracker.audit.store import record
from tracker.cases import store
from tracker.cases.decide import (
    CaseConflictError,
    Makers,
    VerdictRefusedError,
    check_undecided,
    decide,
)
from tracker.cases.reasons import REASONS
from tracker.cases.types import (
    VERDICTS_OF,
    Action,
    CaseRow,
    CoveredConversion,
    LedgerChange,
    Outcome,
    Preview,
    ReviewResult,
    Verdict,
    VerdictRow,
)
from tracker.conversions.store import set_status
from tracker.db.database import Database
from tracker.db.ids import IdError, canonical_id, new_id
from tracker.ledger import store as ledger
from tracker.ledger.holds import frozen_by
from tracker.ledger.status import commission_status
from tracker.ledger.transfers import remaining
from tracker.ledger.types import Hold, PostedLine

TEXT_MAX = 1000  # characters of a public text or note; a longer story belongs into a letter


class CaseNotFoundError(LookupError):
    """There is no case with this id."""


class _Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """A case and all that a verdict may touch."""

    case: CaseRow
    covered: list[CoveredConversion]
    lines: list[PostedLine]
    holds: list[Hold]


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
) -> ReviewResult:
    """Judge a case and return what that did.

    An empty `public_text` takes the reason's default. Raises CaseNotFoundError, CaseConflictError (decided, or claimed
    by somebody else) or VerdictRefusedError (a field outside its closed list, too long, or not of this case).
    """
    row = VerdictRow(
        verdict_id=new_id("vdt", now_ms),
        case_id=_case_id(case_id),
        verdict=_one_of(verdict, Verdict, field="verdict"),
        action=_one_of(action, Action, field="action"),
        reason_code=_one_of(reason_code, tuple(REASONS), field="reason_code"),
        public_text=_text(public_text, "public_text") or REASONS[reason_code].public_text,
        note=_text(note, "note"),
        deciding_finding=_finding_id(deciding_finding),
        actor=actor,
        at_ms=now_ms,
    )
    return await db.write(lambda conn: judge_case(conn, row))


async def claim_case(db: Database, *, case_id: str, actor: str, now_ms: int) -> CaseRow:
    """Assign an open case to the actor; claiming one's own again changes nothing. Raises as `give_verdict`."""
    return await db.write(lambda conn: _claim(conn, _case(conn, case_id), actor=actor, now_ms=now_ms))


async def unclaim_case(db: Database, *, case_id: str, actor: str, now_ms: int) -> CaseRow:
    """Give a claimed case back to everybody, whoever claimed it; raises CaseConflictError when it is not claimed."""
    return await db.write(lambda conn: _unclaim(conn, _case(conn, case_id), actor=actor, now_ms=now_ms))


def judge_case(conn: Connection, verdict: VerdictRow) -> ReviewResult:
    """Do what `give_verdict` does inside a transaction at hand."""
    loaded = _load(conn, verdict.case_id)
    _check_finding(conn, verdict, loaded.covered)
    at_ms = verdict.at_ms
    outcome = decide(
        loaded.case,
        verdict,
        covered=loaded.covered,
        lines=loaded.lines,
        holds=loaded.holds,
        make=Makers(transfer_id=lambda: new_id("com", at_ms), hold_id=lambda: new_id("hld", at_ms)),
    )
    claimed = _claim(conn, loaded.case, actor=verdict.actor, now_ms=at_ms)
    decided = msgspec.structs.replace(
        claimed,
        status=outcome.case_status,
        due_at_ms=outcome.due_at_ms,
        decided_at_ms=at_ms if outcome.case_status == "decided" else None,
    )
    _save(conn, decided, outcome, verdict=verdict)
    record(
        conn,
        at_ms=at_ms,
        actor=verdict.actor,
        action="case.decided" if outcome.case_status == "decided" else "case.postponed",
        object_id=decided.case_id,
        reason=verdict.reason_code,
        before=_before(loaded, claimed),
        after=_after(loaded, decided, outcome=outcome, verdict=verdict),
    )
    return ReviewResult(
        case=decided,
        verdict=verdict,
        statuses=outcome.statuses,
        transfers=outcome.transfers,
        released=len(outcome.releases),
    )


def preview(conn: Connection, case_id: str, *, action: Action, now_ms: int) -> Preview:
    """Return exactly what an action would do now, without doing it; raises as `give_verdict`."""
    loaded = _load(conn, case_id)
    placeholder = "com_" + "0" * 32  # never stored: a preview only counts
    verdict = VerdictRow(
        verdict_id="vdt_" + "0" * 32,
        case_id=case_id,
        verdict=VERDICTS_OF[action][0],
        action=action,
        reason_code="other",
        public_text="",
        note="",
        deciding_finding=None,
        actor=loaded.case.claimed_by or "preview",
        at_ms=now_ms,
    )
    make = Makers(transfer_id=lambda: placeholder, hold_id=lambda: placeholder)
    outcome = decide(loaded.case, verdict, covered=loaded.covered, lines=loaded.lines, holds=loaded.holds, make=make)
    changes = _changes(conn, loaded, outcome=outcome, now_ms=now_ms)
    taken_back: dict[str, int] = {}
    for transfer in outcome.transfers:
        taken_back[transfer.currency] = taken_back.get(transfer.currency, 0) - transfer.amount_minor
    return Preview(
        action=action,
        changes=tuple(changes),
        statuses=outcome.statuses,
        taken_back=tuple(sorted(taken_back.items())),
    )


def _case(conn: Connection, case_id: str) -> CaseRow:
    case = store.case_row(conn, _case_id(case_id))
    if case is None:
        raise CaseNotFoundError(f'There is no case "{case_id}"; look it up in the queue.')
    return case


def _case_id(text: str) -> str:
    try:
        return canonical_id("cas", text)
    except IdError as error:
        raise CaseNotFoundError(str(error)) from error


def _load(conn: Connection, case_id: str) -> _Loaded:
    case = _case(conn, case_id)
    covered = store.covered_conversions(conn, case.case_id)
    return _Loaded(
        case=case,
        covered=covered,
        lines=ledger.lines_of_conversions(conn, [conversion.conversion_id for conversion in covered]),
        holds=ledger.holds_of_case(conn, case.case_id),
    )


def _save(conn: Connection, case: CaseRow, outcome: Outcome, *, verdict: VerdictRow) -> None:
    store.update_case(conn, case)
    store.insert_verdict(conn, verdict)
    ledger.post(conn, outcome.transfers)
    ledger.save_holds(conn, outcome.releases)
    for conversion_id, status in outcome.statuses.items():
        set_status(conn, conversion_id, status)


def _claim(conn: Connection, case: CaseRow, *, actor: str, now_ms: int) -> CaseRow:
    check_undecided(case, actor)
    if case.claimed_by == actor:
        return case
    claimed = msgspec.structs.replace(case, status="claimed", claimed_by=actor)
    return _move(conn, case, claimed, action="case.claimed", actor=actor, now_ms=now_ms)


def _unclaim(conn: Connection, case: CaseRow, *, actor: str, now_ms: int) -> CaseRow:
    if case.status != "claimed":
        raise CaseConflictError(f"Case {case.case_id} is {case.status}; only a claimed case can be given back.")
    opened = msgspec.structs.replace(case, status="open", claimed_by=None)
    return _move(conn, case, opened, action="case.unclaimed", actor=actor, now_ms=now_ms)


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


def _changes(conn: Connection, loaded: _Loaded, *, outcome: Outcome, now_ms: int) -> list[LedgerChange]:
    left = remaining(loaded.lines)
    taken = {transfer.reverses_id: transfer.amount_minor for transfer in outcome.transfers}
    released = {hold.transfer_id for hold in outcome.releases}
    frozen = frozen_by(ledger.holds_of_accruals(conn, left))
    changes = []
    for line in loaded.lines:
        if line.kind != "accrual" or not (line.transfer_id in taken or line.transfer_id in released):
            continue
        before_minor = left[line.transfer_id]
        after_minor = before_minor + taken.get(line.transfer_id, 0)
        holders = frozen.get(line.transfer_id, ())
        others = tuple(case_id for case_id in holders if case_id != loaded.case.case_id)
        changes.append(
            LedgerChange(
                transfer_id=line.transfer_id,
                conversion_id=line.conversion_id,
                enrollment_id=line.enrollment_id,
                currency=line.currency,
                before_minor=before_minor,
                after_minor=after_minor,
                status_before=_status(line, before_minor, holders=holders, now_ms=now_ms),
                status_after=_status(line, after_minor, holders=others, now_ms=now_ms),
            )
        )
    return changes


def _status(line: PostedLine, remaining_minor: int, *, holders: tuple[str, ...], now_ms: int) -> str:
    return commission_status(
        remaining_minor=remaining_minor,
        available_at_ms=line.available_at_ms,
        frozen_by=holders,
        now_ms=now_ms,
        time_zone="UTC",  # the day is not shown
    ).status


def _before(loaded: _Loaded, case: CaseRow) -> dict[str, Any]:
    return {
        "status": case.status,
        "conversions": {conversion.conversion_id: conversion.status for conversion in loaded.covered},
        "commissions": remaining(loaded.lines),
    }


def _after(loaded: _Loaded, case: CaseRow, *, outcome: Outcome, verdict: VerdictRow) -> dict[str, Any]:
    commissions = remaining(loaded.lines)
    for transfer in outcome.transfers:
        commissions[transfer.reverses_id or transfer.transfer_id] += transfer.amount_minor
    before = {conversion.conversion_id: conversion.status for conversion in loaded.covered}
    return {
        "status": case.status,
        "verdict_id": verdict.verdict_id,
        "verdict": verdict.verdict,
        "action": verdict.action,
        "deciding_finding": verdict.deciding_finding,
        "conversions": before | outcome.statuses,
        "commissions": commissions,
        "released": len(outcome.releases),
    }


def _check_finding(conn: Connection, verdict: VerdictRow, covered: list[CoveredConversion]) -> None:
    if verdict.deciding_finding is None:
        return
    found = store.findings_of(conn, [conversion.conversion_id for conversion in covered])
    if verdict.deciding_finding not in {row.finding_id for row in found}:
        message = f"Finding {verdict.deciding_finding} is not about a conversion of case {verdict.case_id}."
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
