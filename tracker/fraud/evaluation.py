"""Showing worlds to the rules and to their peers, and gathering what came of it.

`commands.py` hands in the replay and the worlds. The truth is opened only after everybody has judged.
"""

import time
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from tracker.fraud.ablation import worth_of_rules
from tracker.fraud.baselines.registry import BASELINES
from tracker.fraud.metrics import (
    Ratio,
    Truth,
    detection_days,
    frauds_of,
    held_by,
    measure,
    median,
    pool,
    truth_of,
)
from tracker.fraud.simulation.files import Stored, WorldError

Result = dict[str, Any]
Replay = Callable[[Iterable[bytes]], Any]
Judge = Callable[[Sequence[bytes]], Result]

OURS = "molva"
CUTS = 7  # prefixes of a world that are judged too, evenly spread; the whole world is the eighth
EVENTS_TIMED = 10_000
SECONDS_A_DAY = 86_400

# What the rules are meant to reach, and which way is better.
GOALS: dict[str, tuple[str, float]] = {
    "case_precision": (">=", 0.60),
    "recall": (">=", 0.70),
    "recall_unseen": (">=", 0.30),
    "honest_held_per_1000": ("<=", 3.0),
    "cases_per_1000": ("<=", 10.0),
}


class Method(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who judges a world."""

    name: str
    title: str
    note: str
    judge: Judge


def methods_of(replay: Replay) -> list[Method]:
    """Return the rules and their peers."""
    ours = Method(name=OURS, title="Molva", note="the rules as shipped", judge=lambda lines: _judged(replay, lines))
    peers = [
        Method(
            name=each.name,
            title=each.title,
            note=f"{each.source}; left out: {each.left_out}",
            judge=lambda lines, judge=each.judge: judge(map(msgspec.json.decode, lines)),  # type: ignore[misc]
        )
        for each in BASELINES
    ]
    return [ours, *peers]


def evaluate(worlds: Iterable[Stored], replay: Replay, *, with_days: bool) -> dict[str, Any]:
    """Return the report of these worlds: what each method held, by metric, scheme, confounder and rule.

    `with_days` also judges prefixes of each world for the days to detection, which takes four times as long.
    """
    methods = methods_of(replay)
    measured: dict[str, list[dict[str, Ratio]]] = {method.name: [] for method in methods}
    days: dict[str, list[float]] = {method.name: [] for method in methods}
    looked_at = []
    errors = 0
    for world in worlds:
        truth = truth_of(world.labels)
        for method in methods:
            begun = time.perf_counter()
            result = method.judge(world.lines)
            seconds = time.perf_counter() - begun
            held = held_by(result, truth)
            metrics = measure(held, truth, days=world.parameters.days)
            metrics["seconds_per_10k"] = Ratio(EVENTS_TIMED * seconds, len(world.lines))
            if method.name == OURS:
                metrics |= worth_of_rules(result, truth)
                errors += len(result["errors"])
            measured[method.name].append(metrics)
            if with_days:
                days[method.name] += _days_of(world, truth, method)
        looked_at.append(_world_line(world, truth))
    if not looked_at:
        raise WorldError("There is no world to evaluate. Make some with: molva fraud simulate")
    return {
        "worlds": looked_at,
        "errors": errors,
        "goals": {name: {"is": sign, "line": line} for name, (sign, line) in GOALS.items()},
        "methods": [_method_report(method, measured[method.name], days[method.name]) for method in methods],
        "rules": _rules_report(measured[OURS]),
    }


def _judged(replay: Replay, lines: Sequence[bytes]) -> Result:
    result: Result = msgspec.to_builtins(replay(lines))
    return result


def _days_of(world: Stored, truth: Truth, method: Method) -> list[float]:
    """Return the days from the first lead of each fraud to the first cut at which one of its leads was held.

    Cases carry no time, so prefixes of the world are judged as they were known at seven evenly spread instants. What a
    cut shows may have been found up to an eighth of the world before: days are rounded up to the next cut.
    """
    instants = [_seconds(line) for line in world.lines]
    start, span = instants[0], world.parameters.days * SECONDS_A_DAY
    frauds = frauds_of(truth)
    at = _instants_of(world, truth)
    first_held: dict[str, float] = {}
    for cut in range(1, CUTS + 2):
        end = start + span * cut / (CUTS + 1)
        held = held_by(method.judge(world.lines[: bisect_right(instants, end)]), truth).units
        for name, units in frauds.items():
            # A lead behind the cut is not there to be held, though its partner may already be.
            if name not in first_held and any(unit in held and at[unit] <= end for unit in units):
                first_held[name] = end / SECONDS_A_DAY
    began = {name: min(at[unit] for unit in units) / SECONDS_A_DAY for name, units in frauds.items()}
    return detection_days(first_held, began)


def _instants_of(world: Stored, truth: Truth) -> dict[str, float]:
    found: dict[str, float] = {}
    for line in world.lines:
        decoded = msgspec.json.decode(line)
        if decoded.get("external_id") in truth.units:
            found[decoded["external_id"]] = _instant(decoded["at"])
    return found


class _At(msgspec.Struct, frozen=True):
    at: str


def _seconds(line: bytes) -> float:
    return _instant(msgspec.json.decode(line, type=_At).at)


def _instant(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _world_line(world: Stored, truth: Truth) -> dict[str, Any]:
    return {
        "name": world.name,
        "seed": world.parameters.seed,
        "unseen": world.parameters.unseen,
        "base_rate_ppm": world.parameters.base_rate_ppm,
        "lines": len(world.lines),
        "leads": len(truth.units),
        "fraud_leads": sum(label.is_fraud for label in truth.units.values()),
    }


def _method_report(method: Method, worlds: Sequence[Mapping[str, Ratio]], days: Sequence[float]) -> dict[str, Any]:
    names = list(dict.fromkeys(name for world in worlds for name in world))
    plain = {name: _pooled(worlds, name) for name in names if ":" not in name}
    return {
        "name": method.name,
        "title": method.title,
        "note": method.note,
        "metrics": plain | {"median_days_to_detection": {"value": median(days), "low": None, "high": None}},
        "schemes": _by_prefix(worlds, names, "recall:"),
        "confounders": _by_prefix(worlds, names, "hurt:"),
    }


def _by_prefix(worlds: Sequence[Mapping[str, Ratio]], names: Iterable[str], prefix: str) -> dict[str, Any]:
    of_it = sorted(name for name in names if name.startswith(prefix))
    return {name.removeprefix(prefix): _pooled(worlds, name) for name in of_it}


def _rules_report(worlds: Sequence[Mapping[str, Ratio]]) -> dict[str, Any]:
    rules: dict[str, dict[str, Any]] = {}
    for name in sorted({name for world in worlds for name in world if name.startswith("rule:")}):
        _, rule, what = name.split(":")
        rules.setdefault(rule, {})[what] = _pooled(worlds, name)
    return rules


def _pooled(worlds: Sequence[Mapping[str, Ratio]], name: str) -> dict[str, Any]:
    """Return the estimate, with how many there are of what is counted."""
    whole = sum(world[name].whole for world in worlds if name in world)
    return {**msgspec.to_builtins(pool(worlds, name)), "of": round(whole, 3)}
