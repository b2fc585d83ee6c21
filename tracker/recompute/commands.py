"""What the command line asks of a running server while it computes: the writing, in small steps over the socket.

None of these is a command of its own; `molva attribution recompute` asks for them in turn.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from tracker.recompute import apply
from tracker.recompute.apply import Asked
from tracker.recompute.types import BatchResult, Change, Run
from tracker.services import Services

Params = dict[str, Any]
Answer = dict[str, Any]

ACTOR = "cli"


async def _start(services: Services, params: Params) -> Answer:
    return _shown(await apply.start_run(services, msgspec.convert(params, Asked), actor=ACTOR))


async def _find(services: Services, params: Params) -> Answer:
    return _shown(await apply.find_run(services, params["run_id"]))


async def _prepare(services: Services, params: Params) -> Answer:
    await apply.prepare_conversions(services, params["run_id"], params["conversion_ids"])
    services.work.set()
    return {}


async def _decide(services: Services, params: Params) -> Answer:
    changes = await apply.decide_conversions(services, params["run_id"], params["conversion_ids"])
    services.work.set()
    return {"changed": len(changes)}


async def _note(services: Services, params: Params) -> Answer:
    await apply.note_changes(services, msgspec.convert(params["changes"], list[Change]))
    return {}


async def _finish_batch(services: Services, params: Params) -> Answer:
    await apply.finish_batch(services, params["run_id"], msgspec.convert(params["result"], BatchResult))
    return {}


async def _finish(services: Services, params: Params) -> Answer:
    return _shown(await apply.finish_run(services, params["run_id"]))


def _shown(run: Run) -> Answer:
    shown: Answer = msgspec.to_builtins(run)
    return shown


RUN_COMMANDS: dict[str, Callable[[Services, Params], Awaitable[Answer]]] = {
    "attribution run start": _start,
    "attribution run find": _find,
    "attribution run prepare": _prepare,
    "attribution run decide": _decide,
    "attribution run note": _note,
    "attribution run finish batch": _finish_batch,
    "attribution run finish": _finish,
}
