"""What each rule gives and costs: the score again without its findings, from the replay's output alone.

`evaluation.py` calls it. The score is `fraud_rules.scoring`'s own. A case goes when, without the rule, none of its
subjects reaches the review line any more; what only that case held is then free.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from fraud_rules.scoring import score
from fraud_rules.types import PPM, Finding
from tracker.fraud.metrics import HELD_FROM, Ratio, Truth, held_by

Result = Mapping[str, Any]
Findings = Mapping[str, list[Finding]]


def rules_of(result: Result) -> list[str]:
    """Return the rules that fired, by name."""
    return sorted({finding["rule"] for finding in result["findings"]})


def findings_of(result: Result) -> dict[str, list[Finding]]:
    """Return the findings by subject, as the score takes them."""
    found: dict[str, list[Finding]] = {}
    for each in result["findings"]:
        found.setdefault(each["subject"], []).append(_finding(each))
    return found


def without_rule(result: Result, rule: str, *, findings: Findings) -> dict[str, Any]:
    """Return the result as it would be had the rule been switched off: scores and cases."""
    scores = dict(result["scores"])
    for subject, found in findings.items():
        left = [finding for finding in found if finding.rule != rule]
        if len(left) < len(found):
            scores[subject] = score(left).points
    cases = [case for case in result["cases"] if _stands(case, rule, scores=scores, findings=findings)]
    return {"scores": scores, "cases": cases}


def _stands(case: Mapping[str, Any], rule: str, *, scores: Mapping[str, int], findings: Findings) -> bool:
    """Say whether a case would still be opened without the rule."""
    others = [each for each in case["rules"] if each != rule]
    if len(others) == len(case["rules"]) or any(scores.get(each, 0) >= HELD_FROM for each in case["subjects"]):
        return True
    # Opened by something that is nobody's finding here, like a partner's account: the other rules keep it.
    return bool(others) and findings.keys().isdisjoint(case["subjects"])


def worth_of_rules(result: Result, truth: Truth) -> dict[str, Ratio]:
    """Return, by "rule:NAME:WHAT", what each rule says and what would be missed without it.

    `precision`: fraud among the leads it fires on. `reach`: the fraud it fires on. `alone`: the recall that would be
    lost without it. `cost`: honest leads of 1,000 that only it holds.
    """
    findings = findings_of(result)
    held = held_by(result, truth).units
    fraud = {unit for unit, label in truth.units.items() if label.is_fraud}
    honest = len(truth.units) - len(fraud)
    worth: dict[str, Ratio] = {}
    for rule in rules_of(result):
        touched = _touched(findings, rule, truth)
        freed = held - held_by(without_rule(result, rule, findings=findings), truth).units
        worth[f"rule:{rule}:precision"] = Ratio(len(touched & fraud), len(touched))
        worth[f"rule:{rule}:reach"] = Ratio(len(touched & fraud), len(fraud))
        worth[f"rule:{rule}:alone"] = Ratio(len(freed & fraud), len(fraud))
        worth[f"rule:{rule}:cost"] = Ratio(1000 * len(freed - fraud), honest)
    return worth


def _touched(findings: Findings, rule: str, truth: Truth) -> set[str]:
    """Return the units the rule speaks against; one that it forgave counts nothing."""
    subjects: Iterable[str] = (
        subject for subject, found in findings.items() if any(each.rule == rule and each.fired for each in found)
    )
    return {truth.unit_of[subject] for subject in subjects if subject in truth.unit_of}


def _finding(each: Mapping[str, Any]) -> Finding:
    """Return a finding of the output; its strength holds the damping already."""
    strength_ppm, weight_ppm = round(each["strength"] * PPM), round(each["weight"] * PPM)
    factor_ppm = min(strength_ppm * weight_ppm // PPM, PPM)
    return Finding(
        rule=each["rule"],
        rule_version=1,
        family=each["family"],
        fired=factor_ppm > 0,
        strength_ppm=strength_ppm,
        weight_ppm=weight_ppm,
        damping_ppm=PPM,
        factor_ppm=factor_ppm,
        message="",
        clears_when="",
    )
