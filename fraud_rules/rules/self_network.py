"""Rule 3: the conversion came from an address where its partner signs in. Run by the engine.

One household, office or café looks the same, so the class of the network damps it and the score caps it
when it stands alone. Where partners may buy for themselves, their own address is no news and is forgiven.
"""

from typing import Annotated

import msgspec

from fraud_rules.msgids import N_, NN_
from fraud_rules.network import DAMPING_PPM, NETWORK_TITLES
from fraud_rules.rule import Ppm, Rule, RuleConfig
from fraud_rules.types import Evidence, Facts, Finding, is_operator_sent

DAY_MS = 86_400_000
LOGINS_MAX = 500  # as many sign-ins as the shell may load; more say nothing more

_SEEN = NN_(
    "The partner signed in from this address once within %(days)d days of the conversion (%(network)s).",
    "The partner signed in from this address %(count)d times within %(days)d days of the conversion (%(network)s).",
)
_SEEN_SAME_AGENT = NN_(
    "The partner signed in from this address once within %(days)d days of the conversion (%(network)s), "
    "with the same browser.",
    "The partner signed in from this address %(count)d times within %(days)d days of the conversion "
    "(%(network)s), with the same browser.",
)
_ALLOWED = N_(
    "The partner signs in from the customer's address (%(network)s), but this program lets partners buy for themselves."
)
_CLEARS = N_("The address is known as shared (household, office, café) and is on the allow list.")


class Config(RuleConfig, frozen=True, kw_only=True):
    """Days to either side of the conversion, and the weights without and with the same browser.

    Alone even the larger one stays a note (the score caps it): a spouse on the family laptop looks like this.
    """

    window_days: Annotated[int, msgspec.Meta(ge=1, le=30)] = 7
    weight_ppm: Ppm = 300_000
    same_agent_weight_ppm: Ppm = 550_000


def evaluate(facts: Facts, config: Config) -> list[Finding]:
    """Return one finding when the partner signed in from the conversion's address around that time."""
    subject = facts.subject
    if subject.host_key is None or subject.partner_id is None or is_operator_sent(subject.source):
        return []
    window_ms = config.window_days * DAY_MS
    logins = [
        login
        for login in (facts.partner_logins or ())[:LOGINS_MAX]
        if login.host_key == subject.host_key and abs(login.at_ms - subject.occurred_at_ms) <= window_ms
    ]
    if not logins:
        return []
    same_agent = subject.agent_key is not None and any(login.agent_key == subject.agent_key for login in logins)
    allowed = facts.partner_identity is not None and facts.partner_identity.allow_own_purchases
    one, many = _SEEN_SAME_AGENT if same_agent else _SEEN
    evidence: dict[str, Evidence] = {
        "logins": len(logins),
        "nearest_ms": min(abs(login.at_ms - subject.occurred_at_ms) for login in logins),
        "same_agent": same_agent,
        "network_class": subject.network_class,
        "address": subject.masked_ip,
        "own_purchases_allowed": allowed,
    }
    return [
        RULE.find(
            message=_ALLOWED if allowed else one,
            message_plural=None if allowed else many,
            params={
                "count": len(logins),
                "days": config.window_days,
                "network": NETWORK_TITLES[subject.network_class],
            },
            translated=("network",),
            weight_ppm=config.same_agent_weight_ppm if same_agent else config.weight_ppm,
            damping_ppm=DAMPING_PPM[subject.network_class],
            fired=not allowed,
            evidence=evidence,
            cluster_key=f"host:{subject.host_key}",
            clears_when=_CLEARS,
        )
    ]


RULE: Rule[Config] = Rule(
    id="self_network",
    version=2,
    title=N_("Partner signs in from the customer's address"),
    family="network",
    severity="low",
    needs=frozenset({"partner_logins", "partner_identity"}),
    timing=frozenset({"lead", "sale"}),
    config=Config(),
    evaluate=evaluate,
)
