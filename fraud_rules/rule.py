"""What a fraud rule is: its card, its settings, and how it words a finding.

Each file of `fraud_rules.rules` makes one `Rule`; the engine runs them, the shell reads their settings
through `read_configs`. Settings are checked here, before any rule sees them.
"""

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Generic, TypeVar

import msgspec

from fraud_rules.partner_facts import PartnerFacts
from fraud_rules.types import PPM, ClickFacts, Evidence, Facts, Family, Finding, Moment, Severity, multiply_ppm

Ppm = Annotated[int, msgspec.Meta(ge=0, le=PPM)]


class RuleConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings every rule has."""

    enabled: bool = True


class ConfigError(ValueError):
    """Settings of a rule that cannot be used; the message names the rule, the value and the remedy."""


C = TypeVar("C", bound=RuleConfig)


class Rule(msgspec.Struct, Generic[C], frozen=True, kw_only=True):
    """One rule: identity card, needed facts, moments of judgement, default settings, and the judgements.

    `needs` are names of `Facts` sections. `evaluate` judges a lead or sale, `evaluate_click` a click,
    `evaluate_partner` a partner at night and before a payout (its findings name in `compared` the conversions
    they speak of); a rule has one of them or several. All are pure: facts and settings in, findings out, an
    empty list for silence.
    """

    id: str
    version: int
    title: str
    family: Family
    severity: Severity
    timing: frozenset[Moment]
    config: C
    needs: frozenset[str] = frozenset()
    evaluate: Callable[[Facts, C], list[Finding]] | None = None
    evaluate_click: Callable[[ClickFacts, C], list[Finding]] | None = None
    evaluate_partner: Callable[[PartnerFacts, C], list[Finding]] | None = None

    def find(
        self,
        *,
        message: str,
        clears_when: str,
        weight_ppm: int,
        strength_ppm: int = PPM,
        damping_ppm: int = PPM,
        fired: bool = True,
        message_plural: str | None = None,
        params: dict[str, str | int] | None = None,
        translated: tuple[str, ...] = (),
        evidence: dict[str, Evidence] | None = None,
        cluster_key: str | None = None,
        compared: Iterable[str] = (),
        holds_compared: bool = False,
        holds_partner: bool = False,
    ) -> Finding:
        """Return a finding of this rule; a forgiven one (not fired) has factor 0."""
        return Finding(
            rule=self.id,
            rule_version=self.version,
            family=self.family,
            fired=fired,
            strength_ppm=strength_ppm,
            weight_ppm=weight_ppm,
            damping_ppm=damping_ppm,
            factor_ppm=multiply_ppm(weight_ppm, strength_ppm, damping_ppm) if fired else 0,
            message=message,
            message_plural=message_plural,
            params=params or {},
            translated=translated,
            evidence=evidence or {},
            cluster_key=cluster_key,
            compared=tuple(sorted(compared)),
            holds_compared=holds_compared,
            holds_partner=holds_partner,
            clears_when=clears_when,
        )


def read_config(rule: Rule[C], raw: Mapping[str, object]) -> C:
    """Return the rule's settings with `raw` laid over its defaults; refuse unknown names and bad values."""
    try:
        return msgspec.convert(dict(raw), type=type(rule.config))
    except msgspec.ValidationError as error:
        allowed = ", ".join(type(rule.config).__struct_fields__)
        message = f'Settings of fraud rule "{rule.id}" are wrong: {error}. It takes: {allowed}.'
        raise ConfigError(message) from error


def read_configs(rules: Iterable[Rule[Any]], raw: Mapping[str, Mapping[str, object]]) -> dict[str, RuleConfig]:
    """Return the settings of every rule by its id; refuse a rule id that does not exist."""
    by_id = {rule.id: rule for rule in rules}
    for rule_id in raw:
        if rule_id not in by_id:
            near = difflib.get_close_matches(rule_id[:64], by_id, n=1, cutoff=0)
            hint = f'the nearest is "{near[0]}"' if near else "there are none"
            message = f'There is no fraud rule "{rule_id[:64]}"; {hint}.'
            raise ConfigError(message)
    return {rule_id: read_config(rule, raw.get(rule_id, {})) for rule_id, rule in by_id.items()}
