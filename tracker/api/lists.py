"""`GET` lists and objects: conversions, commissions and clicks of the key's program and mode."""

from typing import Any

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ingest.problems import FieldError, invalid
from tracker.api.access import Caller, check_caller, services_of
from tracker.api.answers import json_answer, not_found, page_answer, page_limit
from tracker.api.times import parse_instant
from tracker.clicks import store as clicks
from tracker.clicks.types import ClickFilter
from tracker.conversions import store as conversions
from tracker.conversions.show import show_click, show_commission, show_conversion, show_outcome
from tracker.conversions.types import ConversionFilter
from tracker.db.ids import IdError, canonical_id
from tracker.ledger import store as ledger
from tracker.ledger.types import STATUSES, CommissionFilter

FILTERS = frozenset({"limit", "starting_after", "created_at[gte]", "created_at[lte]", "wait"})


def check_filters(request: Request, *allowed: str) -> None:
    """Refuse query parameters nobody reads: a mistyped filter must not give everything."""
    known = FILTERS | {f"filter[{name}]" for name in allowed}
    for name in request.query_params:
        if name not in known:
            listed = ", ".join(sorted(known))
            raise invalid(FieldError(field=name[:60], message=f"There is no such parameter; there are {listed}."))


def instant_filter(request: Request, bound: str) -> int | None:
    """Return a bound of created_at, or None."""
    name = f"created_at[{bound}]"
    text = request.query_params.get(name)
    return None if text is None else parse_instant(text, name)


def checked_id(prefix: str, text: str) -> str:
    """Return the id given with or without prefix; anything else is a 404."""
    try:
        return canonical_id(prefix, text)
    except IdError as error:
        raise not_found("object", text) from error


async def list_conversions(request: Request) -> Response:
    """Answer GET /v1/conversions."""
    caller = await check_caller(request, "read")
    check_filters(request, "status", "kind", "trust", "external_id")
    limit = page_limit(request)
    query = request.query_params
    chosen = ConversionFilter(
        livemode=caller.livemode,
        program_id=caller.program_id,
        kind=query.get("filter[kind]"),
        status=query.get("filter[status]"),
        trust=query.get("filter[trust]"),
        external_id=query.get("filter[external_id]"),
        created_from_ms=instant_filter(request, "gte"),
        created_to_ms=instant_filter(request, "lte"),
    )
    after = query.get("starting_after")

    def load(conn: Connection) -> list[dict[str, Any]]:
        last = None if after is None else _own_conversion(conn, caller, after).seq
        rows = conversions.list_conversions(conn, chosen, before_seq=last, limit=limit + 1)
        return [show_conversion(row) for row in rows]

    return page_answer(await services_of(request).db.read(load), limit)


async def get_conversion(request: Request) -> Response:
    """Answer GET /v1/conversions/{id} with its whole explanation."""
    caller = await check_caller(request, "read")

    def load(conn: Connection) -> dict[str, Any]:
        row = _own_conversion(conn, caller, request.path_params["id"])
        return show_outcome(conn, row.conversion_id, now_ms=caller.now_ms)

    return json_answer(await services_of(request).db.read(load))


async def list_commissions(request: Request) -> Response:
    """Answer GET /v1/commissions."""
    caller = await check_caller(request, "read")
    check_filters(request, "status", "conversion_id")
    limit = page_limit(request)
    query = request.query_params
    status = query.get("filter[status]")
    if status is not None and status not in STATUSES:
        raise invalid(FieldError(field="filter[status]", message=f"There are {', '.join(STATUSES)}."))
    conversion = query.get("filter[conversion_id]")
    chosen = CommissionFilter(
        livemode=caller.livemode,
        program_id=caller.program_id,
        status=status,
        conversion_id=None if conversion is None else checked_id("cnv", conversion),
        created_from_ms=instant_filter(request, "gte"),
        created_to_ms=instant_filter(request, "lte"),
    )
    after = query.get("starting_after")

    def load(conn: Connection) -> list[dict[str, Any]]:
        last = None
        if after is not None:
            known = ledger.get_commission(conn, checked_id("com", after), now_ms=caller.now_ms)
            if known is None or not _is_own(caller, known.line.program_id, livemode=known.line.livemode):
                raise not_found("commission", after)
            last = known.line.seq
        found = ledger.commissions(conn, chosen, now_ms=caller.now_ms, before_seq=last, limit=limit + 1)
        return [show_commission(each) for each in found]

    return page_answer(await services_of(request).db.read(load), limit)


async def get_commission(request: Request) -> Response:
    """Answer GET /v1/commissions/{id}."""
    caller = await check_caller(request, "read")
    given = request.path_params["id"]
    commission_id = checked_id("com", given)
    found = await services_of(request).db.read(
        lambda conn: ledger.get_commission(conn, commission_id, now_ms=caller.now_ms)
    )
    if found is None or not _is_own(caller, found.line.program_id, livemode=found.line.livemode):
        raise not_found("commission", given)
    return json_answer(show_commission(found))


async def list_clicks(request: Request) -> Response:
    """Answer GET /v1/clicks; what is acknowledged is projected first, so a client reads its own writes."""
    caller = await check_caller(request, "read")
    check_filters(request, "visitor_id")
    limit = page_limit(request)
    chosen = ClickFilter(
        livemode=caller.livemode,
        program_id=caller.program_id,
        visitor_id=request.query_params.get("filter[visitor_id]"),
    )
    after = request.query_params.get("starting_after")
    services = services_of(request)
    await services.project()

    def load(conn: Connection) -> list[dict[str, Any]]:
        last = None
        if after is not None:
            known = clicks.find_click(conn, program_id=caller.program_id, click_id=after.removeprefix("clk_"))
            if known is None or known.livemode != caller.livemode:
                raise not_found("click", after)
            last = known.seq
        return [show_click(row) for row in clicks.list_clicks(conn, chosen, before_seq=last, limit=limit + 1)]

    return page_answer(await services.db.read(load), limit)


async def get_click(request: Request) -> Response:
    """Answer GET /v1/clicks/{id}; the id is the browser's own, with or without clk_."""
    caller = await check_caller(request, "read")
    given = request.path_params["id"]
    services = services_of(request)
    await services.project()
    found = await services.db.read(
        lambda conn: clicks.find_click(conn, program_id=caller.program_id, click_id=given.removeprefix("clk_"))
    )
    if found is None or found.livemode != caller.livemode:
        raise not_found("click", given)
    return json_answer(show_click(found))


def _own_conversion(conn: Connection, caller: Caller, given: str) -> Any:
    row = conversions.get_conversion(conn, checked_id("cnv", given))
    if row is None or not _is_own(caller, row.program_id, livemode=row.livemode):
        raise not_found("conversion", given)
    return row


def _is_own(caller: Caller, program_id: str, *, livemode: bool) -> bool:
    return (program_id, livemode) == (caller.program_id, caller.livemode)


ROUTES = [
    Route("/v1/conversions", list_conversions, methods=["GET"], name="conversions_list"),
    Route("/v1/conversions/{id}", get_conversion, methods=["GET"], name="conversions_get"),
    Route("/v1/commissions", list_commissions, methods=["GET"], name="commissions_list"),
    Route("/v1/commissions/{id}", get_commission, methods=["GET"], name="commissions_get"),
    Route("/v1/clicks", list_clicks, methods=["GET"], name="clicks_list"),
    Route("/v1/clicks/{id}", get_click, methods=["GET"], name="clicks_get"),
]
