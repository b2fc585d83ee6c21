"""What an engine is: it finds the touches of batches, wherever clicks are best read; deciding is always `simulate`.

`lookup.py` asks the indexes batch by batch, `duck.py` and `spark.py` walk through all clicks once; `open_engine`
chooses. What can be done by several processes at once, engines hand to the crew.
"""

from collections.abc import AsyncIterator, Callable, Iterable
from importlib import import_module
from pathlib import Path
from typing import Protocol

import msgspec
from sqlalchemy import Connection

from tracker.clicks.touches import Touches
from tracker.operations.types import OperationError
from tracker.recompute.crew import Crew, Setting
from tracker.recompute.facts import load_batch
from tracker.recompute.plan import Light
from tracker.recompute.simulate import simulate
from tracker.recompute.types import Batch, BatchResult, EngineName, Member

# Module and class of each engine, and the extra that installs what it needs.
ENGINES: dict[EngineName, tuple[str, str, str | None]] = {
    "lookup": ("tracker.recompute.lookup", "LookupEngine", None),
    "duckdb": ("tracker.recompute.duck", "DuckEngine", "duckdb"),
    "spark": ("tracker.recompute.spark", "SparkEngine", "spark"),
}


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Groups of conversions that become one batch, and its number."""

    number: int
    groups: list[list[Light]]


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """What a batch came to, with the conversions that differ, in the batch's order."""

    result: BatchResult
    members: tuple[Member, ...]


class Means(msgspec.Struct, frozen=True, kw_only=True):
    """What engines work with. Told: how many clicks of how many were walked through; engines call it as they go."""

    crew: Crew
    setting: Setting
    told: Callable[[int, int], None]


class Engine(Protocol):
    """Decides batches again; every engine gives the same results."""

    def decide(self, parts: Iterable[Part], means: Means) -> AsyncIterator[Decided]:
        """Give what each batch came to, in their order."""
        ...


def open_engine(name: EngineName) -> Engine:
    """Return an engine; raises OperationError naming the extra where its packages are missing."""
    module, class_name, extra = ENGINES[name]
    try:
        made: Engine = getattr(import_module(module), class_name)()
    except ModuleNotFoundError as error:
        if extra is None:
            raise
        raise OperationError(
            f'The engine "{name}" needs the package "{error.name}"; install it with: pip install "molva[{extra}]", '
            "or use --engine lookup, which needs nothing."
        ) from error
    return made


def load_part(conn: Connection, setting: Setting, part: Part) -> Batch:
    """Return the batch of a part with everything but its touches."""
    return load_batch(
        conn,
        part.groups,
        world=setting.world,
        number=part.number,
        now_ms=setting.now_ms,
        run_id=setting.run_id,
    )


def decided(batch: Batch, setting: Setting, touches: Touches) -> Decided:
    """Return what a batch comes to with its touches."""
    result = simulate(batch, setting.world, touches, setting.what_if)
    return Decided(result=result, members=differing(batch, result))


def differing(batch: Batch, result: BatchResult) -> tuple[Member, ...]:
    """Return the conversions that came to something else than is stored."""
    if not result.differing:
        return ()
    keys = {outcome.conversion_id for outcome in result.differing}
    return tuple([member for member in batch.members if member.row.conversion_id in keys])


def spool(setting: Setting, batch: Batch) -> None:
    """Put a batch into a file, so that memory holds few at a time."""
    spooled(setting.folder, batch.number).write_bytes(msgspec.msgpack.encode(batch))


def spooled(folder: Path, number: int) -> Path:
    """Return where a batch lies."""
    return folder / f"batch-{number}.msgpack"


def unspool(folder: Path, number: int) -> Batch:
    """Return a batch from its file."""
    return msgspec.msgpack.decode(spooled(folder, number).read_bytes(), type=Batch)
