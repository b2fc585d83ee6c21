"""Fill a fresh installation with clicks, then measure what they take on disk and how long queries last.

One sixteenth goes through the projection's own transaction. The rest are the same rows again with their keys turned by
a byte each time, so that they are as random as before; they too are inserted in the order of arrival with every index
in place. What is unique to a click (a search page as referrer) gets a dictionary row each time.

`python benchmarks/storage/fill.py --clicks 10000000 --folder /somewhere/with/4GB`. The folder must be new; the program
removes it at the end unless told to keep it. See README.md beside this file.
"""

import argparse
import asyncio
import json
import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from installation import NOW_MS, make_installation
from sqlalchemy import Connection, select
from traffic import DAY_MS, DAYS, NEAR_END, Traffic, stored_facts

from ingest.enrich import Agent
from tracker.clicks import store
from tracker.clicks.packing import pack
from tracker.clicks.project import Arrived, Memory, Saved, save_batch
from tracker.clicks.tables import click_days, click_enrollments
from tracker.clicks.types import ClickFilter, ClickRow
from tracker.db.database import Database
from tracker.db.opening import open_database

PARTNERS = 2000
TURNS = 16  # bytes of a key, so many different ones can be made of it
# Fewer syncs and more memory change neither the rows nor the shape of the indexes.
HURRY = (
    "PRAGMA synchronous=OFF",
    "PRAGMA wal_autocheckpoint=100000",
    "PRAGMA cache_size=-800000",
    "PRAGMA secure_delete=ON",
)
BATCH = 2000  # clicks a transaction; larger than the projector's, the rows are the same
AGENT = Agent(
    text="",
    agent_key="Chrome 142 Windows",
    device="computer",
    os="Windows 10",
    browser="Chrome 142",
    is_bot=False,
    bot_reason=None,
)
REPEATS = 20
CLICK_TABLES = (
    "clicks",
    "click_",
    "ix_clicks",
    "sqlite_autoindex_clicks",
    "sqlite_autoindex_click_",
    "agents",
    "sqlite_autoindex_agents",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clicks", type=int, default=10_000_000)
    parser.add_argument("--folder", type=Path, required=True, help="a new folder for the database")
    parser.add_argument("--unique-pages", action="store_true", help="the worst case: no two clicks share a page")
    parser.add_argument("--keep", action="store_true", help="leave the folder there")
    options = parser.parse_args()
    options.folder.mkdir(parents=True)
    try:
        print(json.dumps(asyncio.run(measure(options)), indent=1))
    finally:
        if not options.keep:
            shutil.rmtree(options.folder)


async def measure(options: argparse.Namespace) -> dict[str, Any]:
    database, parties = await make_installation(options.folder, PARTNERS)
    own = options.clicks // TURNS
    filled = await fill(database, parties, clicks=own, unique_pages=options.unique_pages)
    await database.close()
    path = options.folder / "molva.db"
    multiply(path, own, unique_pages=options.unique_pages)
    database = open_database(f"sqlite:///{path}")
    queries = await time_queries(database, parties)
    await database.close()
    sizes = measure_sizes(path, own * TURNS)
    return {"clicks": own * TURNS, "unique_pages": options.unique_pages, **filled, **sizes, "queries_ms": queries}


async def fill(
    database: Database, parties: list[tuple[str, str]], *, clicks: int, unique_pages: bool
) -> dict[str, Any]:
    """Store clicks through the projection's transaction."""
    traffic, memory = Traffic(seed=1, partners=PARTNERS, unique_pages=unique_pages), Memory()
    saving_s = 0.0
    for start in range(1, clicks + 1, BATCH):
        batch = [arrived(traffic.click(), seq, clicks, parties) for seq in range(start, min(start + BATCH, clicks + 1))]
        saved: Saved = await database.write(
            lambda conn, batch=batch: save_batch(conn, batch, memory, after=batch[0].click.seq - 1)
        )
        if saved.numbers is not None:
            memory.keep(saved.numbers)
        saving_s += saved.took_s
    return {"save_us_a_click": round(saving_s / clicks * 1e6, 1)}


def multiply(path: Path, own: int, *, unique_pages: bool) -> None:
    """Insert the clicks again and again until there are TURNS times as many, and their days."""
    conn = sqlite3.connect(path, isolation_level=None)
    for pragma in HURRY:
        conn.execute(pragma).fetchall()
    columns = [row[1] for row in conn.execute("PRAGMA table_info(clicks)")]
    pages = "text LIKE 'https://shop%product%' OR" if unique_pages else ""
    texts = conn.execute("SELECT max(text_id) FROM click_texts").fetchone()[0]
    for turn in range(1, TURNS):
        near_end = turn >= TURNS * NEAR_END
        chosen = ", ".join(turned(column, turn, own, near_end=near_end) for column in columns)
        conn.execute(
            "INSERT INTO click_texts (digest, text) SELECT randomblob(16), text FROM click_texts"
            f" WHERE ({pages} text LIKE 'https://search%') AND text_id <= {texts}"
        )
        for start in range(1, own + 1, BATCH):
            conn.execute(
                f"INSERT INTO clicks ({', '.join(columns)}) SELECT {chosen} FROM clicks"
                f" WHERE seq BETWEEN {start} AND {min(start + BATCH - 1, own)} ORDER BY seq"
            )
    conn.execute("DELETE FROM click_days")
    conn.execute(
        "INSERT INTO click_days SELECT enrollment_number, (received_at_ms - age_ms) / 86400000, livemode,"
        " sum(1 - is_bot), sum(is_bot) FROM clicks GROUP BY 1, 2, 3"
    )
    conn.close()


def turned(column: str, turn: int, own: int, *, near_end: bool) -> str:
    """Return the expression that makes a column of the next row from the row it repeats."""
    if column == "seq":
        return f"seq + {turn * own}"
    if column == "received_at_ms":
        return f"received_at_ms + {turn * DAYS * DAY_MS // TURNS}"
    if column.startswith("next_"):
        column = column.removeprefix("next_") if near_end else "NULL"
    if column in ("click_key", "visitor_key"):
        return f"CAST(substr({column}, {turn + 1}) || substr({column}, 1, {turn}) AS BLOB)"
    return column


def arrived(one: dict[str, Any], seq: int, clicks: int, parties: list[tuple[str, str]]) -> Arrived:
    """Return a click as the projector hands it to its transaction."""
    program_id, enrollment_id = parties[one["partner"]]
    received_at_ms = NOW_MS + seq * DAYS * DAY_MS // TURNS // clicks
    details = {**(one["details"] or {}), "code": one["code"]}
    if one["headers"]:
        details["headers"] = one["headers"]
    if one["parameter"]:
        details["parameter"] = one["parameter"]
    row = ClickRow(
        seq=seq,
        program_id=program_id,
        click_id=one["click_id"],
        enrollment_id=enrollment_id,
        visitor_id=one["visitor_id"],
        livemode=True,
        source=one["source"],
        occurred_at_ms=received_at_ms - one["age_ms"],
        received_at_ms=received_at_ms,
        agent_id=0,
        is_bot=one["number"] % 20 == 0,
        page_url=one["page_url"],
        http_referer=one["http_referer"],
        details=details,
        **stored_facts(one["address"], is_near_end=False),
    )
    agent = Agent(
        **{name: getattr(AGENT, name) for name in AGENT.__struct_fields__ if name != "text"}, text=one["agent"]
    )
    return Arrived(click=pack(row, agent.text), agent=agent)


async def time_queries(database: Database, parties: list[tuple[str, str]]) -> dict[str, float]:
    """Return the milliseconds of the queries pages and rules ask, the median of several runs."""
    program_id, enrollment_id = parties[0]
    quiet = parties[-1][1]
    newest = await database.read(lambda conn: store.list_clicks(conn, ClickFilter(enrollment_id=enrollment_id)))
    visitor = next(row.visitor_id for row in newest if row.visitor_id != row.click_id)
    questions: dict[str, Callable[[Connection], Any]] = {
        "clicks per day, all partners together": lambda conn: store.clicks_by_day(conn, livemode=True, from_day=0),
        "clicks per day of one partner": lambda conn: store.clicks_by_day(
            conn, livemode=True, from_day=0, enrollment_id=enrollment_id
        ),
        "clicks per partner and day, every row": every_day_of_every_partner,
        "touches of one visitor": lambda conn: store.clicks_of_visitors(
            conn, program_id=program_id, visitors=[visitor]
        ),
        "latest 100 clicks of the busiest partner": lambda conn: store.list_clicks(
            conn, ClickFilter(enrollment_id=enrollment_id)
        ),
        "latest 100 clicks of a quiet partner": lambda conn: store.list_clicks(conn, ClickFilter(enrollment_id=quiet)),
        "one click": lambda conn: store.find_click(conn, program_id=program_id, click_id=newest[0].click_id),
    }
    return {name: await median_ms(database, question) for name, question in questions.items()}


def every_day_of_every_partner(conn: Connection) -> int:
    query = select(
        click_enrollments.c.enrollment_id, click_days.c.day, click_days.c.clicks, click_days.c.bots
    ).join_from(click_days, click_enrollments)
    return len(conn.execute(query).all())


async def median_ms(database: Database, question: Callable[[Connection], Any]) -> float:
    taken = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        await database.read(question)
        taken.append(time.perf_counter() - began)
    return round(sorted(taken)[REPEATS // 2] * 1000, 2)


def measure_sizes(path: Path, clicks: int) -> dict[str, Any]:
    """Return bytes a click by table and index; of everything clicks are kept in."""
    conn = sqlite3.connect(path)
    try:
        conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        rows = conn.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name ORDER BY 2 DESC").fetchall()
        sizes = {name: size for name, size in rows if name.startswith(CLICK_TABLES)}
        counted = {
            name: conn.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
            for name in ("clicks", "click_texts", "click_days", "agents")
        }
    finally:
        conn.close()
    return {
        "bytes_a_click": round(sum(sizes.values()) / clicks, 1),
        "by_table_and_index": {name: round(size / clicks, 2) for name, size in sizes.items() if size / clicks >= 0.01},
        "whole_file_bytes_a_click": round(path.stat().st_size / clicks, 1),
        "rows": counted,
    }


if __name__ == "__main__":
    main()
