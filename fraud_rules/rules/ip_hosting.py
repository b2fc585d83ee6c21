"""Rule 13: the conversion came from a server, not from where people are. Run by the engine.

Remote desktops and company proxies stand in data centres too, so alone this is a note, and little more than nothing
for somebody whose company mailbox is confirmed. Relays, VPNs and company gateways are classes of their own.

At night it asks whether one partner's people come from servers more often than chance allows: several strangers on
servers are what no household, office or shop explains.
"""

from typing import Annotated

import msgspec

from fraud_rules.crowds import are_mostly_verified, count_people, own_leads
from fraud_rules.disposable import listed_domain
from fraud_rules.domains import is_forwarder, is_free
from fraud_rules.identity import email_domain
from fraud_rules.msgids import N_, NN_
from fraud_rules.partner_facts import PartnerFacts
from fraud_rules.rule import Ppm, Rule, RuleConfig
from fraud_rules.statistics import binomial_tail_ppm
from fraud_rules.types import PPM, Evidence, Facts, Finding, LeadRecord, is_operator_sent

NAME_SHOWN_MAX = 60  # names of networks come from outside files

_SERVER = N_("The conversion came from server hosting, not from a consumer network.")
_SERVER_NAMED = N_("The conversion came from %(network)s (server hosting), not from a consumer network.")
_WORKPLACE = N_(
    "The conversion came from server hosting, but the customer confirmed a company mailbox: "
    "it may be a remote desktop or a company proxy."
)
_PEOPLE = NN_(
    "%(count)d of this partner's %(people)d people came from server hosting; chance does not explain it.",
    "%(count)d of this partner's %(people)d people came from server hosting; chance does not explain it.",
)
_CLEARS = N_("The customer works through a remote desktop or a company proxy.")


class Config(RuleConfig, frozen=True, kw_only=True):
    """Weights without and with a confirmed company mailbox, and the lines of a partner.

    So many people from servers must be rarer than `surprise_below_ppm` when each comes from there with the
    program's share of hidden leads, at least `typical_share_ppm`. The case holds those people alone.
    """

    weight_ppm: Ppm = 400_000
    workplace_weight_ppm: Ppm = 150_000
    partner_weight_ppm: Ppm = 550_000
    window_days: Annotated[int, msgspec.Meta(ge=1, le=90)] = 30
    people_min: Annotated[int, msgspec.Meta(ge=2, le=1000)] = 4
    typical_share_ppm: Ppm = 50_000
    program_min: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 20
    surprise_below_ppm: Ppm = 1_000
    verified_share_ppm: Ppm = 800_000
    verified_damping_ppm: Ppm = 500_000


def evaluate(facts: Facts, config: Config) -> list[Finding]:
    """Return one finding when the address belongs to a data centre."""
    subject = facts.subject
    if subject.network_class != "hosting" or subject.partner_id is None or is_operator_sent(subject.source):
        return []
    # A crawler is at home there; that it is none of a person is another rule's word.
    if subject.is_bot:
        return []
    workplace = _is_company_mailbox(subject.email, verified=subject.email_verified)
    name = _shown(subject.network_name)
    evidence: dict[str, Evidence] = {
        "network_class": subject.network_class,
        "network": name or None,
        "address": subject.masked_ip,
        "company_mailbox": workplace,
    }
    message = _WORKPLACE if workplace else _SERVER_NAMED if name else _SERVER
    return [
        RULE.find(
            message=message,
            params={"network": name},
            weight_ppm=config.workplace_weight_ppm if workplace else config.weight_ppm,
            evidence=evidence,
            cluster_key=None if subject.host_key is None else f"host:{subject.host_key}",
            clears_when=_CLEARS,
        )
    ]


def evaluate_partner(facts: PartnerFacts, config: Config) -> list[Finding]:
    """Return one finding over the people from servers when chance does not bring so many."""
    leads = [
        lead
        for lead in own_leads(facts.leads, at_ms=facts.at_ms, days=config.window_days)
        if lead.network_class != "unknown"
    ]
    servers = [
        lead
        for lead in leads
        if lead.network_class == "hosting" and not _is_company_mailbox(lead.email, verified=lead.is_verified)
    ]
    found, people = count_people(servers), count_people(leads)
    if found < config.people_min:
        return []
    share_ppm = _chance_ppm(facts, config)
    tail_ppm = binomial_tail_ppm(at_least=found, trials=people, share_ppm=share_ppm)
    if tail_ppm >= config.surprise_below_ppm:
        return []
    odds: dict[str, Evidence] = {"people": people, "chance_ppm": share_ppm, "tail_ppm": tail_ppm}
    return [_crowd(servers, odds, config)]


def _crowd(servers: list[LeadRecord], odds: dict[str, Evidence], config: Config) -> Finding:
    verified = are_mostly_verified(servers, share_ppm=config.verified_share_ppm)
    found = count_people(servers)
    one, many = _PEOPLE
    evidence: dict[str, Evidence] = {"people_from_servers": found, "contacts_verified": verified}
    return RULE.find(
        message=one,
        message_plural=many,
        params={"count": found, "people": int(odds["people"] or 0)},
        weight_ppm=config.partner_weight_ppm,
        damping_ppm=config.verified_damping_ppm if verified else PPM,
        evidence=evidence | odds,
        compared={lead.conversion_id for lead in servers},
        holds_compared=True,
        clears_when=_CLEARS,
    )


def _chance_ppm(facts: PartnerFacts, config: Config) -> int:
    """Return how often a lead comes from a server by chance: VPNs and Tor are in that share, so it is no less."""
    baseline = facts.baseline
    if baseline.leads < config.program_min:
        return config.typical_share_ppm
    return max(config.typical_share_ppm, baseline.anonymous_leads * PPM // baseline.leads)


def _is_company_mailbox(email: str | None, *, verified: bool) -> bool:
    domain = email_domain(email)
    if domain is None or not verified:
        return False
    return not (is_free(domain) or is_forwarder(domain) or listed_domain(domain) is not None)


def _shown(name: str | None) -> str:
    cut = (name or "")[: NAME_SHOWN_MAX * 2]
    return "".join(char if char.isprintable() else " " for char in cut).strip()[:NAME_SHOWN_MAX]


RULE: Rule[Config] = Rule(
    id="ip_hosting",
    version=1,
    title=N_("Sent from a server"),
    family="network",
    severity="low",
    timing=frozenset({"lead", "sale", "nightly"}),
    config=Config(),
    evaluate=evaluate,
    evaluate_partner=evaluate_partner,
)
