"""Rule 13: the conversion came from a server, not from where people are. Run by the engine.

Remote desktops and company proxies stand in data centres too, so alone this is a note, and little more than nothing
for somebody whose company mailbox is confirmed. Relays, VPNs and company gateways are classes of their own.
"""

from fraud_rules.disposable import listed_domain
from fraud_rules.domains import is_forwarder, is_free
from fraud_rules.identity import email_domain
from fraud_rules.msgids import N_
from fraud_rules.rule import Ppm, Rule, RuleConfig
from fraud_rules.types import Evidence, Facts, Finding, Subject, is_operator_sent

NAME_SHOWN_MAX = 60  # names of networks come from outside files

_SERVER = N_("The conversion came from server hosting, not from a consumer network.")
_SERVER_NAMED = N_("The conversion came from %(network)s (server hosting), not from a consumer network.")
_WORKPLACE = N_(
    "The conversion came from server hosting, but the customer confirmed a company mailbox: "
    "it may be a remote desktop or a company proxy."
)
_CLEARS = N_("The customer works through a remote desktop or a company proxy.")


class Config(RuleConfig, frozen=True, kw_only=True):
    """Weights without and with a confirmed company mailbox."""

    weight_ppm: Ppm = 400_000
    workplace_weight_ppm: Ppm = 150_000


def evaluate(facts: Facts, config: Config) -> list[Finding]:
    """Return one finding when the address belongs to a data centre."""
    subject = facts.subject
    if subject.network_class != "hosting" or subject.partner_id is None or is_operator_sent(subject.source):
        return []
    # A crawler is at home there; that it is none of a person is another rule's word.
    if subject.is_bot:
        return []
    workplace = _has_company_mailbox(subject)
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


def _has_company_mailbox(subject: Subject) -> bool:
    domain = email_domain(subject.email)
    if domain is None or not subject.email_verified:
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
    timing=frozenset({"lead", "sale"}),
    config=Config(),
    evaluate=evaluate,
)
