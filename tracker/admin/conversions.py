"""Pages of conversions: the list, and one conversion with the whole of its story."""

from typing import Any

from sqlalchemy import Connection
from starlette.exceptions import HTTPException
from starlette.responses import Response

from tracker.admin.arithmetic import sum_steps
from tracker.admin.decision_history import LOCKED, history_of
from tracker.admin.evidence import fact_rows
from tracker.admin.explanations import considered
from tracker.admin.mode import instant_of, is_live
from tracker.admin.paging import PAGE_SIZE, Pager, pager_of
from tracker.admin.policy import page
from tracker.admin.render import render
from tracker.admin.visit import Visit
from tracker.audit.store import list_entries
from tracker.cases import store as cases
from tracker.clicks import store as clicks
from tracker.conversions import journey_store, store
from tracker.conversions.show import commissions_of
from tracker.conversions.types import ConversionFilter, ConversionRow, StoredDecision
from tracker.partners import store as partners
from tracker.programs import store as programs
from tracker.recompute import store as runs
from tracker.recompute.types import Change, Run
from tracker.users import store as users

HISTORY_MAX = 30  # entries of the trail shown
VERSIONS_MAX = 20  # decisions shown, the newest
UNTAKEN_MAX = 5  # results of runs that were not taken over, the newest
PARTNERS_MAX = 100  # partners a search text may mean
SEQ_DIGITS_MAX = 18  # a larger number is beyond 64 bits
KINDS = ("lead", "sale", "refund")
STATUSES = (
    "received",
    "attributed",
    "unattributed",
    "in_review",
    "accepted",
    "rejected",
    "part_refunded",
    "refunded",
)
TRUSTS = ("verified", "unverified")


async def conversions_list(visit: Visit) -> Response:
    """List conversions, newest first, filtered by everything a person asks for."""
    chosen = {name: visit.query(name) for name in ("kind", "status", "trust", "q", "partner")}
    program_id = visit.query_id("program", "prg")
    livemode = is_live(visit)
    before = before_seq(visit)

    def load(conn: Connection) -> dict[str, Any]:
        wanted = ConversionFilter(
            livemode=livemode,
            program_id=program_id,
            kind=_known(chosen["kind"], KINDS),
            status=_known(chosen["status"], STATUSES),
            trust=_known(chosen["trust"], TRUSTS),
            enrollment_ids=enrollments_named(conn, chosen["partner"]),
            external_id=chosen["q"] or None,
        )
        rows = store.list_conversions(conn, wanted, before_seq=before, limit=PAGE_SIZE + 1)
        return {
            "rows": rows,
            "programs": programs.list_programs(conn),
            "customers": store.names_of_customers(conn, [row.customer_id for row in rows if row.customer_id]),
            "people": partners.people_of(conn, [row.enrollment_id for row in rows if row.enrollment_id]),
        }

    facts = await visit.db.read(load)
    pager: Pager[ConversionRow] = pager_of(facts.pop("rows"), visit, key=lambda row: str(row.seq))
    return render(
        visit,
        "conversions_list.html",
        pager=pager,
        livemode=livemode,
        chosen=chosen,
        program_id=program_id,
        is_filtered=any(chosen.values()) or bool(program_id or before),
        kinds=KINDS,
        statuses=STATUSES,
        trusts=TRUSTS,
        **facts,
    )


async def conversion_page(visit: Visit) -> Response:
    """Show one conversion: facts, why this partner, money, findings, cases, history."""
    conversion_id = visit.path_id("conversion_id", "cnv")
    facts = await visit.db.read(lambda conn: _load(conn, conversion_id, now_ms=visit.now_ms))
    if facts is None:
        raise HTTPException(404)
    decision, program = facts["decision"], facts["program"]
    explanation = decision.explanation if decision else {}
    return render(
        visit,
        "conversions_one.html",
        explanation=explanation,
        considered=considered(explanation, visit.speech, time_zone=program.time_zone),
        steps_of=lambda line: sum_steps(line, visit.speech),
        fact_rows=fact_rows(facts["findings"], visit.speech),
        history=history_of(facts.pop("decisions"), visit.speech),
        locked_words=LOCKED,
        **facts,
    )


def before_seq(visit: Visit) -> int | None:
    """Return the number the page continues before, None for the first page."""
    typed = visit.query("before")
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) <= SEQ_DIGITS_MAX else None


def enrollments_named(conn: Connection, search: str) -> tuple[str, ...] | None:
    """Return the enrollments a typed name, e-mail or code means; None when nothing was typed."""
    if not search:
        return None
    found = partners.list_partners(conn, search=search, limit=PARTNERS_MAX)
    return tuple(row.enrollment_id for row in found)


def _known(value: str, allowed: tuple[str, ...]) -> str | None:
    return value if value in allowed else None


def _load(conn: Connection, conversion_id: str, *, now_ms: int) -> dict[str, Any] | None:
    row = store.get_conversion(conn, conversion_id)
    if row is None:
        return None
    program = programs.program_as_of(conn, row.program_id, row.occurred_at_ms)
    decision = store.newest_decision(conn, conversion_id)
    at_ms = instant_of(conn, row.program_id, livemode=row.livemode, now_ms=now_ms)
    trail = list_entries(conn, object_id=conversion_id, limit=HISTORY_MAX)
    commissions = commissions_of(conn, row, now_ms=at_ms)
    decisions = journey_store.decisions_of(conn, [conversion_id], limit=VERSIONS_MAX)
    untaken = _untaken(conn, conversion_id, decision)
    return {
        "row": row,
        "livemode": row.livemode,
        "program": program,
        "customer": None if row.customer_id is None else store.get_customer(conn, row.customer_id),
        "agent": None if row.agent_id is None else clicks.get_agent(conn, row.agent_id),
        "decision": decision,
        "decisions": decisions,
        "untaken": untaken,
        "enrolled": partners.people_of(
            conn, sorted({credit.partner_id for change, _ in untaken for credit in change.after.credits})
        ),
        "names": _names(conn, decisions, [each.partner_id for each in commissions]),
        "commissions": commissions,
        "findings": cases.findings_of(conn, [conversion_id]),
        "cases": cases.cases_of_conversion(conn, conversion_id),
        "refunds": store.refunds_of(conn, row) if row.kind == "sale" else [],
        "sale": _refunded_sale(conn, row),
        "trail": trail,
        "people": users.emails_of(
            conn, {entry.actor.removeprefix("user:") for entry in trail if entry.actor.startswith("user:")}
        ),
    }


def _untaken(conn: Connection, conversion_id: str, decision: StoredDecision | None) -> list[tuple[Change, Run | None]]:
    """Return what runs came to beside the decision that counts and did not make one of, newest first."""
    if decision is None:
        return []
    stands = [(part.enrollment_id, part.weight) for part in store.credits_of(conn, decision.decision_id)]
    changes = [
        change
        for change in runs.changes_of(conn, conversion_id)
        # What was compared with an older decision is out of date.
        if change.decision_id is None
        and [(credit.partner_id, credit.weight) for credit in change.before.credits] == stands
    ]
    return [(change, runs.get_run(conn, change.run_id)) for change in changes[:UNTAKEN_MAX]]


def _names(conn: Connection, decisions: list[StoredDecision], further: list[str]) -> dict[str, str]:
    named = [
        entry["partner"]
        for decision in decisions
        for part in ("winner", "considered")
        for entry in decision.explanation.get(part, ())
    ]
    return partners.names_of(conn, sorted({*further, *(each for each in named if str(each).startswith("prt_"))}))


def _refunded_sale(conn: Connection, row: ConversionRow) -> ConversionRow | None:
    """Return the sale a refund belongs to."""
    if row.kind != "refund":
        return None
    return store.find_conversion(
        conn, program_id=row.program_id, livemode=row.livemode, kind="sale", external_id=row.refund_of or ""
    )


ROUTES = (
    page("/admin/conversions", conversions_list, permission="conversions.view"),
    page("/admin/conversions/{conversion_id}", conversion_page, permission="conversions.view"),
)
