"""The arithmetic of the ledger: which transfers bring what is posted to what is due; pure.

The processing of conversions calls `difference` after a decision or refund, the review of cases calls `reverse_all`.
Posted lines are never changed: a smaller amount is a reversal, a larger one a further accrual. Ids come from the shell.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tracker.ledger.types import Leg, NewTransfer, Occasion, PostedLine, Subject
from tracker.rewards.types import Due

Key = tuple[str, str, str]  # enrollment, reward, currency


def difference(
    posted: Sequence[PostedLine],
    due: Sequence[Due],
    *,
    subject: Subject,
    occasion: Occasion,
    make_id: Callable[[], str],
) -> list[NewTransfer]:
    """Return the transfers that bring one conversion's ledger to what is due, in a fixed order.

    Posted: every line of the conversion, any order. Due: at most one per (enrollment, reward, currency); what is posted
    under a key without a due is taken back whole. Booking the result and asking again gives nothing. A line of another
    conversion or a doubled key raises ValueError.
    """
    _check_subject(posted, subject)
    owed = _by_key(due)
    accruals: dict[Key, list[PostedLine]] = {}
    for line in posted:
        if line.kind == "accrual":
            accruals.setdefault((line.enrollment_id, line.reward_id, line.currency), []).append(line)
    left = remaining(posted)
    transfers: list[NewTransfer] = []
    for key in sorted(owed.keys() | accruals.keys()):
        lines = accruals.get(key, [])
        wanted = owed.get(key)
        have = sum(left[line.transfer_id] for line in lines)
        want = wanted.amount_minor if wanted else 0
        if want < have:
            calculation = wanted.calculation if wanted else {"due_minor": 0}
            transfers += _take_back(
                have - want, lines, left=left, calculation=calculation, occasion=occasion, make_id=make_id
            )
        elif wanted and want > have:
            transfers.append(_accrual(wanted, want - have, subject=subject, occasion=occasion, transfer_id=make_id()))
    return transfers


def reverse_all(posted: Sequence[PostedLine], *, occasion: Occasion, make_id: Callable[[], str]) -> list[NewTransfer]:
    """Return the reversals that leave nothing of the given lines (of any conversions), newest accrual first.

    Posted: the accruals and every reversal of them. Accruals already reversed whole give nothing.
    """
    left = remaining(posted)
    lines = sorted((line for line in posted if line.kind == "accrual"), key=_newest_first)
    return [
        _reversal(
            line,
            left[line.transfer_id],
            calculation={"due_minor": 0},
            occasion=occasion,
            transfer_id=make_id(),
        )
        for line in lines
        if left[line.transfer_id] > 0
    ]


def give_again(
    posted: Sequence[PostedLine], *, cause: str, occasion: Occasion, make_id: Callable[[], str]
) -> list[NewTransfer]:
    """Return accruals that give back, to the cent, what the reversals of one cause took, in the order they were posted.

    Posted: the accruals and every reversal of them. Asking twice gives it twice: the caller knows whether it was given.
    """
    accruals = {line.transfer_id: line for line in posted if line.kind == "accrual"}
    taken = sorted((line for line in posted if line.kind == "reversal" and line.cause == cause), key=_seq)
    return [
        _given_again(accruals[line.reverses_id or ""], line, occasion=occasion, transfer_id=make_id()) for line in taken
    ]


def remaining(posted: Iterable[PostedLine]) -> dict[str, int]:
    """Return what reversals left of each accrual, by the accrual's id, in minor units (0 … original)."""
    left: dict[str, int] = {}
    for line in posted:
        accrual_id = line.reverses_id or line.transfer_id
        left[accrual_id] = left.get(accrual_id, 0) + line.amount_minor
    return left


def _check_subject(posted: Sequence[PostedLine], subject: Subject) -> None:
    for line in posted:
        if line.conversion_id != subject.conversion_id:
            message = (
                f"Line {line.transfer_id} belongs to {line.conversion_id}, not to {subject.conversion_id}; "
                "compare one conversion at a time."
            )
            raise ValueError(message)


def _by_key(due: Sequence[Due]) -> dict[Key, Due]:
    owed: dict[Key, Due] = {}
    for each in due:
        key = (each.enrollment_id, each.reward_id, each.currency)
        if key in owed:
            raise ValueError(f"{key} is due twice; a reward owes an enrollment one amount per conversion.")
        owed[key] = each
    return owed


def _newest_first(line: PostedLine) -> int:
    return -line.seq


def _seq(line: PostedLine) -> int:
    return line.seq


def _take_back(
    amount_minor: int,
    accruals: Sequence[PostedLine],
    *,
    left: dict[str, int],
    calculation: dict[str, Any],
    occasion: Occasion,
    make_id: Callable[[], str],
) -> list[NewTransfer]:
    """Reverse newest accruals first: a later accrual only corrected an earlier one, so undoing it restores what was."""
    transfers = []
    for line in sorted(accruals, key=_newest_first):
        part = min(amount_minor, left[line.transfer_id])
        if part > 0:
            transfers.append(_reversal(line, part, calculation=calculation, occasion=occasion, transfer_id=make_id()))
            amount_minor -= part
    return transfers


def _reversal(
    accrual: PostedLine, amount_minor: int, *, calculation: dict[str, Any], occasion: Occasion, transfer_id: str
) -> NewTransfer:
    """Take back part of an accrual; it stands beside its accrual in every sum: same availability, same decision."""
    return NewTransfer(
        transfer_id=transfer_id,
        kind="reversal",
        livemode=accrual.livemode,
        program_id=accrual.program_id,
        enrollment_id=accrual.enrollment_id,
        conversion_id=accrual.conversion_id,
        decision_id=accrual.decision_id,
        reverses_id=accrual.transfer_id,
        cause=occasion.cause,
        reward_id=accrual.reward_id,
        reason_code=occasion.reason_code,
        public_text=occasion.public_text,
        calculation=calculation | {"accrued_minor": accrual.amount_minor, "booked_minor": -amount_minor},
        actor=occasion.actor,
        created_at_ms=occasion.at_ms,
        legs=_legs(accrual.currency, -amount_minor, accrual.available_at_ms),
    )


def _accrual(due: Due, amount_minor: int, *, subject: Subject, occasion: Occasion, transfer_id: str) -> NewTransfer:
    return NewTransfer(
        transfer_id=transfer_id,
        kind="accrual",
        livemode=subject.livemode,
        program_id=subject.program_id,
        enrollment_id=due.enrollment_id,
        conversion_id=subject.conversion_id,
        decision_id=subject.decision_id,
        reverses_id=None,
        cause=occasion.cause,
        reward_id=due.reward_id,
        reason_code=occasion.reason_code,
        public_text=occasion.public_text,
        calculation=due.calculation
        | {"booked_before_minor": due.amount_minor - amount_minor, "booked_minor": amount_minor},
        actor=occasion.actor,
        created_at_ms=occasion.at_ms,
        legs=_legs(due.currency, amount_minor, due.available_at_ms),
    )


def _given_again(accrual: PostedLine, reversal: PostedLine, *, occasion: Occasion, transfer_id: str) -> NewTransfer:
    amount_minor = -reversal.amount_minor
    # The sum that explains the accrual explains this line where all of it comes back.
    explained = accrual.calculation if amount_minor == accrual.amount_minor else {}
    return NewTransfer(
        transfer_id=transfer_id,
        kind="accrual",
        livemode=accrual.livemode,
        program_id=accrual.program_id,
        enrollment_id=accrual.enrollment_id,
        conversion_id=accrual.conversion_id,
        decision_id=accrual.decision_id,
        reverses_id=None,
        cause=occasion.cause,
        reward_id=accrual.reward_id,
        reason_code=occasion.reason_code,
        public_text=occasion.public_text,
        calculation=explained | {"given_again": reversal.transfer_id, "booked_minor": amount_minor},
        actor=occasion.actor,
        created_at_ms=occasion.at_ms,
        legs=_legs(accrual.currency, amount_minor, accrual.available_at_ms),
    )


def _legs(currency: str, amount_minor: int, available_at_ms: int) -> tuple[Leg, ...]:
    return (
        Leg(
            account="program_expense",
            currency=currency,
            amount_minor=-amount_minor,
            available_at_ms=available_at_ms,
        ),
        Leg(
            account="partner_payable",
            currency=currency,
            amount_minor=amount_minor,
            available_at_ms=available_at_ms,
        ),
    )
