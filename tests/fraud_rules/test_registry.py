"""The list of rules is complete and every card is filled in."""

import importlib
import pkgutil
import typing

import msgspec
import pytest

from fraud_rules import rules
from fraud_rules.registry import RULES, required_facts
from fraud_rules.rule import RuleConfig
from fraud_rules.types import Facts, Family, Moment, Severity

# Catalogue: id, family, moments, weights at default settings.
CARDS = {
    "self_email": ("identity", {"lead", "sale"}, {"weight_ppm": 900_000, "weak_weight_ppm": 500_000}),
    "self_network": ("network", {"lead", "sale"}, {"weight_ppm": 300_000, "same_agent_weight_ppm": 550_000}),
    "dup_person_email": (
        "identity",
        {"lead"},
        {"weight_ppm": 800_000, "repeat_weight_ppm": 450_000, "forgotten_weight_ppm": 300_000},
    ),
    "same_ip_leads": ("network", {"lead", "nightly"}, {"weight_ppm": 800_000}),
    "bot_agent": ("device", {"click", "lead"}, {"weight_ppm": 700_000, "click_weight_ppm": 500_000}),
    "too_fast": ("timing", {"lead", "sale"}, {"weight_ppm": 450_000, "known_device_weight_ppm": 200_000}),
}


def test_every_file_of_the_folder_is_in_the_list_under_its_own_name():
    modules = [module.name for module in pkgutil.iter_modules(rules.__path__)]
    listed = [importlib.import_module(f"fraud_rules.rules.{name}").RULE for name in modules]

    assert sorted(rule.id for rule in RULES) == modules
    assert all(rule in RULES and rule.id == name for rule, name in zip(listed, modules, strict=True))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_card_agrees_with_the_catalogue(rule):
    family, moments, weights = CARDS[rule.id]

    assert (rule.family, rule.timing) == (family, moments)
    assert {name: getattr(rule.config, name) for name in weights} == weights


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_card_is_filled_in_from_closed_sets(rule):
    assert rule.version >= 1
    assert rule.title
    assert rule.family in typing.get_args(Family)
    assert rule.severity in typing.get_args(Severity)
    assert rule.timing <= set(typing.get_args(Moment))
    assert isinstance(rule.config, RuleConfig)
    assert rule.config == type(rule.config)()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_needs_are_sections_of_the_facts(rule):
    assert rule.needs <= {field.name for field in msgspec.structs.fields(Facts)} - {"subject"}


def test_required_facts_are_all_that_the_rules_need():
    assert required_facts(RULES) == {
        "partner_identity",
        "partner_logins",
        "same_person_leads",
        "host_leads",
        "host_history",
        "program_timing",
    }
    assert required_facts(RULES[:1]) == {"partner_identity"}
    assert required_facts(()) == frozenset()
