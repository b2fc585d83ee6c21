"""Fill a fresh installation with clicks and decided conversions; `run.py` measures on it.

Rows are written straight into the tables, with every index in place, because only reading and deciding are measured.
The shares are assumptions: four visitors in ten clicks, 5 bots of 100, conversions of visitors up to 20 days after a
click, three of ten by a customer who buys twice. The same seed gives the same times and shapes; keys are random.
"""

import asyncio
import itertools
import os
import random
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from installation import NOW_MS, make_installation

from tracker.clicks.encoding import unpack_browser_id
from tracker.clicks.tables import clicks
from tracker.clicks.touches import numbering
from tracker.conversions.tables import conversions
from tracker.db.database import Database
from tracker.db.ids import id_to_bytes, new_id
from tracker.recompute import facts_store, plan
from tracker.recompute.crew import Alone, Setting
from tracker.recompute.engines import Decided, Means, Part
from tracker.recompute.lookup import LookupEngine
from tracker.recompute.types import Scope, WhatIf

PARTNERS = 2000
DAY_MS = 86_400_000
SPAN_MS = 90 * DAY_MS
RECENT = 200_000  # the latest visitors, who may come again
COMES_AGAIN = 0.6
BATCH = 50_000
HURRY = ("PRAGMA synchronous=OFF", "PRAGMA journal_mode=WAL", "PRAGMA cache_size=-800000", "PRAGMA foreign_keys=OFF")
EVERYTHING = Scope(click_watermark=10**15, conversion_watermark=10**15)


async def fill(folder: Path, *, click_count: int, conversion_count: int) -> None:
    """Make the installation in a new folder."""
    database, parties = await make_installation(folder, PARTNERS)
    try:
        conn = sqlite3.connect(folder / "molva.db", isolation_level=None)
        for pragma in HURRY:
            conn.execute(pragma).fetchall()
        buyers = _fill_clicks(conn, parties, click_count, conversion_count)
        _fill_conversions(conn, parties[0][0], buyers)
        await _decide(database, conn)
        conn.close()
    finally:
        await database.close()


def _fill_clicks(
    conn: sqlite3.Connection, parties: list[tuple[str, str]], click_count: int, conversion_count: int
) -> list[tuple[bytes, int]]:
    """Write clicks and return visitors of the first program who will buy, with when."""
    one = random.Random(7)
    numbers = {program: number for number, program in enumerate(dict.fromkeys(p for p, _ in parties), 1)}
    conn.executemany(
        "INSERT INTO click_programs (program_number, program_id) VALUES (?, ?)",
        [(number, id_to_bytes("prg", program)) for program, number in numbers.items()],
    )
    conn.executemany(
        "INSERT INTO click_enrollments (enrollment_number, enrollment_id) VALUES (?, ?)",
        [(number, id_to_bytes("enr", enrollment)) for number, (_, enrollment) in enumerate(parties, 1)],
    )
    conn.execute("INSERT INTO agents VALUES (1, x'00', '', '', '', '', '', 0, NULL)")
    buys = conversion_count / click_count
    buyers: list[tuple[bytes, int]] = []
    recent: list[bytes] = []

    def rows() -> Iterator[tuple[Any, ...]]:
        for seq in range(1, click_count + 1):
            key = os.urandom(16)
            visitor = one.choice(recent) if recent and one.random() < COMES_AGAIN else None
            if visitor is None:
                if len(recent) < RECENT:
                    recent.append(key)
                else:
                    recent[one.randrange(RECENT)] = key
            partner = min(int(one.paretovariate(1.1)), PARTNERS)
            received = NOW_MS - SPAN_MS + seq * SPAN_MS // click_count
            number = numbers[parties[partner - 1][0]]
            if one.random() < buys and len(buyers) < conversion_count:
                buyers.append((visitor or key, received + one.randrange(20 * DAY_MS)))
            is_bot = int(one.random() < 0.05)
            yield (seq, number, partner, key, visitor, 1, 1, received, 1_000, 1, is_bot)

    names = [column.name for column in clicks.columns][:6]
    wanted = [*names, "source_id", "received_at_ms", "age_ms", "agent_id", "is_bot"]
    _insert(conn, f"INSERT INTO clicks ({', '.join(wanted)}) VALUES ({', '.join('?' * len(wanted))})", rows())
    return buyers


def _fill_conversions(conn: sqlite3.Connection, program_id: str, buyers: list[tuple[bytes, int]]) -> None:
    program = id_to_bytes("prg", program_id)
    held: list[bytes] = []
    one = random.Random(11)

    def customer(at_ms: int) -> bytes | None:
        """Return the customer of a sale: three of ten sales have one, who buys twice."""
        if one.random() >= 0.3:
            return None
        if held and one.random() < 0.5:
            return held.pop(one.randrange(len(held)))
        made = id_to_bytes("cus", new_id("cus", at_ms))
        conn.execute(
            "INSERT INTO customers (customer_id, program_id, livemode, external_id, created_at_ms)"
            " VALUES (?, ?, 1, ?, ?)",
            (made, program, made.hex(), at_ms),
        )
        held.append(made)
        return made

    def rows() -> Iterator[tuple[Any, ...]]:
        for seq, (visitor, at_ms) in enumerate(sorted(buyers, key=lambda buyer: buyer[1]), 1):
            buyer = customer(at_ms)
            browser = unpack_browser_id(visitor)
            if buyer is not None:
                conn.execute(
                    "INSERT OR IGNORE INTO identity_links VALUES (?, ?, ?, ?)", (program, browser, buyer, at_ms)
                )
            yield (
                id_to_bytes("cnv", new_id("cnv", at_ms)), seq, program, 1, "sale", f"order-{seq}", "verified",
                "unattributed", b"", 10_000 + seq % 7_000, "EUR", buyer, browser, at_ms, at_ms, "{}",
            )  # fmt: skip

    wanted = (
        "conversion_id", "seq", "program_id", "livemode", "kind", "external_id", "trust", "status", "request_digest",
        "amount_minor", "currency", "customer_id", "visitor_id", "occurred_at_ms", "received_at_ms", "report",
    )  # fmt: skip
    assert set(wanted) <= set(conversions.columns.keys())
    _insert(conn, f"INSERT INTO conversions ({', '.join(wanted)}) VALUES ({', '.join('?' * len(wanted))})", rows())
    # As if each had been decided once, before its click was known.
    conn.execute(
        "INSERT INTO decisions (decision_id, conversion_id, version, decided_at_ms, cause, status, settings_version,"
        " input_digest, explanation) SELECT randomblob(16), conversion_id, 1, received_at_ms, 'reported',"
        " 'unattributed', 1, x'00', '{\"commissionable\":false}' FROM conversions"
    )


async def _decide(database: Database, conn: sqlite3.Connection) -> None:
    """Store what each conversion comes to, so that deciding again finds it as it was."""
    world = await database.read(lambda reading: facts_store.load_world(reading, None))
    groups = plan.group(await database.read(lambda reading: facts_store.walk_conversions(reading, EVERYTHING)))

    setting = Setting(
        world=world,
        numbers=await database.read(numbering),
        what_if=WhatIf(),
        click_watermark=EVERYTHING.click_watermark,
        folder=Path(),
        now_ms=0,
    )
    means = Means(crew=Alone(database, setting), setting=setting, told=lambda *_: None)
    parts = (Part(number=number, groups=part) for number, part in enumerate(plan.cut(groups)))
    async for each in LookupEngine().decide(parts, means):
        await asyncio.to_thread(_store, str(_path(conn)), each)


def _path(conn: sqlite3.Connection) -> str:
    return str(conn.execute("SELECT file FROM pragma_database_list WHERE name = 'main'").fetchone()[0])


def _store(path: str, decided: Decided) -> None:
    conn = sqlite3.connect(path, isolation_level=None)
    conn.execute("PRAGMA synchronous=OFF")
    conn.execute("BEGIN")
    customers = {member.row.conversion_id: member.row for member in decided.members}
    for outcome in decided.result.differing:
        key, decision = id_to_bytes("cnv", outcome.conversion_id), os.urandom(16)
        explanation = msgspec.json.encode({"commissionable": outcome.after.is_commissionable}).decode()
        conn.execute(
            "INSERT INTO decisions (decision_id, conversion_id, version, decided_at_ms, cause, status, via,"
            " settings_version, input_digest, explanation) VALUES (?, ?, 2, 1, 'late_click', ?, ?, 1, x'00', ?)",
            (decision, key, outcome.after.status, outcome.after.via, explanation),
        )
        for position, credit in enumerate(outcome.after.credits):
            enrollment = id_to_bytes("enr", credit.partner_id)
            values = (decision, position, enrollment, credit.touch_id, credit.weight, credit.amount_minor)
            conn.execute("INSERT INTO credits VALUES (?, ?, ?, ?, ?, ?)", values)
        row = customers[outcome.conversion_id]
        if row.customer_id is not None and outcome.after.credits and outcome.after.via != "binding":
            conn.execute(
                "INSERT OR IGNORE INTO bindings VALUES (?, ?, ?, ?, ?)",
                (
                    id_to_bytes("prg", row.program_id),
                    id_to_bytes("cus", row.customer_id),
                    id_to_bytes("enr", outcome.after.credits[0].partner_id),
                    row.occurred_at_ms,
                    key,
                ),
            )
    conn.execute("COMMIT")
    conn.close()


def _insert(conn: sqlite3.Connection, statement: str, rows: Iterator[tuple[Any, ...]]) -> None:
    while batch := list(itertools.islice(rows, BATCH)):
        conn.execute("BEGIN")
        conn.executemany(statement, batch)
        conn.execute("COMMIT")


def add_strangers(folder: Path, crowded: Path, count: int) -> None:
    """Copy the data and add clicks of visitors nobody asks for.

    Clicks lose their indexes: making those would take longer than all the rest, and a walk through all uses none.
    """
    crowded.mkdir()
    shutil.copy(folder / "molva.db", crowded)
    raw = sqlite3.connect(crowded / "molva.db", isolation_level=None)
    columns = [(name, kind) for _, name, kind, *_ in raw.execute("PRAGMA table_info(clicks)")]
    plain = ", ".join(f"{name} {kind}{' PRIMARY KEY' * (name == 'seq')}" for name, kind in columns)
    newest = "(SELECT max(seq) FROM indexed_clicks)"
    strange = {"seq": f"{newest} + value", "click_key": "randomblob(16)", "visitor_key": "randomblob(16)"}
    raw.execute("PRAGMA synchronous=OFF")
    raw.execute("BEGIN")
    raw.execute("ALTER TABLE clicks RENAME TO indexed_clicks")
    raw.execute(f"CREATE TABLE clicks ({plain})")
    raw.execute("INSERT INTO clicks SELECT * FROM indexed_clicks ORDER BY seq")
    raw.execute(
        "WITH RECURSIVE numbers(value) AS (VALUES (1) UNION ALL SELECT value + 1 FROM numbers WHERE value < ?) "
        f"INSERT INTO clicks SELECT {', '.join(strange.get(name, f'one.{name}') for name, _ in columns)} "
        f"FROM numbers, (SELECT * FROM indexed_clicks WHERE seq = {newest}) one",
        (count,),
    )
    raw.execute("COMMIT")
    raw.close()
