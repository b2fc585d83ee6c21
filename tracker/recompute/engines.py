"""What an engine is: it finds the touches of batches, wherever clicks are best read; deciding is always `simulate`.

`lookup.py` asks the indexes batch by batch, `duck.py` and `spark.py` walk through all clicks once; `open_engine`
chooses.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from importlib import import_module
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec
from sqlalchemy import Connection

from tracker.clicks.touches import Numbering
from tracker.operations.types import OperationError
from tracker.recompute.types import Batch, BatchResult, EngineName, WhatIf, World

T = TypeVar("T")

# Module and class of each engine, and the extra that installs what it needs.
ENGINES: dict[EngineName, tuple[str, str, str | None]] = {
    "lookup": ("tracker.recompute.lookup", "LookupEngine", None),
    "duckdb": ("tracker.recompute.duck", "DuckEngine", "duckdb"),
    "spark": ("tracker.recompute.spark", "SparkEngine", "spark"),
}


class Reader(Protocol):
    """What engines need of a database: reading."""

    async def read(self, transaction: Callable[[Connection], T]) -> T:
        """Run the function in one read-only transaction and return its value."""
        ...


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """What all batches of a run share. Folder: an empty one for files of the engine, gone when the run ends.

    Told: how many clicks of how many were walked through; engines call it as they go.
    """

    world: World
    numbers: Numbering
    what_if: WhatIf
    click_watermark: int
    folder: Path
    told: Callable[[int, int], None]


class Engine(Protocol):
    """Decides batches again; every engine gives the same results."""

    def decide(
        self, batches: AsyncIterator[Batch], reader: Reader, setting: Setting
    ) -> AsyncIterator[tuple[Batch, BatchResult]]:
        """Give each batch with what it came to, in their order."""
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


async def spool(batches: AsyncIterator[Batch], folder: Path, see: Callable[[Batch, int], Awaitable[None]]) -> int:
    """Put batches into files, so that memory holds one at a time, and return how many there are."""
    encoder = msgspec.msgpack.Encoder()
    number = 0
    async for batch in batches:
        spooled(folder, number).write_bytes(encoder.encode(batch))
        await see(batch, number)
        number += 1
    return number


def spooled(folder: Path, number: int) -> Path:
    """Return where a batch lies."""
    return folder / f"batch-{number}.msgpack"


def unspool(folder: Path, number: int) -> Batch:
    """Return a batch from its file."""
    return msgspec.msgpack.decode(spooled(folder, number).read_bytes(), type=Batch)
