"""Rule 30c: the report of the conversion itself is forged or replayed. Run by the engine.

One refused signature is often a wrong clock or a key just changed, and a click of another program a copied link
parameter: both are notes. Refusals that repeat over one order, or another order under its number, are not.
"""

from typing import Annotated, Literal

import msgspec

from fraud_rules.msgids import N_, NN_
from fraud_rules.rule import Ppm, Rule, RuleConfig
from fraud_rules.types import Evidence, Facts, Finding, Forgeries, Subject

Sign = Literal["reused_order", "bad_signature", "foreign_click"]

_REUSED = N_("Another order was reported under the number of this one.")
_SIGNATURE = NN_(
    "%(count)d report of this order was refused for its signature before.",
    "%(count)d reports of this order were refused for their signature before.",
)
_FOREIGN = N_("The conversion names a click of another program.")
_CLEARS = N_("The shop explains it: a changed key, a wrong clock, or a repeated order number.")


class Config(RuleConfig, frozen=True, kw_only=True):
    """Weights by sign, and from how many refusals on they are no accident."""

    weight_ppm: Ppm = 900_000
    accident_weight_ppm: Ppm = 480_000
    refusals_min: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 2


def evaluate(facts: Facts, config: Config) -> list[Finding]:
    """Return one finding for the heaviest sign of forgery; what operators typed is judged too."""
    subject, signs = facts.subject, facts.forgeries
    if signs is None or not (signs.reused_order or signs.bad_signatures > 0 or signs.foreign_click):
        return []
    return [_forgery(subject, signs, config)]


def _forgery(subject: Subject, signs: Forgeries, config: Config) -> Finding:
    sign, weight_ppm = _heaviest(signs, config)
    one, many = _SIGNATURE if sign == "bad_signature" else (_REUSED if sign == "reused_order" else _FOREIGN, None)
    evidence: dict[str, Evidence] = {
        "sign": sign,
        "bad_signatures": signs.bad_signatures,
        "reused_order": signs.reused_order,
        "foreign_click": signs.foreign_click,
    }
    return RULE.find(
        message=one,
        message_plural=many,
        params={"count": signs.bad_signatures},
        weight_ppm=weight_ppm,
        evidence=evidence,
        cluster_key=f"order:{subject.conversion_id}",
        clears_when=_CLEARS,
    )


def _heaviest(signs: Forgeries, config: Config) -> tuple[Sign, int]:
    if signs.reused_order:
        return "reused_order", config.weight_ppm
    if signs.bad_signatures >= config.refusals_min:
        return "bad_signature", config.weight_ppm
    if signs.foreign_click:
        return "foreign_click", config.accident_weight_ppm
    return "bad_signature", config.accident_weight_ppm


RULE: Rule[Config] = Rule(
    id="forged_report",
    version=1,
    title=N_("Report is forged or replayed"),
    family="money",
    severity="high",
    needs=frozenset({"forgeries"}),
    timing=frozenset({"lead", "sale"}),
    config=Config(),
    evaluate=evaluate,
)
