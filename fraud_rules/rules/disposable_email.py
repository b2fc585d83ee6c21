"""Rule 27: the lead's mailbox is one to throw away. Run by the engine; knows domains, never people.

Forwarders (Apple's private relay, DuckDuckGo, SimpleLogin and the like) and mass providers are never throw-away,
and what the program allows is reported as forgiven.
"""

from typing import Annotated

import msgspec

from fraud_rules.disposable import is_allowed, listed_domain
from fraud_rules.identity import email_domain
from fraud_rules.msgids import N_
from fraud_rules.rule import Ppm, Rule, RuleConfig
from fraud_rules.types import PPM, Facts, Finding

ALLOWED_MAX = 1_000  # more domains are a list of their own

_THROWN = N_("%(domain)s gives mailboxes to throw away, and the customer's is one of them.")
_ALLOWED = N_("%(domain)s is known for mailboxes to throw away, but this program allows it.")
_CLEARS = N_("The customer is reached by other means, or the domain is on the list by mistake and is allowed.")


class Config(RuleConfig, frozen=True, kw_only=True):
    """Weight, damping by a confirmed phone, and domains the list is wrong about."""

    # A note alone: people who fear mailings use such boxes too, and lists err.
    weight_ppm: Ppm = 400_000
    # Who answers the phone exists, whatever the mailbox.
    verified_damping_ppm: Ppm = 500_000
    allowed_domains: Annotated[list[str], msgspec.Meta(max_length=ALLOWED_MAX)] = msgspec.field(default_factory=list)


def evaluate(facts: Facts, config: Config) -> list[Finding]:
    """Return one finding when the lead's domain, or one it lies under, is on the list."""
    subject = facts.subject
    domain = email_domain(subject.email)
    listed = None if domain is None else listed_domain(domain)
    if domain is None or listed is None:
        return []
    allowed = is_allowed(domain, config.allowed_domains)
    return [
        RULE.find(
            message=_ALLOWED if allowed else _THROWN,
            params={"domain": listed},
            weight_ppm=config.weight_ppm,
            damping_ppm=config.verified_damping_ppm if subject.phone_verified else PPM,
            fired=not allowed,
            evidence={"domain": listed, "is_allowed": allowed, "phone_verified": subject.phone_verified},
            clears_when=_CLEARS,
        )
    ]


RULE: Rule[Config] = Rule(
    id="disposable_email",
    version=1,
    title=N_("Mailbox to throw away"),
    family="identity",
    severity="medium",
    needs=frozenset(),
    timing=frozenset({"lead"}),
    config=Config(),
    evaluate=evaluate,
)
