"""Fill a fresh installation with leads, their customers and clicks; `run.py` measures on it.

Rows are written straight into the tables, with every index in place, because only reading is measured. The shares are
assumptions: partners bring leads by Zipf's law, seven of ten mailboxes are at one provider, one of fifty phones is
typed twice, a third of the leads come from shared addresses. The same seed gives the same shapes; ids are random.
"""

import itertools
import os
import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from installation import NOW_MS, make_installation

from tracker.clicks.encoding import unpack_browser_id
from tracker.db.ids import id_to_bytes, new_id

PARTNERS = 2000
DAY_MS = 86_400_000
SPAN_MS = 90 * DAY_MS
BATCH = 50_000
HOMES, SHARED = 400_000, 5_000
FIRST_NAMES, LAST_NAMES, DOMAINS, CODES = 300, 4_000, 5_000, 200
HURRY = ("PRAGMA synchronous=OFF", "PRAGMA journal_mode=WAL", "PRAGMA cache_size=-400000", "PRAGMA foreign_keys=OFF")


_INTO_CUSTOMERS = (
    "INSERT INTO customers (customer_id, program_id, livemode, external_id, email, email_canonical, phone,"
    f" phone_key, email_domain, name, country, created_at_ms) VALUES ({', '.join('?' * 12)})"
)
_INTO_CLICKS = (
    "INSERT INTO clicks (seq, program_number, enrollment_number, click_key, visitor_key, livemode, source_id,"
    f" received_at_ms, age_ms, agent_id, is_bot, host_key, net_key) VALUES ({', '.join('?' * 13)})"
)
_INTO_CONVERSIONS = (
    "INSERT INTO conversions (conversion_id, seq, program_id, livemode, kind, external_id, trust, status,"
    " request_digest, customer_id, visitor_id, click_id, promo_code, occurred_at_ms, received_at_ms, agent_id,"
    " host_key, net_key, masked_ip, country, network_class, enrollment_id, click_at_ms, payment_key, report)"
    f" VALUES ({', '.join('?' * 25)})"
)


async def fill(folder: Path, *, leads: int) -> str:
    """Make the installation in a new folder and return the program that has the leads."""
    database, parties = await make_installation(folder, PARTNERS)
    await database.close()
    conn = sqlite3.connect(folder / "molva.db", isolation_level=None)
    for pragma in HURRY:
        conn.execute(pragma).fetchall()
    program_id = max(parties, key=lambda party: sum(each[0] == party[0] for each in parties[:20]))[0]
    enrollments = [enrollment for program, enrollment in parties if program == program_id]
    _fill_dictionaries(conn, program_id, enrollments)
    for statement, rows in _statements(program_id, enrollments, leads):
        while batch := list(itertools.islice(rows, BATCH)):
            conn.execute("BEGIN")
            conn.executemany(statement, batch)
            conn.execute("COMMIT")
    conn.execute("ANALYZE")
    conn.close()
    return program_id


def _fill_dictionaries(conn: sqlite3.Connection, program_id: str, enrollments: list[str]) -> None:
    conn.execute("INSERT INTO click_programs VALUES (1, ?)", (id_to_bytes("prg", program_id),))
    conn.executemany(
        "INSERT INTO click_enrollments VALUES (?, ?)",
        [(number, id_to_bytes("enr", each)) for number, each in enumerate(enrollments, 1)],
    )
    conn.executemany(
        "INSERT INTO agents VALUES (?, ?, ?, ?, 'computer', 'Windows 10', ?, 0, NULL)",
        [
            (each, bytes([each]), f"Mozilla/5.0 {each}", f"Chrome {100 + each} Windows", f"Chrome {100 + each}")
            for each in range(1, 41)
        ],
    )
    conn.execute("INSERT INTO click_texts VALUES (1, x'00', 'snippet')")


def _statements(program_id: str, enrollments: list[str], leads: int) -> list[tuple[str, Iterator[tuple[Any, ...]]]]:
    """Return the inserts of customers, clicks and leads, each with its rows; the n-th of each belong together."""
    program = id_to_bytes("prg", program_id)
    packed = [id_to_bytes("enr", each) for each in enrollments]
    people = [id_to_bytes("cus", new_id("cus", _instant(number, leads))) for number in range(leads)]
    browsers = [os.urandom(16) for _ in range(leads)]

    def customers() -> Iterator[tuple[Any, ...]]:
        one = random.Random(1)
        for number, key in enumerate(people):
            domain = "gmail.com" if one.random() < 0.7 else f"company-{one.randrange(DOMAINS)}.example"
            email = f"person{number}@{domain}"
            phone = f"+7912{one.randrange(leads * 50):08d}" if one.random() < 0.98 else f"+7913{number % 500:08d}"
            name = f"First{one.randrange(FIRST_NAMES)} Last{one.randrange(LAST_NAMES)}"
            at_ms = _instant(number, leads)
            yield (key, program, 1, str(number), email, email, phone, phone, domain, name, "DE", at_ms)

    def clicks() -> Iterator[tuple[Any, ...]]:
        one = random.Random(2)
        for number, key in enumerate(browsers):
            partner = _partner(one, len(packed)) + 1
            at_ms = _instant(number, leads) - 60_000
            host = _host(one)
            yield (number + 1, 1, partner, key, None, 1, 1, at_ms, 0, 1 + number % 40, 0, host, host)

    def rows() -> Iterator[tuple[Any, ...]]:
        one, same = random.Random(3), random.Random(2)
        for number, customer in enumerate(people):
            # The same draws as for its click.
            partner, host = packed[_partner(same, len(packed))], _host(same)
            at_ms = _instant(number, leads)
            code = f"CODE{one.randrange(CODES)}" if one.random() < 0.05 else None
            payment = f"{one.randrange(leads):032x}" if one.random() < 0.3 else None
            browser = unpack_browser_id(browsers[number if one.random() < 0.97 else number // 2])
            yield (
                id_to_bytes("cnv", new_id("cnv", at_ms)), number + 1, program, 1, "lead", f"lead-{number}", "verified",
                "accepted", b"", customer, browser, unpack_browser_id(browsers[number]), code, at_ms, at_ms,
                1 + number % 40, host, host[:4] + bytes(4), "203.0.113.x", "DE", "fixed", partner, at_ms - 60_000,
                payment, '{"source":"api"}',
            )  # fmt: skip

    return [(_INTO_CUSTOMERS, customers()), (_INTO_CLICKS, clicks()), (_INTO_CONVERSIONS, rows())]


def _instant(number: int, leads: int) -> int:
    return NOW_MS - SPAN_MS + number * SPAN_MS // leads


def _partner(one: random.Random, partners: int) -> int:
    """Return a partner by Zipf's law with exponent 1: the first brings an eleventh of everything."""
    return min(int(partners ** one.random()), partners) - 1


def _host(one: random.Random) -> bytes:
    number = one.randrange(SHARED) if one.random() < 0.3 else SHARED + one.randrange(HOMES)
    return number.to_bytes(8, "big")
