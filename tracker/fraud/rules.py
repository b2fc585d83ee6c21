"""The fraud rules in force: those of the registry and those that installed packages bring.

A package offers a `Rule`, or several, as an entry point of the group `molva.fraud_rules`. They are loaded once, when
somebody first asks. One that cannot be used is logged and told by `molva doctor`; it never stops the server.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import msgspec
import structlog

from fraud_rules.registry import RULES, required_facts
from fraud_rules.rule import ConfigError, Rule, RuleConfig, read_config
from fraud_rules.types import Facts

GROUP = "molva.fraud_rules"
PLUGINS_MAX = 100  # entry points that are looked at

log = structlog.get_logger()

_SECTIONS = frozenset(Facts.__struct_fields__) - {"subject"}


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """A plug-in that cannot be used: the name of its entry point, and why."""

    name: str
    cause: str


class LoadedRules(msgspec.Struct, frozen=True, kw_only=True):
    """The rules in force, and plug-ins that are not among them."""

    rules: tuple[Rule[Any], ...]
    troubles: tuple[Trouble, ...]


@cache
def loaded_rules() -> LoadedRules:
    """Return the rules in force and what could not be loaded; logged the first time."""
    loaded = load_rules(entry_points(group=GROUP))
    for trouble in loaded.troubles:
        log.error("fraud_plugin_unusable", name=trouble.name, error=trouble.cause)
    return loaded


def rules_in_force() -> tuple[Rule[Any], ...]:
    """Return the rules of the registry, then those of plug-ins."""
    return loaded_rules().rules


@cache
def needed_facts() -> frozenset[str]:
    """Return the sections of `Facts` that the rules in force need."""
    return required_facts(rules_in_force())


def configs_for(raw: Mapping[str, Mapping[str, object]]) -> dict[str, RuleConfig]:
    """Return the settings of every rule in force under a program's published terms.

    Terms are checked when they are published. What a plug-in of today does not take any more, or a rule that is gone,
    must not stop judging: such settings are logged and the rule's own defaults hold.
    """
    configs: dict[str, RuleConfig] = {}
    for rule in rules_in_force():
        try:
            configs[rule.id] = read_config(rule, raw.get(rule.id, {}))
        except ConfigError:
            log.exception("fraud_settings_unusable", rule=rule.id)
            configs[rule.id] = rule.config
    return configs


@cache
def rule_titles() -> Mapping[str, str]:
    """Return the titles of the rules in force by id; msgids."""
    return {rule.id: rule.title for rule in rules_in_force()}


def load_rules(found: Iterable[EntryPoint]) -> LoadedRules:
    """Return the registry's rules with those of the entry points, in the order of their names."""
    rules: dict[str, Rule[Any]] = {rule.id: rule for rule in RULES}
    troubles: list[Trouble] = []
    for point in sorted(found, key=lambda each: (each.name, each.value))[:PLUGINS_MAX]:
        try:
            offered = point.load()
            several = [offered] if isinstance(offered, Rule) else list(offered)
        except Exception as error:  # noqa: BLE001  # A stranger's module may raise anything; the server must start.
            troubles.append(Trouble(name=point.name, cause=f"It cannot be loaded: {type(error).__name__}: {error}"))
            continue
        for rule in several:
            cause = _refusal(rule, rules)
            if cause is None:
                rules[rule.id] = rule
            else:
                troubles.append(Trouble(name=point.name, cause=cause))
    return LoadedRules(rules=tuple(rules.values()), troubles=tuple(troubles))


def _refusal(rule: object, known: Mapping[str, Rule[Any]]) -> str | None:
    """Return why a rule cannot be used, None when it can."""
    if not isinstance(rule, Rule):
        return f"It offers a {type(rule).__name__}; it must offer fraud_rules.rule.Rule, or several."
    if not isinstance(rule.config, RuleConfig):
        return f'The settings of rule "{rule.id}" are no RuleConfig.'
    if rule.id in known:
        return f'There is a rule "{rule.id}" already; give it another id.'
    unknown = sorted(rule.needs - _SECTIONS)
    if unknown:
        return f'Rule "{rule.id}" needs facts that do not exist: {", ".join(unknown)}.'
    if rule.evaluate is None and rule.evaluate_click is None and rule.evaluate_partner is None:
        return f'Rule "{rule.id}" judges nothing; give it evaluate, evaluate_click or evaluate_partner.'
    return None
