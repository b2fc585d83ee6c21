"""Rule 13: sent from a server."""

import pytest

from fraud_rules.network import NETWORK_CLASSES
from fraud_rules.rules.ip_hosting import NAME_SHOWN_MAX, RULE, Config
from fraud_rules.scoring import score


@pytest.fixture(scope="session")
def judge_server(make_subject, make_facts):
    def judge(**changes):
        return RULE.evaluate(make_facts(make_subject(**{"network_class": "hosting"} | changes)), Config())

    return judge


def test_server_alone_is_a_note(judge_server):
    (finding,) = judge_server(network_name="Hetzner")

    assert finding.factor_ppm == 400_000
    assert score([finding]).band == "note"
    assert finding.params == {"network": "Hetzner"}
    assert finding.cluster_key == "host:h1"


def test_unnamed_network_has_a_sentence_of_its_own(judge_server):
    (finding,) = judge_server(network_name=None)

    assert "%(network)s" not in finding.message


@pytest.mark.parametrize("network_class", [each for each in NETWORK_CLASSES if each != "hosting"])
def test_other_networks_are_silent(judge_server, network_class):
    assert judge_server(network_class=network_class) == []


@pytest.mark.parametrize(
    ("email", "verified", "factor_ppm"),
    [
        ("ann@studio-x.ru", True, 150_000),
        ("ann@studio-x.ru", False, 400_000),
        ("ann@gmail.com", True, 400_000),
        ("ann@yopmail.com", True, 400_000),
        ("x7f@privaterelay.appleid.com", True, 400_000),
        (None, True, 400_000),
        ("not an address", True, 400_000),
    ],
    ids=["company", "unconfirmed", "free", "throw_away", "forwarder", "no_email", "no_address"],
)
def test_only_a_confirmed_company_mailbox_weighs_less(judge_server, email, verified, factor_ppm):
    (finding,) = judge_server(email=email, email_verified=verified)

    assert finding.factor_ppm == factor_ppm
    assert finding.evidence["company_mailbox"] is (factor_ppm == 150_000)


@pytest.mark.parametrize(
    "changes",
    [{"partner_id": None}, {"source": "import"}, {"source": "call-centre"}, {"is_bot": True}],
    ids=["organic", "import", "call_centre", "crawler"],
)
def test_operators_crawlers_and_organic_leads_are_silent(judge_server, changes):
    assert judge_server(**changes) == []


def test_hostile_network_name_is_cut_to_a_line(judge_server):
    (finding,) = judge_server(network_name="x\n\x00" * 100_000, host_key=None)

    assert len(finding.params["network"]) <= NAME_SHOWN_MAX
    assert finding.params["network"].isprintable()
    assert finding.cluster_key is None
