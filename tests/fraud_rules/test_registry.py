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
    "self_account": ("identity", {"lead", "sale", "payout"}, {"weight_ppm": 850_000, "device_weight_ppm": 450_000}),
    "self_similar": ("identity", {"lead"}, {"weight_ppm": 250_000}),
    "self_domain": ("identity", {"lead"}, {"weight_ppm": 300_000}),
    "dup_person_phone": ("identity", {"lead"}, {"weight_ppm": 750_000, "pair_weight_ppm": 350_000}),
    "dup_device": (
        "device",
        {"lead", "sale"},
        {"weight_ppm": 850_000, "small_burst_weight_ppm": 550_000, "pair_weight_ppm": 250_000},
    ),
    "dup_payment": (
        "money",
        {"sale", "payout", "nightly"},
        {"weight_ppm": 850_000, "pair_weight_ppm": 450_000, "couple_weight_ppm": 350_000},
    ),
    "client_inconsistent": ("device", {"lead"}, {"weight_ppm": 400_000}),
    "checkout_hijack": ("timing", {"sale", "nightly"}, {"weight_ppm": 650_000, "sale_weight_ppm": 250_000}),
    "robot_cadence": ("timing", {"nightly"}, {"weight_ppm": 650_000}),
    "disposable_email": ("identity", {"lead"}, {"weight_ppm": 400_000}),
    "templated_identities": ("identity", {"nightly"}, {"weight_ppm": 550_000, "scheme_weight_ppm": 100_000}),
    "same_ip_repeat": ("network", {"nightly"}, {"weight_ppm": 500_000, "alone_max_ppm": 480_000}),
    "subnet_spread": ("network", {"nightly"}, {"weight_ppm": 450_000}),
    "ip_hosting": (
        "network",
        {"lead", "sale", "nightly"},
        {"weight_ppm": 400_000, "workplace_weight_ppm": 150_000, "partner_weight_ppm": 550_000},
    ),
    "ip_anonymous": ("network", {"lead", "sale"}, {"weight_ppm": 450_000, "vpn_weight_ppm": 150_000}),
    "partner_anon_share": ("network", {"nightly", "payout"}, {"weight_ppm": 550_000}),
    "delay_curve": ("timing", {"nightly", "payout"}, {"weight_ppm": 450_000}),
    "stuffed_click": (
        "traffic",
        {"click", "lead", "sale", "nightly"},
        {"weight_ppm": 600_000, "fetched_weight_ppm": 300_000, "partner_weight_ppm": 850_000},
    ),
    "click_flood": ("traffic", {"nightly"}, {"weight_ppm": 480_000}),
    "cr_high": ("traffic", {"nightly", "payout"}, {"weight_ppm": 400_000}),
    "partner_velocity": ("traffic", {"lead"}, {"weight_ppm": 350_000}),
    "geo_mismatch": ("network", {"lead", "nightly"}, {"weight_ppm": 150_000, "partner_weight_ppm": 450_000}),
    "traffic_policy": (
        "policy",
        {"click", "lead", "sale"},
        {"weight_ppm": 300_000, "leak_weight_ppm": 300_000, "banned_weight_ppm": 700_000},
    ),
    "refund_abuse": ("money", {"nightly", "payout"}, {"weight_ppm": 600_000, "customer_weight_ppm": 450_000}),
    "existing_customer": ("money", {"sale"}, {"weight_ppm": 400_000}),
    "forged_report": ("money", {"lead", "sale"}, {"weight_ppm": 900_000, "accident_weight_ppm": 480_000}),
    "payout_change": ("money", {"payout"}, {"weight_ppm": 300_000}),
    "partner_ring": ("graph", {"nightly", "payout"}, {"weight_ppm": 800_000, "weak_weight_ppm": 480_000}),
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
    assert required_facts(RULES) == {name for rule in RULES for name in rule.needs}
    assert required_facts(RULES[:1]) == {"partner_identity"}
    assert required_facts(()) == frozenset()
