"""Rule 25: a partner's leads come by a clock. Run at night.

People come as chance sends them, also after a mailing or a famous person's post: gaps between them vary as much as
they last. Three patterns do not: even gaps, one second of the minute, and a day that repeats another day's times.
Times a shop reports rounded to the minute or the quarter of an hour say less, and are read accordingly.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Annotated

import msgspec

from fraud_rules.crowds import own_leads
from fraud_rules.fellows import gaps_of, variation_ppm
from fraud_rules.msgids import N_, NN_
from fraud_rules.partner_facts import PartnerFacts
from fraud_rules.rule import Ppm, Rule, RuleConfig
from fraud_rules.statistics import binomial_tail_ppm
from fraud_rules.types import PPM, Evidence, Finding, LeadRecord

SECOND_MS = 1_000
MINUTE_MS = 60_000
QUARTER_MS = 900_000
DAY_MS = 86_400_000

WINDOW_DAYS = 7
LEADS_MAX = 2_000  # newest; more in a week is another matter

SECOND_SHARE_PPM = PPM // 60
ROUNDED_FROM_PPM = 900_000

COPY_NEAR_MS = 5 * SECOND_MS
# Two busy days match here and there: how often, the same days moved by other amounts tell.
COPY_CONTROLS_MS = tuple(sign * step * SECOND_MS for step in (20, 40, 60, 80, 100) for sign in (-1, 1))
COPY_ABOVE_CONTROLS = 3

_EVEN = NN_(
    "%(count)d lead came by a clock: one every %(seconds)d s, with gaps that vary by %(percent)d %%.",
    "%(count)d leads came by a clock: one every %(seconds)d s, with gaps that vary by %(percent)d %%.",
)
_SAME_SECOND = NN_(
    "%(count)d of %(leads)d leads came on second %(second)d of a minute; chance gives one in sixty.",
    "%(count)d of %(leads)d leads came on second %(second)d of a minute; chance gives one in sixty.",
)
_COPIED = NN_(
    "%(count)d lead of one day came at a time of another day, to %(seconds)d s: a schedule played again.",
    "%(count)d leads of one day came at the times of another day, to %(seconds)d s: a schedule played again.",
)
_CLEARS = N_("The shop sends these leads in a batch and marks their source as import.")


class Config(RuleConfig, frozen=True, kw_only=True):
    """Weight, and the lines of the three patterns."""

    # No person and no campaign makes such times.
    weight_ppm: Ppm = 650_000
    leads_min: Annotated[int, msgspec.Meta(ge=8, le=1_000)] = 12
    # Twelve leads of chance are this even once in ten thousand times (a ball in the simplex of their gaps).
    variation_ppm: Ppm = 300_000
    # Part of a week is looked at in many places, so it must be more even: twice in a million.
    part_variation_ppm: Ppm = 200_000
    second_share_ppm: Ppm = 400_000
    # In ppm; below 1 means rarer than one in two million for each of sixty seconds.
    second_tail_ppm: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 1
    copied_min: Annotated[int, msgspec.Meta(ge=5, le=1_000)] = 8


def evaluate_partner(facts: PartnerFacts, config: Config) -> list[Finding]:
    """Return a finding for each pattern in the last week, with the leads that show it."""
    leads = _first_of_each(own_leads(facts.leads, at_ms=facts.at_ms, days=WINDOW_DAYS)[-LEADS_MAX:])
    if _share_on(leads, QUARTER_MS) >= ROUNDED_FROM_PPM:
        return []
    findings = _find_even(leads, config)
    if _share_on(leads, MINUTE_MS) < ROUNDED_FROM_PPM:
        findings += _find_same_second(leads, config)
        findings += _find_copied(leads, config)
    return findings


def _find_even(leads: list[LeadRecord], config: Config) -> list[Finding]:
    if len(leads) < config.leads_min:
        return []
    gaps = gaps_of(leads)
    even, variation = leads, variation_ppm(gaps)
    if variation >= config.variation_ppm:
        even, variation = _even_parts(leads, gaps, config)
    if not even:
        return []
    median_ms = sorted(gaps_of(even))[(len(even) - 1) // 2]
    params = {"count": len(even), "seconds": median_ms // SECOND_MS, "percent": variation * 100 // PPM}
    evidence: dict[str, Evidence] = {"pattern": "even", "median_gap_ms": median_ms, "gap_variation_ppm": variation}
    return [_say(_EVEN, even, params=params, evidence=evidence | {"leads": len(leads)}, config=config)]


def _even_parts(leads: list[LeadRecord], gaps: list[int], config: Config) -> tuple[list[LeadRecord], int]:
    """Return the leads of all stretches that are even in themselves (a robot that sleeps by day), and how uneven."""
    size = config.leads_min
    even: dict[str, LeadRecord] = {}
    worst = 0
    for start in range(len(leads) - size + 1):
        variation = variation_ppm(gaps[start : start + size - 1])
        if variation < config.part_variation_ppm:
            worst = max(worst, variation)
            even.update((lead.conversion_id, lead) for lead in leads[start : start + size])
    return list(even.values()), worst


def _find_same_second(leads: list[LeadRecord], config: Config) -> list[Finding]:
    if len(leads) < config.leads_min:
        return []
    ((second, count),) = Counter(_second_of(lead) for lead in leads).most_common(1)
    tail_ppm = binomial_tail_ppm(at_least=count, trials=len(leads), share_ppm=SECOND_SHARE_PPM)
    if PPM * count < config.second_share_ppm * len(leads) or tail_ppm >= config.second_tail_ppm:
        return []
    same = [lead for lead in leads if _second_of(lead) == second]
    params = {"count": count, "leads": len(leads), "second": second}
    evidence: dict[str, Evidence] = {"pattern": "second", "leads": len(leads), "second": second, "tail_ppm": tail_ppm}
    return [_say(_SAME_SECOND, same, params=params, evidence=evidence, config=config)]


def _find_copied(leads: list[LeadRecord], config: Config) -> list[Finding]:
    days: dict[int, list[LeadRecord]] = {}
    for lead in leads:
        days.setdefault(lead.at_ms // DAY_MS, []).append(lead)
    best, chance, copied = 0, 0, list[LeadRecord]()
    full = [day for day in days.values() if len(day) >= config.copied_min]
    for one, other in combinations(full, 2):
        pairs = list(_pairs(one, other, moved_ms=0))
        if len(pairs) < max(config.copied_min, best + 1):
            continue
        usual = max(sum(1 for _ in _pairs(one, other, moved_ms=moved_ms)) for moved_ms in COPY_CONTROLS_MS)
        if len(pairs) >= COPY_ABOVE_CONTROLS * usual:
            best, chance, copied = len(pairs), usual, [lead for pair in pairs for lead in pair]
    if not copied:
        return []
    params = {"count": best, "seconds": COPY_NEAR_MS // SECOND_MS}
    evidence: dict[str, Evidence] = {"pattern": "copied", "matches": best, "matches_by_chance": chance}
    return [_say(_COPIED, copied, params=params, evidence=evidence | {"leads": len(leads)}, config=config)]


def _pairs(
    one: Sequence[LeadRecord], other: Sequence[LeadRecord], *, moved_ms: int
) -> Iterator[tuple[LeadRecord, LeadRecord]]:
    """Yield leads of two days at the same time of the day, each at most once; both in time order."""
    left = right = 0
    while left < len(one) and right < len(other):
        apart_ms = one[left].at_ms % DAY_MS + moved_ms - other[right].at_ms % DAY_MS
        if abs(apart_ms) <= COPY_NEAR_MS:
            yield one[left], other[right]
        left += apart_ms <= COPY_NEAR_MS
        right += apart_ms >= -COPY_NEAR_MS


def _say(
    messages: tuple[str, str],
    leads: Sequence[LeadRecord],
    *,
    params: dict[str, int],
    evidence: dict[str, Evidence],
    config: Config,
) -> Finding:
    one, many = messages
    return RULE.find(
        message=one,
        message_plural=many,
        params=dict(params),
        weight_ppm=config.weight_ppm,
        evidence=evidence | {"window_days": WINDOW_DAYS},
        compared={lead.conversion_id for lead in leads},
        holds_compared=True,
        clears_when=_CLEARS,
    )


def _first_of_each(leads: list[LeadRecord]) -> list[LeadRecord]:
    """Return the leads in time order, of each known person the first: a double click is no cadence."""
    firsts: dict[str, LeadRecord] = {}
    for lead in sorted(leads, key=lambda lead: (lead.at_ms, lead.conversion_id)):
        firsts.setdefault(lead.person_key or f"lead:{lead.conversion_id}", lead)
    return list(firsts.values())


def _second_of(lead: LeadRecord) -> int:
    return lead.at_ms // SECOND_MS % 60


def _share_on(leads: list[LeadRecord], mark_ms: int) -> int:
    """Return which share of the leads stands exactly on a multiple of so many milliseconds."""
    return PPM * sum(lead.at_ms % mark_ms == 0 for lead in leads) // len(leads) if leads else 0


RULE: Rule[Config] = Rule(
    id="robot_cadence",
    version=1,
    title=N_("Leads that come by a clock"),
    family="timing",
    severity="high",
    needs=frozenset(),
    timing=frozenset({"nightly"}),
    config=Config(),
    evaluate_partner=evaluate_partner,
)
