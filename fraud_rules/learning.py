"""What verdicts teach about rules: each rule's share of confirmed findings, and the weight that follows.

The shell and the replay keep the verdicts and ask here; nothing is switched off by machine.
"""

from collections.abc import Iterable, Mapping

import msgspec

from fraud_rules.types import PPM, Finding, multiply_ppm

DAY_MS = 86_400_000
HALF_LIFE_MS = 180 * DAY_MS
RECENT_MS = 90 * DAY_MS

PRIOR_VERDICTS = 8  # a rule starts as if it had been judged eight times at its catalogue weight
LEARNS_FROM = 5  # verdicts before what was learned replaces the catalogue's weight
SUGGESTS_FROM = 20  # verdicts before a bad rule is suggested to be switched off
SUGGESTS_BELOW_PPM = 100_000
COMPANION_CREDIT_PPM = 500_000  # a finding that stood beside the deciding one

Scales = Mapping[str, int]  # by rule id: learned weight over catalogue weight, ppm


class Lesson(msgspec.Struct, frozen=True, kw_only=True):
    """One verdict's word on one rule; `was_decisive` when this rule's finding decided it."""

    rule: str
    at_ms: int
    confirmed: bool
    was_decisive: bool


class RuleRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What verdicts said of a rule.

    `confirmed_ppm` and `dismissed_ppm` are decayed credits in ppm of a verdict, `verdicts` how many there were
    in all; `recent_confirmed` of `recent` were confirmed within 90 days; `decisive` decided a case.
    """

    rule: str
    verdicts: int
    decisive: int
    recent: int
    recent_confirmed: int
    confirmed_ppm: int
    dismissed_ppm: int
    prior_ppm: int
    posterior_ppm: int

    @property
    def learned_ppm(self) -> int:
        """Weight in force: the catalogue's until there are enough verdicts."""
        return self.posterior_ppm if self.verdicts >= LEARNS_FROM else self.prior_ppm

    @property
    def suggests_off(self) -> bool:
        """Whether a person should be asked to switch the rule off."""
        return self.verdicts >= SUGGESTS_FROM and self.posterior_ppm < SUGGESTS_BELOW_PPM


def learn(lessons: Iterable[Lesson], *, prior_ppm: Mapping[str, int], now_ms: int) -> dict[str, RuleRecord]:
    """Return the record of every rule in `prior_ppm` (catalogue weights by rule id).

    w ~ Beta(8 w0 + confirmed, 8 (1 - w0) + dismissed), each verdict halved every 180 days; its mean is the
    posterior. The order of lessons is no matter.
    """
    by_rule: dict[str, list[Lesson]] = {rule: [] for rule in prior_ppm}
    for lesson in lessons:
        if lesson.rule in by_rule:
            by_rule[lesson.rule].append(lesson)
    return {rule: _record(rule, said, prior_ppm=prior_ppm[rule], now_ms=now_ms) for rule, said in by_rule.items()}


def scales_of(records: Mapping[str, RuleRecord]) -> dict[str, int]:
    """Return by rule id what its weights are multiplied with, in ppm; rules without change are left out."""
    return {
        rule: record.learned_ppm * PPM // record.prior_ppm
        for rule, record in records.items()
        if record.prior_ppm > 0 and record.learned_ppm != record.prior_ppm
    }


def weigh(finding: Finding, scales: Scales) -> Finding:
    """Return the finding at its learned weight; weights stay at most 1."""
    scale_ppm = scales.get(finding.rule, PPM)
    if scale_ppm == PPM:
        return finding
    weight_ppm = min(multiply_ppm(finding.weight_ppm, scale_ppm), PPM)
    factor_ppm = multiply_ppm(weight_ppm, finding.strength_ppm, finding.damping_ppm) if finding.fired else 0
    return msgspec.structs.replace(finding, weight_ppm=weight_ppm, factor_ppm=factor_ppm)


def _record(rule: str, said: list[Lesson], *, prior_ppm: int, now_ms: int) -> RuleRecord:
    confirmed = sum(_credit_ppm(lesson, now_ms) for lesson in said if lesson.confirmed)
    dismissed = sum(_credit_ppm(lesson, now_ms) for lesson in said if not lesson.confirmed)
    recent = [lesson for lesson in said if now_ms - lesson.at_ms <= RECENT_MS]
    known = PRIOR_VERDICTS * prior_ppm + confirmed
    return RuleRecord(
        rule=rule,
        verdicts=len(said),
        decisive=sum(lesson.was_decisive for lesson in said),
        recent=len(recent),
        recent_confirmed=sum(lesson.confirmed for lesson in recent),
        confirmed_ppm=confirmed,
        dismissed_ppm=dismissed,
        prior_ppm=prior_ppm,
        posterior_ppm=known * PPM // (PRIOR_VERDICTS * PPM + confirmed + dismissed),
    )


def _credit_ppm(lesson: Lesson, now_ms: int) -> int:
    share: float = 0.5 ** (max(now_ms - lesson.at_ms, 0) / HALF_LIFE_MS)
    credit = round(PPM * share)
    return credit if lesson.was_decisive else multiply_ppm(credit, COMPANION_CREDIT_PPM)
