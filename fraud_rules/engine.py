"""Judging one subject: every rule in force, the allow list, the score.

The shell and the replay command call `judge`. A rule that fails is reported and never stops the others.
"""

import traceback
from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePath
from typing import Any

import msgspec

from fraud_rules.allow import AllowEntry, find_entry, find_partner_entry
from fraud_rules.learning import Scales, weigh
from fraud_rules.partner_facts import PartnerFacts
from fraud_rules.rule import Rule, RuleConfig
from fraud_rules.scoring import REVIEW_FROM, Score, score
from fraud_rules.types import ClickFacts, Facts, Finding, moments_of, weightiest_first


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
    scales: Scales | None = None,
    standing: Iterable[Finding] = (),
    review_from: int = REVIEW_FROM,
) -> Judgement:
    """Return the findings of all enabled rules due for this subject, with their score.

    `configs`: by rule id, from `rule.read_configs`; a missing one means defaults. `allow`: entries of the
    subject's program. `scales`: what verdicts taught of each rule (`learning`). `standing`: findings about
    others that speak of this subject too (its partner, its crowd); they count into the score and are not
    returned. `review_from`: the score from which the program's people look. Neither the order of rules nor of
    entries changes the result.
    """
    moments = moments_of(facts.subject)
    due = [rule for rule in rules if rule.evaluate is not None and not rule.timing.isdisjoint(moments)]
    entries = tuple(allow)
    kept, suppressed, errors = _run_all(
        due,
        facts,
        configs=configs,
        pick=lambda rule: rule.evaluate,
        silencer=lambda finding: find_entry(finding, facts.subject, entries=entries),
    )
    kept = [weigh(finding, scales or {}) for finding in kept]
    kept.sort(key=weightiest_first)
    result = score([*kept, *standing], review_from=review_from)
    return Judgement(findings=tuple(kept), suppressed=suppressed, errors=errors, score=result)


def judge_partner(
    facts: PartnerFacts,
    rules: Iterable[Rule[Any]],
    *,
    configs: Mapping[str, RuleConfig],
    allow: Iterable[AllowEntry],
    scales: Scales | None = None,
    review_from: int = REVIEW_FROM,
) -> Judgement:
    """Return what all enabled rules find about a partner as a whole, as `judge` does for a conversion."""
    entries = tuple(allow)
    kept, suppressed, errors = _run_all(
        [rule for rule in rules if rule.evaluate_partner is not None],
        facts,
        configs=configs,
        pick=lambda rule: rule.evaluate_partner,
        silencer=lambda finding: find_partner_entry(finding, facts, entries=entries),
    )
    kept = [weigh(finding, scales or {}) for finding in kept]
    kept.sort(key=weightiest_first)
    # What only states a share of the partner holds nothing; it must not confirm a note about somebody either.
    stated = [finding for finding in kept if not finding.holds_compared and not finding.holds_partner]
    held = [finding for finding in kept if finding.holds_compared or finding.holds_partner]
    scores = [score(findings, review_from=review_from) for findings in (held, stated)]
    result = max(scores, key=lambda each: each.points)
    return Judgement(findings=tuple(kept), suppressed=suppressed, errors=errors, score=result)


def judge_click(facts: ClickFacts, rules: Iterable[Rule[Any]], *, configs: Mapping[str, RuleConfig]) -> Judgement:
    """Return what all enabled rules find about a click; clicks hold nothing and have no allow list."""
    kept, suppressed, errors = _run_all(
        [rule for rule in rules if rule.evaluate_click is not None],
        facts,
        configs=configs,
        pick=lambda rule: rule.evaluate_click,
        silencer=lambda _: None,
    )
    kept.sort(key=weightiest_first)
    return Judgement(findings=tuple(kept), suppressed=suppressed, errors=errors, score=score(kept))


def _run_all(
    rules: Iterable[Rule[Any]],
    facts: Facts | PartnerFacts | ClickFacts,
    *,
    configs: Mapping[str, RuleConfig],
    pick: Callable[[Rule[Any]], Callable[[Any, Any], list[Finding]] | None],
    silencer: Callable[[Finding], AllowEntry | None],
) -> tuple[list[Finding], tuple[Suppressed, ...], tuple[RuleFailure, ...]]:
    kept: list[Finding] = []
    suppressed: list[Suppressed] = []
    errors: list[RuleFailure] = []
    for rule in rules:
        config = configs.get(rule.id, rule.config)
        evaluate = pick(rule)
        if evaluate is None or not config.enabled:
            continue
        outcome = _run(rule, evaluate, facts, config=config)
        if isinstance(outcome, RuleFailure):
            errors.append(outcome)
            continue
        for finding in outcome:
            entry = silencer(finding)
            if entry is None:
                kept.append(finding)
            else:
                suppressed.append(Suppressed(finding=finding, allow_id=entry.id))
    suppressed.sort(key=lambda silenced: weightiest_first(silenced.finding))
    errors.sort(key=lambda failure: failure.rule)
    return kept, tuple(suppressed), tuple(errors)


def _run(
    rule: Rule[Any],
    evaluate: Callable[[Any, Any], list[Finding]],
    facts: Facts | PartnerFacts | ClickFacts,
    *,
    config: RuleConfig,
) -> list[Finding] | RuleFailure:
    if isinstance(facts, Facts):
        missing = sorted(need for need in rule.needs if getattr(facts, need, None) is None)
        if missing:
            return RuleFailure(rule=rule.id, error=f"facts not loaded: {', '.join(missing)}")
    try:
        found = list(evaluate(facts, config))
        used = msgspec.to_builtins(config) if found else {}
        return [msgspec.structs.replace(finding, config=used) for finding in found]
    except Exception as error:  # noqa: BLE001  # one broken rule must not take the others along
        return RuleFailure(rule=rule.id, error=_describe(error))


def _describe(error: Exception) -> str:
    """Name the error and its place; its text is left out, it may quote an e-mail."""
    # Walked, not extracted: extracting reads the source files.
    *_, (frame, line) = traceback.walk_tb(error.__traceback__)
    return f"{type(error).__name__} at {PurePath(frame.f_code.co_filename).name}:{line}"
