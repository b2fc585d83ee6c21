"""The two who write for a run: a running server that is asked over its socket, or this process itself."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from tracker.recompute.commands import RUN_COMMANDS
from tracker.recompute.types import BatchResult, Change, Run
from tracker.services import Services

DECIDED_AT_ONCE = 20  # conversions in one request; each is a transaction of its own of some milliseconds
NOTED_BYTES = 32 * 1024  # changes in one request; the socket takes 64 KiB

Do = Callable[[str, dict[str, Any]], dict[str, Any]]


class HereWriter:
    """Writes in this process, through opened services."""

    def __init__(self, services: Services) -> None:
        """Take the services."""
        self._services = services

    async def request(self, command: str, params: dict[str, Any]) -> dict[str, Any]:
        """Do one step and return its answer."""
        return await RUN_COMMANDS[command](self._services, params)


class ServerWriter:
    """Asks a running server; it commits between the requests, and others get their turn."""

    def __init__(self, ask: Do) -> None:
        """Take what sends a command and returns the answer."""
        self._ask = ask

    async def request(self, command: str, params: dict[str, Any]) -> dict[str, Any]:
        """Do one step and return its answer."""
        return await asyncio.to_thread(self._ask, command, params)


class RequestWriter:
    """What a run writes, as requests of a bounded size."""

    def __init__(self, to: HereWriter | ServerWriter) -> None:
        """Take who answers the requests."""
        self._to = to

    async def start(self, asked: dict[str, Any]) -> Run:
        """Return a new run."""
        return msgspec.convert(await self._to.request("attribution run start", asked), Run)

    async def find(self, run_id: str) -> Run:
        """Return a run that is to go on."""
        return msgspec.convert(await self._to.request("attribution run find", {"run_id": run_id}), Run)

    async def prepare(self, run_id: str, conversion_ids: Sequence[str]) -> None:
        """Decide conversions that will be decided once more."""
        for start in range(0, len(conversion_ids), DECIDED_AT_ONCE):
            part = list(conversion_ids[start : start + DECIDED_AT_ONCE])
            await self._to.request("attribution run prepare", {"run_id": run_id, "conversion_ids": part})

    async def decide(self, run_id: str, conversion_ids: Sequence[str]) -> None:
        """Decide conversions again for good."""
        for start in range(0, len(conversion_ids), DECIDED_AT_ONCE):
            part = list(conversion_ids[start : start + DECIDED_AT_ONCE])
            await self._to.request("attribution run decide", {"run_id": run_id, "conversion_ids": part})

    async def note(self, changes: Sequence[Change]) -> None:
        """Store what would change."""
        for part in _portions(changes):
            await self._to.request("attribution run note", {"changes": part})

    async def finish_batch(self, run_id: str, result: BatchResult) -> None:
        """Note that a batch is done."""
        # Which ones differ is written already.
        short = msgspec.to_builtins(msgspec.structs.replace(result, differing=()))
        await self._to.request("attribution run finish batch", {"run_id": run_id, "result": short})

    async def finish(self, run_id: str) -> Run:
        """Note that the run is done and return it."""
        return msgspec.convert(await self._to.request("attribution run finish", {"run_id": run_id}), Run)


def _portions(changes: Sequence[Change]) -> Iterator[list[Any]]:
    part: list[Any] = []
    size = 0
    for change in changes:
        length = len(msgspec.json.encode(change))
        if part and size + length > NOTED_BYTES:
            yield part
            part, size = [], 0
        part.append(msgspec.to_builtins(change))
        size += length
    if part:
        yield part
