"""Visits to a referral link, recorded and redirected: Molva beside two packages that do the same, in one run.

Prints one table and writes one file to `benchmarks/results/`. Installs the packages into an environment of its own that
is gone afterwards. See README.md beside this file.
"""

import argparse
import http.client
import json
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from projects import PEERS, SETTINGS, Project, Setting, install, versions  # noqa: E402  # The folder is no package.
from run import DOORS, load, machine, median, summary  # noqa: E402
from section import section  # noqa: E402
from servers import Server, free_port  # noqa: E402  # Of the folder above.
from subjects import CODE, Subject  # noqa: E402

LINK = f"/r/to/{CODE.lower()}"
TRIAL_S = 2
SETTLE_S = 1.0
OTHERS_MAX = 0.5  # cores; a turn in which other work used more is taken again
AGAIN_MAX = 3  # such turns for each that counts

Turn = dict[str, dict[str, Any]]


class PeerBrokeError(RuntimeError):
    """A peer refused visits or left them without an answer for longer than `wrk` waits (2 s)."""


def main() -> int:
    options = read_options()
    with tempfile.TemporaryDirectory(prefix="molva-peers-") as name:
        folder = Path(name)
        commands = install(folder / "environment")
        results: dict[str, Any] = {
            "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "machine": machine(folder) | {"versions": versions()},
            "seconds_per_run": options.seconds,
            "connections": DOORS["redirects"].connections,
            "peers": measure(folder, commands, options),
        }
    print("\n".join(section(results)))
    path = HERE.parent / "results" / f"peers-{results['date'][:10]}{'-quick' if options.quick else ''}.json"
    path.write_text(json.dumps(results, indent=1) + "\n")
    print(f"\nWritten to {path.relative_to(HERE.parents[1])}.")
    sides = ("peer", "molva")
    runs = [run for each in results["peers"].values() for side in sides for run in each[side]["runs"]]
    again = [each for peer in results["peers"].values() for each in peer["disturbed_turns"]]
    runs += [each[side] for each in again for side in sides]
    return 1 if any(run["stored"] < run["acknowledged"] for run in runs) else 0


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=10, help="length of one run (10)")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each that count, alternating (3)")
    parser.add_argument("--quick", action="store_true", help="2 seconds a run")
    options = parser.parse_args()
    if options.quick:
        options.seconds = 2
    return options


def measure(folder: Path, commands: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Run every peer, Molva and the yardstick by turns; return every run, the medians and the ratios, by package."""
    port = free_port()
    with ExitStack() as stack:
        yardstick = Server([sys.executable, str(HERE.parent / "yardstick.py"), str(port)], port=port)
        stack.callback(yardstick.stop)
        subject = Subject(folder / "molva", None)
        stack.callback(subject.server.stop)
        load(yardstick, subject, DOORS["clicks"], seconds=1, prefix="warm")
        load(subject.server, subject, DOORS["redirects"], seconds=1, prefix="warm")
        return {peer.package: beside(Project(peer, commands, folder), subject, yardstick, options) for peer in PEERS}


def beside(project: Project, subject: Subject, yardstick: Server, options: argparse.Namespace) -> dict[str, Any]:
    """Find the peer's best setting, then run it, Molva and the yardstick by turns."""
    trials = {str(setting): trial(project, subject, setting) for setting in SETTINGS}
    best = max(SETTINGS, key=lambda setting: trials[str(setting)].get("rps", 0))
    journal_mode, synchronous = project.journal()
    server = project.serve(best)
    try:
        answers = {"peer": answer_of(server), "molva": answer_of(subject.server)}
        turns, disturbed, broke = quiet_turns(
            lambda: turn(server, project, subject, yardstick, options.seconds), options.repeats
        )
    finally:
        server.stop()
    runs = {side: [each[side] for each in turns] for side in ("peer", "molva", "yardstick")}
    return {
        "journal_mode": journal_mode,
        "synchronous": synchronous,
        "served_by": str(best),
        "trials": trials,
        "answers": answers,
        "disturbed_turns": disturbed,
        "broken_turns": broke,
        **{side: summary(each) for side, each in runs.items()},
        **compare(runs["peer"], runs["molva"]),
    }


def quiet_turns(take: Callable[[], Turn], wanted: int) -> tuple[list[Turn], list[Turn], list[str]]:
    """Return as many turns as are wanted, those taken again because others used the machine, and how the peer broke.

    Where it is never quiet, disturbed turns count after all, and where a peer always breaks, that is the error.
    """
    kept: list[Turn] = []
    disturbed: list[Turn] = []
    broke: list[str] = []
    while len(kept) < wanted:
        may_repeat = len(disturbed) + len(broke) < wanted * AGAIN_MAX
        try:
            each = take()
        except PeerBrokeError as error:
            if not may_repeat:
                raise
            broke.append(str(error))
            continue
        is_quiet = max(run["others_cpu"] for run in each.values()) <= OTHERS_MAX
        (kept if is_quiet or not may_repeat else disturbed).append(each)
    return kept, disturbed, broke


def turn(server: Server, project: Project, subject: Subject, yardstick: Server, seconds: int) -> Turn:
    """Run the peer, Molva and the yardstick once."""
    time.sleep(SETTLE_S)
    peer, mine = visit_peer(server, project, subject, seconds), visit_molva(subject, seconds)
    mine["ratio"] = round(mine["rps"] / peer["rps"], 2)
    return {
        "peer": peer,
        "molva": mine,
        "yardstick": load(yardstick, subject, DOORS["clicks"], seconds=seconds, prefix="y"),
    }


def compare(peer: list[dict[str, Any]], mine: list[dict[str, Any]]) -> dict[str, float]:
    """Return how many times as fast Molva is: answering, answering and projecting, and by CPU."""
    return {
        "ratio": round(median(mine, "ratio"), 1),
        "rps_projected": median(mine, "rps_projected"),
        "ratio_projected": round(median(mine, "rps_projected") / median(peer, "rps"), 1),
        "cpu_us_projected": median(mine, "cpu_us_projected"),
        "cpu_ratio": round(median(peer, "cpu_us") / median(mine, "cpu_us_projected"), 1),
    }


def trial(project: Project, subject: Subject, setting: Setting) -> dict[str, Any]:
    """Return what a peer does in a setting, or why it is none: it refused, broke or lost."""
    server = project.serve(setting)
    try:
        visit_peer(server, project, subject, 1)
        run = visit_peer(server, project, subject, TRIAL_S)
    except PeerBrokeError as broken:
        return {"refused": str(broken)}
    finally:
        server.stop()
    if run["stored"] < run["acknowledged"]:
        return {"refused": f"{run['stored']} rows of {run['acknowledged']} answered visits."}
    return run


def visit_peer(server: Server, project: Project, subject: Subject, seconds: int) -> dict[str, Any]:
    """Visit the peer's link for some seconds and count the rows."""
    before = project.count()
    try:
        run = load(server, subject, DOORS["redirects"], seconds=seconds, prefix="p")
    except RuntimeError as broken:
        raise PeerBrokeError(f"{project.peer.package}: {broken}") from broken
    time.sleep(SETTLE_S)
    run["stored"] = project.count() - before
    return run


def visit_molva(subject: Subject, seconds: int) -> dict[str, Any]:
    """Visit Molva's link for some seconds, count the rows, and wait until they are in the indexed tables too."""
    subject.wait_projected()
    before, used = subject.count("links.lua"), subject.server.cpu_s()
    run = load(subject.server, subject, DOORS["redirects"], seconds=seconds, prefix="m")
    run["projected_s"] = subject.wait_projected()
    run["stored"] = subject.count("links.lua") - before
    run["rps_projected"] = round(run["acknowledged"] / (seconds + run["projected_s"]))
    run["cpu_us_projected"] = round((subject.server.cpu_s() - used) / run["acknowledged"] * 1e6)
    return run


def answer_of(server: Server) -> dict[str, Any]:
    """Return the answer to one visit; anything but a redirect is an error, because a load counts every answer."""
    conn = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        conn.request("GET", LINK, headers={"User-Agent": "Mozilla/5.0", "Accept": "text/html"})
        answer = conn.getresponse()
        answer.read()
    finally:
        conn.close()
    if answer.status not in {302, 303, 307} or not answer.headers["location"]:
        raise RuntimeError(f"{LINK} was answered {answer.status}, not by a redirect.")
    return {"status": answer.status, "keeps_alive": not answer.will_close}


if __name__ == "__main__":
    sys.exit(main())
