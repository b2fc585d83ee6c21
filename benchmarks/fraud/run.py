"""What judging costs: one lead with every fact loaded, and a night of all partners.

`PYTHONPATH=.:benchmarks/storage:benchmarks/fraud .venv/bin/python benchmarks/fraud/run.py --leads 1000000`; see
README.md beside this file.
"""

import argparse
import asyncio
import json
import resource
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from fill import fill
from installation import NOW_MS
from sqlalchemy import Connection, select

from attribution.engine import attribute
from fraud_rules.engine import judge
from fraud_rules.types import Facts
from tracker.conversions import store
from tracker.conversions.journey import load_case
from tracker.conversions.tables import conversions
from tracker.db.opening import open_database
from tracker.fraud.facts.load import load_facts
from tracker.fraud.facts.subject import Asked
from tracker.fraud.night_store import newest_nights
from tracker.fraud.nightly import judge_partners
from tracker.fraud.rules import configs_for, needed_facts, rules_in_force
from tracker.programs.store import program_as_of
from tracker.services import Services
from tracker.settings import Settings

SAMPLE = 2000
SECTIONS = frozenset(Facts.__struct_fields__) - {"subject"}


def main() -> None:
    """Fill, measure, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--leads", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="keep the data here and use it again")
    parser.add_argument("--skip-night", action="store_true", help="measure single leads alone")
    asked = parser.parse_args()
    folder = asked.folder or Path(tempfile.mkdtemp(prefix="molva-fraud-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        asyncio.run(measure(folder, asked.leads, has_night=not asked.skip_night))
    finally:
        if asked.folder is None:
            shutil.rmtree(folder, ignore_errors=True)


async def measure(folder: Path, leads: int, *, has_night: bool) -> None:
    """Print the figures as they come."""
    if not (folder / "molva.db").exists():
        begun = time.monotonic()
        await fill(folder, leads=leads)
        print(json.dumps({"filled": leads, "seconds": round(time.monotonic() - begun, 1)}), flush=True)
    database = open_database(f"sqlite:///{folder / 'molva.db'}")
    services = Services(data_dir=folder, settings=Settings(), secret=b"secret of the benchmark", db=database)
    services.now_ms = lambda: NOW_MS  # type: ignore[method-assign]
    try:
        # On the writer's connection, as the worker does it.
        for name, needs in (("rules_in_force", needed_facts()), ("every_section", SECTIONS)):
            await database.write(lambda conn, needs=needs: one_by_one(conn, needs, count=SAMPLE // 10))
            figures = await database.write(lambda conn, needs=needs: one_by_one(conn, needs, count=SAMPLE))
            print(json.dumps({"lead": name, **figures}), flush=True)
        if has_night:
            begun = time.monotonic()
            await judge_partners(services)
            (night,) = [each for each in await database.read(newest_nights) if each.livemode]
            print(
                json.dumps(
                    {
                        "night_seconds": round(time.monotonic() - begun, 1),
                        "partners": night.partners,
                        "findings": night.findings,
                        "failures": night.failures,
                        "most_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
                    }
                ),
                flush=True,
            )
    finally:
        await services.close()


def one_by_one(conn: Connection, needs: frozenset[str], *, count: int) -> dict[str, Any]:
    """Load the facts of leads from the last tenth of the history and judge them; milliseconds."""
    newest = conn.execute(select(conversions.c.seq).order_by(conversions.c.seq.desc()).limit(1)).scalar_one()
    step = max(newest // 10 // count, 1)
    loads: list[float] = []
    totals: list[float] = []
    of_processor: list[float] = []
    for seq in range(newest, newest - step * count, -step):
        conversion_id = conn.execute(select(conversions.c.conversion_id).where(conversions.c.seq == seq)).scalar_one()
        row = store.get_conversion(conn, conversion_id)
        assert row is not None
        program = program_as_of(conn, row.program_id, row.occurred_at_ms)
        assert program is not None
        case = load_case(conn, row, program)
        decision = attribute(case.conversion, case.journey, program.settings.attribution)
        credited = next((credit.partner_id for credit in decision.credits), row.enrollment_id)
        configs = configs_for(program.settings.fraud_rules)
        begun, worked = time.perf_counter(), time.thread_time()
        asked = Asked(
            row=row,
            enrollment_id=credited,
            click=case.clicks[-1] if case.clicks else None,
            clicked_at_ms=row.click_at_ms,
            clicks=case.clicks,
            allows_own_purchases=False,
        )
        facts = load_facts(conn, asked, region="RU", needs=needs)
        loaded = time.perf_counter()
        judge(facts, rules_in_force(), configs=configs, allow=())
        totals.append((time.perf_counter() - begun) * 1000)
        of_processor.append((time.thread_time() - worked) * 1000)
        loads.append((loaded - begun) * 1000)
    return {
        "leads": len(totals),
        "load": spread(loads),
        "load_and_judge": spread(totals),
        "load_and_judge_cpu": spread(of_processor),
    }


def spread(values: list[float]) -> dict[str, float]:
    """Return median and 99th percentile."""
    ordered = sorted(values)
    return {"median_ms": round(ordered[len(ordered) // 2], 2), "p99_ms": round(ordered[len(ordered) * 99 // 100], 2)}


if __name__ == "__main__":
    main()
