"""What an action on a case would do, foretold exactly and without doing it.

The pages show it beside the buttons. It asks what the review asks and writes nothing.
"""

from collections.abc import Mapping

import msgspec
from sqlalchemy import Connection

from tracker.cases import four_eyes
from tracker.cases.review import Loaded, load, outcome_of
from tracker.cases.types import VERDICTS_OF, Action, LedgerChange, Outcome, Preview, VerdictRow
from tracker.db.ids import new_id
from tracker.ledger import store as ledger
from tracker.ledger.holds import frozen_by
from tracker.ledger.status import commission_status
from tracker.ledger.transfers import remaining
from tracker.ledger.types import PostedLine

_NOBODY = "preview"  # who a preview is made for

Holders = Mapping[str, tuple[str, ...]]  # the cases that freeze an accrual, by its id


def preview(conn: Connection, case_id: str, *, action: Action, now_ms: int) -> Preview:
    """Return exactly what an action would do now, without doing it; raises as `give_verdict`."""
    loaded = load(conn, case_id)
    verdict = VerdictRow(
        verdict_id=new_id("vdt", now_ms),  # never stored: a preview only counts
        case_id=case_id,
        verdict=VERDICTS_OF[action][0],
        action=action,
        reason_code="other",
        public_text="",
        note="",
        deciding_finding=None,
        actor=loaded.case.claimed_by or _NOBODY,
        at_ms=now_ms,
    )
    # What a proposed verdict would do is shown to whoever confirms it.
    unproposed = msgspec.structs.replace(loaded.case, proposal_id=None)
    outcome = outcome_of(conn, msgspec.structs.replace(loaded, case=unproposed), verdict)
    amounts = four_eyes.moved(outcome, loaded.lines)
    frozen = frozen_by(ledger.holds_of_accruals(conn, remaining(loaded.lines)))
    elsewhere = {
        accrual: others
        for accrual, holders in frozen.items()
        if (others := tuple(each for each in holders if each != loaded.case.case_id))
    }
    return Preview(
        action=action,
        changes=tuple(_changes(loaded, outcome, frozen=frozen, elsewhere=elsewhere, now_ms=now_ms)),
        statuses=outcome.statuses,
        taken_back=tuple(four_eyes.taken_back(outcome.transfers).items()),
        given_again=tuple(four_eyes.given_again(outcome.transfers).items()),
        released=tuple(four_eyes.set_free(outcome, loaded.lines, only=frozen.keys() - elsewhere.keys()).items()),
        still_frozen=tuple(four_eyes.set_free(outcome, loaded.lines, only=elsewhere).items()),
        enrollment_status=outcome.enrollment_status,
        needs_second=four_eyes.needs_second(amounts, limit_minor=loaded.limit_minor, currency=loaded.currency),
    )


def _changes(
    loaded: Loaded, outcome: Outcome, *, frozen: Holders, elsewhere: Holders, now_ms: int
) -> list[LedgerChange]:
    left = remaining(loaded.lines)
    taken = {transfer.reverses_id: transfer.amount_minor for transfer in outcome.transfers if transfer.reverses_id}
    released = {hold.transfer_id for hold in outcome.releases}
    changes = []
    for line in loaded.lines:
        if line.kind != "accrual" or not (line.transfer_id in taken or line.transfer_id in released):
            continue
        before_minor = left[line.transfer_id]
        after_minor = before_minor + taken.get(line.transfer_id, 0)
        changes.append(
            LedgerChange(
                transfer_id=line.transfer_id,
                conversion_id=line.conversion_id,
                enrollment_id=line.enrollment_id,
                currency=line.currency,
                before_minor=before_minor,
                after_minor=after_minor,
                status_before=_status(line, before_minor, holders=frozen.get(line.transfer_id, ()), now_ms=now_ms),
                status_after=_status(line, after_minor, holders=elsewhere.get(line.transfer_id, ()), now_ms=now_ms),
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
