"""The engine for one large machine: the keys of all clicks pass DuckDB once, which tells whose clicks a batch asks for.

DuckDB gets the keys from us, as Arrow; it opens no database of ours and loads no extension. Only the clicks it chose
are then read whole, by their numbers. It needs the extra "duckdb". Memory holds one piece of the keys and one batch,
DuckDB what MEMORY allows; the rest lies in files.
"""

from collections.abc import AsyncIterator, Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa
from sqlalchemy import Connection

from tracker.clicks.touches import read_numbered, sort_touches
from tracker.recompute.arrow import spool_part, walk_keys
from tracker.recompute.crew import Setting
from tracker.recompute.engines import Decided, Means, Part, decided, unspool
from tracker.recompute.lookup import decide_by_indexes, wanted_by

MEMORY = "768MB"  # of DuckDB itself; with the interpreter and one piece of the keys that stays below 2 GiB
NOTED = 40  # batches whose visitors and clicks are noted at once; each time DuckDB writes to its file
FETCHED = 100_000  # numbers of candidates taken back at once

# Clicks of a batch from which on somebody of it is looked at for more clicks than count, which the indexes cut.
CHOSEN_MAX = 40_000


class Chosen(NamedTuple):
    """A batch in its file, and the numbers of the clicks it asks for; None for more than CHOSEN_MAX."""

    number: int
    seqs: list[int] | None


class DuckEngine:
    """Walks through all clicks once; see engines.py."""

    async def decide(self, parts: Iterable[Part], means: Means) -> AsyncIterator[Decided]:
        """Give what each batch came to, after the walk."""
        conn = _open(means.setting.folder)
        try:
            count = await _note_wanted(conn, parts, means)
            if count:
                await _walk(conn, means)
            async for each in means.crew.each(decide_chosen, _chosen(conn, count)):
                yield each
        finally:
            conn.close()


def decide_chosen(conn: Connection, setting: Setting, chosen: Chosen) -> Decided:
    """Decide a batch by the clicks that were chosen for it; a task of a crew."""
    batch = unspool(setting.folder, chosen.number)
    if chosen.seqs is None:
        return decide_by_indexes(conn, setting, batch)
    rows = read_numbered(conn, chosen.seqs)
    return decided(batch, setting, sort_touches(rows, *wanted_by(batch), numbers=setting.numbers))


async def _note_wanted(conn: "duckdb.DuckDBPyConnection", parts: Iterable[Part], means: Means) -> int:
    """Have batches put into files, note which visitors and clicks each asks for, and return how many there are."""
    count = 0
    waiting: dict[str, list[pa.Table]] = {"wanted_visitors": [], "wanted_clicks": []}
    async for wanted in means.crew.each(spool_part, parts):
        count += 1
        for held, table in zip(waiting.values(), (wanted.visitors, wanted.named), strict=True):
            held.append(table)
        if count % NOTED == 0:
            _insert(conn, waiting)
    _insert(conn, waiting)
    return count


async def _walk(conn: "duckdb.DuckDBPyConnection", means: Means) -> None:
    """Hand all keys over, piece by piece; DuckDB notes the clicks that some batch asks for."""
    async for piece in walk_keys(means):
        conn.register("piece", piece)
        for keep in _KEEP:
            conn.execute(keep)
        conn.unregister("piece")


# What is wanted is the small side: DuckDB hashes one of the two and lets the other pass.
_KEEP = tuple(
    f"INSERT INTO candidates SELECT w.batch, k.seq FROM piece k JOIN {wanted} w "  # noqa: S608  # Our own names.
    f"ON w.key = k.{key} AND w.program_number = k.program_number"
    for wanted, key in (("wanted_visitors", "visitor_key"), ("wanted_clicks", "click_key"))
)


def _open(folder: Path) -> "duckdb.DuckDBPyConnection":
    """Return a database in a file of the folder, which loads nothing from outside."""
    conn = duckdb.connect(
        str(folder / "candidates.duckdb"),
        config={
            "memory_limit": MEMORY,
            "temp_directory": str(folder / "spill"),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "preserve_insertion_order": "false",
        },
    )
    # Ours says how far the whole run is.
    conn.execute("SET enable_progress_bar = false")
    for table in ("wanted_visitors", "wanted_clicks"):
        conn.execute(f"CREATE TABLE {table} (batch INTEGER, program_number INTEGER, key BLOB)")
    conn.execute("CREATE TABLE candidates (batch INTEGER, seq BIGINT)")
    return conn


def _insert(conn: "duckdb.DuckDBPyConnection", waiting: dict[str, list[pa.Table]]) -> None:
    for table, held in waiting.items():
        if held:
            conn.register("rows_in", pa.concat_tables(held))
            conn.execute(f"INSERT INTO {table} SELECT * FROM rows_in")  # noqa: S608  # Our own names.
            conn.unregister("rows_in")
            held.clear()


def _chosen(conn: "duckdb.DuckDBPyConnection", count: int) -> Iterator[Chosen]:
    """Give every batch with the numbers of its clicks, which may be none."""
    found = _candidates(conn)
    head = next(found, None)
    for number in range(count):
        if head is not None and head[0] == number:
            yield Chosen(number, head[1] if len(head[1]) <= CHOSEN_MAX else None)
            head = next(found, None)
        else:
            yield Chosen(number, [])


def _candidates(conn: "duckdb.DuckDBPyConnection") -> Iterator[tuple[int, list[int]]]:
    """Give the numbers of the clicks that were chosen, batch by batch."""
    found = conn.execute("SELECT DISTINCT batch, seq FROM candidates ORDER BY batch, seq")

    def rows() -> Iterator[Any]:
        while piece := found.fetchmany(FETCHED):
            yield from piece

    for number, chosen in groupby(rows(), key=itemgetter(0)):
        yield number, [row[1] for row in chosen]
