"""`GET` lists and objects: conversions, commissions and clicks of the key's program and mode."""

from typing import Any, TypeVar, get_args

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ingest.problems import FieldError, invalid
from tracker.api.access import Caller, check_caller, services_of
from tracker.api.answers import json_answer, not_found, page_answer, page_limit
from tracker.api.times import parse_instant
from tracker.clicks import store as clicks
from tracker.clicks.types import ClickFilter, ClickRow
from tracker.conversions import store as conversions
from tracker.conversions.show import show_click, show_commission, show_conversion, show_outcome
from tracker.conversions.types import ConversionFilter, ConversionStatus
from tracker.db.ids import IdError, canonical_id
from tracker.ledger import store as ledger
from tracker.ledger.types import STATUSES, CommissionFilter

T = TypeVar("T", bound=str)

FILTERS = frozenset({"limit", "starting_after", "created_at[gte]", "created_at[lte]", "wait"})


def check_filters(request: Request, *allowed: str) -> None:
    """Refuse query parameters nobody reads: a mistyped filter must not give everything."""
    known = FILTERS | {f"filter[{name}]" for name in allowed}
    for name in request.query_params:
        if name not in known:
            listed = ", ".join(sorted(known))
            raise invalid(FieldError(field=name[:60], message=f"There is no such parameter; there are {listed}."))
        if "\0" in request.query_params[name]:
            raise invalid(FieldError(field=name, message="The value holds a NUL character; remove it."))


def choice_filter(request: Request, field: str, allowed: tuple[T, ...]) -> T | None:
    """Return a filter of a closed set, or None; a mistyped value must not look like an empty list."""
    name = f"filter[{field}]"
    value = request.query_params.get(name)
    chosen = next((one for one in allowed if one == value), None)
    if value is None or chosen is not None:
        return chosen
    raise invalid(FieldError(field=name, message=f'"{value[:40]}" is none of {", ".join(allowed)}.'))


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
        kind=choice_filter(request, "kind", ("lead", "sale", "refund")),
        status=choice_filter(request, "status", get_args(ConversionStatus)),
        trust=choice_filter(request, "trust", ("verified", "unverified")),
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
    conversion = query.get("filter[conversion_id]")
    chosen = CommissionFilter(
        livemode=caller.livemode,
        program_id=caller.program_id,
        status=choice_filter(request, "status", STATUSES),
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
    visitor = request.query_params.get("filter[visitor_id]")
    chosen = ClickFilter(
        livemode=caller.livemode,
        program_id=caller.program_id,
        visitor_id=None if visitor is None else visitor.removeprefix("vis_"),
    )
    after = request.query_params.get("starting_after")
    services = services_of(request)
    await services.project()

    def load(conn: Connection) -> list[dict[str, Any]]:
        last = None
        if after is not None:
            last = _own_click(conn, caller, after).seq
        return [show_click(row) for row in clicks.list_clicks(conn, chosen, before_seq=last, limit=limit + 1)]

    return page_answer(await services.db.read(load), limit)


async def get_click(request: Request) -> Response:
    """Answer GET /v1/clicks/{id}; the id is the browser's own, with or without clk_."""
    caller = await check_caller(request, "read")
    given = request.path_params["id"]
    services = services_of(request)
    await services.project()
    return json_answer(show_click(await services.db.read(lambda conn: _own_click(conn, caller, given))))


def _own_click(conn: Connection, caller: Caller, given: str) -> ClickRow:
    """Return a click by its shown id (`clk_` and the browser's), or by the browser's own, which may begin so too."""
    for click_id in dict.fromkeys((given.removeprefix("clk_"), given)):
        known = clicks.find_click(conn, program_id=caller.program_id, click_id=click_id) if "\0" not in given else None
        if known is not None and known.livemode == caller.livemode:
            return known
    raise not_found("click", given)


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
