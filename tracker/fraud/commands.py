"""What `molva fraud` does with worlds, one function a command; none needs an installation.

`tracker/cli.py` looks commands up in `FRAUD_COMMANDS`, `tracker/cli_texts.py` their texts.
"""

import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from tracker.fraud.evaluation import OURS, evaluate
from tracker.fraud.replay.run import replay
from tracker.fraud.report import FIGURES, value_text, write_page
from tracker.fraud.simulation.files import WORLDS_MAX, Stored, WorldError, read_world, world_folders, write_world
from tracker.fraud.simulation.types import Parameters
from tracker.fraud.simulation.world import simulate

Params = dict[str, Any]
Answer = dict[str, Any]

REPORT, PAGE = "report.json", "report.html"
SHOWN = frozenset(
    {"case_precision", "recall", "recall_unseen", "money_recall", "honest_held_per_1000", "cases_per_1000"}
)
WORST = 3  # schemes named below the table
BASE_RATE_MAX_PPM = 300_000


def simulate_worlds(params: Params) -> Answer:
    """Make the worlds of the asked seeds and return what is in each."""
    base_rate_ppm = params["base_rate"]
    if not 0 <= base_rate_ppm <= BASE_RATE_MAX_PPM:
        raise WorldError(
            f"--base-rate {base_rate_ppm} is no share of leads; give 0 to {BASE_RATE_MAX_PPM} of a million."
        )
    made = []
    for seed in seeds_of(params["seed"]):
        begun = time.perf_counter()
        world = simulate(Parameters(seed=seed, base_rate_ppm=base_rate_ppm, unseen=params["unseen"]))
        seconds = round(time.perf_counter() - begun, 2)
        made.append({**write_world(world, Path(params["out"])), "seconds": seconds})
    return {"out": params["out"], "worlds": made}


def evaluate_worlds(params: Params) -> Answer:
    """Show every world of a folder to the rules and their peers; write both reports and return the numbers."""
    folder = Path(params["dir"])
    out = Path(params.get("out") or folder)
    places = world_folders(folder)
    report = evaluate(_read_each(places), replay, with_days=not params["quick"])
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / REPORT).write_bytes(msgspec.json.format(msgspec.json.encode(report)) + b"\n")
        (out / PAGE).write_text(write_page(report), encoding="utf-8")
    except OSError as error:
        raise WorldError(f'"{out}" cannot be written: {error.strerror}. Name another folder with --out.') from error
    return {"report": str(out / REPORT), "page": str(out / PAGE), **report}


def _read_each(places: list[Path]) -> Iterator[Stored]:
    """Yield the worlds, and tell a person at a terminal which one is looked at: forty take a while."""
    for number, place in enumerate(places, start=1):
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{place.name:<20} {number} of {len(places)} ")
            sys.stderr.flush()
        yield read_world(place)
    if sys.stderr.isatty():
        sys.stderr.write("\n")


def seeds_of(text: str) -> range:
    """Return the seeds of "7" or "1-20"; refuses what is neither."""
    match = re.fullmatch(r"(\d{1,18})(?:-(\d{1,18}))?", text)
    if match is None or (match[2] is not None and int(match[2]) < int(match[1])):
        raise WorldError(f'--seed "{text[:40]}" is neither a number nor a range like 1-20.')
    seeds = range(int(match[1]), int(match[2] or match[1]) + 1)
    if len(seeds) > WORLDS_MAX:
        raise WorldError(f"--seed {text} means {len(seeds)} worlds; ask for {WORLDS_MAX} at most at a time.")
    return seeds


def simulate_text(answer: Answer) -> str:
    """Return what was made, a world a line."""
    lines = [f"{'world':<12} {'lines':>7} {'leads':>6} {'fraud':>6} {'share':>7} {'partners':>9} {'seconds':>8}"]
    for world in answer["worlds"]:
        share = 100 * world["fraud_leads"] / max(world["leads"], 1)
        lines.append(
            f"{'seed-' + str(world['seed']):<12} {sum(world['lines'].values()):>7} {world['leads']:>6} "
            f"{world['fraud_leads']:>6} {share:>6.2f}% {world['partners']:>9} {world['seconds']:>8.2f}"
        )
    return "\n".join([*lines, "", f"Written to {answer['out']}. Next:  molva fraud evaluate {answer['out']}"])


def evaluate_text(answer: Answer) -> str:
    """Return the figures as a table, a method a line, and where the reports are."""
    shown = [figure for figure in FIGURES if figure.name in SHOWN]
    lines = [" ".join([f"{'method':<24}", *(f"{figure.title:>15}" for figure in shown)])]
    for method in answer["methods"]:
        cells = (value_text(method["metrics"].get(figure.name), figure.write) for figure in shown)
        lines.append(" ".join([f"{method['title']:<24}", *(f"{cell:>15}" for cell in cells)]))
    worst = _worst(next(method for method in answer["methods"] if method["name"] == OURS)["schemes"])
    if worst:
        lines += ["", f"Least found: {worst}."]
    if answer["errors"]:
        lines += ["", f"{answer['errors']} lines or rules failed in the replay."]
    return "\n".join([*lines, "", f"Written: {answer['page']} and {answer['report']}."])


def _worst(schemes: Answer) -> str:
    found = sorted((each["value"], name) for name, each in schemes.items() if each["value"] is not None)
    return ", ".join(f"{name} {100 * value:.0f} %" for value, name in found[:WORST])


# Every command of the group: what it does, and what it prints for people.
def replay_file(params: Params) -> Answer:
    """Read a file of events ("-" is standard input) through all rules and return what they found."""
    path = params["file"]
    try:
        with sys.stdin.buffer if path == "-" else Path(path).open("rb") as lines:
            answer: Answer = msgspec.to_builtins(replay(lines).answer())
            return answer
    except OSError as error:
        message = f'"{path}" cannot be read: {error.strerror}. Name a file of JSON lines, or - for standard input.'
        raise WorldError(message) from error


def replay_text(answer: Answer) -> str:
    """Return the answer as JSON: it is read by programs, with or without --json."""
    return msgspec.json.format(msgspec.json.encode(answer)).decode()


FRAUD_COMMANDS: dict[str, Callable[[Params], Answer]] = {
    "fraud replay": replay_file,
    "fraud simulate": simulate_worlds,
    "fraud evaluate": evaluate_worlds,
}
FRAUD_TEXTS: dict[str, Callable[[Answer], str]] = {
    "fraud replay": replay_text,
    "fraud simulate": simulate_text,
    "fraud evaluate": evaluate_text,
}
