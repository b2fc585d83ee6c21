"""Actions around a verdict: taking a case and the next one, giving it back, undo, and the second person's word.

Every one is a form; the keys of `static/cases.js` only walk to them. A refused one comes back to the case with why.
"""

from starlette.exceptions import HTTPException
from starlette.responses import Response

from tracker.admin.cases import (
    ACTIONS,
    SANCTIONS,
    case_instant,
    case_row,
    conflict_text,
    queue_address,
    show_case,
    what_changed,
)
from tracker.admin.mode import TEST
from tracker.admin.policy import action
from tracker.admin.visit import Visit
from tracker.cases import talk_store
from tracker.cases.claims import claim_case, claim_next, unclaim_case
from tracker.cases.decide import CaseConflictError, VerdictRefusedError
from tracker.cases.seconding import confirm_proposal, refuse_proposal
from tracker.cases.types import CaseRow
from tracker.cases.undo import GRACE_MS, UNDO_MS, undo_verdict
from tracker.db.ids import IdError, canonical_id
from tracker.i18n.messages import msg


async def case_claim(visit: Visit) -> Response:
    """Assign the case to the person who asks; with an action, open its form."""
    case_id = visit.path_id("case_id", "cas")
    row = await case_row(visit, case_id)
    try:
        await claim_case(visit.db, case_id=case_id, actor=visit.actor, now_ms=await case_instant(visit, row))
    except CaseConflictError:
        visit.form.errors["claim"] = await conflict_text(visit, case_id)
        return await show_case(visit, case_id, chosen="", form=visit.form, status=409)
    chosen = visit.form.get("action")
    if chosen in ACTIONS:
        return visit.redirect(f"/admin/cases/{case_id}?action={chosen}")
    return visit.redirect(_back(visit, row), msg("The case is yours: nobody else can judge it until you give it back."))


async def case_next(visit: Visit) -> Response:
    """Take the next case that waits and open it."""
    livemode = visit.form.get("mode") != TEST
    found = await claim_next(visit.db, livemode=livemode, actor=visit.actor, now_ms=visit.now_ms)
    if found is None:
        return visit.redirect(
            "/admin/cases" if livemode else f"/admin/cases?mode={TEST}",
            msg("No case is free: those that wait are held by colleagues, or wait for a partner or a day."),
        )
    return visit.redirect(f"/admin/cases/{found.case_id}")


async def case_unclaim(visit: Visit) -> Response:
    """Give a claimed case back to everybody."""
    case_id = visit.path_id("case_id", "cas")
    row = await case_row(visit, case_id)
    try:
        await unclaim_case(visit.db, case_id=case_id, actor=visit.actor, now_ms=await case_instant(visit, row))
    except CaseConflictError:
        visit.form.errors["claim"] = msg("Nobody holds this case at the moment; there is nothing to give back.")
        return await show_case(visit, case_id, chosen="", form=visit.form, status=409)
    return visit.redirect(_back(visit, row), msg("The case is back in the queue for everybody."))


async def case_undo(visit: Visit) -> Response:
    """Take the newest verdict back, within seconds of it."""
    case_id = visit.path_id("case_id", "cas")
    row = await case_row(visit, case_id)
    try:
        result = await undo_verdict(visit.db, case_id=case_id, actor=visit.actor, now_ms=await case_instant(visit, row))
    except CaseConflictError:
        visit.form.errors["claim"] = msg(
            "It was not taken back: that is possible for %(seconds)s seconds, for who gave the verdict, while nothing"
            " else has happened to the case.",
            seconds=(UNDO_MS + GRACE_MS) // 1000,
        )
        return await show_case(visit, case_id, chosen="", form=visit.form, status=409)
    if result.enrollment_status is not None:
        await visit.services.refresh()
    return visit.redirect(f"/admin/cases/{case_id}", msg("Taken back: everything is as it was, and the case is yours."))


async def proposal_confirm(visit: Visit) -> Response:
    """Carry out what a colleague proposed."""
    case_id = visit.path_id("case_id", "cas")
    row = await case_row(visit, case_id)
    waiting = await visit.db.read(lambda conn: talk_store.proposal_row(conn, _proposal_id(visit)))
    if waiting is not None and waiting.action in SANCTIONS and not visit.may("cases.sanction"):
        raise HTTPException(403)
    try:
        result = await confirm_proposal(
            visit.db,
            case_id=case_id,
            proposal_id=_proposal_id(visit),
            actor=visit.actor,
            now_ms=await case_instant(visit, row),
        )
    except (CaseConflictError, VerdictRefusedError):
        return await _refused(visit, case_id)
    if result.enrollment_status is not None:
        await visit.services.refresh()
    return visit.redirect(
        f"{queue_address(row)}{'&' if not row.livemode else '?'}undo={case_id}", what_changed(visit, result)
    )


async def proposal_refuse(visit: Visit) -> Response:
    """Give the case back undecided: the proposal was not good, or was withdrawn."""
    case_id = visit.path_id("case_id", "cas")
    row = await case_row(visit, case_id)
    try:
        await refuse_proposal(
            visit.db,
            case_id=case_id,
            proposal_id=_proposal_id(visit),
            actor=visit.actor,
            now_ms=await case_instant(visit, row),
        )
    except CaseConflictError:
        return await _refused(visit, case_id)
    return visit.redirect(f"/admin/cases/{case_id}", msg("Not confirmed: the case is back in the queue for everybody."))


async def _refused(visit: Visit, case_id: str) -> Response:
    visit.form.errors["claim"] = msg(
        "Nothing was done: what you read waits no more, cannot be carried out now, or is your own proposal, which a"
        " second person must confirm."
    )
    return await show_case(visit, case_id, chosen="", form=visit.form, status=409)


def _proposal_id(visit: Visit) -> str:
    try:
        return canonical_id("vdp", visit.form.get("proposal_id"))
    except IdError as error:
        raise HTTPException(400) from error


def _back(visit: Visit, row: CaseRow) -> str:
    return queue_address(row) if visit.form.get("back") == "queue" else f"/admin/cases/{row.case_id}"


ROUTES = (
    action("/admin/cases/next", case_next, permission="cases.decide"),
    action("/admin/cases/{case_id}/claim", case_claim, permission="cases.decide"),
    action("/admin/cases/{case_id}/unclaim", case_unclaim, permission="cases.decide"),
    action("/admin/cases/{case_id}/undo", case_undo, permission="cases.decide"),
    action("/admin/cases/{case_id}/confirm", proposal_confirm, permission="cases.decide"),
    action("/admin/cases/{case_id}/refuse", proposal_refuse, permission="cases.decide"),
)
