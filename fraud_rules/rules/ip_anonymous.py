"""Rule 14: the customer hides the address behind Tor or a VPN. Run by the engine.

Hiding is a right, not a fraud: alone it never reaches review. Privacy relays of telephone makers are on by default
for millions; they are shown as forgiven. Clicks are not judged: they hold nothing, and a finding for every reader
with a VPN would bury the others.
"""

from fraud_rules.msgids import N_
from fraud_rules.network import NetworkClass
from fraud_rules.rule import Ppm, Rule, RuleConfig
from fraud_rules.types import Facts, Finding, is_operator_sent

_MESSAGES: dict[NetworkClass, str] = {
    "tor": N_("The address is an exit of the Tor network; nobody can say where the customer is."),
    "vpn": N_("The address belongs to a VPN; nobody can say where the customer is."),
    "relay": N_("The address belongs to a privacy relay, which telephones switch on by themselves; it says nothing."),
}
_CLEARS = N_("The customer's e-mail, phone or payment is confirmed in another way.")


class Config(RuleConfig, frozen=True, kw_only=True):
    """Weights by kind of hiding.

    Tor stays a note: the catalogue's .60 would hold every honest reader who likes to be left alone.
    """

    weight_ppm: Ppm = 450_000
    vpn_weight_ppm: Ppm = 150_000


def evaluate(facts: Facts, config: Config) -> list[Finding]:
    """Return one finding for a hidden address, forgiven for a relay."""
    subject = facts.subject
    network = subject.network_class
    message = _MESSAGES.get(network)
    if message is None or subject.partner_id is None or is_operator_sent(subject.source):
        return []
    return [
        RULE.find(
            message=message,
            weight_ppm=config.weight_ppm if network == "tor" else config.vpn_weight_ppm,
            fired=network != "relay",
            evidence={"network_class": network, "address": subject.masked_ip},
            clears_when=_CLEARS,
        )
    ]


RULE: Rule[Config] = Rule(
    id="ip_anonymous",
    version=1,
    title=N_("Customer's address is hidden"),
    family="network",
    severity="low",
    timing=frozenset({"lead", "sale"}),
    config=Config(),
    evaluate=evaluate,
)
