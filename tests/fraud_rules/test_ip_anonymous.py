"""Rule 14: the customer's address is hidden."""

import pytest

from fraud_rules.rules.ip_anonymous import RULE, Config
from fraud_rules.scoring import score


@pytest.fixture(scope="session")
def judge_address(make_subject, make_facts):
    def judge(network_class, **changes):
        return RULE.evaluate(make_facts(make_subject(network_class=network_class, **changes)), Config())

    return judge


@pytest.mark.parametrize(
    ("network_class", "factor_ppm", "band"),
    [("tor", 450_000, "note"), ("vpn", 150_000, "none")],
    ids=["tor", "vpn"],
)
def test_reader_who_hides_is_never_held_for_that_alone(judge_address, network_class, factor_ppm, band):
    (finding,) = judge_address(network_class)

    assert finding.factor_ppm == factor_ppm
    assert score([finding]).band == band
    assert finding.cluster_key is None
    assert finding.evidence == {"network_class": network_class, "address": "203.0.113.x"}


def test_privacy_relay_is_shown_as_forgiven(judge_address):
    (finding,) = judge_address("relay")

    assert (finding.fired, finding.factor_ppm) == (False, 0)


@pytest.mark.parametrize("network_class", ["fixed", "mobile", "edu", "corporate", "hosting", "unknown"])
def test_other_networks_are_silent(judge_address, network_class):
    assert judge_address(network_class) == []


@pytest.mark.parametrize("changes", [{"partner_id": None}, {"source": "import"}], ids=["organic", "import"])
def test_organic_and_typed_leads_are_silent(judge_address, changes):
    assert judge_address("tor", **changes) == []
