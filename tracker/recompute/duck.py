"""The engine for one large machine: all clicks stream past DuckDB once, which keeps those that a batch asks for.

DuckDB gets the clicks from us, as Arrow; it opens no database of ours and loads no extension. It needs the extra
"duckdb". Memory holds one piece of the clicks and one batch, DuckDB what MEMORY allows; the rest lies in files.
"""

from collections.abc import AsyncIterator, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb

from tracker.clicks.touches import COLUMNS, PackedTouch, sort_touches
from tracker.recompute.arrow import WANTED_SCHEMA, as_arrow, walk_clicks, wanted_rows
from tracker.recompute.engines import Reader, Setting, spool, unspool
from tracker.recompute.lookup import wanted_by
from tracker.recompute.simulate import simulate
from tracker.recompute.types import Batch, BatchResult

MEMORY = "768MB"  # of DuckDB itself; with the interpreter and one piece of the clicks that stays below 2 GiB
FETCHED = 20_000  # candidates taken back at once

_NAMES = ", ".join(f"c.{name}" for name in COLUMNS)


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
                rows: list[PackedTouch] = []
                if head is not None and head[0] == number:
                    rows, head = head[1], next(found, None)
                batch = unspool(setting.folder, number)
                touches = sort_touches(rows, *wanted_by(batch), numbers=setting.numbers)
                yield batch, simulate(batch, setting.world, touches, setting.what_if)
        finally:
            conn.close()

    async def _spool(self, conn: "duckdb.DuckDBPyConnection", batches: AsyncIterator[Batch], setting: Setting) -> int:
        """Put batches into files and note which visitors and clicks each asks for."""

        async def see(batch: Batch, number: int) -> None:
            for table, rows in zip(
                ("wanted_visitors", "wanted_clicks"), wanted_rows(batch, number, setting), strict=True
            ):
                _insert(conn, table, rows)

        return await spool(batches, setting.folder, see)

    async def _walk(self, conn: "duckdb.DuckDBPyConnection", reader: Reader, setting: Setting) -> None:
        """Hand all clicks over, piece by piece; DuckDB keeps those that some batch asks for."""
        async for piece in walk_clicks(reader, setting):
            conn.register("piece", piece)
            conn.execute(_KEEP_OF_VISITORS)
            conn.execute(_KEEP_NAMED)
            conn.unregister("piece")


# The conversions are the small side: DuckDB hashes what is wanted and lets the clicks pass.
_KEEP_OF_VISITORS = (
    f"INSERT INTO candidates SELECT w.batch, {_NAMES} FROM piece c JOIN wanted_visitors w "  # noqa: S608  # Our names.
    "ON w.program_number = c.program_number AND w.key = coalesce(c.visitor_key, c.click_key)"
)
_KEEP_NAMED = (
    f"INSERT INTO candidates SELECT w.batch, {_NAMES} FROM piece c JOIN wanted_clicks w "  # noqa: S608  # Our names.
    "ON w.program_number = c.program_number AND w.key = c.click_key"
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
    conn.execute(
        "CREATE TABLE candidates (batch INTEGER, seq BIGINT, program_number INTEGER, enrollment_number INTEGER, "
        "click_key BLOB, visitor_key BLOB, livemode TINYINT, received_at_ms BIGINT, age_ms BIGINT, is_bot TINYINT)"
    )
    return conn


def _insert(conn: "duckdb.DuckDBPyConnection", table: str, rows: list[Any]) -> None:
    if rows:
        conn.register("rows_in", as_arrow(rows, WANTED_SCHEMA))
        conn.execute(f"INSERT INTO {table} SELECT * FROM rows_in")  # noqa: S608  # Our own names.
        conn.unregister("rows_in")


def _candidates(conn: "duckdb.DuckDBPyConnection") -> Iterator[tuple[int, list[PackedTouch]]]:
    """Give what was kept, batch by batch."""
    found = conn.execute(f"SELECT batch, {_NAMES} FROM candidates c ORDER BY batch, seq")  # noqa: S608  # Our names.

    def rows() -> Iterator[Any]:
        while piece := found.fetchmany(FETCHED):
            yield from piece

    for number, kept in groupby(rows(), key=lambda row: row[0]):
        yield number, [row[1:] for row in kept]
