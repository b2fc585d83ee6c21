"""What a result is worth against the truth: pure arithmetic over one world, and over many.

`evaluation.py` calls it with the replay's output object, a peer's, or one without a rule. A metric of one world is a
`Ratio`; over worlds the parts are summed before they are divided, so that a small world weighs less than a large one.
"""

from collections.abc import Iterable, Mapping, Sequence
from random import Random
from typing import Any

import msgspec

from tracker.fraud.simulation.types import Label

Result = Mapping[str, Any]

HELD_FROM = 50  # the line from which a subject's reward is held
RESAMPLES = 1000
INTERVAL = (0.05, 0.95)  # what the resamples are cut to: 90 % lie between
UNSEEN_PREFIX = "U"
DAYS_A_WEEK = 7


class Ratio(msgspec.Struct, frozen=True):
    """A part of a whole; the value is `part / whole`, or None of nothing."""

    part: float
    whole: float

    @property
    def value(self) -> float | None:
        """Return the quotient."""
        return self.part / self.whole if self.whole else None


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """A value over all worlds, between the ends of its 90 % interval; None where it cannot be told."""

    value: float | None
    low: float | None
    high: float | None


class Truth(msgspec.Struct, frozen=True, kw_only=True):
    """The labels of a world, looked up three ways.

    A unit is a lead, or a sale that stands for one. Sales of a lead belong to its unit: one held is both held.
    """

    units: dict[str, Label]
    unit_of: dict[str, str]
    of_partner: dict[tuple[str, str], tuple[str, ...]]
    partners: dict[str, Label]
    rewards: dict[str, int]


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What a result holds: units, cases as the units each holds, and the accused partner of each case."""

    units: frozenset[str]
    cases: tuple[frozenset[str], ...]
    accused: tuple[str, ...]
    scores: dict[str, int]


def truth_of(labels: Iterable[Label]) -> Truth:
    """Return the labels in the shape everything here reads."""
    known = list(labels)
    conversions = [label for label in known if label.kind != "partner"]
    units = {label.subject: label for label in conversions if label.unit == label.subject}
    of_partner: dict[tuple[str, str], list[str]] = {}
    rewards = dict.fromkeys(units, 0)
    for label in conversions:
        rewards[label.unit] += label.reward
        if label.partner is not None and label.subject in units:
            of_partner.setdefault((label.program, label.partner), []).append(label.subject)
    return Truth(
        units=units,
        unit_of={label.subject: label.unit for label in conversions},
        of_partner={key: tuple(subjects) for key, subjects in of_partner.items()},
        partners={label.subject: label for label in known if label.kind == "partner"},
        rewards=rewards,
    )


def held_by(result: Result, truth: Truth) -> Held:
    """Return what the result holds.

    Held is what scores 50 or more or belongs to a case; a partner in a case holds all of that partner's leads in the
    program. Clicks and unknown subjects hold nothing.
    """
    scores: dict[str, int] = {}
    for subject, points in result["scores"].items():
        unit = truth.unit_of.get(subject)
        if unit is not None:
            scores[unit] = max(scores.get(unit, 0), points)
    cases = [_units_of(case, truth) for case in result["cases"]]
    alone = (unit for unit, points in scores.items() if points >= HELD_FROM)
    return Held(
        units=frozenset(alone).union(*cases),
        cases=tuple(cases),
        accused=tuple(case["partner"] for case in result["cases"]),
        scores=scores,
    )


def measure(held: Held, truth: Truth, *, days: int) -> dict[str, Ratio]:
    """Return the metrics of one world by name; `recall:` and `hurt:` are followed by a scheme or a confounder."""
    fraud = [unit for unit, label in truth.units.items() if label.is_fraud]
    honest = [unit for unit, label in truth.units.items() if not label.is_fraud]
    found = [unit for unit in fraud if unit in held.units]
    hurt = [unit for unit in honest if unit in held.units]
    wrong = sum((held.scores.get(unit, 0) / 100 - label.is_fraud) ** 2 for unit, label in truth.units.items())
    right = [_is_right(case, partner, truth) for case, partner in zip(held.cases, held.accused, strict=True)]
    metrics = {
        "case_precision": Ratio(sum(right), len(right)),
        "case_precision_strict": Ratio(
            sum(_is_pure(case, partner, truth) for case, partner in zip(held.cases, held.accused, strict=True)),
            len(right),
        ),
        "lead_precision": Ratio(len(found), len(held.units)),
        "honest_held_per_1000": Ratio(1000 * len(hurt), len(honest)),
        "cases_per_1000": Ratio(1000 * len(right), len(truth.units)),
        "cases_per_week": Ratio(DAYS_A_WEEK * len(right), days),
        "brier": Ratio(wrong, len(truth.units)),
    }
    return metrics | _recalls(fraud, held, truth) | _hurts(honest, held, truth)


def detection_days(first_held: Mapping[str, float], began: Mapping[str, float]) -> list[float]:
    """Return how many days each fraud that was found took, in the order of `began`.

    Both by fraud (a scheme of a partner): when it was first seen held, and when its first lead came, in days.
    """
    return [first_held[name] - began[name] for name in began if name in first_held]


def frauds_of(truth: Truth) -> dict[str, tuple[str, ...]]:
    """Return the units of each fraud: one scheme of one partner."""
    found: dict[str, list[str]] = {}
    for unit, label in truth.units.items():
        if label.scheme is not None:
            found.setdefault(f"{label.scheme}/{label.partner}", []).append(unit)
    return {name: tuple(units) for name, units in found.items()}


def pool(worlds: Sequence[Mapping[str, Ratio]], name: str) -> Estimate:
    """Return a metric over all worlds, with an interval from drawing worlds again with replacement.

    One world alone says nothing about how worlds differ: then there is no interval.
    """
    ratios = [world[name] for world in worlds if name in world]
    value = _sum(ratios).value
    if len(ratios) < 2 or value is None:
        return Estimate(value=value, low=None, high=None)
    rng = Random(0)  # noqa: S311  # the same interval every time
    drawn = sorted(
        again
        for again in (_sum(rng.choices(ratios, k=len(ratios))).value for _ in range(RESAMPLES))
        if again is not None
    )
    low, high = (drawn[min(int(share * len(drawn)), len(drawn) - 1)] for share in INTERVAL)
    return Estimate(value=value, low=low, high=high)


def median(values: Sequence[float]) -> float | None:
    """Return the middle value, the lower one of two, or None."""
    return sorted(values)[(len(values) - 1) // 2] if values else None


def _units_of(case: Mapping[str, Any], truth: Truth) -> frozenset[str]:
    units: set[str] = set()
    for subject in case["subjects"]:
        if subject in truth.partners:
            units.update(truth.of_partner.get((case["program"], subject), ()))
        elif subject in truth.unit_of:
            units.add(truth.unit_of[subject])
    return frozenset(units)


def _is_right(case: frozenset[str], partner: str, truth: Truth) -> bool:
    """Say whether at least half of what the case holds is fraud; of one that holds nothing, whether the partner is."""
    if not case:
        return partner in truth.partners and truth.partners[partner].is_fraud
    return 2 * sum(truth.units[unit].is_fraud for unit in case) >= len(case)


def _is_pure(case: frozenset[str], partner: str, truth: Truth) -> bool:
    if not case:
        return _is_right(case, partner, truth)
    return all(truth.units[unit].is_fraud for unit in case)


def _recalls(fraud: Sequence[str], held: Held, truth: Truth) -> dict[str, Ratio]:
    """Return the shares found: known and unseen schemes apart, in money, and of each scheme.

    A partner whose scheme gave no lead counts as one that is found when a case accuses the partner.
    """
    outcomes: list[tuple[str, bool, int]] = [
        (truth.units[unit].scheme or "", unit in held.units, truth.rewards[unit]) for unit in fraud
    ]
    with_leads = {scheme for scheme, _, _ in outcomes}
    outcomes += [
        (label.scheme, partner in held.accused, 0)
        for partner, label in truth.partners.items()
        if label.scheme is not None and label.scheme not in with_leads
    ]
    metrics: dict[str, Ratio] = {}
    for name, is_unseen in (("recall", False), ("recall_unseen", True)):
        own = [each for each in outcomes if each[0].startswith(UNSEEN_PREFIX) == is_unseen]
        if own:
            metrics[name] = Ratio(sum(found for _, found, _ in own), len(own))
    metrics["money_recall"] = Ratio(
        sum(reward for _, found, reward in outcomes if found), sum(reward for _, _, reward in outcomes)
    )
    for scheme in dict.fromkeys(scheme for scheme, _, _ in outcomes):
        of_it = [found for name, found, _ in outcomes if name == scheme]
        metrics[f"recall:{scheme}"] = Ratio(sum(of_it), len(of_it))
    return metrics


def _hurts(honest: Sequence[str], held: Held, truth: Truth) -> dict[str, Ratio]:
    counts: dict[str, list[int]] = {}
    for unit in honest:
        hurt = counts.setdefault(truth.units[unit].confounder or "everyday", [0, 0])
        hurt[0] += unit in held.units
        hurt[1] += 1
    return {f"hurt:{name}": Ratio(part, whole) for name, (part, whole) in counts.items()}


def _sum(ratios: Sequence[Ratio]) -> Ratio:
    return Ratio(sum(each.part for each in ratios), sum(each.whole for each in ratios))
