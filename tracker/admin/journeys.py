"""The page of a journey: one person's clicks, recognitions, conversions, decisions and binding in the order of time."""

from typing import Any

from sqlalchemy import Connection
from starlette.exceptions import HTTPException
from starlette.responses import Response

from tracker.admin.decision_history import Move, move_of
from tracker.admin.explanations import Considered, considered
from tracker.admin.policy import page
from tracker.admin.render import render
from tracker.admin.visit import Visit
from tracker.clicks import store as clicks
from tracker.conversions import store
from tracker.conversions.timeline import (
    BindingMoment,
    ClickMoment,
    DecisionMoment,
    Timeline,
    load_timeline,
)
from tracker.conversions.types import ConversionRow
from tracker.i18n.translator import Translator
from tracker.partners import store as partners
from tracker.programs import store as programs

# What became of a touch: the conversion it was considered for, and the sentence.
Verdicts = dict[str, list[tuple[ConversionRow, Considered]]]


async def journey_page(visit: Visit) -> Response:
    """Show the way of the person behind a conversion."""
    conversion_id = visit.path_id("conversion_id", "cnv")
    facts = await visit.db.read(lambda conn: _load(conn, conversion_id))
    if facts is None:
        raise HTTPException(404)
    timeline, time_zone = facts["timeline"], facts["program"].time_zone
    verdicts, beside = _verdicts(timeline, visit.speech, time_zone=time_zone)
    return render(
        visit,
        "conversions_journey.html",
        verdicts=verdicts,
        beside=beside,
        moves=_moves(timeline, visit.speech),
        **facts,
    )


def _load(conn: Connection, conversion_id: str) -> dict[str, Any] | None:
    row = store.get_conversion(conn, conversion_id)
    if row is None:
        return None
    if row.kind == "refund":
        sale = store.find_conversion(
            conn, program_id=row.program_id, livemode=row.livemode, kind="sale", external_id=row.refund_of or ""
        )
        row = sale or row
    program = programs.get_program(conn, row.program_id)
    timeline = load_timeline(conn, row)
    enrolled = [moment.click.enrollment_id for moment in timeline.moments if isinstance(moment, ClickMoment)]
    enrolled += [moment.binding.enrollment_id for moment in timeline.moments if isinstance(moment, BindingMoment)]
    seen = [moment.click.agent_id for moment in timeline.moments if isinstance(moment, ClickMoment)]
    return {
        "row": row,
        "livemode": row.livemode,
        "program": program,
        "customer": None if row.customer_id is None else store.get_customer(conn, row.customer_id),
        "timeline": timeline,
        "people": partners.people_of(conn, sorted(set(enrolled))),
        "agents": clicks.agents_of(conn, seen),
        "names": partners.names_of(conn, sorted(_partners_in(timeline))),
    }


def _partners_in(timeline: Timeline) -> set[str]:
    """Return the partners that the decisions name."""
    decided = [moment.decision for moment in timeline.moments if isinstance(moment, DecisionMoment)]
    decided += [
        moment.previous for moment in timeline.moments if isinstance(moment, DecisionMoment) and moment.previous
    ]
    entries = [
        entry for each in decided for part in ("winner", "considered") for entry in each.explanation.get(part, ())
    ]
    return {entry["partner"] for entry in entries if str(entry["partner"] or "").startswith("prt_")}


def _verdicts(
    timeline: Timeline, speech: Translator, *, time_zone: str
) -> tuple[Verdicts, dict[str, list[Considered]]]:
    """Return what became of each click, by its id, and what else each decision that counts considered, by its id."""
    rows = {moment.row.conversion_id: moment.row for moment in timeline.moments if isinstance(moment, DecisionMoment)}
    of_clicks: Verdicts = {}
    beside: dict[str, list[Considered]] = {}
    for conversion_id, decision in timeline.newest.items():
        if conversion_id not in rows:
            continue
        for each in considered(decision.explanation, speech, time_zone=time_zone):
            if each.click_id is None:
                beside.setdefault(decision.decision_id, []).append(each)
            else:
                of_clicks.setdefault(each.click_id, []).append((rows[conversion_id], each))
    return of_clicks, beside


def _moves(timeline: Timeline, speech: Translator) -> dict[str, Move]:
    """Return what each decision made of the one before it, by the decision's id."""
    return {
        moment.decision.decision_id: move_of(moment.decision, moment.previous, speech)
        for moment in timeline.moments
        if isinstance(moment, DecisionMoment)
    }


ROUTES = (page("/admin/conversions/{conversion_id}/journey", journey_page, permission="conversions.view"),)
