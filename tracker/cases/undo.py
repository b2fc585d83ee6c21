"""Taking a verdict back within seconds: a further verdict and further ledger lines, nothing is deleted.

The admin page calls it. Restored are the case, the statuses of its conversions, what they are owed, the freezes and the
partner's enrollment. Where something else happened since, the undo is refused: then an appeal or a new case decides.
"""

import msgspec
from sqlalchemy import Connection

from tracker.audit.store import record
from tracker.cases import store
from tracker.cases.claims import find_case
from tracker.cases.decide import CLAIM_MS, CaseConflictError, occasion_of, ruling
from tracker.cases.opening import REVIEWABLE, freeze_new_lines
from tracker.cases.reasons import UNDONE
from tracker.cases.types import AGAINST, CaseRow, Effects, ReviewResult, VerdictRow
from tracker.cases.waiting_store import other_open_case
from tracker.conversions import store as conversions
from tracker.conversions.booking import transfers_due, transfers_to_restore
from tracker.db.database import Database
from tracker.db.ids import new_id
from tracker.fraud.lessons import store as lessons
from tracker.ledger import store as ledger
from tracker.ledger.types import NewTransfer
from tracker.partners import store as partners

UNDO_MS = 10_000  # how long a page offers it; a slip is noticed at once or not at all
GRACE_MS = 5_000  # on the server's clock, for the way there and back


async def undo_verdict(db: Database, *, case_id: str, actor: str, now_ms: int) -> ReviewResult:
    """Take back the newest verdict on a case and return what that did.

    Only who gave or confirmed it may, within 10 seconds and 5 of grace, while the case stands as the verdict left it.
    Raises CaseNotFoundError or CaseConflictError.
    """
    return await db.write(lambda conn: undo(conn, case_id, actor=actor, now_ms=now_ms))


def undoable(conn: Connection, case_id: str, *, actor: str, now_ms: int) -> VerdictRow | None:
    """Return the verdict the actor may still take back, None where there is none."""
    verdicts = store.verdicts_of(conn, case_id)
    last = verdicts[-1] if verdicts else None
    if last is None or last.action == "undo" or actor not in {last.actor, last.confirmed_by}:
        return None
    return last if now_ms - last.at_ms < UNDO_MS else None


def undo(conn: Connection, case_id: str, *, actor: str, now_ms: int) -> ReviewResult:
    """Do what `undo_verdict` does inside a transaction at hand."""
    case = find_case(conn, case_id)
    verdict, effects = _checked(conn, case, actor=actor, now_ms=now_ms)
    taken_back = VerdictRow(
        verdict_id=new_id("vdt", now_ms),
        case_id=case.case_id,
        verdict=verdict.verdict,
        action="undo",
        reason_code=UNDONE.code,
        public_text=UNDONE.public_text,
        note="",
        deciding_finding=None,
        actor=actor,
        at_ms=now_ms,
        undoes=verdict.verdict_id,
    )
    restored = _restored(case, effects, actor=actor, now_ms=now_ms)
    store.update_case(conn, restored)
    store.insert_verdict(conn, taken_back)
    lessons.outdate(conn, case.program_id)
    statuses, transfers = _restore_conversions(conn, case, effects, verdict=verdict, taken_back=taken_back)
    for each in store.covered_ids(conn, case.case_id):
        freeze_new_lines(conn, each, now_ms=now_ms, actor=actor)
    if effects.enrollment_before is not None:
        partners.follow_verdict(
            conn,
            enrollment_id=case.enrollment_id,
            status=effects.enrollment_before,
            reason_code="mistake",
            reason=UNDONE.public_text,
            actor=actor,
            now_ms=now_ms,
        )
    record(
        conn,
        at_ms=now_ms,
        actor=actor,
        action="case.undone",
        object_id=case.case_id,
        reason=UNDONE.code,
        before={"status": case.status, "verdict_id": verdict.verdict_id},
        after={
            "status": restored.status,
            "verdict_id": taken_back.verdict_id,
            "conversions": statuses,
            "booked": {each.transfer_id: each.amount_minor for each in transfers},
            "enrollment": effects.enrollment_before,
        },
    )
    return ReviewResult(
        case=restored,
        verdict=taken_back,
        statuses=statuses,
        transfers=tuple(transfers),
        released=0,
        enrollment_status=effects.enrollment_before,
    )


def _checked(conn: Connection, case: CaseRow, *, actor: str, now_ms: int) -> tuple[VerdictRow, Effects]:
    """Return the verdict to take back with what it changed; raises CaseConflictError."""
    verdicts = store.verdicts_of(conn, case.case_id)
    last = verdicts[-1] if verdicts else None
    if last is None or last.action == "undo" or last.effects is None:
        raise CaseConflictError(f"Case {case.case_id} has no verdict to take back.")
    if actor not in {last.actor, last.confirmed_by}:
        raise CaseConflictError(f"The verdict on case {case.case_id} is {last.actor}'s; only they can take it back.")
    seconds = (now_ms - last.at_ms) // 1000
    if now_ms - last.at_ms > UNDO_MS + GRACE_MS:
        message = f"The verdict was given {seconds} s ago; it can be taken back for {UNDO_MS // 1000} s."
        raise CaseConflictError(message)
    effects = msgspec.convert(last.effects, Effects)
    if (case.status, case.appealed_at_ms) != (effects.left, effects.case.appealed_at_ms):
        raise CaseConflictError(f"Case {case.case_id} has moved on since the verdict; it is {case.status} now.")
    if case.status == "decided" and effects.case.appealed_at_ms is None:
        other = other_open_case(conn, case)
        if other is not None:
            raise CaseConflictError(f"Case {other} has opened about the same fact since; judge that one.")
    if effects.enrollment_after is not None:
        enrollment = partners.get_enrollment(conn, case.enrollment_id)
        if enrollment is None or enrollment.status != effects.enrollment_after:
            raise CaseConflictError("The partner's enrollment was changed since the verdict; change it there.")
    return last, effects


def _restored(case: CaseRow, effects: Effects, *, actor: str, now_ms: int) -> CaseRow:
    """Return the case as before the verdict, held by who takes it back: they will judge it again."""
    before = effects.case
    return msgspec.structs.replace(
        case,
        status="claimed" if before.status == "open" else before.status,
        claimed_by=actor,
        claim_ends_at_ms=now_ms + CLAIM_MS,
        due_at_ms=before.due_at_ms,
        decided_at_ms=before.decided_at_ms,
        postponed_until_ms=before.postponed_until_ms,
    )


def _restore_conversions(
    conn: Connection, case: CaseRow, effects: Effects, *, verdict: VerdictRow, taken_back: VerdictRow
) -> tuple[dict[str, str], list[NewTransfer]]:
    """Give the conversions their statuses back and book what the verdict took from them; return both.

    What another verdict stands against stays rejected.
    """
    last = ruling(store.verdicts_of(conn, taken_back.case_id))
    is_against = last is not None and last.action in AGAINST  # an appeal waits again, the first verdict stands
    statuses: dict[str, str] = {}
    booked: list[NewTransfer] = []
    for each in store.covered_conversions(conn, taken_back.case_id):
        if each.status == "rejected" and each.other_rejections:
            continue
        status = effects.statuses.get(each.conversion_id, each.status)
        if case.kind != "audit" and not is_against and status in REVIEWABLE | {"rejected"}:
            status = "in_review"  # Whatever other cases did meanwhile: this one covers it again.
        if status != each.status:
            statuses[each.conversion_id] = status
            conversions.set_status(conn, each.conversion_id, status)
        row = conversions.get_conversion(conn, each.conversion_id)
        if row is None or row.status == "received":
            continue  # What was never decided is booked when it is.
        if verdict.action in AGAINST:
            booked += transfers_to_restore(
                conn,
                row,
                cause=occasion_of(verdict).cause,
                known=effects.known.get(each.conversion_id),
                occasion=occasion_of(taken_back),
            )
        elif row.status == "rejected":
            # An upheld appeal had given it again.
            booked += transfers_due(conn, row, occasion=occasion_of(taken_back))
    ledger.post(conn, booked)
    return statuses, booked
