"""Rules of installed packages join those of the registry; a broken one is told and never stops anything."""

from importlib.metadata import EntryPoint

import pytest

from fraud_rules.registry import RULES
from fraud_rules.rule import Rule, RuleConfig
from tracker.fraud import rules
from tracker.fraud.rules import GROUP, configs_for, load_rules, loaded_rules


class Config(RuleConfig, frozen=True, kw_only=True):
    """Settings of the test's own rule."""

    most: int = 3


def make_rule(**changes):
    values = {
        "id": "of_a_plugin",
        "version": 1,
        "title": "A rule of a plug-in",
        "family": "money",
        "severity": "low",
        "timing": frozenset({"lead"}),
        "config": Config(),
        "evaluate": lambda _facts, _config: [],
    }
    return Rule(**(values | changes))


GOOD = make_rule()
SEVERAL = [make_rule(id="first_of_two"), make_rule(id="second_of_two")]
TAKEN = make_rule(id="self_email")
HUNGRY = make_rule(id="hungry", needs=frozenset({"moon_phase"}))
IDLE = make_rule(id="idle", evaluate=None)
NUMBER = 7


def point(name, value=None):
    return EntryPoint(name=name, value=value or f"{__name__}:{name}", group=GROUP)


def test_rules_of_plugins_stand_behind_those_of_the_registry():
    loaded = load_rules([point("SEVERAL"), point("GOOD")])

    assert [rule.id for rule in loaded.rules[len(RULES) :]] == ["of_a_plugin", "first_of_two", "second_of_two"]
    assert loaded.rules[: len(RULES)] == RULES
    assert loaded.troubles == ()


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (point("gone", "no_such_module:RULE"), "ModuleNotFoundError"),
        (point("NUMBER"), "TypeError"),
        (point("TAKEN"), "already"),
        (point("HUNGRY"), "moon_phase"),
        (point("IDLE"), "judges nothing"),
    ],
    ids=lambda each: each.name if isinstance(each, EntryPoint) else "",
)
def test_a_broken_plugin_is_told_and_left_out(broken, says):
    loaded = load_rules([broken, point("GOOD")])

    assert [rule.id for rule in loaded.rules[len(RULES) :]] == ["of_a_plugin"]
    ((name, cause),) = [(trouble.name, trouble.cause) for trouble in loaded.troubles]
    assert name == broken.name
    assert says in cause


@pytest.fixture
def with_plugin(monkeypatch):
    for cached in (loaded_rules, rules.needed_facts, rules.rule_titles):
        cached.cache_clear()
    monkeypatch.setattr(rules, "entry_points", lambda group: [point("GOOD")] if group == GROUP else [])
    yield
    for cached in (loaded_rules, rules.needed_facts, rules.rule_titles):
        cached.cache_clear()


@pytest.mark.usefixtures("with_plugin")
def test_published_settings_reach_the_plugins_rule():
    assert configs_for({"of_a_plugin": {"most": 9}})["of_a_plugin"] == Config(most=9)
    assert rules.rule_titles()["of_a_plugin"] == "A rule of a plug-in"


@pytest.mark.usefixtures("with_plugin")
def test_settings_a_rule_does_not_take_any_more_leave_its_defaults():
    found = configs_for({"of_a_plugin": {"least": 1}, "gone_with_its_package": {"enabled": False}})

    assert found["of_a_plugin"] == Config()
    assert "gone_with_its_package" not in found
