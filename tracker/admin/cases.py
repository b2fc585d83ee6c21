"""The review queue, the page of a case, and giving a verdict there.

Every action is a form; the keys of `static/cases.js` only walk to them. A refused verdict comes back with what was
typed and the reason beside the field. What happens around a verdict is in `case_actions.py`.
"""

from typing import Any, NamedTuple

from sqlalchemy import Connection
from starlette.exceptions import HTTPException
from starlette.responses import Response

from tracker.admin import labels
from tracker.admin.arithmetic import sum_steps
from tracker.admin.case_effects import effect_text, sums
from tracker.admin.case_facts import load_case_page, user_ids
from tracker.admin.evidence import fact_rows, headline
from tracker.admin.forms import Form
from tracker.admin.mode import TEST, instant_of, is_live
from tracker.admin.policy import action, page
from tracker.admin.render import render
from tracker.admin.review_labels import CASE_STATUS
from tracker.admin.visit import Visit
from tracker.cases import store
from tracker.cases.claims import CaseNotFoundError, claim_next
from tracker.cases.decide import WAIT_DAYS, WAIT_DAYS_MAX, CaseConflictError, VerdictRefusedError
from tracker.cases.four_eyes import by_currency, given_again
from tracker.cases.reasons import REASONS, reasons_for
from tracker.cases.review import TEXT_MAX, give_verdict
from tracker.cases.types import (
    POSTPONING,
    VERDICTS_OF,
    Action,
    CaseRow,
    CaseStatus,
    Proposed,
    QueueRow,
    ReviewResult,
)
from tracker.cases.undo import UNDO_MS, undoable
from tracker.fraud.rules import rule_titles
from tracker.i18n.messages import Message, mark, msg
from tracker.programs import store as programs
from tracker.users import store as users

PAGE = 50  # cases a page of the queue
ACTIONS: tuple[Action, ...] = ("clear", "reject", "void", "ask", "hold", "pause", "ban")
SANCTIONS = frozenset({"pause", "ban"})
KEYS = {"clear": "a", "reject": "x", "void": "v", "ask": "q", "hold": "h"}
UNDECIDED: tuple[CaseStatus, ...] = ("open", "claimed", "waiting_partner", "appealed")
STATUSES: dict[str, tuple[CaseStatus, ...]] = {
    "": UNDECIDED,
    "open": ("open",),
    "claimed": ("claimed",),
    "waiting_partner": ("waiting_partner",),
    "appealed": ("appealed",),
    "decided": ("decided",),
    # Not where a case stands, but whom it waits for.
    "escalated": UNDECIDED,
    "proposed": UNDECIDED,
}
NARROW: dict[str, store.Narrow] = {"escalated": "escalated", "proposed": "proposed"}
# What the filter calls each.
STATED = {name: CASE_STATUS[name][0] for name in STATUSES if name in CASE_STATUS} | {
    "escalated": mark("Older than 30 days"),
    "proposed": mark("Wait for a second person"),
}


class Undo(NamedTuple):
    """A verdict that may still be taken back, and for how many milliseconds the page offers it."""

    case_id: str
    left_ms: int


async def cases_list(visit: Visit) -> Response:
    """Show the queue: the highest score first."""
    livemode, program_id = is_live(visit), visit.query_id("program", "prg")
    chosen = visit.query("status") if visit.query("status") in STATUSES else ""
    after, search = visit.query_id("after", "cas"), visit.query("q")

    def load(conn: Connection) -> dict[str, Any]:
        last = store.case_row(conn, after) if after else None
        rows = store.queue(
            conn,
            livemode=livemode,
            statuses=STATUSES[chosen],
            program_id=program_id,
            narrow=NARROW.get(chosen, ""),
            search=search,
            limit=PAGE + 1,
            before=(last.score, last.case_id) if last else None,
        )
        return {
            "rows": rows,
            "waiting": {
                each: store.count_cases(conn, livemode=livemode, statuses=UNDECIDED, narrow=NARROW[each])
                for each in NARROW
            },
            "undo": load_undo(conn, visit),
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
        statuses=STATED,
        search=search,
        bulk_actions=("clear", "reject", "void", "hold") if visit.may("cases.bulk") else (),
        is_filtered=bool(program_id or chosen or after or search),
        headline=lambda row: headline(row, visit.speech),
        **facts,
    )


async def case_page(visit: Visit) -> Response:
    """Show one case; `?action=` opens the form of that action with its reason filled in."""
    return await show_case(visit, visit.path_id("case_id", "cas"), chosen=visit.query("action"), form=Form())


async def verdict_give(visit: Visit) -> Response:
    """Give the verdict and go to the next case that waits."""
    case_id, form = visit.path_id("case_id", "cas"), visit.form
    chosen = form.choice("action", ACTIONS)
    if chosen in SANCTIONS and not visit.may("cases.sanction"):
        raise HTTPException(403)
    days = form.whole("days", low=1, high=WAIT_DAYS_MAX) if chosen in POSTPONING and form.get("days") else None
    verdict = form.choice("verdict", VERDICTS_OF[_action(chosen)])
    reason = form.choice("reason_code", tuple(each.code for each in reasons_for(_action(chosen))))
    for field in ("public_text", "note"):
        if len(form.get(field)) > TEXT_MAX:
            form.errors[field] = msg(
                "Has %(length)s characters; give at most %(most)s.", length=len(form.get(field)), most=TEXT_MAX
            )
    if form.errors:
        return await show_case(visit, case_id, chosen=chosen, form=form, status=422)
    row = await case_row(visit, case_id)
    try:
        result = await give_verdict(
            visit.db,
            case_id=case_id,
            verdict=verdict,
            action=chosen,
            reason_code=reason,
            public_text=own_words(visit, form.get("public_text")),
            note=form.get("note"),
            deciding_finding=form.get("deciding_finding") or None,
            actor=visit.actor,
            now_ms=await case_instant(visit, row),
            days=days,
        )
    except VerdictRefusedError as error:
        form.errors[error.field] = Message("%(text)s", {"text": str(error)})
        return await show_case(visit, case_id, chosen=chosen, form=form, status=422)
    except CaseConflictError:
        form.errors["action"] = await conflict_text(visit, case_id)
        return await show_case(visit, case_id, chosen=chosen, form=form, status=409)
    except CaseNotFoundError as error:
        raise HTTPException(404) from error
    if isinstance(result, ReviewResult) and result.enrollment_status is not None:
        await visit.services.refresh()
    return visit.redirect(await _next_address(visit, row), what_changed(visit, result))


async def show_case(visit: Visit, case_id: str, *, chosen: str, form: Form, status: int = 200) -> Response:
    """Show a case; `chosen` opens the form of that action, `form` is what was typed into it."""
    shows_contacts = visit.may("cases.decide")

    def load(conn: Connection) -> dict[str, Any] | None:
        found = load_case_page(conn, case_id, now_ms=visit.now_ms, shows_contacts=shows_contacts)
        return None if found is None else found | {"undo": load_undo(conn, visit)}

    facts = await visit.db.read(load)
    if facts is None:
        raise HTTPException(404)
    offered_actions = [each for each in ACTIONS if each not in SANCTIONS or visit.may("cases.sanction")]
    rows = fact_rows(facts["view"].findings, visit.speech)
    picked = chosen if chosen in offered_actions else ""
    offered = reasons_for(_action(picked)) if picked else ()
    holder = facts["case"].claimed_by
    return render(
        visit,
        "cases_one.html",
        status=status,
        form=form,
        chosen=picked,
        actions=[
            (each, KEYS.get(each, ""), effect_text(each, facts["previews"], visit.speech)) for each in offered_actions
        ],
        wait_days=WAIT_DAYS,
        wait_days_max=WAIT_DAYS_MAX,
        reasons=offered,
        reason_text=visit.speech.gettext((REASONS.get(form.get("reason_code")) or offered[0]).public_text)
        if offered
        else "",
        verdicts=VERDICTS_OF[_action(picked)] if picked else (),
        fact_rows=rows,
        deciding=next((row.finding_id for row in rows if not row.is_forgiven), ""),
        may_judge=shows_contacts
        and facts["case"].status != "decided"
        and facts["view"].proposal is None
        and holder in {None, visit.actor},
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


async def case_row(visit: Visit, case_id: str) -> CaseRow:
    """Return a case; none is a page that does not exist."""
    row = await visit.db.read(lambda conn: store.case_row(conn, case_id))
    if row is None:
        raise HTTPException(404)
    return row


async def case_instant(visit: Visit, row: CaseRow) -> int:
    """Return now on the case's clock: a test case is judged in its program's own time."""
    return await visit.db.read(
        lambda conn: instant_of(conn, row.program_id, livemode=row.livemode, now_ms=visit.now_ms)
    )


def own_words(visit: Visit, typed: str) -> str:
    """Return what the person wrote, "" for a reason's default text: that is stored untranslated, for each reader."""
    defaults = {visit.speech.gettext(reason.public_text) for reason in REASONS.values()}
    written = " ".join(typed.split())
    return "" if written in defaults else typed


async def conflict_text(visit: Visit, case_id: str) -> Message:
    """Return why the case cannot be moved now, and what to do."""
    row = await case_row(visit, case_id)
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
    """Take the next case that waits and return its page; the queue when there is none. Either offers the undo."""
    taken = await claim_next(
        visit.db,
        livemode=row.livemode,
        actor=visit.actor,
        now_ms=visit.now_ms,
        without=row.case_id,
    )
    if taken is not None:
        return f"/admin/cases/{taken.case_id}?undo={row.case_id}"
    return f"{queue_address(row)}{'?' if row.livemode else '&'}undo={row.case_id}"


def load_undo(conn: Connection, visit: Visit) -> Undo | None:
    """Return the verdict that `?undo=` names, if the person may still take it back."""
    case_id = visit.query_id("undo", "cas")
    row = store.case_row(conn, case_id) if case_id else None
    if row is None:
        return None
    now_ms = instant_of(conn, row.program_id, livemode=row.livemode, now_ms=visit.now_ms)
    verdict = undoable(conn, row.case_id, actor=visit.actor, now_ms=now_ms)
    return None if verdict is None else Undo(row.case_id, max(0, verdict.at_ms + UNDO_MS - now_ms))


def queue_address(row: CaseRow) -> str:
    """Return the queue of the case's mode."""
    return "/admin/cases" if row.livemode else f"/admin/cases?mode={TEST}"


def what_changed(visit: Visit, result: ReviewResult | Proposed) -> Message:
    """Return the notice after a verdict: what it did to conversions and money."""
    if isinstance(result, Proposed):
        return msg("Over the program's limit: a second person must confirm it. Nothing has moved yet.")
    moved = visit.speech.ngettext("%(count)s conversion", "%(count)s conversions", len(result.statuses))
    if result.verdict.action == "ask":
        return msg(
            "Asked; the answer is due on %(day)s and brings the case back.",
            day=visit.speech.date(result.case.due_at_ms),
        )
    if result.verdict.action == "hold":
        return msg("Held on until %(day)s: everything stays frozen.", day=visit.speech.date(result.case.due_at_ms))
    again = sums(given_again(result.transfers).items(), visit.speech)
    if result.verdict.action == "clear" and again:
        return msg("Appeal upheld: %(moved)s counted, %(sums)s given again.", moved=moved, sums=again)
    if result.verdict.action == "clear":
        released = visit.speech.ngettext("%(count)s commission", "%(count)s commissions", result.released)
        return msg("Cleared: %(moved)s counted, %(released)s released.", moved=moved, released=released)
    taken = by_currency((transfer.currency, -transfer.amount_minor) for transfer in result.transfers)
    back = sums(taken.items(), visit.speech)
    if result.enrollment_status == "banned":
        return msg(
            "Banned: %(moved)s rejected, %(sums)s taken back; what was cleared stays.", moved=moved, sums=back or "0"
        )
    if result.enrollment_status == "paused":
        return msg("Paused: %(moved)s rejected, %(sums)s taken back.", moved=moved, sums=back or "0")
    if not back:
        return msg("Does not count any more: %(moved)s. No money had been booked.", moved=moved)
    if result.verdict.action == "void":
        return msg("Voided: %(moved)s, %(sums)s taken back.", moved=moved, sums=back)
    return msg("Rejected: %(moved)s, %(sums)s taken back.", moved=moved, sums=back)


ROUTES = (
    page("/admin/cases", cases_list, permission="cases.view"),
    page("/admin/cases/{case_id}", case_page, permission="cases.view"),
    action("/admin/cases/{case_id}/verdict", verdict_give, permission="cases.decide"),
)
