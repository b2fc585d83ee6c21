"""Which freezes and releases a case adds to the ledger; pure.

A freeze stops payment of an accrual and moves no money. The opening and the judging of cases call this; the store saves
what it returns. Holds are given and returned oldest first.
"""

from collections.abc import Callable, Iterable, Sequence

from tracker.ledger.types import Hold


def frozen_by(holds: Iterable[Hold]) -> dict[str, tuple[str, ...]]:
    """Return the cases that freeze each accrual now, by the accrual's id; accruals nothing freezes are left out.

    Holds: any order; the row with the highest `seq` of an (accrual, case) pair counts.
    """
    newest: dict[tuple[str, str], Hold] = {}
    for hold in sorted(holds, key=lambda hold: hold.seq):
        newest[hold.transfer_id, hold.case_id] = hold
    frozen: dict[str, tuple[str, ...]] = {}
    for (transfer_id, case_id), hold in sorted(newest.items()):
        if hold.kind == "freeze":
            frozen[transfer_id] = (*frozen.get(transfer_id, ()), case_id)
    return frozen


def freezes(
    accrual_ids: Iterable[str],
    holds: Sequence[Hold],
    *,
    case_id: str,
    at_ms: int,
    actor: str,
    make_id: Callable[[], str],
) -> list[Hold]:
    """Return a freeze for each given accrual that this case does not freeze already."""
    frozen = frozen_by(holds)
    return [
        Hold(
            hold_id=make_id(),
            transfer_id=transfer_id,
            case_id=case_id,
            kind="freeze",
            at_ms=at_ms,
            actor=actor,
            reason_code="case_opened",
        )
        for transfer_id in dict.fromkeys(accrual_ids)
        if case_id not in frozen.get(transfer_id, ())
    ]


def releases(
    holds: Sequence[Hold],
    *,
    case_id: str,
    at_ms: int,
    actor: str,
    reason_code: str,
    make_id: Callable[[], str],
) -> list[Hold]:
    """Return a release for each accrual that this case freezes now; other cases' freezes stay."""
    return [
        Hold(
            hold_id=make_id(),
            transfer_id=transfer_id,
            case_id=case_id,
            kind="release",
            at_ms=at_ms,
            actor=actor,
            reason_code=reason_code,
        )
        for transfer_id, cases in frozen_by(holds).items()
        if case_id in cases
    ]
