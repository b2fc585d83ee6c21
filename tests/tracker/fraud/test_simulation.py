"""A world is the same everywhere, speaks the replay's language, and holds what it promises."""

import hashlib
import ipaddress
import os
import subprocess
import sys
from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest

from tracker.fraud.simulation.confounders.registry import CONFOUNDERS
from tracker.fraud.simulation.files import encode
from tracker.fraud.simulation.schemes.registry import SCHEMES
from tracker.fraud.simulation.types import PPM, Parameters
from tracker.fraud.simulation.unseen.registry import UNSEEN
from tracker.fraud.simulation.world import simulate

ROOT = Path(__file__).parents[3]
SMALL = Parameters(seed=7, leads=(150, 200), partners=(20, 25))
DIGEST = """
import hashlib
from tracker.fraud.simulation.files import encode
from tracker.fraud.simulation.types import Parameters
from tracker.fraud.simulation.world import simulate
world = simulate(Parameters(seed=7, leads=(150, 200), partners=(20, 25)))
print(hashlib.sha256(b"".join(map(encode, world.lines + world.labels))).hexdigest())
"""

VISIT = {"visitor_id", "ip", "user_agent", "headers", "device_id"}
CONVERSION = VISIT | {"partner_id", "click_id", "promo_code", "metadata"}
# Required and optional fields of each type beside `type` and `at`: docs of the replay format.
FIELDS = {
    "network": ({"prefix", "country", "asn", "class"}, set()),
    "program": ({"program_id", "name", "currency"}, set()),
    "partner": ({"program_id", "partner_id", "name", "email", "phone", "partner_code"}, set()),
    "partner_login": ({"program_id", "partner_id", "ip", "user_agent", "device_id"}, set()),
    "click": ({"program_id", "click_id", "partner_id", "landing_url", "referrer"} | VISIT, set()),
    "lead": ({"program_id", "external_id", "customer"}, CONVERSION),
    "sale": (
        {"program_id", "external_id", "customer", "amount", "currency", "payment_fingerprint"},
        CONVERSION | {"lead_id"},
    ),
    "refund": ({"program_id", "external_id", "refund_of", "amount", "currency"}, set()),
    "payout_method": ({"program_id", "partner_id", "payment_fingerprint"}, set()),
}
CLASSES = {"fixed", "mobile", "edu", "corporate", "hosting", "vpn", "tor", "relay"}


def test_a_seed_gives_the_same_bytes_in_every_process():
    digests = set()
    for hash_seed in ("0", "4711"):
        done = subprocess.run(
            [sys.executable, "-c", DIGEST],
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
        )
        digests.add(done.stdout.strip())
    world = simulate(SMALL)
    digests.add(hashlib.sha256(b"".join(map(encode, world.lines + world.labels))).hexdigest())

    assert len(digests) == 1


def test_another_seed_gives_another_world(worlds):
    digests = {hashlib.sha256(b"".join(map(encode, world.lines))).hexdigest() for world in worlds.values()}

    assert len(digests) == len(worlds)


def test_every_line_has_the_fields_of_its_type_and_no_other(labelled_world):
    for line in labelled_world.lines:
        required, optional = FIELDS[line["type"]]
        fields = line.keys() - {"type", "at"}
        assert required <= fields <= required | optional, line


def test_the_fields_hold_what_the_format_says(labelled_world):
    known = set()
    for line in labelled_world.lines:
        assert datetime.fromisoformat(line["at"]).tzinfo is not None
        if line["type"] == "network":
            ipaddress.ip_network(line["prefix"])
            assert line["class"] in CLASSES
        if "ip" in line:
            ipaddress.ip_address(line["ip"])
        if "amount" in line:
            assert isinstance(line["amount"], int)
            assert line["amount"] > 0
        if "headers" in line:
            assert all(name == name.lower() and isinstance(value, str) for name, value in line["headers"].items())
        if "customer" in line:
            assert line["customer"].keys() <= {"external_id", "email", "phone", "name", "country", "is_new"}
        if "metadata" in line:
            assert line["metadata"]["source"] in {"import", "call-centre"}
        known.add(line["type"])
    assert known == FIELDS.keys()


def test_lines_are_ordered_and_speak_only_of_what_came_before(labelled_world):
    seen = {"program_id": set(), "partner_id": set(), "click_id": set(), "external_id": set()}
    instants = [line["at"] for line in labelled_world.lines]
    kinds = [line["type"] for line in labelled_world.lines]

    assert instants == sorted(instants)
    assert kinds.index("program") == kinds.count("network"), "networks come first"
    for line in labelled_world.lines:
        own = {"program": "program_id", "partner": "partner_id", "click": "click_id"}.get(line["type"], "external_id")
        for field in ("program_id", "partner_id", "click_id"):
            assert field == own or field not in line or line[field] in seen[field], line
        assert line.get("lead_id") is None or line["lead_id"] in seen["external_id"]
        assert line.get("refund_of") is None or line["refund_of"] in seen["external_id"]
        if own in line:
            assert line[own] not in seen[own], "ids are unique"
            seen[own].add(line[own])


def test_a_referred_conversion_comes_by_a_click_or_a_code(labelled_world):
    clicks = {line["click_id"]: line for line in labelled_world.lines if line["type"] == "click"}
    for line in labelled_world.lines:
        if line["type"] in {"lead", "sale"} and "partner_id" in line and "lead_id" not in line:
            assert "click_id" in line or "promo_code" in line
            if "click_id" in line:
                assert clicks[line["click_id"]]["partner_id"] == line["partner_id"]


def test_labels_name_every_conversion_and_partner_and_nothing_else(labelled_world):
    subjects = [label.subject for label in labelled_world.labels]
    existing = {line["external_id"] for line in labelled_world.lines if line["type"] in {"lead", "sale"}}
    existing |= {line["partner_id"] for line in labelled_world.lines if line["type"] == "partner"}

    assert len(subjects) == len(set(subjects))
    assert set(subjects) == existing
    for label in labelled_world.labels:
        assert label.unit in existing
        assert label.is_fraud == (label.scheme is not None)
        assert not (label.scheme and label.confounder)


def test_lines_tell_nothing_of_the_truth(labelled_world):
    names = [each.name for each in (*SCHEMES, *UNSEEN, *CONFOUNDERS)]
    text = b"".join(map(encode, labelled_world.lines)).decode()

    assert not [name for name in names if name in text]


def test_every_scheme_and_confounder_comes_up_over_five_seeds(worlds):
    labels = [label for world in worlds.values() for label in world.labels]

    assert {each.name for each in SCHEMES} == {label.scheme for label in labels if label.scheme}
    assert {each.name for each in CONFOUNDERS} == {label.confounder for label in labels if label.confounder}


def test_every_unseen_scheme_comes_up_in_worlds_of_their_own(unseen_worlds):
    labels = [label for world in unseen_worlds.values() for label in world.labels]

    assert {each.name for each in UNSEEN} == {label.scheme for label in labels if label.scheme}


@pytest.mark.parametrize("seed", range(1, 6))
def test_base_rates_are_those_asked_for(worlds, seed):
    units = [label for label in worlds[seed].labels if label.unit == label.subject and label.kind != "partner"]
    partners = [label for label in worlds[seed].labels if label.kind == "partner"]
    share = sum(label.is_fraud for label in units) / len(units)

    assert 0.02 <= share <= 0.035
    assert 2500 <= len(units) <= 4200
    assert 60 <= len(partners) <= 80
    assert 0.06 <= sum(label.is_fraud for label in partners) / len(partners) <= 0.14


@pytest.mark.parametrize("base_rate_ppm", [0, 5_000, 100_000])
def test_another_base_rate_is_met_too(base_rate_ppm):
    world = simulate(Parameters(seed=3, leads=(900, 1000), partners=(30, 35), base_rate_ppm=base_rate_ppm))
    units = [label for label in world.labels if label.unit == label.subject and label.kind != "partner"]
    share_ppm = PPM * sum(label.is_fraud for label in units) / len(units)

    assert 0.6 * base_rate_ppm <= share_ppm <= 1.15 * base_rate_ppm


def test_fraudulent_partners_have_honest_customers_too(worlds):
    honest, fraud = Counter(), Counter()
    for seed, world in worlds.items():
        cheats = {label.subject for label in world.labels if label.kind == "partner" and label.is_fraud}
        for label in world.labels:
            if label.kind != "partner" and label.unit == label.subject and label.partner in cheats:
                (fraud if label.is_fraud else honest)[seed] += 1

    for seed in worlds:
        assert 0.25 <= honest[seed] / (honest[seed] + fraud[seed]) <= 0.75


def test_a_world_of_its_schemes_leaves_honest_life_alone():
    """Honest leads are drawn apart from fraud: another rate of fraud moves none of them."""
    few, many = (
        simulate(Parameters(seed=5, leads=(150, 200), partners=(20, 25), base_rate_ppm=rate)) for rate in (0, 100_000)
    )
    organic = [
        [line["customer"]["email"] for line in each.lines if "customer" in line and "partner_id" not in line]
        for each in (few, many)
    ]

    assert organic[0] == organic[1]
