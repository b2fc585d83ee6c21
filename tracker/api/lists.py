"""`GET` lists and objects: conversions, commissions and clicks of the key's program and mode."""

from typing import Any, get_args

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from ingest.conversions import ConversionKind, Trust
from ingest.problems import FieldError, invalid
from tracker.api.access import Caller, check_caller, services_of
from tracker.api.answers import json_answer, not_found, page_answer, page_limit
from tracker.api.operation import Operation, operation_of
from tracker.api.shapes import Page
from tracker.api.times import parse_instant
from tracker.clicks import store as clicks
from tracker.clicks.types import ClickFilter, ClickRow
from tracker.conversions import store as conversions
from tracker.conversions.show import (
    ShownClick,
    ShownCommission,
    ShownConversion,
    ShownOutcome,
    show_click,
    show_commission,
    show_conversion,
    show_outcome,
)
from tracker.conversions.types import ConversionFilter, ConversionStatus
from tracker.db.ids import IdError, canonical_id
from tracker.ledger import store as ledger
from tracker.ledger.types import CommissionFilter, Status


def read_filters(request: Request) -> dict[str, Any]:
    """Return the filters of a list by name, None for one not given; raises ProblemError 422.

    A parameter nobody reads is refused: a mistyped filter must not give everything, a mistyped value no empty list.
    """
    operation = operation_of(request)
    for name in request.query_params:
        if name not in operation.query:
            listed = ", ".join(sorted(operation.query))
            raise invalid(FieldError(field=name[:60], message=f"There is no such parameter; there are {listed}."))
        if "\0" in request.query_params[name]:
            raise invalid(FieldError(field=name, message="The value holds a NUL character; remove it."))
    return {name: _filter(request, name, get_args(kind)) for name, kind in operation.filters.items()}


def _filter(request: Request, field: str, allowed: tuple[str, ...]) -> str | None:
    name = f"filter[{field}]"
    value = request.query_params.get(name)
    if value is None or not allowed or value in allowed:
        return value
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
    caller = await check_caller(request)
    filters = read_filters(request)
    limit = page_limit(request)
    chosen = ConversionFilter(
        livemode=caller.livemode,
        program_id=caller.program_id,
        **filters,
        created_from_ms=instant_filter(request, "gte"),
        created_to_ms=instant_filter(request, "lte"),
    )
    after = request.query_params.get("starting_after")

    def load(conn: Connection) -> list[ShownConversion]:
        last = None if after is None else _own_conversion(conn, caller, after).seq
        rows = conversions.list_conversions(conn, chosen, before_seq=last, limit=limit + 1)
        return [show_conversion(row) for row in rows]

    return page_answer(await services_of(request).db.read(load), limit)


async def get_conversion(request: Request) -> Response:
    """Answer GET /v1/conversions/{id} with its whole explanation."""
    caller = await check_caller(request)

    def load(conn: Connection) -> ShownOutcome:
        row = _own_conversion(conn, caller, request.path_params["id"])
        return show_outcome(conn, row.conversion_id, now_ms=caller.now_ms)

    return json_answer(await services_of(request).db.read(load))


async def list_commissions(request: Request) -> Response:
    """Answer GET /v1/commissions."""
    caller = await check_caller(request)
    filters = read_filters(request)
    limit = page_limit(request)
    conversion = filters["conversion_id"]
    chosen = CommissionFilter(
        livemode=caller.livemode,
        program_id=caller.program_id,
        status=filters["status"],
        conversion_id=None if conversion is None else checked_id("cnv", conversion),
        created_from_ms=instant_filter(request, "gte"),
        created_to_ms=instant_filter(request, "lte"),
    )
    after = request.query_params.get("starting_after")

    def load(conn: Connection) -> list[ShownCommission]:
        last = None
        if after is not None:
            known = ledger.get_commission(conn, checked_id("com", after), now_ms=caller.now_ms)
            if known is None or not is_own(caller, known.line.program_id, livemode=known.line.livemode):
                raise not_found("commission", after)
            last = known.line.seq
        found = ledger.commissions(conn, chosen, now_ms=caller.now_ms, before_seq=last, limit=limit + 1)
        return [show_commission(each) for each in found]

    return page_answer(await services_of(request).db.read(load), limit)


async def get_commission(request: Request) -> Response:
    """Answer GET /v1/commissions/{id}."""
    caller = await check_caller(request)
    given = request.path_params["id"]
    commission_id = checked_id("com", given)
    found = await services_of(request).db.read(
        lambda conn: ledger.get_commission(conn, commission_id, now_ms=caller.now_ms)
    )
    if found is None or not is_own(caller, found.line.program_id, livemode=found.line.livemode):
        raise not_found("commission", given)
    return json_answer(show_commission(found))


async def list_clicks(request: Request) -> Response:
    """Answer GET /v1/clicks; what is acknowledged is projected first, so a client reads its own writes."""
    caller = await check_caller(request)
    visitor = read_filters(request)["visitor_id"]
    limit = page_limit(request)
    chosen = ClickFilter(
        livemode=caller.livemode,
        program_id=caller.program_id,
        visitor_id=None if visitor is None else visitor.removeprefix("vis_"),
    )
    after = request.query_params.get("starting_after")
    services = services_of(request)
    await services.project()

    def load(conn: Connection) -> list[ShownClick]:
        last = None
        if after is not None:
            last = _own_click(conn, caller, after).seq
        return [show_click(row) for row in clicks.list_clicks(conn, chosen, before_seq=last, limit=limit + 1)]

    return page_answer(await services.db.read(load), limit)


async def get_click(request: Request) -> Response:
    """Answer GET /v1/clicks/{id}; the id is the browser's own, with or without clk_."""
    caller = await check_caller(request)
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
    if row is None or not is_own(caller, row.program_id, livemode=row.livemode):
        raise not_found("conversion", given)
    return row


def is_own(caller: Caller, program_id: str, *, livemode: bool) -> bool:
    """Tell whether an object is of the key's program and mode."""
    return (program_id, livemode) == (caller.program_id, caller.livemode)


OPERATIONS = (
    Operation(
        method="GET",
        path="/v1/conversions",
        endpoint=list_conversions,
        name="conversions_list",
        summary="List leads, sales and refunds, newest first.",
        scope="read",
        answers={200: Page[ShownConversion]},
        filters={"status": ConversionStatus, "kind": ConversionKind, "trust": Trust, "external_id": str},
        is_list=True,
        has_created=True,
    ),
    Operation(
        method="GET",
        path="/v1/conversions/{id}",
        endpoint=get_conversion,
        name="conversions_get",
        summary="Read one conversion with its attribution and commissions.",
        scope="read",
        answers={200: ShownOutcome},
    ),
    Operation(
        method="GET",
        path="/v1/commissions",
        endpoint=list_commissions,
        name="commissions_list",
        summary="List the lines of the ledger, newest first.",
        scope="read",
        answers={200: Page[ShownCommission]},
        filters={"status": Status, "conversion_id": str},
        is_list=True,
        has_created=True,
    ),
    Operation(
        method="GET",
        path="/v1/commissions/{id}",
        endpoint=get_commission,
        name="commissions_get",
        summary="Read one line of the ledger.",
        scope="read",
        answers={200: ShownCommission},
    ),
    Operation(
        method="GET",
        path="/v1/clicks",
        endpoint=list_clicks,
        name="clicks_list",
        summary="List clicks, newest first.",
        scope="read",
        answers={200: Page[ShownClick]},
        filters={"visitor_id": str},
        is_list=True,
    ),
    Operation(
        method="GET",
        path="/v1/clicks/{id}",
        endpoint=get_click,
        name="clicks_get",
        summary="Read one click, by its id with or without clk_.",
        scope="read",
        answers={200: ShownClick},
    ),
)
