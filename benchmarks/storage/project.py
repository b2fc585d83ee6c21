"""How dear the projection of a click is: CPU and time, step by step and as a whole.

`python benchmarks/storage/project.py --clicks 100000`. See README.md beside this file.
"""

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from installation import NOW_MS, make_installation
from traffic import Traffic

from ingest.address_keys import AddressEpoch, AddressKeyring
from ingest.enrich import read_agent
from ingest.events import InboxClick, decode_click, encode_click
from ingest.networks import Networks
from tracker.clicks.project import Enricher, Memory, Saved, arrive, save_batch
from tracker.clicks.projector import Projector
from tracker.db.database import Database, InboxRow
from tracker.fraud.payment_keys import PaymentKeys

PARTNERS = 2000
AT_ONCE = 500  # rows appended to the inbox together
STEP_BATCH = 100  # rows a transaction where the steps are timed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clicks", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="molva-project-") as folder:
        print(json.dumps(asyncio.run(measure(Path(folder), options.clicks)), indent=1))


async def measure(folder: Path, clicks: int) -> dict[str, Any]:
    database, parties = await make_installation(folder, PARTNERS)
    keyring = AddressKeyring([AddressEpoch(starts_at_ms=0, ends_at_ms=2**62, key=b"k" * 32)])
    enricher = Enricher(keyring=keyring, networks=Networks(), payments=PaymentKeys(b"key"))
    traffic = Traffic(seed=1, partners=PARTNERS, unique_pages=False)
    bodies = [inbox_body(traffic.click(), parties) for _ in range(clicks)]
    for start in range(0, clicks, AT_ONCE):
        await database.inbox.append([(NOW_MS + start, body) for body in bodies[start : start + AT_ONCE]])
    for body in bodies:
        read_agent(decode_click(body).user_agent)  # Parsing is measured in benchmarks/enrichment.
    whole = await whole_projection(database, enricher, clicks // 2)
    steps = await step_by_step(database, enricher, after=clicks // 2, up_to=clicks)
    await database.close()
    return {"clicks": clicks, "whole": whole, "steps_us": steps}


async def whole_projection(database: Database, enricher: Enricher, clicks: int) -> dict[str, float]:
    """Return what the projector takes for the first half, everything counted."""
    projector = Projector(database, enricher, now_ms=lambda: NOW_MS)
    began, cpu = time.perf_counter(), time.process_time()
    await projector.project(up_to=clicks)
    took, used = time.perf_counter() - began, time.process_time() - cpu
    return {"us_a_click": round(took / clicks * 1e6, 1), "cpu_us_a_click": round(used / clicks * 1e6, 1)}


async def step_by_step(database: Database, enricher: Enricher, *, after: int, up_to: int) -> dict[str, float]:
    """Return microseconds a click of each step, for the second half."""
    spent = dict.fromkeys(("read", "decode", "agent", "address", "arrive", "save", "commit and thread"), 0.0)
    memory, cursor, longest_s = Memory(), after, 0.0
    while cursor < up_to:
        began = time.perf_counter()
        rows = await database.inbox.rows(after=cursor, up_to=up_to, limit=STEP_BATCH)
        spent["read"] += time.perf_counter() - began
        clicks = timed(spent, "decode", lambda rows=rows: [decode_click(row.body) for row in rows])
        timed(spent, "agent", lambda clicks=clicks: [read_agent(click.user_agent) for click in clicks])
        timed(spent, "address", lambda clicks=clicks: [enricher.locate(click.address, NOW_MS) for click in clicks])
        saved, written = await one_batch(database, enricher, rows, memory=memory, spent=spent)
        spent["save"] += saved.took_s
        spent["commit and thread"] += written - saved.took_s
        longest_s = max(longest_s, written)
        cursor = rows[-1].seq
    clicks_count = up_to - after
    figures = {name: round(seconds / clicks_count * 1e6, 2) for name, seconds in spent.items()}
    return {**figures, "longest transaction (ms)": round(longest_s * 1000, 1)}


async def one_batch(
    database: Database, enricher: Enricher, rows: list[InboxRow], *, memory: Memory, spent: dict[str, float]
) -> tuple[Saved, float]:
    """Arrive and save rows; return what was saved and how long the write took, waiting included."""
    arrived = timed(spent, "arrive", lambda: [arrive(row, enricher) for row in rows])
    began = time.perf_counter()
    saved = await database.write(lambda conn: save_batch(conn, arrived, memory, after=rows[0].seq - 1))
    if saved.numbers is not None:
        memory.keep(saved.numbers)
    return saved, time.perf_counter() - began


def timed(spent: dict[str, float], name: str, step: Callable[[], Any]) -> Any:
    began = time.perf_counter()
    result = step()
    spent[name] += time.perf_counter() - began
    return result


def inbox_body(one: dict[str, Any], parties: list[tuple[str, str]]) -> str:
    """Return a click as the inbox keeps it."""
    program_id, enrollment_id = parties[one["partner"]]
    return encode_click(
        InboxClick(
            program_id=program_id,
            livemode=True,
            enrollment_id=enrollment_id,
            click_id=one["click_id"],
            visitor_id=one["visitor_id"],
            source=one["source"],
            code=one["code"],
            age_ms=one["age_ms"],
            address=one["address"],
            user_agent=one["agent"],
            page_url=one["page_url"],
            http_referer=one["http_referer"],
            parameter=one["parameter"],
            state=0,
            event_id=None,
            headers=one["headers"],
            details=one["details"],
        )
    )


if __name__ == "__main__":
    main()
