"""The example of a rule of one's own: found by its entry point, judging beside the others, harmless when it breaks."""

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fraud_rules.engine import judge
from fraud_rules.registry import RULES
from fraud_rules.rule import Rule, RuleConfig, read_configs
from fraud_rules.types import Facts, Subject
from tracker.fraud.catalogue import catches
from tracker.fraud.replay.run import replay
from tracker.fraud.rules import GROUP, LoadedRules, load_rules

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "examples" / "fraud-rule"
CLICKED_MS = 1_760_000_000_000


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package as an installer leaves it: its module, and the entry points of its own pyproject."""
    about = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
    folder = tmp_path / f"{about['name'].replace('-', '_')}-{about['version']}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {about['name']}\nVersion: {about['version']}\n")
    points = "\n".join(f"{name} = {value}" for name, value in about["entry-points"][GROUP].items())
    (folder / "entry_points.txt").write_text(f"[{GROUP}]\n{points}\n")
    (tmp_path / "big_quick_order.py").write_text((PACKAGE / "big_quick_order.py").read_text())
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "big_quick_order", raising=False)


def subject(**changes: Any) -> Facts:
    values = {
        "conversion_id": "cnv_1",
        "kind": "sale",
        "program_id": "prg_1",
        "partner_id": "enr_1",
        "at_ms": CLICKED_MS + 60_000,
        "occurred_at_ms": CLICKED_MS + 60_000,
        "click_at_ms": CLICKED_MS,
        "amount_minor": 90_000,
        "currency": "EUR",
        "lead_id": "lead-1",
        "paid": True,
    }
    return Facts(subject=Subject(**(values | changes)))


def judged(loaded: LoadedRules, settings: dict[str, dict[str, object]] | None = None) -> Any:
    own = [rule for rule in loaded.rules if rule not in RULES]
    return judge(subject(), own, configs=read_configs(loaded.rules, settings or {}), allow=())


@pytest.mark.usefixtures("installed")
def test_an_installed_package_is_found_and_judges() -> None:
    loaded = load_rules(entry_points(group=GROUP))

    assert loaded.troubles == ()
    assert [rule.id for rule in loaded.rules] == [*(rule.id for rule in RULES), "big_quick_order"]
    (finding,) = judged(loaded).findings
    assert (finding.rule, finding.fired, finding.factor_ppm) == ("big_quick_order", True, 300_000)
    assert catches(loaded.rules[-1]) == (
        "A large order right after the click: stolen cards are spent before they are blocked."
    )


@pytest.mark.usefixtures("installed")
def test_its_settings_are_checked_and_used_like_any_others() -> None:
    loaded = load_rules(entry_points(group=GROUP))

    assert judged(loaded, {"big_quick_order": {"amount_minor_min": 100_000}}).findings == ()
    assert judged(loaded, {"big_quick_order": {"enabled": False}}).findings == ()
    with pytest.raises(ValueError, match="minutes_max"):
        judged(loaded, {"big_quick_order": {"minutes_max": 0}})


@pytest.mark.usefixtures("installed")
def test_a_replay_judges_with_it() -> None:
    at = "2026-03-01T10:00:00Z"
    lines = [
        {"type": "program", "at": at, "program_id": "p", "name": "P", "currency": "EUR"},
        {"type": "partner", "at": at, "program_id": "p", "partner_id": "ann", "name": "Ann"},
        {"type": "click", "at": at, "program_id": "p", "click_id": "c1", "partner_id": "ann", "visitor_id": "v1"},
        {"type": "sale", "at": "2026-03-01T10:02:00Z", "program_id": "p", "external_id": "s1", "partner_id": "ann"}
        | {"click_id": "c1", "visitor_id": "v1", "amount": 90_000, "currency": "EUR"},
    ]

    told = replay([json.dumps(line).encode() for line in lines], rules=load_rules(entry_points(group=GROUP)).rules)

    assert [(each.subject, each.rule) for each in told.findings] == [("s1", "big_quick_order")]


def broken(_facts: Facts, _config: RuleConfig) -> Any:
    raise KeyError("somebody@mail.example")


def rule_of(**changes: Any) -> Rule[RuleConfig]:
    values = {
        "id": "broken_rule",
        "version": 1,
        "title": "Broken",
        "family": "timing",
        "severity": "low",
        "timing": frozenset({"sale"}),
        "config": RuleConfig(),
        "evaluate": broken,
    }
    return Rule(**(values | changes))


def point(name: str, load: Callable[[], Any]) -> Any:
    return SimpleNamespace(name=name, value=f"{name}:RULE", load=load)


def fails() -> Any:
    raise ImportError("No module named 'gone'")


@pytest.mark.parametrize(
    ("offered", "cause"),
    [
        (fails, "cannot be loaded: ImportError"),
        (lambda: 5, "cannot be loaded: TypeError"),
        (lambda: ["text"], "must offer fraud_rules.rule.Rule"),
        (lambda: rule_of(id="self_email"), "There is a rule"),
        (lambda: rule_of(needs=frozenset({"moon_phase"})), "facts that do not exist: moon_phase"),
        (lambda: rule_of(evaluate=None), "judges nothing"),
    ],
    ids=["cannot be imported", "no rule", "text", "taken id", "unknown facts", "judges nothing"],
)
def test_a_package_that_cannot_be_used_is_named_and_leaves_the_others_alone(offered: Any, cause: str) -> None:
    loaded = load_rules([point("bad", offered), point("good", rule_of)])

    assert [rule.id for rule in loaded.rules] == [*(rule.id for rule in RULES), "broken_rule"]
    (trouble,) = loaded.troubles
    assert trouble.name == "bad"
    assert cause in trouble.cause


def test_a_rule_that_fails_while_judging_is_reported_without_values_and_stops_no_other() -> None:
    loaded = load_rules([point("bad", rule_of)])
    facts = subject(is_bot=True)

    told = judge(facts, [rule_of(), rule_of(id="second", evaluate=lambda *_: [])], configs={}, allow=())

    assert [failure.rule for failure in told.errors] == ["broken_rule"]
    assert "somebody" not in told.errors[0].error
    assert "broken_rule" in {rule.id for rule in loaded.rules}


def test_the_examples_own_tests_pass() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(PACKAGE)]
    paths = os.environ | {"PYTHONPATH": f"{PACKAGE}{os.pathsep}{ROOT}"}
    done = subprocess.run(command, cwd=ROOT, env=paths, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "8 passed" in done.stdout
