"""Evidence as people read it: every key of every rule has a name and a unit, in both languages."""

import ast
import re
from pathlib import Path

import pytest

import fraud_rules.rules
from fraud_rules.registry import RULES
from fraud_rules.rules.stuffed_click import LOADS
from fraud_rules.types import PPM, Finding
from tracker.admin.evidence import fact_rows
from tracker.admin.evidence_facts import FACTS, MEASURES, OWN_FACTS
from tracker.cases.types import FindingRow
from tracker.fraud.replay.run import replay
from tracker.fraud.simulation.files import encode
from tracker.fraud.simulation.types import Parameters
from tracker.fraud.simulation.world import simulate
from tracker.i18n.translator import translator_of

RULES_FOLDER = Path(fraud_rules.rules.__file__).parent
WRITTEN_BY_HAND = {"self_email", "self_network", "same_ip_leads", "dup_person_email", "too_fast", "bot_agent"}
# A name with underscores, a number of parts per million, what Python calls nothing and yes.
RAW = re.compile(r"[a-z]_[a-z]|\bppm\b|\bNone\b|\bTrue\b|\bFalse\b|\d{6}")


def is_evidence(annotation):
    return annotation is not None and "Evidence" in ast.unparse(annotation) and "dict" in ast.unparse(annotation)


def dicts_of(tree):
    """Yield every dictionary that becomes evidence: given by name, annotated, or returned by an annotated function."""
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "evidence":
            yield from (each for each in ast.walk(node.value) if isinstance(each, ast.Dict))
        if isinstance(node, ast.AnnAssign) and is_evidence(node.annotation):
            yield from (each for each in ast.walk(node.value) if isinstance(each, ast.Dict))
        if isinstance(node, ast.FunctionDef) and is_evidence(node.returns):
            yield from (each for each in ast.walk(node) if isinstance(each, ast.Dict))


def keys_of(rule):
    """Return the keys of evidence that the module of a rule writes down."""
    tree = ast.parse((RULES_FOLDER / f"{rule}.py").read_text())
    found = {key.value for each in dicts_of(tree) for key in each.keys if isinstance(key, ast.Constant)}
    return found | ({f"loads_{each}" for each in LOADS} if rule == "stuffed_click" else set())


def row(finding, **changes):
    values = {"finding_id": "fnd_1", "conversion_id": "cnv_1", "allowed_by": None, "evidence_digest": "d"}
    return FindingRow(**(values | changes), finding=finding, created_at_ms=0)


def finding(rule, evidence, **changes):
    values = {"rule_version": 1, "family": "money", "fired": True, "strength_ppm": PPM, "weight_ppm": 500_000}
    values |= {"damping_ppm": PPM, "factor_ppm": 500_000, "message": "Said.", "clears_when": "Never."}
    return Finding(rule=rule, evidence=evidence, **(values | changes))


def written(rule, evidence, language="en", **changes):
    (fact,) = fact_rows([row(finding(rule, evidence, **changes))], translator_of(language))
    return fact


def texts(fact):
    return [fact.here, fact.normal, *(text for pair in fact.details for text in pair)]


def test_every_key_of_every_rule_is_in_the_table_and_no_other():
    given = {rule.id: keys_of(rule.id) for rule in RULES}

    assert all(given.values())
    assert {key for keys in given.values() for key in keys} == set(FACTS)
    assert all(key in given[rule] for rule, key in OWN_FACTS)


def test_what_a_rule_is_mostly_about_is_its_own_evidence():
    assert set(MEASURES) | WRITTEN_BY_HAND == {rule.id for rule in RULES}
    for rule, measures in MEASURES.items():
        for measure in measures:
            assert {*measure.here, *([measure.normal] if measure.normal else [])} <= keys_of(rule), rule


@pytest.mark.parametrize("language", ["en", "ru"])
def test_all_that_worlds_bring_is_readable(language):
    seen = set()
    for seed in (1, 2, 3):
        world = simulate(Parameters(seed=seed, leads=(300, 400), partners=(30, 40)))
        for each in replay(map(encode, world.lines)).findings:
            seen.add(each.rule)
            fact = written(each.rule, each.evidence, language)
            # What the customer's side sent is shown as it came.
            sent = {
                str(each.evidence.get(name)) for name in ("agent", "domain", "host", "shape", "campaign", "network")
            }
            raw = [text for text in texts(fact) if text not in sent and RAW.search(text)]
            assert not raw, (each.rule, raw)
            if language == "ru":
                named = [name for name, _ in fact.details if not re.search("[а-яё]", name)]
                assert not named, each.rule
    assert len(seen) >= 20


@pytest.mark.parametrize(
    ("rule", "evidence", "here", "normal", "details"),
    [
        (
            "cr_high",
            {"conversions": 12, "clicks": 20, "lower_bound_ppm": 386_000, "program_rate_ppm": 31_500},
            "Conversions: 12 of 20 (60%)",
            "In the program: 3.15%",
            [("Share, with certainty at least", "38.6%")],
        ),
        (
            "refund_abuse",
            {"kind": "after_release", "refunds_after_release": 6, "refunds": 8, "tail_ppm": 3},
            "Refunds soon after the release: 6 of 8 (75%)",
            "–",
            [("Kind", "refunds after the commission was released"), ("Chance of so many", "under 0.01%")],
        ),
        (
            "geo_mismatch",
            {"country": "NL", "home": "DE, AT", "near": True, "network_class": "vpn"},
            "Country of the address: Netherlands",
            "Customer's country: Germany, Austria",
            [("Neighbouring countries", "Yes"), ("Kind of network", "VPN")],
        ),
        (
            "payout_change",
            {"gap_ms": 7_200_000, "window_hours": 72},
            "Time between: 2 hours",
            "New for: 3 days",
            [],
        ),
        (
            "partner_velocity",
            {"people": 30, "usual": "0.50", "hosts_ppm": None},
            "Different people: 30",
            "Usually: 0.5",
            [("Different addresses among the leads", "unknown")],
        ),
        (
            "traffic_policy",
            {"kind": "referrer", "host": "spam.example", "pattern": "even"},
            "Place: spam.example",
            "–",
            [("Kind", "where the visitor came from"), ("Banned by", "even")],
        ),
        (
            "client_inconsistent",
            {"signs": "platform, old", "platform": "macos", "browser_major": 1_234},
            "Signs: its hint names another system than its agent, its version is two years old",
            "–",
            [("System by its hint", "macOS"), ("Browser's version", "1234")],
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and "_" in value and " " not in value else "",
)
def test_values_are_written_with_their_units(rule, evidence, here, normal, details):
    fact = written(rule, evidence)

    assert (fact.here, fact.normal, list(fact.details)) == (here, normal, details)


def test_the_same_in_russian():
    fact = written("cr_high", {"conversions": 12, "clicks": 20, "program_rate_ppm": 31_500}, "ru")

    assert fact.here == "Конверсии: 12 из 20 (60\u00a0%)"
    assert fact.normal == "В программе: 3,15\u00a0%"


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        ({"odd_share_ppm": 125_000}, "Odd share: 12.5%"),
        ({"wait_ms": 60_000}, "Wait: 1 minute"),
        ({"is_odd": True}, "Is odd: Yes"),
        ({"odd_words": "a b"}, "Odd words: a b"),
        ({"odd": None}, "Odd: unknown"),
        ({"share_ppm": "twelve"}, "Share: twelve"),
        ({"near": 2}, "Neighbouring countries: 2"),
        ({}, "–"),
    ],
    ids=["share", "span", "bool", "text", "none", "our-name-as-text", "our-yes-as-number", "nothing"],
)
def test_a_rule_of_another_package_is_written_as_well_as_its_names_tell(evidence, expected):
    assert written("acme_odd", evidence).here == expected


def test_findings_about_one_partner_are_rows_of_their_own():
    hour = finding("click_flood", {"kind": "host_hour", "clicks": 60}, factor_ppm=400_000)
    barren = finding("click_flood", {"kind": "barren", "clicks": 2_000}, factor_ppm=480_000)
    rows = [
        row(each, finding_id=f"fnd_{number}", conversion_id=None, enrollment_id="enr_1", livemode=True)
        for number, each in enumerate((hour, barren))
    ]

    assert [fact.here for fact in fact_rows(rows, translator_of("en"))] == ["Clicks: 2,000", "Clicks: 60"]
