"""What a verdict on a case does to conversions, commissions and freezes; pure.

`review.py` loads what a case covers, asks here and saves the answer in one transaction. Every refusal is an exception
that says cause and remedy; nothing is decided by machine.
"""

from collections.abc import Callable, Sequence

import msgspec

from tracker.cases.types import VERDICTS_OF, CaseRow, CoveredConversion, Outcome, VerdictRow
from tracker.ledger.holds import releases
from tracker.ledger.transfers import reverse_all
from tracker.ledger.types import Hold, Occasion, PostedLine, PublicText

HOLD_MS = 7 * 86_400_000  # a postponed case comes back to the top of its reviewer's list after a week

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


def check_undecided(case: CaseRow, actor: str) -> None:
    """Raise CaseConflictError unless the actor may judge or claim the case now."""
    if case.status == "decided":
        raise CaseConflictError(f"Case {case.case_id} is decided already; a decided case changes only by an appeal.")
    if case.status == "claimed" and case.claimed_by not in {None, actor}:
        message = f"Case {case.case_id} is claimed by {case.claimed_by}; ask them to judge it or to give it back."
        raise CaseConflictError(message)


def check_verdict(verdict: VerdictRow) -> None:
    """Raise VerdictRefusedError when the action does not follow from the verdict."""
    allowed = VERDICTS_OF[verdict.action]
    if verdict.verdict not in allowed:
        message = f'Action "{verdict.action}" needs the verdict {" or ".join(allowed)}, not "{verdict.verdict}".'
        raise VerdictRefusedError("action", message)


def decide(
    case: CaseRow,
    verdict: VerdictRow,
    *,
    covered: Sequence[CoveredConversion],
    lines: Sequence[PostedLine],
    holds: Sequence[Hold],
    make: Makers,
) -> Outcome:
    """Return what the verdict does; raises CaseConflictError or VerdictRefusedError.

    Covered: the conversions of the case; lines: every ledger line of them; holds: every hold row of the case. Clear
    accepts what is in review and no other case covers. Reject and void take back all that is left of every line. Both
    release this case's freezes; other cases' freezes stay. Hold keeps everything frozen and the case claimed.
    """
    check_undecided(case, verdict.actor)
    check_verdict(verdict)
    if verdict.action == "hold":
        due_at_ms = max(case.due_at_ms, verdict.at_ms + HOLD_MS)
        return Outcome(case_status="claimed", due_at_ms=due_at_ms, statuses={}, transfers=(), releases=())
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
        statuses=_cleared(covered) if is_cleared else _rejected(covered),
        transfers=()
        if is_cleared
        else tuple(reverse_all(lines, occasion=_occasion(verdict), make_id=make.transfer_id)),
        releases=tuple(released),
    )


def status_when_cleared(conversion: CoveredConversion) -> str:
    """Return the status a conversion has outside review: refunds may have come in meanwhile."""
    if conversion.refunded_minor == 0 or conversion.amount_minor is None:
        return "accepted"
    return "refunded" if conversion.refunded_minor >= conversion.amount_minor else "part_refunded"


def _cleared(covered: Sequence[CoveredConversion]) -> dict[str, str]:
    return {
        conversion.conversion_id: status_when_cleared(conversion)
        for conversion in covered
        if conversion.status == "in_review" and not conversion.other_cases
    }


def _rejected(covered: Sequence[CoveredConversion]) -> dict[str, str]:
    return {conversion.conversion_id: "rejected" for conversion in covered if conversion.status in REJECTABLE}


def _occasion(verdict: VerdictRow) -> Occasion:
    return Occasion(
        cause=f"verdict:{verdict.verdict_id}",
        reason_code=verdict.reason_code,
        public_text=PublicText(message=verdict.public_text),
        actor=verdict.actor,
        at_ms=verdict.at_ms,
    )
