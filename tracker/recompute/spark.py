"""The engine for several machines: Spark brings clicks to batches, and its Python workers run the pure function.

Clicks, and what batches ask for, lie as Parquet in a folder; on a cluster every worker must see the system's temporary
folder under one path. It needs the extra "spark" and Java 17. SPARK_MASTER in the environment names a cluster; without
it Spark runs on this machine's cores and listens on loopback alone.
"""

import os
import shutil
import sys
from collections.abc import AsyncIterator, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession

from tracker.clicks.touches import COLUMNS, Numbering, sort_touches
from tracker.operations.types import OperationError
from tracker.recompute.arrow import CLICK_SCHEMA, WANTED_SCHEMA, spool_part, walk_clicks
from tracker.recompute.engines import Decided, Means, Part, differing, unspool
from tracker.recompute.lookup import wanted_by
from tracker.recompute.simulate import simulate
from tracker.recompute.types import BatchResult, WhatIf, World

PARTITIONS = 64  # pieces of work; each holds the batches that fall to it, one after another


class Shared(msgspec.Struct, frozen=True, kw_only=True):
    """What every worker needs, in a file of the folder."""

    world: World
    numbers: Numbering
    what_if: WhatIf


class SparkEngine:
    """Spreads clicks and decisions; see engines.py."""

    def __init__(self) -> None:
        """Refuse to begin without Java."""
        home = os.environ.get("JAVA_HOME")
        if shutil.which("java") is None and not (home and (Path(home) / "bin" / "java").exists()):
            raise OperationError(
                'The engine "spark" needs Java 17, and there is no "java" here; install it (Debian: '
                "apt-get install openjdk-17-jre-headless), or use --engine duckdb."
            )

    async def decide(self, parts: Iterable[Part], means: Means) -> AsyncIterator[Decided]:
        """Give what each batch came to, after Spark has decided all of them."""
        setting, folder, count = means.setting, means.setting.folder, 0
        with (
            pq.ParquetWriter(folder / "visitors.parquet", WANTED_SCHEMA) as visitors,
            pq.ParquetWriter(folder / "named.parquet", WANTED_SCHEMA) as named,
        ):
            async for wanted in means.crew.each(spool_part, parts):
                count += 1
                for out, table in ((visitors, wanted.visitors), (named, wanted.named)):
                    if table.num_rows:
                        out.write_table(table)
        with pq.ParquetWriter(folder / "clicks.parquet", CLICK_SCHEMA) as out:
            async for piece in walk_clicks(means):
                out.write_table(piece)
        shared = Shared(world=setting.world, numbers=setting.numbers, what_if=setting.what_if)
        (folder / "shared.msgpack").write_bytes(msgspec.msgpack.encode(shared))
        if count:
            _decide_all(folder, count)
        for number in range(count):
            result = msgspec.msgpack.decode(_result(folder, number).read_bytes(), type=BatchResult)
            members = differing(unspool(folder, number), result) if result.differing else ()
            yield Decided(result=result, members=members)


def _decide_all(folder: Path, count: int) -> None:
    """Let Spark decide every batch into a file of the folder."""
    session = _session()
    try:
        clicks = session.read.parquet(str(folder / "clicks.parquet"))
        kept = _kept(session, clicks, folder).rdd.map(lambda row: (row[0], tuple(row[1:])))
        # A batch none of whose people clicked is decided, too.
        empty = session.sparkContext.parallelize([(number, None) for number in range(count)])
        grouped = kept.union(empty).groupByKey(min(PARTITIONS, count))
        done = sum(grouped.mapPartitions(partial(decide_part, str(folder))).collect())
        assert done == count, f"{done} of {count} batches were decided"
    finally:
        session.stop()


def _kept(session: SparkSession, clicks: DataFrame, folder: Path) -> DataFrame:
    """Return the clicks that some batch asks for, with its number; both sides are spread by the visitor's key."""
    visitors = session.read.parquet(str(folder / "visitors.parquet"))
    named = session.read.parquet(str(folder / "named.parquet"))
    by_visitor = clicks.selectExpr("*", "coalesce(visitor_key, click_key) AS key").join(
        visitors, ["program_number", "key"]
    )
    by_click = clicks.selectExpr("*", "click_key AS key").join(named, ["program_number", "key"])
    wanted = ["batch", *COLUMNS]
    return by_visitor.select(*wanted).unionAll(by_click.select(*wanted))


def decide_part(folder: str, part: Iterable[tuple[int, Iterable[Any]]]) -> Iterator[int]:
    """Decide the batches of one partition, in a worker of Spark, and give 1 for each."""
    place = Path(folder)
    shared = msgspec.msgpack.decode((place / "shared.msgpack").read_bytes(), type=Shared)
    encoder = msgspec.msgpack.Encoder()
    for number, rows in part:
        batch = unspool(place, number)
        packed = (tuple(map(_plain, row)) for row in rows if row is not None)
        touches = sort_touches(packed, *wanted_by(batch), numbers=shared.numbers)
        result = simulate(batch, shared.world, touches, shared.what_if)
        # A task that is run twice writes the same bytes twice.
        unfinished = _result(place, number).with_suffix(f".{os.getpid()}")
        unfinished.write_bytes(encoder.encode(result))
        unfinished.replace(_result(place, number))
        yield 1


def _plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, bytearray) else value


def _result(folder: Path, number: int) -> Path:
    return folder / f"result-{number}.msgpack"


def _session() -> SparkSession:
    """Return a session on the cluster that SPARK_MASTER names, or on this machine."""
    master = os.environ.get("SPARK_MASTER")
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = (
        SparkSession.builder.appName("molva")
        .master(master or "local[*]")
        .config("spark.ui.enabled", "false")
        .config("spark.log.level", "ERROR")
        .config("spark.sql.shuffle.partitions", str(PARTITIONS))
        # Workers import what this process imports.
        .config("spark.executorEnv.PYTHONPATH", os.pathsep.join(path or str(Path.cwd()) for path in sys.path))
    )
    if master is None:
        builder = builder.config("spark.driver.host", "127.0.0.1").config("spark.driver.bindAddress", "127.0.0.1")
    return builder.getOrCreate()
