"""Rule 26: the address is in one country, the phone and the declared home in another. Run by the engine.

Alone it is a tourist, an emigrant or wrong geo data, so a single lead weighs little; a partner most of whose leads
look so buys them elsewhere. Relays, VPNs, Tor and servers say nothing about where people are.
"""

from typing import Annotated

import msgspec

from fraud_rules.countries import Places, places_of
from fraud_rules.crowds import own_leads
from fraud_rules.identity import phone_digits
from fraud_rules.msgids import N_, NN_
from fraud_rules.partner_facts import Baseline, PartnerFacts
from fraud_rules.providers import CALLING_CODES
from fraud_rules.rule import Ppm, Rule, RuleConfig
from fraud_rules.statistics import wilson_lower_ppm
from fraud_rules.types import PPM, Evidence, Facts, Finding, LeadRecord, is_operator_sent

HOMES_SHOWN_MAX = 2

_MISMATCH = N_("The phone or the declared home is of %(home)s, the address is in %(country)s.")
_SHARE = NN_(
    "%(share)d %% of the %(count)d comparable lead of this partner have an address outside the country of their "
    "phone or home; in the program %(usual)d %%.",
    "%(share)d %% of the %(count)d comparable leads of this partner have an address outside the country of their "
    "phone or home; in the program %(usual)d %%.",
)
_CLEARS = N_("The customers travel or have moved, or the country of the address is wrong in the geo data.")


class Config(RuleConfig, frozen=True, kw_only=True):
    """Weights of one lead and of a partner, the damping for neighbours and roaming, and the partner's lines."""

    weight_ppm: Ppm = 150_000
    near_damping_ppm: Ppm = 500_000
    partner_weight_ppm: Ppm = 450_000  # a note alone: a partner may write for emigrants
    window_days: Annotated[int, msgspec.Meta(ge=1, le=90)] = 30
    leads_min: Annotated[int, msgspec.Meta(ge=5, le=10_000)] = 20
    share_above_ppm: Ppm = 500_000
    times_program: Annotated[int, msgspec.Meta(ge=1, le=100)] = 3


def evaluate(facts: Facts, config: Config) -> list[Finding]:
    """Return one finding when the address is in none of the countries the customer is known to be of."""
    subject = facts.subject
    if subject.partner_id is None or is_operator_sent(subject.source):
        return []
    places = places_of(
        subject.country,
        number=phone_digits(subject.phone),
        home=subject.home_country,
        network=subject.network_class,
    )
    if places is None or not places.differ:
        return []
    # Of the twenty islands that share a code with the United States nobody needs a list.
    home = ", ".join(sorted(places.homes, key=lambda each: (each not in CALLING_CODES, each))[:HOMES_SHOWN_MAX])
    evidence: dict[str, Evidence] = {
        "country": places.country,
        "home": home,
        "near": places.is_near,
        "network_class": subject.network_class,
    }
    return [
        RULE.find(
            message=_MISMATCH,
            params={"home": home, "country": places.country},
            weight_ppm=config.weight_ppm,
            damping_ppm=config.near_damping_ppm if places.is_near else PPM,
            evidence=evidence,
            clears_when=_CLEARS,
        )
    ]


def evaluate_partner(facts: PartnerFacts, config: Config) -> list[Finding]:
    """Return one finding over the leads from elsewhere when they are surely most of the partner's."""
    known: list[tuple[LeadRecord, Places]] = []
    for lead in own_leads(facts.leads, at_ms=facts.at_ms, days=config.window_days):
        # Where the shell hashes phones their country is not known here, and the declared home speaks alone.
        places = places_of(lead.country, number=lead.phone_key, home=lead.home_country, network=lead.network_class)
        if places is not None:
            known.append((lead, places))
    if len(known) < config.leads_min:
        return []
    away = [(lead, places) for lead, places in known if places.differ]
    lower_ppm = wilson_lower_ppm(hits=len(away), trials=len(known))
    program_ppm = _program_share_ppm(facts.baseline, config)
    if lower_ppm <= config.share_above_ppm or lower_ppm < config.times_program * program_ppm:
        return []
    mostly_near = 2 * sum(places.is_near for _, places in away) > len(away)
    one, many = _SHARE
    evidence: dict[str, Evidence] = {
        "mismatched_leads": len(away),
        "comparable_leads": len(known),
        "lower_bound_ppm": lower_ppm,
        "program_share_ppm": program_ppm,
        "near": mostly_near,
    }
    return [
        RULE.find(
            message=one,
            message_plural=many,
            params={"count": len(known), "share": 100 * len(away) // len(known), "usual": program_ppm // 10_000},
            weight_ppm=config.partner_weight_ppm,
            damping_ppm=config.near_damping_ppm if mostly_near else PPM,
            evidence=evidence,
            compared={lead.conversion_id for lead, _ in away},
            holds_compared=True,
            clears_when=_CLEARS,
        )
    ]


def _program_share_ppm(baseline: Baseline, config: Config) -> int:
    if baseline.comparable_leads < config.leads_min:
        return 0
    return baseline.mismatched_leads * PPM // baseline.comparable_leads


RULE: Rule[Config] = Rule(
    id="geo_mismatch",
    version=1,
    title=N_("Address, phone and home in different countries"),
    family="network",
    severity="low",
    timing=frozenset({"lead", "nightly"}),
    config=Config(),
    evaluate=evaluate,
    evaluate_partner=evaluate_partner,
)
