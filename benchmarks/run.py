"""`make bench`: durable clicks against a yardstick in the same run, memory at rest, time to the first answer.

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
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from servers import HERE, MOLVA, TICKS, Server, free_port, molva

CONNECTIONS = 64
CODE = "BENCH"
ORIGIN = "https://shop.example"
TARGETS = {"ratio": 0.5, "idle_mb": 150.0, "ready_s": 5.0}
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
            "connections": CONNECTIONS,
            "start": measure_start(place, options.repeats),
            "idle_peak_mb": measure_idle(place),
            "clicks": measure_clicks(place, seconds=options.seconds, repeats=options.repeats),
        }
    rows = table(results)
    print("\n".join(rows))
    path = HERE / "results" / f"{results['date'][:10]}{'-quick' if options.quick else ''}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n")
    print(f"\nWritten to {path.relative_to(HERE.parent)}.")
    lost = sum(run["acknowledged"] > run["stored"] for run in results["clicks"]["subject"])
    return 1 if lost else 0


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=10, help="length of one run (10)")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each, alternating; the median counts (3)")
    parser.add_argument("--quick", action="store_true", help="3 seconds a run")
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
    return molva(
        *("init", "--data-dir", str(data_dir), "--admin-email", "owner@shop.example"),
        *("--base-url", f"http://127.0.0.1:{port}", "--program", "Bench", "--site", ORIGIN),
    )


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
    """Return the peak resident memory of a server nobody asks anything, in MB."""
    port = free_port()
    install(place / "idle", port)
    server = serve(place / "idle", port)
    time.sleep(IDLE_S)
    peak = server.peak_mb()
    server.stop()
    return round(peak, 1)


def measure_clicks(place: Path, *, seconds: int, repeats: int) -> dict[str, Any]:
    """Run yardstick and subject by turns and return every run, the medians and their ratios."""
    port, yard_port = free_port(), free_port()
    data_dir = place / "clicks"
    made = install(data_dir, port)
    key = made["publishable_key"]
    molva(
        *("partner", "add", "--data-dir", str(data_dir), "--program", made["program_id"]),
        *("--name", "Bench", "--email", "bench@partner.example", "--code", CODE),
    )
    yardstick = Server([sys.executable, str(HERE / "yardstick.py"), str(yard_port)], port=yard_port)
    subject = serve(data_dir, port)
    runs: dict[str, list[dict[str, Any]]] = {"yardstick": [], "subject": []}
    try:
        load(yardstick, key, seconds=1, prefix="warm-y")
        load(subject, key, seconds=1, prefix="warm-s")
        for number in range(repeats):
            runs["yardstick"].append(load(yardstick, key, seconds=seconds, prefix=f"y{number}"))
            before = count_stored(data_dir)
            run = load(subject, key, seconds=seconds, prefix=f"s{number}")
            run["stored"] = count_stored(data_dir) - before
            runs["subject"].append(run)
            # What was acknowledged is still being projected; the next yardstick run shall not pay for it.
            wait_projected(data_dir)
        peak_mb = round(subject.peak_mb(), 1)
    finally:
        yardstick.stop()
        subject.stop()
    medians = {
        name: {field: median(each, field) for field in ("rps", "p50_ms", "p99_ms", "cpu_us")}
        for name, each in runs.items()
    }
    yard, mine = medians["yardstick"], medians["subject"]
    return {
        **runs,
        "medians": medians,
        "ratio": round(mine["rps"] / yard["rps"], 3),
        "p99_ratio": round(mine["p99_ms"] / yard["p99_ms"], 2),
        "cpu_ratio": round(mine["cpu_us"] / yard["cpu_us"], 2),
        "peak_mb_under_load": peak_mb,
    }


def load(server: Server, key: str, *, seconds: int, prefix: str) -> dict[str, Any]:
    """Post fresh clicks over keep-alive connections for some seconds."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(HERE / "clicks.lua")]
    command += [f"http://127.0.0.1:{server.port}", "--", key, CODE, ORIGIN, prefix]
    cpu, busy, children, started = server.cpu_s(), busy_s(), children_s(), time.monotonic()
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    elapsed = time.monotonic() - started
    used, generator = server.cpu_s() - cpu, children_s() - children
    others = (busy_s() - busy - used - generator) / elapsed
    told = json.loads(done.stdout.strip().splitlines()[-1])
    if told["not_2xx"] or told["broken"]:
        raise RuntimeError(f"{told['not_2xx']} answers were not 2xx and {told['broken']} requests broke.")
    return {
        "rps": round(told["requests"] / told["duration_us"] * 1e6),
        "p50_ms": round(told["p50_us"] / 1000, 2),
        "p99_ms": round(told["p99_us"] / 1000, 2),
        "cpu_us": round(used / told["requests"] * 1e6),
        "acknowledged": told["requests"],
        "others_cpu": round(max(others, 0.0), 2),
    }


def count_stored(data_dir: Path) -> int:
    return query(data_dir, "SELECT count(*) FROM inbox")


def wait_projected(data_dir: Path) -> None:
    time.sleep(SETTLE_S)
    while query(data_dir, "SELECT (SELECT max(seq) FROM inbox) - (SELECT seq FROM cursors WHERE name = 'clicks')"):
        time.sleep(SETTLE_S / 4)


def query(data_dir: Path, text: str) -> int:
    conn = sqlite3.connect(f"file:{data_dir / 'molva.db'}?mode=ro", uri=True)
    try:
        return int(conn.execute(text).fetchone()[0])
    finally:
        conn.close()


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
    clicks, start = results["clicks"], results["start"]
    yard, mine = clicks["medians"]["yardstick"], clicks["medians"]["subject"]
    others = [run["others_cpu"] for name in ("yardstick", "subject") for run in clicks[name]]
    rows = [
        ("", "yardstick", "Molva", "ratio", "goal"),
        (
            "clicks a second",
            f"{yard['rps']:.0f}",
            f"{mine['rps']:.0f}",
            f"{clicks['ratio']:.2f}",
            f">= {TARGETS['ratio']}",
        ),
        ("p50, ms", f"{yard['p50_ms']:.2f}", f"{mine['p50_ms']:.2f}", "", ""),
        ("p99, ms", f"{yard['p99_ms']:.2f}", f"{mine['p99_ms']:.2f}", f"{clicks['p99_ratio']:.2f}", ""),
        ("CPU a request, us", f"{yard['cpu_us']:.0f}", f"{mine['cpu_us']:.0f}", f"{clicks['cpu_ratio']:.2f}", ""),
        ("idle peak memory, MB", "", f"{results['idle_peak_mb']:.0f}", "", f"< {TARGETS['idle_mb']:.0f}"),
        ("serve: exec to ready, s", "", f"{max(start['serve_s']):.2f}", "", f"<= {TARGETS['ready_s']:.0f}"),
        ("demo: exec to ready, s", "", f"{max(start['demo_s']):.2f}", "", f"<= {TARGETS['ready_s']:.0f}"),
    ]
    lines = [f"{row[0]:<26}{row[1]:>12}{row[2]:>10}{row[3]:>8}  {row[4]}" for row in rows]
    stored = sum(run["stored"] for run in clicks["subject"])
    acknowledged = sum(run["acknowledged"] for run in clicks["subject"])
    return [
        *lines,
        "",
        f"Stored {stored} clicks of {acknowledged} acknowledged.",
        f"Others used {min(others):.2f} to {max(others):.2f} of {results['machine']['cores']} cores meanwhile.",
    ]


if __name__ == "__main__":
    sys.exit(main())
