"""Measure deciding again: one conversion at a time, in batches, and everything with DuckDB.

`PYTHONPATH=.:benchmarks/storage python benchmarks/attribution/run.py --clicks 1000000`. Every ratio is made of two
figures of one run on one machine. See README.md beside this file.
"""

import argparse
import asyncio
import json
import multiprocessing
import resource
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from operator import itemgetter
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from fill import EVERYTHING, add_strangers, fill
from sqlalchemy import Connection

from attribution.engine import attribute
from tracker.clicks.encoding import pack_browser_id
from tracker.clicks.touches import find_touches, numbering, read_clicks
from tracker.conversions.journey import load_case
from tracker.db.opening import open_database
from tracker.db.reading import SqliteReader, map_pages
from tracker.programs import store as programs
from tracker.recompute import apply, facts_store, plan
from tracker.recompute.arrow import CLICK_SCHEMA, as_arrow
from tracker.recompute.checksum import result_digest
from tracker.recompute.crew import processes_for, uncollected
from tracker.recompute.engines import open_engine
from tracker.recompute.facts import load_batch
from tracker.recompute.lookup import wanted_by
from tracker.recompute.run import run_through
from tracker.recompute.simulate import simulate
from tracker.recompute.types import WhatIf
from tracker.recompute.writers import HereWriter, RequestWriter
from tracker.services import Services
from tracker.settings import Settings

SAMPLE = 20_000  # conversions decided in batches
ONE_BY_ONE = 2_000  # conversions decided alone, which takes far longer each
PIECE = 200_000
WINDOW_MS = 30 * 86_400_000

ROUNDS = 15  # of bare look-ups and of ours, in turn; the one in the middle counts

# Every touch of every conversion's people, as a run needs them, with the weights of three models over those that may
# earn: what a warehouse would do, and no more.
TOUCHES = """
SELECT w.conversion, c.seq, c.enrollment_number, c.click_key, c.visitor_key, c.livemode, c.is_bot,
  w.at_ms - (c.received_at_ms - c.age_ms) AS age_ms,
  c.is_bot = 0 AND c.program_number = 1 AND w.at_ms - (c.received_at_ms - c.age_ms) BETWEEN 0 AND {window} AS may_earn
FROM {clicks} c JOIN wanted w ON w.visitor = coalesce(c.visitor_key, c.click_key)
"""
WEIGHTS = """
WITH weighed AS (
  SELECT *, CASE WHEN may_earn THEN pow(2, -age_ms / 604800000.0) ELSE 0 END AS decay FROM {touches}
)
SELECT *, may_earn AND row_number() OVER (PARTITION BY conversion, may_earn ORDER BY age_ms, seq DESC) = 1 AS is_last,
  CASE WHEN may_earn THEN 1.0 / sum(may_earn::INTEGER) OVER (PARTITION BY conversion) END AS linear,
  CASE WHEN may_earn THEN decay / sum(decay) OVER (PARTITION BY conversion) END AS share
FROM weighed
"""
# Whose clicks belong to a conversion: its own visitor's and those of every visitor known as its customer.
WANTED = """
SELECT seq, visitor_id, occurred_at_ms FROM conversions UNION
SELECT c.seq, l.visitor_id, c.occurred_at_ms FROM conversions c JOIN identity_links l ON l.customer_id = c.customer_id
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clicks", type=int, default=1_000_000)
    parser.add_argument("--conversions", type=int, help="default: one of fifty clicks")
    parser.add_argument("--folder", type=Path, help="keep the data here; used again when it is there")
    parser.add_argument("--strangers", type=int, default=0, help="so many more clicks of nobody for one more run")
    parser.add_argument("--out", type=Path, help="write the figures here, too")
    asked = parser.parse_args()
    conversions = asked.conversions or asked.clicks // 50
    folder = asked.folder or Path(tempfile.mkdtemp(prefix="molva-attribution-"))
    try:
        if not (folder / "molva.db").exists():
            folder.mkdir(parents=True, exist_ok=True)
            began = time.perf_counter()
            asyncio.run(fill(folder, click_count=asked.clicks, conversion_count=conversions))
            print(f"filled in {time.perf_counter() - began:.0f} s", flush=True)
        figures = {"clicks": asked.clicks, "conversions": conversions}
        for name, measure in MEASURES.items():
            figures[name] = apart(measure, folder)
            print(name, json.dumps(figures[name]), flush=True)
        if asked.strangers:
            crowded = folder / "crowded"
            add_strangers(folder, crowded, asked.strangers)
            figures["full_duckdb_crowded"] = {"clicks": asked.clicks + asked.strangers, **apart(full_duckdb, crowded)}
            print("full_duckdb_crowded", json.dumps(figures["full_duckdb_crowded"]), flush=True)
            shutil.rmtree(crowded)
        for bare in ("bare_streamed", "bare_duckdb"):
            figures[f"full_to_{bare}"] = round(figures["full_duckdb"]["seconds"] / figures[bare]["seconds"], 2)
            print(f"full_to_{bare}", figures[f"full_to_{bare}"])
        if asked.out:
            asked.out.write_text(json.dumps(figures, indent=2) + "\n")
    finally:
        if asked.folder is None:
            shutil.rmtree(folder, ignore_errors=True)


def apart(measure: Callable[[Path], dict[str, Any]], folder: Path) -> dict[str, Any]:
    """Measure in a process of its own and add the most memory it had."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_measure, args=(measure, folder, theirs))
    process.start()
    answer: dict[str, Any] = ours.recv()
    process.join(60)
    return answer


def _measure(measure: Callable[[Path], dict[str, Any]], folder: Path, out: Any) -> None:
    figures = measure(folder)
    # Of this process alone; getrusage would begin with what the parent had when it forked (Linux).
    status = Path("/proc/self/status").read_text()
    most = int(status.split("VmHWM:")[1].split()[0]) // 1024
    # Every process that computed is counted with what the largest of them had; without any this is nought.
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    figures["most_memory_mib"] = most + figures.get("processes", 0) * largest
    out.send(figures)


def incremental(folder: Path) -> dict[str, Any]:
    """Decisions a second against bare look-ups of the same conversions' touches."""
    return asyncio.run(_incremental(folder))


async def _incremental(folder: Path) -> dict[str, Any]:
    database = open_database(f"sqlite:///{folder / 'molva.db'}")
    reader = SqliteReader(folder / "molva.db")
    try:
        found = await reader.read(lambda conn: facts_store.walk_conversions(conn, EVERYTHING))
        # All over the history, as late facts are.
        sample = plan.group(found[:: max(len(found) // SAMPLE, 1)])
        rounds = []
        with uncollected():  # as a run does
            for number in range(ROUNDS + 1):
                bare = bare_rate(folder, [row for group in sample for row in group])
                told = await reader.read(lambda conn: _batches(conn, sample))
                if number:  # The first time warms the caches for all of them.
                    rounds.append((told["fetch_and_decide_per_s"] / bare, bare, told))
        ratios = [ratio for ratio, *_ in rounds]
        _, bare, told = sorted(rounds, key=itemgetter(0))[ROUNDS // 2]
        # As the worker does it: on the writer's connection.
        alone = await database.write(lambda conn: _alone(conn, sample[:: max(len(sample) // ONE_BY_ONE, 1)]))
    finally:
        await reader.close()
        await database.close()
    rates = {"bare_per_s": round(bare), **{name: round(rate) for name, rate in (told | alone).items()}}
    return rates | {
        "fetch_and_decide_to_bare": round(told["fetch_and_decide_per_s"] / bare, 3),
        "fetch_and_decide_to_bare_of_rounds": [round(ratio, 3) for ratio in ratios],
        "decide_in_batches_to_bare": round(told["decide_in_batches_per_s"] / bare, 3),
        "decide_alone_to_bare": round(alone["decide_alone_per_s"] / bare, 3),
    }


def bare_rate(folder: Path, rows: list[plan.Light]) -> float:
    """Look all touches of conversions up in plain Python and sqlite3, and return conversions a second."""
    conn = sqlite3.connect(folder / "molva.db")
    visitors = {
        row[0]: pack_browser_id(row[1]) for row in conn.execute("SELECT conversion_id, visitor_id FROM conversions")
    }
    columns = "seq, enrollment_number, click_key, visitor_key, received_at_ms, age_ms, is_bot"
    query = (
        f"SELECT {columns} FROM clicks WHERE visitor_key = ?1 UNION ALL "
        f"SELECT {columns} FROM clicks WHERE click_key = ?1 AND visitor_key IS NULL"
    )
    began = time.perf_counter()
    touches = sum(len(conn.execute(query, (visitors[row.conversion],)).fetchall()) for row in rows)
    rate = len(rows) / (time.perf_counter() - began)
    conn.close()
    assert touches
    return rate


def _batches(conn: Connection, sample: list[list[plan.Light]]) -> dict[str, float]:
    """Return conversions a second in batches, as the engine "lookup" decides them: step by step and as a whole."""
    map_pages(conn)
    world, numbers = facts_store.load_world(conn, None), numbering(conn)
    spent = {"load": 0.0, "fetch": 0.0, "decide": 0.0}
    count = 0
    for number, part in enumerate(plan.cut(sample)):
        began = time.perf_counter()
        batch = load_batch(conn, part, world=world, number=number, now_ms=0)
        loaded = time.perf_counter()
        touches = find_touches(conn, *wanted_by(batch), numbers=numbers, up_to=10**15)
        fetched = time.perf_counter()
        simulate(batch, world, touches, WhatIf())
        decided = time.perf_counter()
        spent = {
            "load": spent["load"] + loaded - began,
            "fetch": spent["fetch"] + fetched - loaded,
            "decide": spent["decide"] + decided - fetched,
        }
        count += len(batch.members)
    return {
        **{f"{name}_per_s": count / seconds for name, seconds in spent.items()},
        "fetch_and_decide_per_s": count / (spent["fetch"] + spent["decide"]),
        "decide_in_batches_per_s": count / sum(spent.values()),
    }


def _alone(conn: Connection, sample: list[list[plan.Light]]) -> dict[str, float]:
    """Return conversions a second as deciding one of them does it, and of the pure function within."""
    rows = facts_store.conversions_of(conn, [row.conversion for group in sample for row in group])
    spent, pure = 0.0, 0.0
    for row in rows:
        began = time.perf_counter()
        program = programs.program_as_of(conn, row.program_id, row.occurred_at_ms)
        assert program is not None
        case = load_case(conn, row, program)
        loaded = time.perf_counter()
        attribute(case.conversion, case.journey, program.settings.attribution)
        ended = time.perf_counter()
        spent, pure = spent + ended - began, pure + ended - loaded
    return {"decide_alone_per_s": len(rows) / spent, "pure_function_per_s": len(rows) / pure}


def bare_duckdb(folder: Path) -> dict[str, Any]:
    """Find and weigh all touches in DuckDB alone, from Parquet, and take every row; making the file is told apart."""
    began = time.perf_counter()
    parquet = folder / "clicks.parquet"
    asyncio.run(_export(folder, parquet))
    exported = time.perf_counter()
    with _asking(folder) as conn:
        asked = time.perf_counter()
        told = _take(conn, f"({_touches(repr(str(parquet)))})")
        seconds = time.perf_counter() - asked
    return {"seconds": round(seconds, 2), "export_seconds": round(exported - began, 2), **told}


def bare_streamed(folder: Path) -> dict[str, Any]:
    """Do the same over Arrow that plain Python and sqlite3 hand over piece by piece, as a run has to."""
    with _asking(folder) as conn, closing(sqlite3.connect(folder / "molva.db")) as raw:
        began = time.perf_counter()
        cursor = raw.execute(f"SELECT {', '.join(CLICK_SCHEMA.names)} FROM clicks")
        keep = "CREATE TEMP TABLE touches AS"
        while rows := cursor.fetchmany(PIECE):
            conn.register("piece", as_arrow(rows, CLICK_SCHEMA))
            conn.execute(f"{keep} {_touches('piece')}")
            conn.unregister("piece")
            keep = "INSERT INTO touches"
        told = _take(conn, "touches")
        seconds = time.perf_counter() - began
    return {"seconds": round(seconds, 2), **told}


@contextmanager
def _asking(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a database in memory that knows whose touches are wanted."""
    with closing(sqlite3.connect(folder / "molva.db")) as raw:
        rows = raw.execute(WANTED).fetchall()
    wanted = pa.table(
        {
            "conversion": pa.array([row[0] for row in rows]),
            "visitor": pa.array([pack_browser_id(row[1]) for row in rows], type=pa.binary()),
            "at_ms": pa.array([row[2] for row in rows]),
        }
    )
    with duckdb.connect(config={"memory_limit": "1GB", "temp_directory": str(folder / "spill")}) as conn:
        conn.register("wanted", wanted)
        yield conn


def _touches(clicks: str) -> str:
    return TOUCHES.format(clicks=clicks, window=WINDOW_MS)


def _take(conn: duckdb.DuckDBPyConnection, touches: str) -> dict[str, int]:
    """Weigh touches and take every row into Python."""
    found = conn.sql(WEIGHTS.format(touches=touches)).to_arrow_table()
    rows = list(zip(*(column.to_pylist() for column in found.columns), strict=True))
    return {"touches": len(rows), "attributed": sum(found.column("is_last").to_pylist())}


async def _export(folder: Path, path: Path) -> None:
    database = SqliteReader(folder / "molva.db")
    try:
        last = await database.read(lambda conn: int(conn.exec_driver_sql("SELECT max(seq) FROM clicks").scalar_one()))
        with pq.ParquetWriter(path, CLICK_SCHEMA) as out:
            for after in range(0, last, PIECE):
                rows = await database.read(lambda conn, a=after: read_clicks(conn, after=a, up_to=a + PIECE))
                out.write_table(as_arrow(rows, CLICK_SCHEMA))
    finally:
        await database.close()


def full_duckdb(folder: Path) -> dict[str, Any]:
    """Do a whole dry run with DuckDB."""
    return asyncio.run(_full(folder, "duckdb"))


def full_lookup(folder: Path) -> dict[str, Any]:
    """Do a whole dry run by the indexes."""
    return asyncio.run(_full(folder, "lookup"))


class Times:
    """When a run was told of its first and last progress."""

    def __init__(self) -> None:
        self.walked_at = 0.0

    def walked(self, clicks: int, of: int) -> None:
        """Note when all clicks were walked through."""
        if clicks >= of:
            self.walked_at = time.perf_counter()

    def decided(self, conversions: int, of: int) -> None:
        """Nothing to note."""


async def _full(folder: Path, engine: Any) -> dict[str, Any]:
    url = f"sqlite:///{folder / 'molva.db'}"
    database = open_database(url)
    services = Services(data_dir=folder, settings=Settings(), secret=b"of the benchmark, 32 bytes long.", db=database)
    times = Times()
    reader = SqliteReader(folder / "molva.db")
    try:
        began = time.perf_counter()
        writer = RequestWriter(HereWriter(services))
        run = await apply.start_run(services, apply.Asked(engine=engine, is_dry_run=True), actor="benchmark")
        computing = processes_for(run.conversions)
        run = await run_through(
            run,
            open_engine(engine),
            reader=reader,
            writer=writer,
            progress=times,
            now_ms=services.now_ms,
            url=url,
            processes=computing,
        )
        ended = time.perf_counter()
    finally:
        await reader.close()
        await database.close()
    told = {"seconds": round(ended - began, 2), "decided": run.decided, "processes": computing}
    if times.walked_at:
        told["until_clicks_were_walked"] = round(times.walked_at - began, 2)
    return told | {"digest": result_digest(run.decided, run.digest_sum)}


MEASURES: dict[str, Callable[[Path], dict[str, Any]]] = {
    "incremental": incremental,
    "bare_duckdb": bare_duckdb,
    "bare_streamed": bare_streamed,
    "full_duckdb": full_duckdb,
    "full_lookup": full_lookup,
}

if __name__ == "__main__":
    main()
