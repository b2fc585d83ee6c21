"""What a partner sees of the cases about them: since when, what is held, what was asked, decided, and what can be done.

`results.py` puts it on the private page. No rule, score, finding, note or person of the company is ever named; what the
partner reads of a verdict is its public text.
"""

from typing import NamedTuple

from sqlalchemy import Connection

from tracker.audit.store import list_entries
from tracker.cases import store, talk_store
from tracker.cases.appeals import standing_of
from tracker.cases.decide import occasion_of
from tracker.cases.types import AGAINST, CaseRow, PartnerMessage, VerdictRow
from tracker.i18n.translator import Translator
from tracker.instants import DAY_MS
from tracker.ledger import store as ledger
from tracker.ledger.transfers import remaining
from tracker.partners.types import Enrollment

SHOWN_DAYS = 60  # how long a decision stays on the page; the statement keeps it for ever
LINES_MAX = 50  # conversions of one matter shown one by one
HISTORY_MAX = 20  # newest entries of the trail looked at for a pause or ban


class Held(NamedTuple):
    """The commission of one conversion that a matter is about, in minor units."""

    kind: str
    title: str
    amount_minor: int
    currency: str


class Matter(NamedTuple):
    """One case as its partner reads it. `verdict_at_ms` is None while it is under review."""

    case_id: str
    since_ms: int
    held: list[Held]
    question: str
    answer_until_ms: int | None
    said: list[PartnerMessage]
    verdict: str
    verdict_at_ms: int | None
    is_against: bool
    appeal_until_ms: int | None
    appealed_at_ms: int | None


class Stop(NamedTuple):
    """Why an enrollment earns nothing new: since when, and the text the partner may read."""

    at_ms: int
    text: str


def matters_of(conn: Connection, enrollment: Enrollment, speech: Translator, *, now_ms: int) -> list[Matter]:
    """Return the live cases about an enrollment, those under review first, then what was decided of late."""
    matters = []
    for case in talk_store.newest_cases_of(conn, enrollment.enrollment_id, livemode=True):
        matter = _matter(conn, case, speech, now_ms=now_ms)
        if matter is not None:
            matters.append(matter)
    return matters


def stop_of(conn: Connection, enrollment: Enrollment, speech: Translator) -> Stop | None:
    """Return why a paused or banned enrollment earns nothing new, None for any other status."""
    if enrollment.status not in {"paused", "banned"}:
        return None
    for entry in list_entries(conn, object_id=enrollment.enrollment_id, limit=HISTORY_MAX):
        if entry.action == f"enrollment.{enrollment.status}":
            return Stop(entry.at_ms, speech.gettext(entry.reason) if entry.reason else "")
    return None


def _matter(conn: Connection, case: CaseRow, speech: Translator, *, now_ms: int) -> Matter | None:
    verdicts = store.verdicts_of(conn, case.case_id)
    standing = standing_of(case, verdicts, now_ms=now_ms)
    verdict = standing.verdict
    if case.status == "decided" and (verdict is None or verdict.at_ms < now_ms - SHOWN_DAYS * DAY_MS):
        return None
    question = standing.question
    is_against = verdict is not None and verdict.action in AGAINST
    said = talk_store.messages_of(conn, case.case_id)
    # A random check holds nothing; its partner hears of it when asked, or when money was taken back.
    if case.kind == "audit" and question is None and not is_against and not said:
        return None
    return Matter(
        case_id=case.case_id,
        since_ms=case.appealed_at_ms or case.opened_at_ms,
        held=[] if case.kind == "audit" and verdict is None else _held(conn, case, verdict),
        question=speech.gettext(question.public_text) if question else "",
        answer_until_ms=case.postponed_until_ms if question else None,
        said=said,
        verdict=speech.gettext(verdict.public_text) if verdict else "",
        verdict_at_ms=verdict.at_ms if verdict else None,
        is_against=is_against,
        appeal_until_ms=standing.appeal_until_ms,
        appealed_at_ms=case.appealed_at_ms,
    )


def _held(conn: Connection, case: CaseRow, verdict: VerdictRow | None) -> list[Held]:
    """Return what is held of this partner's; of a decision, what it took back."""
    held = []
    for each in store.covered_conversions(conn, case.case_id)[:LINES_MAX]:
        lines = [
            line
            for line in ledger.lines_of_conversion(conn, each.conversion_id)
            if line.enrollment_id == case.enrollment_id
        ]
        sums: dict[str, int] = {}
        if verdict is None:
            currencies = {line.transfer_id: line.currency for line in lines}
            for accrual_id, left in remaining(lines).items():
                sums[currencies[accrual_id]] = sums.get(currencies[accrual_id], 0) + left
        else:
            cause = occasion_of(verdict).cause
            for line in lines:
                if line.cause == cause:
                    sums[line.currency] = sums.get(line.currency, 0) + line.amount_minor
        title = "" if "@" in each.external_id else each.external_id
        held += [Held(each.kind, title, amount, currency) for currency, amount in sorted(sums.items()) if amount]
    return held
