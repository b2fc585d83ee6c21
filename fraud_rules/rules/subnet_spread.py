"""Rule 12: many neighbouring addresses bring people of one partner within a day. Run by the engine at night.

A rented block of addresses fills a /24 or /48 in hours. So does the campus or the only provider of a small town;
there the neighbourhood has brought leads before, and the rule asks what it normally brings this partner.
"""

from typing import Annotated

import msgspec

from fraud_rules.crowds import DAY_MS, HOUR_MS, own_leads
from fraud_rules.msgids import N_, NN_
from fraud_rules.network import DAILY_LEADS_PPM, DAMPING_PPM, NETWORK_TITLES
from fraud_rules.partner_facts import WINDOW_DAYS, PartnerFacts
from fraud_rules.rule import Ppm, Rule, RuleConfig
from fraud_rules.surprise import expected_daily_ppm, poisson_tail_ppm
from fraud_rules.types import Evidence, Finding, LeadRecord

FINDINGS_MAX = 20  # neighbourhoods of one partner a reviewer is shown in a night

_SPREAD = NN_(
    "%(count)d neighbouring address (%(network)s) brought people of this partner within %(hours)d h.",
    "%(count)d neighbouring addresses (%(network)s) brought people of this partner within %(hours)d h.",
)
_FORGIVEN_USUAL = NN_(
    "%(count)d neighbouring address (%(network)s) brought people of this partner within %(hours)d h, "
    "but this neighbourhood brings the partner %(leads)d leads on other days too.",
    "%(count)d neighbouring addresses (%(network)s) brought people of this partner within %(hours)d h, "
    "but this neighbourhood brings the partner %(leads)d leads on other days too.",
)
_FORGIVEN_CLASS = NN_(
    "%(count)d neighbouring address brought people of this partner within %(hours)d h, "
    "but such addresses are spread over everybody (%(network)s).",
    "%(count)d neighbouring addresses brought people of this partner within %(hours)d h, "
    "but such addresses are spread over everybody (%(network)s).",
)
_CLEARS = N_("The neighbourhood is a campus, a company or the provider of a small town and is on the allow list.")


class Config(RuleConfig, frozen=True, kw_only=True):
    """Window, addresses that make a spread, the line of surprise, and the weight: a note alone."""

    window_hours: Annotated[int, msgspec.Meta(ge=1, le=168)] = 24
    hosts_min: Annotated[int, msgspec.Meta(ge=3, le=1000)] = 8
    surprise_below_ppm: Ppm = 100
    weight_ppm: Ppm = 450_000


def evaluate_partner(facts: PartnerFacts, config: Config) -> list[Finding]:
    """Return one finding for each neighbourhood that filled up within the window."""
    nets: dict[str, list[LeadRecord]] = {}
    leads = own_leads(facts.leads, at_ms=facts.at_ms, days=WINDOW_DAYS)
    for lead in leads:
        if lead.net_key is not None and lead.host_key is not None:
            nets.setdefault(lead.net_key, []).append(lead)
    first_ms = min((lead.at_ms for lead in leads), default=facts.at_ms)
    found = []
    for net_key, members in sorted(nets.items()):
        burst = _busiest(sorted(members, key=lambda lead: lead.at_ms), window_ms=config.window_hours * HOUR_MS)
        if _count_hosts(burst) >= config.hosts_min:
            days = (facts.at_ms - first_ms) // DAY_MS
            found.append(_spread(net_key, burst, others=len(members) - len(burst), days=days, config=config))
    found.sort(key=lambda finding: (-finding.factor_ppm, finding.cluster_key or ""))
    return found[:FINDINGS_MAX]


def _spread(net_key: str, burst: list[LeadRecord], *, others: int, days: int, config: Config) -> Finding:
    network = burst[-1].network_class
    hosts = _count_hosts(burst)
    # Earlier and later days alike are its habit; 28 of them at most, as for one address.
    usual_ppm = expected_daily_ppm(
        earlier_leads=others * min(days, 28) // max(days, 1),
        days_observed=days,
        class_daily_ppm=DAILY_LEADS_PPM[network],
    )
    tail_ppm = poisson_tail_ppm(at_least=hosts - 1, mean_ppm=usual_ppm)
    is_relay, is_usual = network == "relay", tail_ppm >= config.surprise_below_ppm
    one, many = _FORGIVEN_CLASS if is_relay else _FORGIVEN_USUAL if is_usual else _SPREAD
    evidence: dict[str, Evidence] = {
        "addresses": hosts,
        "leads": len(burst),
        "leads_on_other_days": others,
        "days_observed": days,
        "usual_daily_ppm": usual_ppm,
        "tail_ppm": tail_ppm,
        "network_class": network,
    }
    return RULE.find(
        message=one,
        message_plural=many,
        params={
            "count": hosts,
            "hours": max(-(-(burst[-1].at_ms - burst[0].at_ms) // HOUR_MS), 1),
            "leads": others,
            "network": NETWORK_TITLES[network],
        },
        translated=("network",),
        weight_ppm=config.weight_ppm,
        damping_ppm=DAMPING_PPM[network],
        fired=not (is_relay or is_usual),
        evidence=evidence,
        cluster_key=f"net:{net_key}",
        compared={lead.conversion_id for lead in burst},
        holds_compared=True,
        clears_when=_CLEARS,
    )


def _busiest(members: list[LeadRecord], *, window_ms: int) -> list[LeadRecord]:
    """Return the leads of the window with most addresses, the first of several."""
    uses: dict[str | None, int] = {}
    best, best_hosts, start = (0, 0), 0, 0
    for end, lead in enumerate(members):
        uses[lead.host_key] = uses.get(lead.host_key, 0) + 1
        while lead.at_ms - members[start].at_ms > window_ms:
            gone = members[start].host_key
            uses[gone] -= 1
            if uses[gone] == 0:
                del uses[gone]
            start += 1
        if len(uses) > best_hosts:
            best, best_hosts = (start, end + 1), len(uses)
    return members[best[0] : best[1]]


def _count_hosts(leads: list[LeadRecord]) -> int:
    return len({lead.host_key for lead in leads})


RULE: Rule[Config] = Rule(
    id="subnet_spread",
    version=1,
    title=N_("Neighbouring addresses filled within a day"),
    family="network",
    severity="medium",
    timing=frozenset({"nightly"}),
    config=Config(),
    evaluate_partner=evaluate_partner,
)
