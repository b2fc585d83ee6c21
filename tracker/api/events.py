"""Received events on the API: what was refused and why, and events with names of the site's own."""

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from tracker.api.access import Caller, check_caller, services_of
from tracker.api.answers import json_answer, not_found, page_answer, page_limit
from tracker.api.lists import checked_id, instant_filter, is_own, read_filters
from tracker.api.operation import Operation
from tracker.api.shapes import Page
from tracker.events import store
from tracker.events.types import ShownEvent
from tracker.quarantine.types import EventFilter, Verdict


async def list_events(request: Request) -> Response:
    """Answer GET /v1/events."""
    caller = await check_caller(request)
    filters = read_filters(request)
    limit = page_limit(request)
    wanted = EventFilter(
        livemode=caller.livemode,
        program_id=caller.program_id,
        **filters,
        received_from_ms=instant_filter(request, "gte"),
        received_to_ms=instant_filter(request, "lte"),
    )
    after = request.query_params.get("starting_after")

    def load(conn: Connection) -> list[ShownEvent]:
        last = None if after is None else _own_event(conn, caller, after).id
        return store.list_events(conn, wanted, before=last, limit=limit + 1)

    return page_answer(await services_of(request).db.read(load), limit)


async def get_event(request: Request) -> Response:
    """Answer GET /v1/events/{id}."""
    caller = await check_caller(request)
    given = request.path_params["id"]
    return json_answer(await services_of(request).db.read(lambda conn: _own_event(conn, caller, given)))


def _own_event(conn: Connection, caller: Caller, given: str) -> ShownEvent:
    event = store.get_event(conn, checked_id("evt", given))
    if event is None or not is_own(caller, event.program_id, livemode=event.livemode):
        raise not_found("event", given)
    return event


OPERATIONS = (
    Operation(
        method="GET",
        path="/v1/events",
        endpoint=list_events,
        name="events_list",
        summary="List refused reports and custom events as they came, newest first.",
        scope="read",
        answers={200: Page[ShownEvent]},
        filters={"verdict": Verdict, "source": str, "code": str},
        is_list=True,
        has_created=True,
    ),
    Operation(
        method="GET",
        path="/v1/events/{id}",
        endpoint=get_event,
        name="events_get",
        summary="Read one event with its cause and what became of it.",
        scope="read",
        answers={200: ShownEvent},
    ),
)
