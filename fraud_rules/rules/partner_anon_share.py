"""Rule 15: far more of a partner's leads come from servers, VPNs and Tor than the program's. Run at night.

One hidden reader is a right, half of an audience is a farm that rotates addresses, or a partner who writes about
privacy: for such a partner the operator sets what is expected. Leads of unknown networks are not counted at all.
"""

from typing import Annotated

import msgspec

from fraud_rules.crowds import are_mostly_verified, own_leads
from fraud_rules.msgids import N_, NN_
from fraud_rules.network import NetworkClass
from fraud_rules.partner_facts import Baseline, PartnerFacts
from fraud_rules.rule import Ppm, Rule, RuleConfig
from fraud_rules.statistics import wilson_lower_ppm
from fraud_rules.types import PPM, Evidence, Finding, LeadRecord

ANONYMOUS: frozenset[NetworkClass] = frozenset({"hosting", "vpn", "tor"})

_SHARE = NN_(
    "%(share)d %% of this partner's %(count)d lead come from servers, VPNs or Tor; in the program %(usual)d %%.",
    "%(share)d %% of this partner's %(count)d leads come from servers, VPNs or Tor; in the program %(usual)d %%.",
)
_CLEARS = N_("The partner writes for people who hide their address; the expected share is set accordingly.")


class Config(RuleConfig, frozen=True, kw_only=True):
    """Window, sample, what is expected at least, how many times the program's share, and the weight.

    The weight opens a case alone: rotation of addresses is what no household, office or shop explains. Only the
    hidden leads are held, and it halves once most of them have confirmed an e-mail or phone.
    """

    window_days: Annotated[int, msgspec.Meta(ge=1, le=90)] = 30
    leads_min: Annotated[int, msgspec.Meta(ge=5, le=10_000)] = 20
    expected_share_ppm: Ppm = 150_000
    times_program: Annotated[int, msgspec.Meta(ge=1, le=100)] = 3
    weight_ppm: Ppm = 550_000
    verified_share_ppm: Ppm = 800_000
    verified_damping_ppm: Ppm = 500_000


def evaluate_partner(facts: PartnerFacts, config: Config) -> list[Finding]:
    """Return one finding over the hidden leads when their share is surely beyond what is expected."""
    leads = [
        lead
        for lead in own_leads(facts.leads, at_ms=facts.at_ms, days=config.window_days)
        if lead.network_class != "unknown"
    ]
    if len(leads) < config.leads_min:
        return []
    hidden = [lead for lead in leads if lead.network_class in ANONYMOUS]
    lower_ppm = wilson_lower_ppm(hits=len(hidden), trials=len(leads))
    program_ppm = _program_share_ppm(facts.baseline, config)
    if lower_ppm <= max(config.expected_share_ppm, config.times_program * program_ppm):
        return []
    return [_share(hidden, len(leads), lower_ppm=lower_ppm, program_ppm=program_ppm, config=config)]


def _share(hidden: list[LeadRecord], total: int, *, lower_ppm: int, program_ppm: int, config: Config) -> Finding:
    verified = are_mostly_verified(hidden, share_ppm=config.verified_share_ppm)
    one, many = _SHARE
    evidence: dict[str, Evidence] = {
        "anonymous_leads": len(hidden),
        "leads": total,
        "lower_bound_ppm": lower_ppm,
        "program_share_ppm": program_ppm,
        "expected_share_ppm": config.expected_share_ppm,
        "contacts_verified": verified,
    }
    return RULE.find(
        message=one,
        message_plural=many,
        params={"count": total, "share": 100 * len(hidden) // total, "usual": program_ppm // 10_000},
        weight_ppm=config.weight_ppm,
        damping_ppm=config.verified_damping_ppm if verified else PPM,
        evidence=evidence,
        compared={lead.conversion_id for lead in hidden},
        holds_compared=True,
        clears_when=_CLEARS,
    )


def _program_share_ppm(baseline: Baseline, config: Config) -> int:
    """Return the share among the other partners' leads; of too few leads none can be told, and 0 is assumed."""
    if baseline.leads < config.leads_min:
        return 0
    return baseline.anonymous_leads * PPM // baseline.leads


RULE: Rule[Config] = Rule(
    id="partner_anon_share",
    version=1,
    title=N_("Partner's leads hide their addresses"),
    family="network",
    severity="medium",
    timing=frozenset({"nightly", "payout"}),
    config=Config(),
    evaluate_partner=evaluate_partner,
)
