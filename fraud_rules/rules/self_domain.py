"""Rule 5: customer and partner have mailboxes at one private domain. Run by the engine.

A private domain is one owner's: not a mass provider's, a forwarder's, a school's or a throw-away one. A domain many
customers have is a large employer's; that is reported as forgiven.
"""

from typing import Annotated

import msgspec

from fraud_rules.msgids import N_, NN_
from fraud_rules.private_domains import private_domain
from fraud_rules.rule import Ppm, Rule, RuleConfig
from fraud_rules.types import Facts, Finding, PartnerIdentity

EMAILS_MAX = 20  # addresses of one partner that are compared

_SHARED = N_("The customer's mailbox and the partner's are both at %(domain)s, which is nobody's public mail service.")
_LARGE = NN_(
    "The customer's mailbox and the partner's are both at %(domain)s, but %(count)d person of this program is there.",
    "The customer's mailbox and the partner's are both at %(domain)s, but %(count)d people of this program are there.",
)
_ALLOWED = N_("The customer's mailbox and the partner's are both at %(domain)s; this program allows own purchases.")
_CLEARS = N_("The domain belongs to an employer, a school or an agency whose people may buy through this partner.")


class Config(RuleConfig, frozen=True, kw_only=True):
    """Weight, and from how many people on a domain is no sign any more."""

    # A note alone: colleagues and clients of an agency share a domain honestly.
    weight_ppm: Ppm = 300_000
    large_from_people: Annotated[int, msgspec.Meta(ge=2, le=10_000)] = 20


def evaluate(facts: Facts, config: Config) -> list[Finding]:
    """Return one finding when both have mailboxes at the same small private domain."""
    subject, partner = facts.subject, facts.partner_identity
    domain = private_domain(subject.email)
    if domain is None or partner is None or domain not in _domains_of(partner):
        return []
    people = facts.domain_people or 0
    is_large = people >= config.large_from_people
    message, plural = _LARGE if is_large else (_SHARED, None)
    if partner.allow_own_purchases:
        message, plural = _ALLOWED, None
    return [
        RULE.find(
            message=message,
            message_plural=plural,
            params={"domain": domain, "count": people},
            weight_ppm=config.weight_ppm,
            fired=not is_large and not partner.allow_own_purchases,
            evidence={"domain": domain, "domain_people": people, "own_purchases_allowed": partner.allow_own_purchases},
            cluster_key=f"domain:{domain}",
            clears_when=_CLEARS,
        )
    ]


def _domains_of(partner: PartnerIdentity) -> set[str | None]:
    emails = (*partner.login_emails, *partner.contact_emails, *partner.payout_emails)
    return {private_domain(email) for email in emails[:EMAILS_MAX]}


RULE: Rule[Config] = Rule(
    id="self_domain",
    version=1,
    title=N_("Customer and partner at one private domain"),
    family="identity",
    severity="low",
    needs=frozenset({"partner_identity", "domain_people"}),
    timing=frozenset({"lead"}),
    config=Config(),
    evaluate=evaluate,
)
