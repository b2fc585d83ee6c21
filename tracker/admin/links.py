"""The page of all links, across partners and programs."""

from sqlalchemy import Connection
from starlette.responses import Response

from tracker.admin.paging import PAGE_SIZE, Pager, pager_of
from tracker.admin.policy import page
from tracker.admin.render import render
from tracker.admin.visit import Visit
from tracker.links import store
from tracker.partners.types import LinkRow
from tracker.programs import store as programs
from tracker.programs.types import Program


async def links_list(visit: Visit) -> Response:
    """List links, newest first, filtered by text and program."""
    search, program_id = visit.query("q"), visit.query_id("program", "prg")
    before = visit.query_id("before", "lnk")

    def load(conn: Connection) -> tuple[list[LinkRow], list[Program]]:
        rows = store.list_links(conn, search=search, program_id=program_id, before=before, limit=PAGE_SIZE + 1)
        return rows, programs.list_programs(conn)

    rows, known = await visit.db.read(load)
    pager: Pager[LinkRow] = pager_of(rows, visit, key=lambda row: row.link_id)
    settings = visit.services.settings
    return render(
        visit,
        "links_list.html",
        pager=pager,
        programs=known,
        program_names={program.program_id: program.name for program in known},
        link_base=f"{settings.base_url}{settings.public_prefix}/to/",
        is_filtered=bool(search or program_id or before),
        search=search,
        program_id=program_id,
    )


ROUTES = (page("/admin/links", links_list, permission="partners.view"),)
