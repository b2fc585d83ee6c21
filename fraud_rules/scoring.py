"""From findings to one score between 0 and 100, explained factor by factor.

Rules of one family look at the same fact, so the largest counts; families are joined by noisy-or:
S = 100 (1 - (1 - p0) prod (1 - factor)). All arithmetic is exact; the order of findings is no matter.
"""

import math
from collections.abc import Iterable
from typing import Literal

import msgspec

from fraud_rules.types import PPM, Family, Finding

Band = Literal["none", "note", "review", "priority"]

BASE_RATE_PPM = 20_000  # p0: share of fraud among leads nothing was found about

NOTE_FROM, REVIEW_FROM, PRIORITY_FROM = 25, 50, 85
# Between these a program may draw its own line: lower would queue notes, higher would only leave what comes first.
REVIEW_FROM_MIN, REVIEW_FROM_MAX = 30, 80

# Shared addresses and policy breaches also happen to honest people: without another family's word they
# never reach the score that holds everything.
CAPPED_FAMILIES: frozenset[Family] = frozenset({"network", "policy"})
CAPPED_POINTS_MAX = 60

# A note becomes a case when a second family confirms it, and a hint confirms nothing: every tenth customer sits behind
# a VPN, so "fast, and behind a VPN" is as honest as "fast". From STRONG_FROM on one family reaches the line alone.
WITNESS_FROM_PPM = 250_000
STRONG_FROM_PPM = 485_000
UNCONFIRMED_POINTS_MAX = REVIEW_FROM - 1

# A household looks like a self-referral; alone it stays a note.
SELF_NETWORK = "self_network"
SELF_NETWORK_ALONE_MAX_PPM = 450_000
HABIT_OF_ADDRESS = "same_ip_repeat"


class Factor(msgspec.Struct, frozen=True, kw_only=True):
    """A rule's share of the score; `counts` is False where a larger one of its family stands for it."""

    rule: str
    family: Family
    factor_ppm: int
    counts: bool


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """Points, their band, factors largest first, and by rule the points there would be without it."""

    points: int
    band: Band
    factors: tuple[Factor, ...]
    without_each: dict[str, int]


def score(findings: Iterable[Finding], *, review_from: int = REVIEW_FROM) -> Score:
    """Return the score of one subject's findings; forgiven findings add nothing.

    Points are rounded down, so that a shown 50 has really reached the line. `review_from` is the program's own line.
    """
    fired = [finding for finding in findings if finding.fired and finding.factor_ppm > 0]
    largest = _largest_by_rule(fired)
    ordered = sorted(largest.values(), key=lambda finding: (-_factor(finding, fired), finding.rule))
    factors: list[Factor] = []
    families: set[Family] = set()
    for finding in ordered:
        factors.append(
            Factor(
                rule=finding.rule,
                family=finding.family,
                factor_ppm=_factor(finding, fired),
                counts=finding.family not in families,
            )
        )
        families.add(finding.family)
    points = _points(fired)
    without = {rule: _points([f for f in fired if f.rule != rule]) for rule in sorted(largest)}
    return Score(
        points=points, band=band_of(points, review_from=review_from), factors=tuple(factors), without_each=without
    )


def band_of(points: int, *, review_from: int = REVIEW_FROM) -> Band:
    """Return what a score asks for: nothing, a note on the lead, review with a hold, or review first."""
    if points >= PRIORITY_FROM:
        return "priority"
    if points >= review_from:
        return "review"
    return "note" if points >= NOTE_FROM else "none"


def _points(fired: list[Finding]) -> int:
    worst: dict[Family, int] = {}
    for finding in fired:
        worst[finding.family] = max(worst.get(finding.family, 0), _factor(finding, fired))
    honest: int = (PPM - BASE_RATE_PPM) * math.prod(PPM - factor_ppm for factor_ppm in worst.values())
    certain: int = PPM ** (len(worst) + 1)
    points = 100 * (certain - honest) // certain
    witnesses = sum(factor_ppm >= WITNESS_FROM_PPM for factor_ppm in worst.values())
    if witnesses < 2 and max(worst.values(), default=0) < STRONG_FROM_PPM:
        points = min(points, UNCONFIRMED_POINTS_MAX)
    if worst.keys() <= CAPPED_FAMILIES:
        return min(points, CAPPED_POINTS_MAX)
    return points


def _factor(finding: Finding, fired: list[Finding]) -> int:
    """Return the factor that counts: self_network is cut unless something else confirms it.

    Another network rule sees the same shared address and confirms nothing, but for the habit: new people on day after
    day from the partner's own address are no visitors.
    """
    if finding.rule != SELF_NETWORK or any(_confirms_home(other) for other in fired):
        return finding.factor_ppm
    return min(finding.factor_ppm, SELF_NETWORK_ALONE_MAX_PPM)


def _confirms_home(other: Finding) -> bool:
    return other.family != "network" or other.rule == HABIT_OF_ADDRESS


def _largest_by_rule(fired: list[Finding]) -> dict[str, Finding]:
    largest: dict[str, Finding] = {}
    for finding in fired:
        known = largest.get(finding.rule)
        if known is None or finding.factor_ppm > known.factor_ppm:
            largest[finding.rule] = finding
    return largest
