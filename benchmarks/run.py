"""`make bench-ingest`: the doors of ingestion against a yardstick in the same run, memory, time to the first answer.

Prints one table and writes one file to `results/`. Figures of different runs must not be compared: the machine, its
load and its disk differ. See README.md beside this file.
"""

import argparse
import json
import os
import platform
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from servers import HERE, MOLVA, TICKS, Server, free_port, molva
from subjects import CODE, ORIGIN, Subject, postgresql

CONNECTIONS = 64
FEW = 8  # connections of the run that shows what a quiet server makes of one click


class Door(NamedTuple):
    """One row of the table: what is asked, over how many connections, and the ratio that is wanted at least."""

    title: str
    script: str
    connections: int
    goal: float
    database: str = "sqlite"


DOORS = {
    "clicks": Door("clicks", "clicks.lua", CONNECTIONS, 0.75),
    "clicks_few": Door("clicks, 8 connections", "clicks.lua", FEW, 0.4),
    "redirects": Door("referral links", "links.lua", CONNECTIONS, 0.75),
    "clicks_postgresql": Door("clicks, PostgreSQL", "clicks.lua", CONNECTIONS, 0.6, "postgresql"),
    # The last: what they leave to decide takes longer than the run.
    "sales": Door("sales, server", "sales.lua", CONNECTIONS, 0.25),
}
P99_GOAL, CPU_GOAL = 4.0, 1.5  # times the yardstick's, for clicks over 64 connections
TARGETS = {"idle_mb": 150.0, "ready_s": 5.0}
IDLE_S = 5.0
SETTLE_S = 1.0  # between two runs, so that one does not inherit the other's leftovers


def main() -> int:
    options = read_options()
    with tempfile.TemporaryDirectory(prefix="molva-bench-") as folder:
        place = Path(folder)
        results: dict[str, Any] = {
            "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "machine": machine(place),
            "seconds_per_run": options.seconds,
            "start": measure_start(place, options.repeats),
            "idle_mb": measure_idle(place),
            "doors": measure_doors(place, options),
        }
    rows = table(results)
    print("\n".join(rows))
    path = HERE / "results" / f"{results['date'][:10]}{'-quick' if options.quick else ''}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n")
    print(f"\nWritten to {path.relative_to(HERE.parent)}.")
    doors = results["doors"]
    lost = sum(run["acknowledged"] > run["stored"] for name in DOORS if name in doors for run in doors[name]["runs"])
    return 1 if lost else 0


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=10, help="length of one run (10)")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each, alternating; the median counts (3)")
    parser.add_argument("--quick", action="store_true", help="3 seconds a run")
    parser.add_argument("--only", nargs="+", choices=sorted(DOORS), help="only these doors")
    options = parser.parse_args()
    if options.quick:
        options.seconds = 3
    return options


def machine(place: Path) -> dict[str, Any]:
    """Return what the figures depend on, nothing that names the machine."""
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "starlette": version("starlette"),
        "uvicorn": version("uvicorn"),
        "load_before": round(os.getloadavg()[0], 2),
        "fsync_p50_us": fsync_p50_us(place),
    }


def fsync_p50_us(place: Path) -> int:
    """Return how long an append of 4 KiB and its fdatasync take in the middle: the floor under every commit."""
    spent = []
    descriptor = os.open(place / "fsync", os.O_WRONLY | os.O_CREAT)
    for _ in range(200):
        started = time.perf_counter_ns()
        os.write(descriptor, bytes(4096))
        os.fdatasync(descriptor)
        spent.append(time.perf_counter_ns() - started)
    os.close(descriptor)
    return round(statistics.median(spent) / 1000)


def install(data_dir: Path, port: int) -> dict[str, Any]:
    return molva("init", "--data-dir", str(data_dir), "--admin-email", "owner@shop.example",
                 "--base-url", f"http://127.0.0.1:{port}")  # fmt: skip


def serve(data_dir: Path, port: int) -> Server:
    return Server([*MOLVA, "serve", "--data-dir", str(data_dir), "--port", str(port)], port=port)


def measure_start(place: Path, repeats: int) -> dict[str, list[float]]:
    """Return seconds from exec to the first 200 of /readyz."""
    fresh, demo = [], []
    for number in range(repeats):
        port = free_port()
        install(place / f"start-{number}", port)
        for took, make in (
            (fresh, lambda port=port, number=number: serve(place / f"start-{number}", port)),
            (demo, lambda port=port: Server([*MOLVA, "demo", "--port", str(port)], port=port)),
        ):
            server = make()
            took.append(round(server.ready_s, 2))
            server.stop()
    return {"serve_s": fresh, "demo_s": demo}


def measure_idle(place: Path) -> float:
    """Return the resident memory of a server nobody asks anything, its background process included, in MB."""
    port = free_port()
    install(place / "idle", port)
    server = serve(place / "idle", port)
    time.sleep(IDLE_S)
    used = server.memory_mb()
    server.stop()
    return round(used, 1)


def measure_doors(place: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Run the yardstick and every door by turns and return every run, the medians and their ratios."""
    chosen = {name: door for name, door in DOORS.items() if not options.only or name in options.only}
    databases = sorted({door.database for door in chosen.values()})
    yard_port = free_port()
    with ExitStack() as stack:
        yardstick = Server([sys.executable, str(HERE / "yardstick.py"), str(yard_port)], port=yard_port)
        stack.callback(yardstick.stop)
        subjects = {}
        for name in databases:
            url = stack.enter_context(postgresql()) if name == "postgresql" else None
            subjects[name] = Subject(place / name, url)
            stack.callback(subjects[name].server.stop)
        runs: dict[str, list[dict[str, Any]]] = {name: [] for name in chosen}
        yards: dict[int, list[dict[str, Any]]] = {door.connections: [] for door in chosen.values()}
        for subject in subjects.values():
            load(yardstick, subject, DOORS["clicks"], seconds=1, prefix="warm-y")
            load(subject.server, subject, DOORS["clicks"], seconds=1, prefix="warm-s")
        for name, door in chosen.items():
            for number in range(options.repeats):
                subject = subjects[door.database]
                yard = load(
                    yardstick,
                    subject,
                    DOORS["clicks"]._replace(connections=door.connections),
                    seconds=options.seconds,
                    prefix=f"y{number}{name}",
                )
                yards[door.connections].append(yard)
                before = subject.count(door.script)
                run = load(subject.server, subject, door, seconds=options.seconds, prefix=f"s{number}{name}")
                run["stored"] = subject.count(door.script) - before
                run["ratio"] = round(run["rps"] / yard["rps"], 3)
                runs[name].append(run)
                # What was acknowledged is still being projected; the next yardstick run shall not pay for it.
                run["projected_s"] = subject.wait_projected()
        peak_mb = {name: round(subject.server.peak_mb(), 1) for name, subject in subjects.items()}
    return {
        "yardstick": {str(count): summary(each) for count, each in yards.items()},
        **{name: summary(each) | compare(each, yards[chosen[name].connections]) for name, each in runs.items()},
        "peak_mb_under_load": peak_mb,
    }


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    return {"runs": runs, "median": {field: median(runs, field) for field in ("rps", "p50_ms", "p99_ms", "cpu_us")}}


def compare(mine: list[dict[str, Any]], yards: list[dict[str, Any]]) -> dict[str, float]:
    return {
        "ratio": round(statistics.median(run["ratio"] for run in mine), 2),
        "p99_ratio": round(median(mine, "p99_ms") / median(yards, "p99_ms"), 2),
        "cpu_ratio": round(median(mine, "cpu_us") / median(yards, "cpu_us"), 2),
    }


def load(server: Server, subject: Subject, door: Door, *, seconds: int, prefix: str) -> dict[str, Any]:
    """Ask a door over keep-alive connections for some seconds."""
    command = ["wrk", "-t1", f"-c{door.connections}", f"-d{seconds}s", "-s", str(HERE / door.script)]
    key = subject.secret_key if door.script == "sales.lua" else subject.publishable_key
    command += [f"http://127.0.0.1:{server.port}", "--", key, CODE, ORIGIN, prefix]
    cpu, busy, children, started = server.cpu_s(), busy_s(), children_s(), time.monotonic()
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    elapsed = time.monotonic() - started
    used, generator = server.cpu_s() - cpu, children_s() - children
    others = (busy_s() - busy - used - generator) / elapsed
    told = json.loads(done.stdout.strip().splitlines()[-1])
    if told["not_2xx"] or told["broken"]:
        raise RuntimeError(f"{told['not_2xx']} answers were refusals and {told['broken']} requests broke.")
    return {
        "rps": round(told["requests"] / told["duration_us"] * 1e6),
        "p50_ms": round(told["p50_us"] / 1000, 2),
        "p99_ms": round(told["p99_us"] / 1000, 2),
        "cpu_us": round(used / told["requests"] * 1e6),
        "acknowledged": told["requests"],
        "others_cpu": round(max(others, 0.0), 2),
    }


def median(runs: list[dict[str, Any]], field: str) -> float:
    return float(statistics.median(run[field] for run in runs))


def busy_s() -> float:
    """Return the CPU seconds all processes of the machine used so far."""
    fields = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / TICKS


def children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def table(results: dict[str, Any]) -> list[str]:
    doors, start = results["doors"], results["start"]
    rows = [("", "yardstick", "Molva", "ratio", "goal")]
    for name, door in DOORS.items():
        if name not in doors:
            continue
        yard, mine = doors["yardstick"][str(door.connections)]["median"], doors[name]["median"]
        rows.append(
            (
                f"{door.title}, a second",
                f"{yard['rps']:.0f}",
                f"{mine['rps']:.0f}",
                f"{doors[name]['ratio']:.2f}",
                f">= {door.goal}",
            )
        )
        is_first = name == "clicks"
        rows.append(
            (
                "  p99, ms",
                f"{yard['p99_ms']:.2f}",
                f"{mine['p99_ms']:.2f}",
                f"{doors[name]['p99_ratio']:.2f}",
                f"<= {P99_GOAL:.0f}" if is_first else "",
            )
        )
        rows.append(
            (
                "  CPU a request, us",
                f"{yard['cpu_us']:.0f}",
                f"{mine['cpu_us']:.0f}",
                f"{doors[name]['cpu_ratio']:.2f}",
                f"<= {CPU_GOAL}" if is_first else "",
            )
        )
    rows += [
        ("idle memory, MB", "", f"{results['idle_mb']:.0f}", "", f"< {TARGETS['idle_mb']:.0f}"),
        ("serve: exec to ready, s", "", f"{max(start['serve_s']):.2f}", "", f"<= {TARGETS['ready_s']:.0f}"),
        ("demo: exec to ready, s", "", f"{max(start['demo_s']):.2f}", "", f"<= {TARGETS['ready_s']:.0f}"),
    ]
    runs = [run for name in DOORS if name in doors for run in doors[name]["runs"]]
    others = [run["others_cpu"] for run in runs]
    stored, acknowledged = (sum(run[name] for run in runs) for name in ("stored", "acknowledged"))
    return [
        *(f"{row[0]:<34}{row[1]:>10}{row[2]:>10}{row[3]:>8}  {row[4]}" for row in rows),
        "",
        f"Stored {stored} events of {acknowledged} acknowledged.",
        f"Others used {min(others):.2f} to {max(others):.2f} of {results['machine']['cores']} cores meanwhile.",
    ]


if __name__ == "__main__":
    sys.exit(main())
