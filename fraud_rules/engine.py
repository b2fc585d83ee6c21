"""Judging one subject: every rule in force, the allow list, the score.

The shell and the replay command call `judge`. A rule that fails is reported and never stops the others.
"""

import traceback
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any

import msgspec

from fraud_rules.allow import AllowEntry, find_entry
from fraud_rules.rule import Rule, RuleConfig
from fraud_rules.scoring import Score, score
from fraud_rules.types import Facts, Finding, moments_of, weightiest_first


class Suppressed(msgspec.Struct, frozen=True, kw_only=True):
    """A finding the allow list silenced, and the entry that did."""

    finding: Finding
    allow_id: str


class RuleFailure(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that could not judge, and why; without values, which may be personal."""

    rule: str
    error: str


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """All that was found about a subject, largest factor first, and the score of what counts."""

    findings: tuple[Finding, ...]
    suppressed: tuple[Suppressed, ...]
    errors: tuple[RuleFailure, ...]
    score: Score


def judge(
    facts: Facts,
    rules: Iterable[Rule[Any]],
    *,
    configs: Mapping[str, RuleConfig],
    allow: Iterable[AllowEntry],
) -> Judgement:
    """Return the findings of all enabled rules due for this subject, with their score.

    `configs`: by rule id, from `rule.read_configs`; a missing one means defaults. `allow`: entries of
    the subject's program. Neither the order of rules nor of entries changes the result.
    """
    entries = tuple(allow)
    moments = moments_of(facts.subject)
    kept: list[Finding] = []
    suppressed: list[Suppressed] = []
    errors: list[RuleFailure] = []
    for rule in rules:
        config = configs.get(rule.id, rule.config)
        if not config.enabled or rule.timing.isdisjoint(moments):
            continue
        outcome = _run(rule, facts, config=config)
        if isinstance(outcome, RuleFailure):
            errors.append(outcome)
            continue
        for finding in outcome:
            entry = find_entry(finding, facts.subject, entries=entries)
            if entry is None:
                kept.append(finding)
            else:
                suppressed.append(Suppressed(finding=finding, allow_id=entry.id))
    kept.sort(key=weightiest_first)
    suppressed.sort(key=lambda silenced: weightiest_first(silenced.finding))
    errors.sort(key=lambda failure: failure.rule)
    return Judgement(findings=tuple(kept), suppressed=tuple(suppressed), errors=tuple(errors), score=score(kept))


def _run(rule: Rule[Any], facts: Facts, *, config: RuleConfig) -> list[Finding] | RuleFailure:
    missing = sorted(need for need in rule.needs if getattr(facts, need, None) is None)
    if missing:
        return RuleFailure(rule=rule.id, error=f"facts not loaded: {', '.join(missing)}")
    used = msgspec.to_builtins(config)
    try:
        return [msgspec.structs.replace(finding, config=used) for finding in rule.evaluate(facts, config)]
    except Exception as error:  # noqa: BLE001  # one broken rule must not take the others along
        return RuleFailure(rule=rule.id, error=_describe(error))


def _describe(error: Exception) -> str:
    """Name the error and its place; its text is left out, it may quote an e-mail."""
    # Walked, not extracted: extracting reads the source files.
    *_, (frame, line) = traceback.walk_tb(error.__traceback__)
    return f"{type(error).__name__} at {PurePath(frame.f_code.co_filename).name}:{line}"
