"""Rule 30d: payout details changed shortly before money was asked for. Run by the engine before a payout.

Who has taken over an account does exactly this; so does a partner with a new bank card. The first details a partner
enters are no change, the shell does not hand them in.
"""

from typing import Annotated

import msgspec

from fraud_rules.crowds import HOUR_MS
from fraud_rules.msgids import N_, NN_
from fraud_rules.partner_facts import PartnerFacts
from fraud_rules.rule import Ppm, Rule, RuleConfig
from fraud_rules.types import Evidence, Finding

_CHANGED = NN_(
    "Payout details were changed %(count)d hour before the payout was asked for.",
    "Payout details were changed %(count)d hours before the payout was asked for.",
)
_CLEARS = N_("The partner confirms the new details through an address known before the change.")


class Config(RuleConfig, frozen=True, kw_only=True):
    """Hours between change and request that count, and the weight: a note, new cards are issued every day."""

    window_hours: Annotated[int, msgspec.Meta(ge=1, le=720)] = 72
    weight_ppm: Ppm = 300_000


def evaluate_partner(facts: PartnerFacts, config: Config) -> list[Finding]:
    """Return one finding when the details are younger than the window at the request; it names no conversion."""
    changed_ms, requested_ms = facts.payout_changed_at_ms, facts.payout_requested_at_ms
    if changed_ms is None or requested_ms is None:
        return []
    gap_ms = requested_ms - changed_ms
    if not 0 <= gap_ms < config.window_hours * HOUR_MS:
        return []
    one, many = _CHANGED
    evidence: dict[str, Evidence] = {"gap_ms": gap_ms, "window_hours": config.window_hours}
    return [
        RULE.find(
            message=one,
            message_plural=many,
            params={"count": -(-gap_ms // HOUR_MS)},
            weight_ppm=config.weight_ppm,
            evidence=evidence,
            clears_when=_CLEARS,
        )
    ]


RULE: Rule[Config] = Rule(
    id="payout_change",
    version=1,
    title=N_("Payout details changed before a payout"),
    family="money",
    severity="low",
    timing=frozenset({"payout"}),
    config=Config(),
    evaluate_partner=evaluate_partner,
)
