"""The engine for one large machine: the keys of all clicks pass DuckDB once, which tells whose clicks a batch asks for.

DuckDB gets the keys from us, as Arrow; it opens no database of ours and loads no extension. Only the clicks it chose
are then read whole, by their numbers. It needs the extra "duckdb". Memory holds one piece of the keys and one batch,
DuckDB what MEMORY allows; the rest lies in files.
"""

from collections.abc import AsyncIterator, Iterator
from functools import partial
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import duckdb

from tracker.clicks.touches import read_numbered, sort_touches
from tracker.recompute.arrow import WANTED_SCHEMA, as_arrow, walk_keys, wanted_rows
from tracker.recompute.engines import Reader, Setting, spool, unspool
from tracker.recompute.lookup import wanted_by
from tracker.recompute.simulate import simulate
from tracker.recompute.types import Batch, BatchResult

MEMORY = "768MB"  # of DuckDB itself; with the interpreter and one piece of the keys that stays below 2 GiB
NOTED = 20_000  # visitors and clicks asked for that are noted at once; each time DuckDB writes to its file
FETCHED = 100_000  # numbers of candidates taken back at once


class DuckEngine:
    """Walks through all clicks once; see engines.py."""

    async def decide(
        self, batches: AsyncIterator[Batch], reader: Reader, setting: Setting
    ) -> AsyncIterator[tuple[Batch, BatchResult]]:
        """Give each batch with what it came to, after the walk."""
        conn = _open(setting.folder)
        try:
            count = await self._spool(conn, batches, setting)
            if count:
                await self._walk(conn, reader, setting)
            found = _candidates(conn)
            head = next(found, None)
            for number in range(count):
                seqs: list[int] = []
                if head is not None and head[0] == number:
                    seqs, head = head[1], next(found, None)
                batch = unspool(setting.folder, number)
                rows = await reader.read(partial(read_numbered, seqs=seqs))
                touches = sort_touches(rows, *wanted_by(batch), numbers=setting.numbers)
                yield batch, simulate(batch, setting.world, touches, setting.what_if)
        finally:
            conn.close()

    async def _spool(self, conn: "duckdb.DuckDBPyConnection", batches: AsyncIterator[Batch], setting: Setting) -> int:
        """Put batches into files and note which visitors and clicks each asks for."""
        waiting: dict[str, list[Any]] = {"wanted_visitors": [], "wanted_clicks": []}

        async def see(batch: Batch, number: int) -> None:
            for (table, held), rows in zip(waiting.items(), wanted_rows(batch, number, setting), strict=True):
                held.extend(rows)
                if len(held) >= NOTED:
                    _insert(conn, table, held)
                    held.clear()

        count = await spool(batches, setting.folder, see)
        for table, held in waiting.items():
            _insert(conn, table, held)
        return count

    async def _walk(self, conn: "duckdb.DuckDBPyConnection", reader: Reader, setting: Setting) -> None:
        """Hand all keys over, piece by piece; DuckDB notes the clicks that some batch asks for."""
        async for piece in walk_keys(reader, setting):
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


def _insert(conn: "duckdb.DuckDBPyConnection", table: str, rows: list[Any]) -> None:
    if rows:
        conn.register("rows_in", as_arrow(rows, WANTED_SCHEMA))
        conn.execute(f"INSERT INTO {table} SELECT * FROM rows_in")  # noqa: S608  # Our own names.
        conn.unregister("rows_in")


def _candidates(conn: "duckdb.DuckDBPyConnection") -> Iterator[tuple[int, list[int]]]:
    """Give the numbers of the clicks that were chosen, batch by batch."""
    found = conn.execute("SELECT DISTINCT batch, seq FROM candidates ORDER BY batch, seq")

    def rows() -> Iterator[Any]:
        while piece := found.fetchmany(FETCHED):
            yield from piece

    for number, chosen in groupby(rows(), key=itemgetter(0)):
        yield number, [row[1] for row in chosen]
