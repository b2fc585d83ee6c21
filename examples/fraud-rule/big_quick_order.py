"""A large order right after the click: stolen cards are spent before they are blocked.

An example of a rule of your own. It is pure: facts and settings come in, findings go out. It reads no clock, no file
and no network, so it can be replayed over the past before it counts.
"""

from typing import Annotated

import msgspec

from fraud_rules.msgids import N_
from fraud_rules.rule import Ppm, Rule, RuleConfig
from fraud_rules.types import Facts, Finding, is_operator_sent

_SENTENCE = N_("An order of %(amount)s came %(minutes)d min after the click; large orders take longer to decide.")
_CLEARS = N_("The customer is known to the shop, or confirmed the order by phone.")


class Config(RuleConfig, frozen=True, kw_only=True):
    """What a form on the page of the rule offers; bounds are checked before the rule sees a value."""

    amount_minor_min: Annotated[int, msgspec.Meta(ge=1, le=10**13)] = 50_000
    minutes_max: Annotated[int, msgspec.Meta(ge=1, le=1440)] = 5
    # One sign alone is a note (below 0.48); a case needs a second one.
    weight_ppm: Ppm = 300_000


def evaluate(facts: Facts, config: Config) -> list[Finding]:
    """Return one finding for a large order within minutes of its click, else none."""
    subject = facts.subject
    if subject.amount_minor is None or subject.click_at_ms is None or is_operator_sent(subject.source):
        return []
    delay_ms = subject.occurred_at_ms - subject.click_at_ms
    if subject.amount_minor < config.amount_minor_min or not 0 <= delay_ms <= config.minutes_max * 60_000:
        return []
    return [
        RULE.find(
            message=_SENTENCE,
            params={
                "amount": f"{subject.amount_minor} {subject.currency or ''}".strip(),
                "minutes": delay_ms // 60_000,
            },
            weight_ppm=config.weight_ppm,
            # The customer who says "I knew what I wanted" is believed more often than not.
            fired=not subject.device_known_before,
            evidence={"amount_minor": subject.amount_minor, "delay_ms": delay_ms},
            clears_when=_CLEARS,
        )
    ]


RULE: Rule[Config] = Rule(
    id="big_quick_order",
    version=1,
    title=N_("A large order right after the click"),
    family="timing",
    severity="low",
    timing=frozenset({"sale"}),
    config=Config(),
    evaluate=evaluate,
)
