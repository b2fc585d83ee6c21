"""What the command line does to received events: list, take again, give up; see `commands.py`."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from ingest.directory import SinkBusyError
from tracker.db.database import DatabaseBusyError
from tracker.db.ids import IdError, canonical_id
from tracker.events import store
from tracker.i18n.messages import InputError, msg
from tracker.quarantine.types import EventFilter
from tracker.replay import REASON_MAX, EventJudgedError, EventNotFoundError, discard_event, replay_event
from tracker.services import Services

ACTOR = "cli"
LISTED_MAX = 100  # events of one answer

Answer = dict[str, Any]


async def list_events(services: Services, params: dict[str, Any]) -> Answer:
    """Return refused reports and, as accepted, custom events; newest first."""
    wanted = EventFilter(verdict=params.get("verdict"))
    found = await services.db.read(lambda conn: store.list_events(conn, wanted, limit=LISTED_MAX))
    return {"data": msgspec.to_builtins(found)}


async def replay_events(services: Services, params: dict[str, Any]) -> Answer:
    """Take refused events again, one after the other; `ok` when all of them are accepted now."""
    told = [await _replayed(services, given) for given in dict.fromkeys(params["event"])]
    return {"ok": all(each["verdict"] == "accepted" for each in told), "data": told}


async def discard_events(services: Services, params: dict[str, Any]) -> Answer:
    """Give refused events up, with a reason."""
    reason = params["reason"].strip()
    if not 1 <= len(reason) <= REASON_MAX:
        raise InputError("reason", msg("Say why in 1 to %(most)s characters.", most=REASON_MAX))
    told = [await _discarded(services, given, reason) for given in dict.fromkeys(params["event"])]
    return {"ok": all(each["verdict"] == "discarded" for each in told), "data": told}


async def _replayed(services: Services, given: str) -> Answer:
    async def replay(event_id: str) -> Answer:
        taken = await replay_event(services, event_id, actor=ACTOR)
        return _told(event_id, taken.verdict, code=taken.code, cause=taken.cause, result_id=taken.result_id)

    return await _each(given, replay)


async def _discarded(services: Services, given: str, reason: str) -> Answer:
    async def discard(event_id: str) -> Answer:
        await discard_event(services, event_id, reason=reason, actor=ACTOR)
        return _told(event_id, "discarded")

    return await _each(given, discard)


async def _each(given: str, act: Callable[[str], Awaitable[Answer]]) -> Answer:
    """Do it to one event; what cannot be done is told beside its id and does not stop the others."""
    try:
        event_id = canonical_id("evt", given)
    except IdError as error:
        return _told(given, None, code="not_found", cause=str(error))
    try:
        return await act(event_id)
    except EventNotFoundError:
        return _told(event_id, None, code="not_found", cause="There is no such refused event; see: molva events list.")
    except EventJudgedError:
        return _told(event_id, None, code="judged", cause="The event was taken or discarded already.")
    except (SinkBusyError, DatabaseBusyError) as error:
        return _told(event_id, None, code="busy", cause=str(error))


def _told(
    event_id: str, verdict: str | None, *, code: str = "", cause: str = "", result_id: str | None = None
) -> Answer:
    return {"id": event_id, "verdict": verdict, "result_id": result_id, "code": code, "cause": cause}


EVENT_COMMANDS: dict[str, Callable[[Services, dict[str, Any]], Awaitable[Answer]]] = {
    "events list": list_events,
    "events replay": replay_events,
    "events discard": discard_events,
}
