"""What is told of a result: the lines `run.py` prints, which stand in docs/performance.md as they are.

Pure; tests/docs/test_peers.py holds the page against the committed result with it.
"""

from typing import Any

GOAL = 15  # times a peer's visits a second


def section(results: dict[str, Any]) -> list[str]:
    """Return the table, what each peer ran with, and how much of the machine others used."""
    peers, versions = results["peers"], results["machine"]["versions"]
    runs = [run for each in peers.values() for side in ("peer", "molva") for run in each[side]["runs"]]
    others = [run["others_cpu"] for run in runs]
    served = f"Django {versions['django']}, gunicorn {versions['gunicorn']}, {results['connections']} connections"
    repeats = len(runs) // (2 * len(peers))
    used = f"{min(others):.2f} to {max(others):.2f} of the {results['machine']['cores']} cores"
    return [
        "| | peer | Molva | ratio | goal |",
        "|---|---|---|---|---|",
        *(line for package, each in peers.items() for line in _rows(package, each)),
        "",
        *(_served(package, versions[package], each) for package, each in peers.items()),
        f"- {served}; runs of each: {repeats} of {results['seconds_per_run']} s.",
        f"- Other work used {used} meanwhile.",
    ]


def _rows(package: str, each: dict[str, Any]) -> list[str]:
    peer, mine = each["peer"]["median"], each["molva"]["median"]
    cpu = f"{peer['cpu_us']:.0f} | {each['cpu_us_projected']:.0f} | {each['cpu_ratio']:.1f}"
    return [
        f"| `{package}`, visits a second | {peer['rps']:.0f} | {mine['rps']:.0f} | {each['ratio']:.1f} | {GOAL} |",
        f"| `{package}`, until projected | | {each['rps_projected']:.0f} | {each['ratio_projected']:.1f} | |",
        f"| `{package}`, p99, ms | {peer['p99_ms']:.1f} | {mine['p99_ms']:.1f} | | |",
        f"| `{package}`, CPU a visit, µs | {cpu} | |",
    ]


def _served(package: str, version: str, each: dict[str, Any]) -> str:
    answered, stored = (sum(run[name] for run in each["peer"]["runs"]) for name in ("acknowledged", "stored"))
    return f"- `{package}` {version}, {each['served_by']}: {answered} answers, {stored} rows."
