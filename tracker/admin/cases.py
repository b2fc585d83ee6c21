"""The review queue and the page of a case: judge, claim, give back.

Every action is a form; the keys of `static/cases.js` only walk to them. A refused verdict comes back with what was
typed and the reason beside the field.
"""

from typing import Any

from sqlalchemy import Connection
from starlette.exceptions import HTTPException
from starlette.responses import Response

from tracker.admin import labels
from tracker.admin.arithmetic import sum_steps
from tracker.admin.case_facts import load_case_page, user_ids
from tracker.admin.evidence import fact_rows, headline
from tracker.admin.forms import Form
from tracker.admin.mode import TEST, instant_of, is_live
from tracker.admin.policy import action, page
from tracker.admin.render import render
from tracker.admin.visit import Visit
from tracker.cases import store
from tracker.cases.decide import CaseConflictError, VerdictRefusedError
from tracker.cases.reasons import REASONS, reasons_for
from tracker.cases.review import TEXT_MAX, CaseNotFoundError, claim_case, give_verdict, unclaim_case
from tracker.cases.types import VERDICTS_OF, Action, CaseRow, CaseStatus, QueueRow, ReviewResult
from tracker.fraud.rules import rule_titles
from tracker.i18n.messages import Message, msg
from tracker.programs import store as programs
from tracker.users import store as users

PAGE = 50  # cases a page of the queue
NEXT_MAX = 50  # cases looked at for the next one to judge
ACTIONS: tuple[Action, ...] = ("clear", "reject", "void", "hold")
KEYS = {"clear": "a", "reject": "x", "void": "v", "hold": "h"}
UNDECIDED: tuple[CaseStatus, ...] = ("open", "claimed", "waiting_partner", "appealed")
STATUSES: dict[str, tuple[CaseStatus, ...]] = {
    "": UNDECIDED,
    "open": ("open",),
    "claimed": ("claimed",),
    "decided": ("decided",),
}


async def cases_list(visit: Visit) -> Response:
    """Show the queue: the highest score first."""
    livemode, program_id = is_live(visit), visit.query_id("program", "prg")
    chosen = visit.query("status") if visit.query("status") in STATUSES else ""
    after = visit.query_id("after", "cas")

    def load(conn: Connection) -> dict[str, Any]:
        last = store.case_row(conn, after) if after else None
        rows = store.queue(
            conn,
            livemode=livemode,
            statuses=STATUSES[chosen],
            program_id=program_id,
            limit=PAGE + 1,
            before=(last.score, last.case_id) if last else None,
        )
        return {
            "rows": rows,
            "programs": programs.list_programs(conn),
            "people": users.emails_of(conn, user_ids(row.case.claimed_by for row in rows)),
            "clocks": {
                each: instant_of(conn, each, livemode=livemode, now_ms=visit.now_ms)
                for each in {row.case.program_id for row in rows}
            },
        }

    facts = await visit.db.read(load)
    rows: list[QueueRow] = facts.pop("rows")
    return render(
        visit,
        "cases_list.html",
        rows=rows[:PAGE],
        next_address=visit.address_with(after=rows[PAGE - 1].case.case_id) if len(rows) > PAGE else None,
        first_address=visit.address_with(after="") if after else None,
        livemode=livemode,
        program_id=program_id,
        chosen_status=chosen,
        statuses=[status for status in STATUSES if status],
        is_filtered=bool(program_id or chosen or after),
        headline=lambda row: headline(row, visit.speech),
        **facts,
    )


async def case_page(visit: Visit) -> Response:
    """Show one case; `?action=` opens the form of that action with its reason filled in."""
    return await _show(visit, visit.path_id("case_id", "cas"), chosen=visit.query("action"), form=Form())


async def verdict_give(visit: Visit) -> Response:
    """Give the verdict and go to the next case that waits."""
    case_id, form = visit.path_id("case_id", "cas"), visit.form
    chosen = form.choice("action", ACTIONS)
    verdict = form.choice("verdict", VERDICTS_OF[_action(chosen)])
    reason = form.choice("reason_code", tuple(each.code for each in reasons_for(_action(chosen))))
    for field in ("public_text", "note"):
        if len(form.get(field)) > TEXT_MAX:
            form.errors[field] = msg(
                "Has %(length)s characters; give at most %(most)s.", length=len(form.get(field)), most=TEXT_MAX
            )
    if form.errors:
        return await _show(visit, case_id, chosen=chosen, form=form, status=422)
    row = await _case_row(visit, case_id)
    try:
        result = await give_verdict(
            visit.db,
            case_id=case_id,
            verdict=verdict,
            action=chosen,
            reason_code=reason,
            public_text=_own_words(visit, form.get("public_text")),
            note=form.get("note"),
            deciding_finding=form.get("deciding_finding") or None,
            actor=visit.actor,
            now_ms=await _instant(visit, row),
        )
    except VerdictRefusedError as error:
        form.errors[error.field] = Message("%(text)s", {"text": str(error)})
        return await _show(visit, case_id, chosen=chosen, form=form, status=422)
    except CaseConflictError:
        form.errors["action"] = await _conflict(visit, case_id)
        return await _show(visit, case_id, chosen=chosen, form=form, status=409)
    except CaseNotFoundError as error:
        raise HTTPException(404) from error
    return visit.redirect(await _next_address(visit, row), _what_changed(visit, result))


async def case_claim(visit: Visit) -> Response:
    """Assign the case to the person who asks."""
    case_id = visit.path_id("case_id", "cas")
    row = await _case_row(visit, case_id)
    try:
        await claim_case(visit.db, case_id=case_id, actor=visit.actor, now_ms=await _instant(visit, row))
    except CaseConflictError:
        visit.form.errors["claim"] = await _conflict(visit, case_id)
        return await _show(visit, case_id, chosen="", form=visit.form, status=409)
    return visit.redirect(_back(visit, row), msg("The case is yours: nobody else can judge it until you give it back."))


async def case_unclaim(visit: Visit) -> Response:
    """Give a claimed case back to everybody."""
    case_id = visit.path_id("case_id", "cas")
    row = await _case_row(visit, case_id)
    try:
        await unclaim_case(visit.db, case_id=case_id, actor=visit.actor, now_ms=await _instant(visit, row))
    except CaseConflictError:
        visit.form.errors["claim"] = msg("Nobody holds this case at the moment; there is nothing to give back.")
        return await _show(visit, case_id, chosen="", form=visit.form, status=409)
    return visit.redirect(_back(visit, row), msg("The case is back in the queue for everybody."))


async def _show(visit: Visit, case_id: str, *, chosen: str, form: Form, status: int = 200) -> Response:
    shows_contacts = visit.may("cases.decide")
    facts = await visit.db.read(
        lambda conn: load_case_page(conn, case_id, now_ms=visit.now_ms, shows_contacts=shows_contacts)
    )
    if facts is None:
        raise HTTPException(404)
    rows = fact_rows(facts["view"].findings, visit.speech)
    picked = chosen if chosen in ACTIONS else ""
    offered = reasons_for(_action(picked)) if picked else ()
    holder = facts["case"].claimed_by
    return render(
        visit,
        "cases_one.html",
        status=status,
        form=form,
        chosen=picked,
        actions=[(each, KEYS[each]) for each in ACTIONS],
        reasons=offered,
        reason_text=visit.speech.gettext((REASONS.get(form.get("reason_code")) or offered[0]).public_text)
        if offered
        else "",
        verdicts=VERDICTS_OF[_action(picked)] if picked else (),
        fact_rows=rows,
        deciding=next((row.finding_id for row in rows if not row.is_forgiven), ""),
        may_judge=shows_contacts and facts["case"].status != "decided" and holder in {None, visit.actor},
        is_mine=holder == visit.actor,
        all_reasons=REASONS,
        without=_named_rules(facts.pop("without"), visit),
        steps_of=lambda line: sum_steps(line, visit.speech),
        **facts,
    )


def _named_rules(without: dict[str, int], visit: Visit) -> list[tuple[str, int]]:
    """Return the score without each rule, by the rule's title, the rule that matters most first."""
    titled = [(labels.named(rule_titles(), rule, visit.speech), points) for rule, points in without.items()]
    return sorted(titled, key=lambda each: (each[1], each[0]))


def _action(name: str) -> Action:
    return next(each for each in ACTIONS if each == name)


async def _case_row(visit: Visit, case_id: str) -> CaseRow:
    row = await visit.db.read(lambda conn: store.case_row(conn, case_id))
    if row is None:
        raise HTTPException(404)
    return row


async def _instant(visit: Visit, row: CaseRow) -> int:
    """Return now on the case's clock: a test case is judged in its program's own time."""
    return await visit.db.read(
        lambda conn: instant_of(conn, row.program_id, livemode=row.livemode, now_ms=visit.now_ms)
    )


def _own_words(visit: Visit, typed: str) -> str:
    """Return what the person wrote, "" for a reason's default text: that is stored untranslated, for each reader."""
    defaults = {visit.speech.gettext(reason.public_text) for reason in REASONS.values()}
    written = " ".join(typed.split())
    return "" if written in defaults else typed


async def _conflict(visit: Visit, case_id: str) -> Message:
    """Return why the case cannot be moved now, and what to do."""
    row = await _case_row(visit, case_id)
    if row.status == "decided":
        return msg(
            "Somebody decided this case while you were reading it. Nothing of yours was stored; see the verdict below."
        )
    names = await visit.db.read(lambda conn: users.emails_of(conn, user_ids([row.claimed_by])))
    return msg(
        "%(who)s works on this case. Ask them to judge it or to give it back; nothing of yours was stored.",
        who=next(iter(names.values()), row.claimed_by or "–"),
    )


async def _next_address(visit: Visit, row: CaseRow) -> str:
    """Return the page of the next case that waits and nobody else holds; the queue when there is none."""
    waiting = await visit.db.read(
        lambda conn: store.queue(conn, livemode=row.livemode, statuses=("open", "claimed", "appealed"), limit=NEXT_MAX)
    )
    for each in waiting:
        if each.case.case_id != row.case_id and each.case.claimed_by in {None, visit.actor}:
            return f"/admin/cases/{each.case.case_id}"
    return _queue(row)


def _queue(row: CaseRow) -> str:
    return "/admin/cases" if row.livemode else f"/admin/cases?mode={TEST}"


def _back(visit: Visit, row: CaseRow) -> str:
    return _queue(row) if visit.form.get("back") == "queue" else f"/admin/cases/{row.case_id}"


def _what_changed(visit: Visit, result: ReviewResult) -> Message:
    """Return the notice after a verdict: what it did to conversions and money."""
    moved = visit.speech.ngettext("%(count)s conversion", "%(count)s conversions", len(result.statuses))
    if result.verdict.action == "hold":
        return msg("Held on until %(day)s: everything stays frozen.", day=visit.speech.date(result.case.due_at_ms))
    if result.verdict.action == "clear":
        released = visit.speech.ngettext("%(count)s commission", "%(count)s commissions", result.released)
        return msg("Cleared: %(moved)s counted, %(released)s released.", moved=moved, released=released)
    taken: dict[str, int] = {}
    for transfer in result.transfers:
        taken[transfer.currency] = taken.get(transfer.currency, 0) - transfer.amount_minor
    sums = ", ".join(visit.speech.money(amount, currency) for currency, amount in sorted(taken.items()))
    if not sums:
        return msg("Does not count any more: %(moved)s. No money had been booked.", moved=moved)
    if result.verdict.action == "reject":
        return msg("Rejected: %(moved)s, %(sums)s taken back.", moved=moved, sums=sums)
    return msg("Voided: %(moved)s, %(sums)s taken back.", moved=moved, sums=sums)


ROUTES = (
    page("/admin/cases", cases_list, permission="cases.view"),
    page("/admin/cases/{case_id}", case_page, permission="cases.view"),
    action("/admin/cases/{case_id}/verdict", verdict_give, permission="cases.decide"),
    action("/admin/cases/{case_id}/claim", case_claim, permission="cases.decide"),
    action("/admin/cases/{case_id}/unclaim", case_unclaim, permission="cases.decide"),
)
