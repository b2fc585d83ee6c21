"""What a partner may write about a case: an answer to a question, and one appeal against a verdict.

The private page calls it. Either brings the case back to the reviewers; neither moves any money. Refusals are
`InputError`s, because a partner reads them.
"""

from typing import NamedTuple

import msgspec
from sqlalchemy import Connection

from tracker.audit.store import record
from tracker.cases import store, talk_store
from tracker.cases.decide import CLAIM_MS, ruling
from tracker.cases.opening import DUE_MS
from tracker.cases.types import AGAINST, CaseRow, MessageKind, PartnerMessage, VerdictRow
from tracker.db.database import Database
from tracker.db.ids import new_id
from tracker.i18n.messages import InputError, msg
from tracker.i18n.text import fits_storage
from tracker.instants import DAY_MS

APPEAL_DAYS = 14  # after the verdict; long enough to find a letter and to write one
MESSAGE_MAX = 2000  # characters of an answer or appeal


class Standing(NamedTuple):
    """What a partner may do about a case now.

    Question: what was asked and not answered. Verdict: the decision in force. `appeal_until_ms` is None where there is
    nothing to appeal against any more.
    """

    question: VerdictRow | None
    verdict: VerdictRow | None
    appeal_until_ms: int | None


def standing_of(case: CaseRow, verdicts: list[VerdictRow], *, now_ms: int) -> Standing:
    """Return what the partner may do about a case; verdicts come oldest first."""
    question = next((each for each in reversed(verdicts) if each.action == "ask"), None)
    verdict = ruling(verdicts) if case.status == "decided" else None
    until_ms = None
    if verdict is not None and verdict.action in AGAINST and case.appealed_at_ms is None:
        until_ms = verdict.at_ms + APPEAL_DAYS * DAY_MS
    return Standing(
        question=question if case.status == "waiting_partner" else None,
        verdict=verdict,
        appeal_until_ms=until_ms if until_ms is not None and now_ms <= until_ms else None,
    )


async def answer_question(db: Database, *, case_id: str, enrollment_ids: set[str], text: str, now_ms: int) -> CaseRow:
    """Store the partner's answer and bring the case back to whoever asked; raises InputError."""
    return await db.write(lambda conn: answer(conn, case_id, enrollment_ids=enrollment_ids, text=text, now_ms=now_ms))


async def file_appeal(db: Database, *, case_id: str, enrollment_ids: set[str], text: str, now_ms: int) -> CaseRow:
    """Store the partner's appeal and open the case again; raises InputError.

    Refused without a verdict against the partner, after 14 days, and a second time.
    """
    return await db.write(lambda conn: appeal(conn, case_id, enrollment_ids=enrollment_ids, text=text, now_ms=now_ms))


def answer(conn: Connection, case_id: str, *, enrollment_ids: set[str], text: str, now_ms: int) -> CaseRow:
    """Do what `answer_question` does inside a transaction at hand."""
    case = _own(conn, case_id, enrollment_ids)
    question = standing_of(case, store.verdicts_of(conn, case_id), now_ms=now_ms).question
    if question is None:
        raise InputError("text", msg("Nothing is asked here any more: it was answered, or decided meanwhile."))
    said = _checked(text)
    back = msgspec.structs.replace(
        case,
        # Whoever asked is the first to read it, for as long as a claim lasts.
        status="claimed" if case.appealed_at_ms is None else "appealed",
        claimed_by=question.actor,
        claim_ends_at_ms=now_ms + CLAIM_MS,
        postponed_until_ms=None,
        due_at_ms=min(case.due_at_ms, now_ms + DAY_MS),
    )
    return _save(conn, case, back, kind="reply", text=said, verdict=question, now_ms=now_ms)


def appeal(conn: Connection, case_id: str, *, enrollment_ids: set[str], text: str, now_ms: int) -> CaseRow:
    """Do what `file_appeal` does inside a transaction at hand."""
    case = _own(conn, case_id, enrollment_ids)
    verdict = ruling(store.verdicts_of(conn, case_id))
    if case.appealed_at_ms is not None:
        raise InputError("text", msg("You have appealed against this decision already; there is one appeal."))
    if case.status != "decided" or verdict is None or verdict.action not in AGAINST:
        raise InputError("text", msg("There is no decision against you to appeal against."))
    if now_ms > verdict.at_ms + APPEAL_DAYS * DAY_MS:
        raise InputError("text", msg("An appeal is possible for %(days)s days after the decision.", days=APPEAL_DAYS))
    said = _checked(text)
    opened = msgspec.structs.replace(
        case,
        status="appealed",
        claimed_by=None,
        claim_ends_at_ms=None,
        postponed_until_ms=None,
        decided_at_ms=None,
        appealed_at_ms=now_ms,
        due_at_ms=now_ms + DUE_MS,
        reminded_days=0,
    )
    return _save(conn, case, opened, kind="appeal", text=said, verdict=verdict, now_ms=now_ms)


def _own(conn: Connection, case_id: str, enrollment_ids: set[str]) -> CaseRow:
    """Return a live case about one of the partner's enrollments; of any other nothing is told, not that it exists."""
    case = store.case_row(conn, case_id)
    if case is None or case.enrollment_id not in enrollment_ids or not case.livemode:
        raise InputError("text", msg("There is no such matter; open your page again."))
    return case


def _checked(text: str) -> str:
    said = text.replace("\r\n", "\n").strip()
    if not said:
        raise InputError("text", msg("Write a few words first."))
    if len(said) > MESSAGE_MAX:
        raise InputError(
            "text", msg("Has %(length)s characters; give at most %(most)s.", length=len(said), most=MESSAGE_MAX)
        )
    if not fits_storage(said):
        raise InputError("text", msg("The text has characters that cannot be stored; write it anew."))
    return said


def _save(
    conn: Connection,
    before: CaseRow,
    after: CaseRow,
    *,
    kind: MessageKind,
    text: str,
    verdict: VerdictRow,
    now_ms: int,
) -> CaseRow:
    message = PartnerMessage(
        message_id=new_id("msg", now_ms),
        case_id=after.case_id,
        kind=kind,
        text=text,
        verdict_id=verdict.verdict_id,
        at_ms=now_ms,
    )
    talk_store.insert_message(conn, message)
    store.update_case(conn, after)
    # The trail outlives erasure, so it names the message and does not quote it.
    record(
        conn,
        at_ms=now_ms,
        actor=f"partner:{after.enrollment_id}",
        action="case.answered" if kind == "reply" else "case.appealed",
        object_id=after.case_id,
        before={"status": before.status},
        after={"status": after.status, "message_id": message.message_id, "verdict_id": verdict.verdict_id},
    )
    return after
