"""Settings of rules, and findings made by them."""

import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraud_rules.registry import RULES
from fraud_rules.rule import ConfigError, RuleConfig, read_config, read_configs
from fraud_rules.rules import same_ip_leads, self_email, too_fast


def test_no_settings_mean_defaults():
    assert read_configs(RULES, {}) == {rule.id: rule.config for rule in RULES}


def test_settings_lie_over_the_defaults():
    config = read_config(too_fast.RULE, {"lead_line_ms": 2_000})

    assert config == too_fast.Config(lead_line_ms=2_000)


def test_rule_can_be_switched_off():
    configs = read_configs(RULES, {"self_email": {"enabled": False}})

    assert [rule_id for rule_id, config in configs.items() if not config.enabled] == ["self_email"]


@pytest.mark.parametrize(
    ("rule", "raw", "words"),
    [
        (self_email.RULE, {"weight_ppm": 1_000_001}, ["self_email", "<= 1000000", "$.weight_ppm"]),
        (self_email.RULE, {"weight_ppm": -1}, [">= 0", "$.weight_ppm"]),
        (self_email.RULE, {"weight_ppm": 0.9}, ["Expected `int`, got `float`"]),
        (self_email.RULE, {"weight_ppm": "high"}, ["Expected `int`, got `str`"]),
        (self_email.RULE, {"enabled": 1}, ["Expected `bool`"]),
        (self_email.RULE, {"wieght_ppm": 1}, ["wieght_ppm", "It takes: enabled, weight_ppm, weak_weight_ppm."]),
        (too_fast.RULE, {"sample_min": 99}, ["too_fast", ">= 100"]),
        (same_ip_leads.RULE, {"window_hours": 169}, ["same_ip_leads", "<= 168"]),
    ],
    ids=["over", "under", "float", "text", "flag", "unknown", "sample", "window"],
)
def test_wrong_settings_are_refused_by_rule_value_and_remedy(rule, raw, words):
    with pytest.raises(ConfigError) as refusal:
        read_config(rule, raw)

    assert all(word in str(refusal.value) for word in words)


def test_unknown_rule_is_refused_with_the_nearest_name():
    with pytest.raises(ConfigError, match=re.escape('no fraud rule "self_mail"; the nearest is "self_email"')):
        read_configs(RULES, {"self_mail": {}})


def test_without_rules_every_name_is_unknown():
    with pytest.raises(ConfigError, match="there are none"):
        read_configs((), {"self_email": {}})


def test_hostile_rule_name_is_cut_in_the_refusal():
    with pytest.raises(ConfigError) as refusal:
        read_configs(RULES, {"x" * 1_000_000: {}})

    assert len(str(refusal.value)) < 200


@given(st.dictionaries(st.text(max_size=10), st.none() | st.booleans() | st.integers() | st.text(), max_size=4))
def test_hostile_settings_are_refused_or_read_but_never_crash(raw):
    for rule in RULES:
        with contextlib.suppress(ConfigError):
            assert isinstance(read_config(rule, raw), RuleConfig)


def test_finding_carries_the_card_of_its_rule():
    finding = self_email.RULE.find(message="m", clears_when="c", weight_ppm=500_000)

    assert (finding.rule, finding.rule_version, finding.family) == ("self_email", 1, "identity")


def test_factor_is_weight_times_strength_times_damping():
    finding = self_email.RULE.find(
        message="m", clears_when="c", weight_ppm=800_000, strength_ppm=500_000, damping_ppm=400_000
    )

    assert finding.factor_ppm == 160_000


def test_forgiven_finding_keeps_its_numbers_and_costs_nothing():
    finding = self_email.RULE.find(message="m", clears_when="c", weight_ppm=800_000, fired=False)

    assert (finding.weight_ppm, finding.factor_ppm, finding.fired) == (800_000, 0, False)


def test_compared_ids_are_sorted():
    finding = self_email.RULE.find(message="m", clears_when="c", weight_ppm=1, compared={"b", "a", "c"})

    assert finding.compared == ("a", "b", "c")
