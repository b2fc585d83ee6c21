"""Rule 23: nearly every click buys. Run by the engine at night.

People compare and leave; a partner whose every second click buys sends people who had decided before, or nobody at
all. Only conversions with a click count, so sales agents and partners who live by codes are silent. A note alone: a
teacher's class or a list of loyal readers also buys at once.
"""

from typing import Annotated

import msgspec

from fraud_rules.crowds import DAY_MS, own_leads
from fraud_rules.msgids import N_, NN_
from fraud_rules.partner_facts import Baseline, PartnerFacts
from fraud_rules.rule import Ppm, Rule, RuleConfig
from fraud_rules.statistics import wilson_lower_ppm
from fraud_rules.types import PPM, Evidence, Finding

WINDOW_DAYS = 30  # of `ClickTotals`

_HIGH = NN_(
    "%(count)d conversion came of %(clicks)d clicks in 30 days (%(share)d %%); partners of this program bring "
    "%(usual)d %%.",
    "%(count)d conversions came of %(clicks)d clicks in 30 days (%(share)d %%); partners of this program bring "
    "%(usual)d %%.",
)
_CLEARS = N_("The partner sends people who have decided already, for example a class or regular clients.")


class Config(RuleConfig, frozen=True, kw_only=True):
    """Sample, the absolute and the relative line, and the weight."""

    conversions_min: Annotated[int, msgspec.Meta(ge=3, le=10_000)] = 10
    rate_above_ppm: Ppm = 400_000
    times_program: Annotated[int, msgspec.Meta(ge=1, le=100)] = 3
    partners_min: Annotated[int, msgspec.Meta(ge=2, le=1000)] = 5
    program_clicks_min: Annotated[int, msgspec.Meta(ge=20, le=1_000_000)] = 100
    weight_ppm: Ppm = 400_000


def evaluate_partner(facts: PartnerFacts, config: Config) -> list[Finding]:
    """Return one finding over the conversions with a click when their rate is surely too high."""
    from_ms = facts.at_ms - WINDOW_DAYS * DAY_MS
    bought = [
        lead
        for lead in own_leads(facts.leads, at_ms=facts.at_ms, days=WINDOW_DAYS)
        if lead.click_at_ms is not None and lead.click_at_ms >= from_ms
    ]
    program_ppm = _program_rate_ppm(facts.baseline, config)
    if len(bought) < config.conversions_min or program_ppm is None:
        return []
    clicks = max(facts.clicks.clicks, len(bought))
    lower_ppm = wilson_lower_ppm(hits=len(bought), trials=clicks)
    if lower_ppm <= max(config.rate_above_ppm, config.times_program * program_ppm):
        return []
    one, many = _HIGH
    evidence: dict[str, Evidence] = {
        "conversions": len(bought),
        "clicks": clicks,
        "lower_bound_ppm": lower_ppm,
        "program_rate_ppm": program_ppm,
    }
    return [
        RULE.find(
            message=one,
            message_plural=many,
            params={
                "count": len(bought),
                "clicks": clicks,
                "share": 100 * len(bought) // clicks,
                "usual": program_ppm // 10_000,
            },
            weight_ppm=config.weight_ppm,
            evidence=evidence,
            compared={lead.conversion_id for lead in bought},
            # A share says nothing about one of its buyers: it weighs on the partner, not on each of them.
            holds_compared=False,
            clears_when=_CLEARS,
        )
    ]


def _program_rate_ppm(baseline: Baseline, config: Config) -> int | None:
    """Return the median partner's rate, that of all where partners are few, None where clicks are few too."""
    rates = baseline.partner_rates_ppm
    if len(rates) >= config.partners_min:
        return sorted(rates)[(len(rates) - 1) // 2]
    if baseline.clicks < config.program_clicks_min:
        return None
    return baseline.conversions * PPM // baseline.clicks


RULE: Rule[Config] = Rule(
    id="cr_high",
    version=2,
    title=N_("Nearly every click buys"),
    family="traffic",
    severity="low",
    timing=frozenset({"nightly", "payout"}),
    config=Config(),
    evaluate_partner=evaluate_partner,
)
