"""What a verdict on a case does to conversions, commissions and freezes; pure.

`review.py` loads what a case covers, asks here and saves the answer in one transaction. Every refusal is an exception
that says cause and remedy; nothing is decided by machine.
"""

from collections.abc import Callable, Sequence

import msgspec

from tracker.cases.types import (
    POSTPONING,
    VERDICTS_OF,
    CaseRow,
    CaseStatus,
    CoveredConversion,
    Outcome,
    VerdictRow,
)
from tracker.instants import DAY_MS
from tracker.ledger.holds import releases
from tracker.ledger.transfers import reverse_all
from tracker.ledger.types import Hold, NewTransfer, Occasion, PostedLine, PublicText
from tracker.partners.types import EnrollmentStatus

WAIT_DAYS = 7  # a case held on, or whose partner was asked, comes back after a week
WAIT_DAYS_MAX = 90  # longer than a quarter nobody remembers why it waits
CLAIM_MS = 15 * 60_000  # a claim without activity frees the case for the others

# What a rejection ends; what is refunded, rejected or unattributed already owes nothing.
REJECTABLE = frozenset({"attributed", "in_review", "accepted", "part_refunded"})


class CaseConflictError(Exception):
    """The case is not in a state for this move; the message says why and what to do."""


class VerdictRefusedError(ValueError):
    """A verdict is not well-formed; `field` names what to change."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class Makers(msgspec.Struct, frozen=True, kw_only=True):
    """Where new ids come from; the shell makes them."""

    transfer_id: Callable[[], str]
    hold_id: Callable[[], str]


def holder_of(case: CaseRow, now_ms: int) -> str | None:
    """Return who holds the case now, None for nobody: a claim without activity ends."""
    return None if case.claim_ends_at_ms is not None and case.claim_ends_at_ms <= now_ms else case.claimed_by


def as_of(case: CaseRow, now_ms: int) -> CaseRow:
    """Return the case as it stands now: without a claim that is over."""
    if case.claimed_by is None or holder_of(case, now_ms) is not None or case.status == "decided":
        return case
    status: CaseStatus = "open" if case.status == "claimed" else case.status
    return msgspec.structs.replace(case, status=status, claimed_by=None, claim_ends_at_ms=None)


def check_undecided(case: CaseRow, actor: str, *, now_ms: int) -> None:
    """Raise CaseConflictError unless the actor may judge or claim the case now."""
    if case.status == "decided":
        raise CaseConflictError(f"Case {case.case_id} is decided already; a decided case changes only by an appeal.")
    if case.proposal_id is not None:
        message = f"Case {case.case_id} waits for a second person; confirm or refuse the proposed verdict first."
        raise CaseConflictError(message)
    if holder_of(case, now_ms) not in {None, actor}:
        message = f"Case {case.case_id} is claimed by {case.claimed_by}; ask them to judge it or to give it back."
        raise CaseConflictError(message)


def check_verdict(verdict: VerdictRow) -> None:
    """Raise VerdictRefusedError when the action does not follow from the verdict, or waits impossibly long."""
    allowed = () if verdict.action == "undo" else VERDICTS_OF[verdict.action]
    if verdict.verdict not in allowed:
        message = f'Action "{verdict.action}" needs the verdict {" or ".join(allowed)}, not "{verdict.verdict}".'
        raise VerdictRefusedError("action", message)
    if verdict.days is None:
        return
    if verdict.action not in POSTPONING:
        raise VerdictRefusedError("days", f'Days belong to ask and hold; leave them out with "{verdict.action}".')
    if not 1 <= verdict.days <= WAIT_DAYS_MAX:
        raise VerdictRefusedError("days", f"{verdict.days} days is not from 1 to {WAIT_DAYS_MAX}.")


def decide(
    case: CaseRow,
    verdict: VerdictRow,
    *,
    covered: Sequence[CoveredConversion],
    lines: Sequence[PostedLine],
    holds: Sequence[Hold],
    make: Makers,
    due: Sequence[NewTransfer] = (),
    enrollment: EnrollmentStatus = "active",
    is_paused_here: bool = False,
) -> Outcome:
    """Return what the verdict does; raises CaseConflictError or VerdictRefusedError.

    Covered: the conversions of the case; lines: every ledger line of them; holds: every hold row of the case. Clear
    accepts what is in review and no other case covers; upholding an appeal, it also books `due`, what the conversions
    of `restorable` are owed, and resumes the enrollment where `is_paused_here`. Reject and void take back all that is
    left of every line; pause and ban do the same and move the enrollment. All of them release this case's freezes;
    other cases' freezes stay. Ask and hold keep everything frozen.
    """
    check_undecided(case, verdict.actor, now_ms=verdict.at_ms)
    check_verdict(verdict)
    if verdict.action in POSTPONING:
        return _postponed(case, verdict)
    released = releases(
        holds,
        case_id=case.case_id,
        at_ms=verdict.at_ms,
        actor=verdict.actor,
        reason_code=verdict.reason_code,
        make_id=make.hold_id,
    )
    is_cleared = verdict.action == "clear"
    return Outcome(
        case_status="decided",
        due_at_ms=case.due_at_ms,
        # A test case says nothing about the partner's real enrollment.
        enrollment_status=_moved(verdict, enrollment, is_paused_here=is_paused_here) if case.livemode else None,
        statuses=_cleared(case, covered) if is_cleared else _rejected(covered),
        transfers=tuple(due)
        if is_cleared
        else tuple(reverse_all(lines, occasion=occasion_of(verdict), make_id=make.transfer_id)),
        releases=tuple(released),
    )


def restorable(case: CaseRow, covered: Sequence[CoveredConversion]) -> list[CoveredConversion]:
    """Return what an upheld appeal brings back: conversions this case rejected and no other verdict stands against."""
    if case.appealed_at_ms is None:
        return []
    return [each for each in covered if each.status == "rejected" and not each.other_rejections]


def ruling(verdicts: Sequence[VerdictRow]) -> VerdictRow | None:
    """Return the newest verdict that decided and was not undone, None where there is none; oldest come first."""
    left = rulings(verdicts)
    return left[-1] if left else None


def rulings(verdicts: Sequence[VerdictRow]) -> list[VerdictRow]:
    """Return the verdicts that decided and were not undone, in the order given."""
    undone = {verdict.undoes for verdict in verdicts if verdict.undoes is not None}
    idle = POSTPONING | {"undo"}
    return [verdict for verdict in verdicts if verdict.action not in idle and verdict.verdict_id not in undone]


def status_restored(conversion: CoveredConversion) -> str:
    """Return the status a conversion has that counts again: in review where another case still covers it."""
    return "in_review" if conversion.other_cases else status_when_cleared(conversion)


def _postponed(case: CaseRow, verdict: VerdictRow) -> Outcome:
    until_ms = verdict.at_ms + (verdict.days or WAIT_DAYS) * DAY_MS
    status: CaseStatus = "appealed" if case.appealed_at_ms is not None else "claimed"
    return Outcome(
        case_status="waiting_partner" if verdict.action == "ask" else status,
        due_at_ms=max(case.due_at_ms, until_ms),
        postponed_until_ms=until_ms,
        statuses={},
        transfers=(),
        releases=(),
    )


def _moved(verdict: VerdictRow, enrollment: EnrollmentStatus, *, is_paused_here: bool) -> EnrollmentStatus | None:
    """Return the enrollment's new status, None where it stays."""
    if verdict.action == "clear" and is_paused_here and enrollment == "paused":
        return "active"
    if verdict.action not in {"pause", "ban"} or enrollment == "banned":
        return None
    if enrollment not in {"active", "paused"}:
        message = f'The enrollment is "{enrollment}", so there is nothing to {verdict.action}; use reject.'
        raise VerdictRefusedError("action", message)
    if verdict.action == "ban":
        return "banned"
    return "paused" if enrollment == "active" else None


def status_when_cleared(conversion: CoveredConversion) -> str:
    """Return the status a conversion has outside review: refunds may have come in meanwhile."""
    if conversion.refunded_minor == 0 or conversion.amount_minor is None:
        return "accepted"
    return "refunded" if conversion.refunded_minor >= conversion.amount_minor else "part_refunded"


def _cleared(case: CaseRow, covered: Sequence[CoveredConversion]) -> dict[str, str]:
    accepted = {
        conversion.conversion_id: status_when_cleared(conversion)
        for conversion in covered
        if conversion.status == "in_review" and not conversion.other_cases
    }
    return accepted | {each.conversion_id: status_restored(each) for each in restorable(case, covered)}


def _rejected(covered: Sequence[CoveredConversion]) -> dict[str, str]:
    return {conversion.conversion_id: "rejected" for conversion in covered if conversion.status in REJECTABLE}


def occasion_of(verdict: VerdictRow) -> Occasion:
    """Return why money moves by a verdict; goes into every line it causes."""
    return Occasion(
        cause=f"verdict:{verdict.verdict_id}",
        reason_code=verdict.reason_code,
        public_text=PublicText(message=verdict.public_text),
        actor=verdict.actor,
        at_ms=verdict.at_ms,
    )
