"""Judging many cases at once: ticked in the queue, looked at with their sums, then each judged in its own transaction.

Who may is a permission of its own. What is confirmed is what was looked at: a case that changed in between is left
alone and named with the reason.
"""

from typing import Any, NamedTuple

from sqlalchemy import Connection
from starlette.responses import Response

from tracker.admin.case_effects import effect_text, frozen_sums, sums
from tracker.admin.cases import STATED, own_words
from tracker.admin.evidence import headline
from tracker.admin.forms import Form
from tracker.admin.mode import instant_of
from tracker.admin.policy import action
from tracker.admin.render import render
from tracker.admin.visit import Visit
from tracker.cases import store
from tracker.cases.claims import CaseNotFoundError
from tracker.cases.decide import CaseConflictError, VerdictRefusedError
from tracker.cases.four_eyes import by_currency
from tracker.cases.preview import preview
from tracker.cases.reasons import REASONS, reasons_for
from tracker.cases.review import TEXT_MAX, judge_case, new_verdict
from tracker.cases.types import VERDICTS_OF, Action, Preview, Proposed, QueueRow
from tracker.db.ids import IdError, canonical_id
from tracker.i18n.messages import msg

BULK_MAX = 50  # cases at once: a page of the queue
# To ask, to pause and to ban is about one partner, so each of them is a page of its own.
ACTIONS: tuple[Action, ...] = ("clear", "reject", "void", "hold")


class Line(NamedTuple):
    """One ticked case: what would happen or has happened; `refusal` says why it is left alone, "" where it is not."""

    row: QueueRow
    effect: str
    digest: str
    refusal: str
    amounts: tuple[tuple[str, int], ...] = ()


async def bulk_preview(visit: Visit) -> Response:
    """Show what the action would do to each ticked case and to all of them; nothing happens."""
    return await _show(visit, visit.form)


async def bulk_apply(visit: Visit) -> Response:
    """Judge each case that is as it was looked at, and show what happened to each."""
    form = visit.form
    chosen = form.choice("action", ACTIONS)
    act = next(each for each in ACTIONS if each == chosen)
    verdict = form.choice("verdict", VERDICTS_OF[act])
    reason = form.choice("reason_code", tuple(each.code for each in reasons_for(act)))
    for field in ("public_text", "note"):
        if len(form.get(field)) > TEXT_MAX:
            form.errors[field] = msg(
                "Has %(length)s characters; give at most %(most)s.", length=len(form.get(field)), most=TEXT_MAX
            )
    ids = _ticked(form)
    if form.errors or not ids:
        return await _show(visit, form, status=422)
    rows = await visit.db.read(lambda conn: store.queue_rows_of(conn, ids))
    lines = []
    for row in rows:

        def judge(conn: Connection, row: QueueRow = row) -> Line:
            case_id = row.case.case_id
            now_ms = instant_of(conn, row.case.program_id, livemode=row.case.livemode, now_ms=visit.now_ms)
            line = _line(conn, visit, row, act, now_ms=now_ms)
            if line.refusal:
                return line
            if form.get(f"seen_{case_id}") != line.digest:
                return line._replace(refusal=visit.speech.gettext("It has changed since you looked; look again."))
            given = new_verdict(
                case_id=case_id,
                verdict=verdict,
                action=act,
                reason_code=reason,
                public_text=own_words(visit, form.get("public_text")),
                note=form.get("note"),
                deciding_finding=None,
                actor=visit.actor,
                now_ms=now_ms,
            )
            if isinstance(judge_case(conn, given), Proposed):
                return line._replace(effect=visit.speech.gettext("waits for a second person; nothing has moved yet"))
            return line

        # Each in its own transaction: one that is refused keeps no other from being judged.
        lines.append(await visit.db.write(judge))
    return render(
        visit,
        "cases_bulk.html",
        lines=lines,
        is_done=True,
        chosen=act,
        form=form,
        livemode=_livemode(rows),
        **_texts(visit),
    )


async def _show(visit: Visit, form: Form, *, status: int = 200) -> Response:
    chosen = form.get("action") if form.get("action") in ACTIONS else "clear"
    act = next(each for each in ACTIONS if each == chosen)
    ids = _ticked(form)

    def load(conn: Connection) -> list[Line]:
        found = []
        for row in store.queue_rows_of(conn, ids):
            now_ms = instant_of(conn, row.case.program_id, livemode=row.case.livemode, now_ms=visit.now_ms)
            found.append(_line(conn, visit, row, act, now_ms=now_ms))
        return found

    lines = await visit.db.read(load)
    offered = reasons_for(act)
    total = by_currency(amount for line in lines if not line.refusal for amount in line.amounts)
    return render(
        visit,
        "cases_bulk.html",
        status=status,
        lines=lines,
        is_done=False,
        form=form,
        chosen=act,
        actions=ACTIONS,
        verdicts=VERDICTS_OF[act],
        reasons=offered,
        reason_text=visit.speech.gettext((REASONS.get(form.get("reason_code")) or offered[0]).public_text),
        total=sums(total.items(), visit.speech),
        livemode=_livemode([line.row for line in lines]),
        **_texts(visit),
    )


def _line(conn: Connection, visit: Visit, row: QueueRow, act: Action, *, now_ms: int) -> Line:
    """Return what an action would do to a case, or why it cannot."""
    case_id = row.case.case_id
    if row.case.status == "decided":
        return Line(row, "", "", visit.speech.gettext("It is decided already."))
    if row.case.proposal_id is not None:
        return Line(row, "", "", visit.speech.gettext("It waits for a second person."))
    holder = row.case.claimed_by
    is_over = row.case.claim_ends_at_ms is not None and row.case.claim_ends_at_ms <= now_ms
    if holder not in {None, visit.actor} and not is_over:
        return Line(row, "", "", visit.speech.gettext("A colleague holds it."))
    try:
        previews = {each: preview(conn, case_id, action=each, now_ms=now_ms) for each in dict.fromkeys(("clear", act))}
    except (CaseConflictError, CaseNotFoundError, VerdictRefusedError) as error:
        return Line(row, "", "", str(error))
    chosen = previews[act]
    return Line(row, effect_text(act, previews, visit.speech), _digest(chosen), "", _moved(chosen, previews["clear"]))


def _moved(chosen: Preview, clear: Preview) -> tuple[tuple[str, int], ...]:
    """Return the sum a line stands for: what is taken back, given again or released, or what stays frozen."""
    return chosen.taken_back or chosen.given_again or (chosen.released if chosen is clear else frozen_sums(clear))


def _digest(chosen: Preview) -> str:
    """Return what the person looked at as one word: conversions and sums."""
    moved = [*chosen.taken_back, *chosen.given_again, *chosen.released]
    return ",".join([str(len(chosen.statuses)), *(f"{currency}{amount}" for currency, amount in moved)])


def _ticked(form: Form) -> list[str]:
    """Return the ticked cases; what is no id is nothing."""
    found = []
    for text in form.all("case")[:BULK_MAX]:
        try:
            found.append(canonical_id("cas", text))
        except IdError:
            continue
    return list(dict.fromkeys(found))


def _livemode(rows: list[QueueRow]) -> bool:
    return all(row.case.livemode for row in rows)


def _texts(visit: Visit) -> dict[str, Any]:
    return {"headline": lambda row: headline(row, visit.speech), "stated": STATED}


ROUTES = (
    action("/admin/cases/bulk", bulk_preview, permission="cases.bulk"),
    action("/admin/cases/bulk/apply", bulk_apply, permission="cases.bulk"),
)
