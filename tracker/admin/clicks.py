"""Pages of clicks: the list, and one click with what became of it."""

from typing import Any

from sqlalchemy import Connection
from starlette.exceptions import HTTPException
from starlette.responses import Response

from tracker.admin.conversions import before_seq
from tracker.admin.mode import is_live
from tracker.admin.paging import PAGE_SIZE, Pager, pager_of
from tracker.admin.policy import page
from tracker.admin.render import render
from tracker.admin.visit import Visit
from tracker.clicks import store
from tracker.clicks.types import ClickFilter, ClickRow
from tracker.conversions import store as conversions
from tracker.partners import store as partners
from tracker.programs import store as programs

CONVERSIONS_MAX = 50  # conversions of one click shown
SIBLINGS_MAX = 50  # other clicks of the visitor shown
CLICK_ID_MAX = 64  # characters of a browser's id


async def clicks_list(visit: Visit) -> Response:
    """List clicks, newest first, filtered by program, partner and visitor."""
    livemode, before = is_live(visit), before_seq(visit)
    program_id, enrollment_id = visit.query_id("program", "prg"), visit.query_id("enrollment", "enr")
    visitor = visit.query("visitor").removeprefix("vis_")

    def load(conn: Connection) -> dict[str, Any]:
        wanted = ClickFilter(
            livemode=livemode, program_id=program_id, enrollment_id=enrollment_id, visitor_id=visitor or None
        )
        rows = store.list_clicks(conn, wanted, before_seq=before, limit=PAGE_SIZE + 1)
        shown = {row.enrollment_id for row in rows} | ({enrollment_id} if enrollment_id else set())
        return {
            "rows": rows,
            "agents": store.agents_of(conn, [row.agent_id for row in rows]),
            "people": partners.people_of(conn, sorted(shown)),
            "programs": programs.list_programs(conn),
        }

    facts = await visit.db.read(load)
    pager: Pager[ClickRow] = pager_of(facts.pop("rows"), visit, key=lambda row: str(row.seq))
    return render(
        visit,
        "clicks_list.html",
        pager=pager,
        livemode=livemode,
        program_id=program_id,
        enrollment_id=enrollment_id,
        visitor=visitor,
        is_filtered=bool(program_id or enrollment_id or visitor or before),
        **facts,
    )


async def click_page(visit: Visit) -> Response:
    """Show one click: where from, with what, and which conversions it led to."""
    program_id = visit.path_id("program_id", "prg")
    click_id = visit.request.path_params["click_id"].removeprefix("clk_")[:CLICK_ID_MAX]

    def load(conn: Connection) -> dict[str, Any] | None:
        row = store.find_click(conn, program_id=program_id, click_id=click_id)
        if row is None:
            return None
        mine = [row.visitor_id] if row.visitor_id else []
        siblings = store.clicks_of_visitors(conn, program_id=program_id, visitors=mine)
        others = [each for each in siblings if each.click_id != row.click_id][-SIBLINGS_MAX:]
        return {
            "row": row,
            "livemode": row.livemode,
            "agent": store.get_agent(conn, row.agent_id),
            "program": programs.get_program(conn, program_id),
            "people": partners.people_of(conn, [row.enrollment_id, *(each.enrollment_id for each in others)]),
            "others": others,
            "conversions": conversions.conversions_of_click(
                conn, program_id=program_id, click_id=row.click_id, limit=CONVERSIONS_MAX
            ),
        }

    facts = await visit.db.read(load)
    if facts is None:
        raise HTTPException(404)
    return render(visit, "clicks_one.html", **facts)


ROUTES = (
    page("/admin/clicks", clicks_list, permission="conversions.view"),
    page("/admin/clicks/{program_id}/{click_id}", click_page, permission="conversions.view"),
)
