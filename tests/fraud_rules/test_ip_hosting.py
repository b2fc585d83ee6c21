"""Rule 13: sent from a server."""

import pytest

from fraud_rules.network import NETWORK_CLASSES
from fraud_rules.partner_facts import Baseline
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


@pytest.fixture(scope="session")
def judge_people(make_record, make_partner):
    def judge(servers, homes, *, baseline=None, **changes):
        leads = [make_record(n, **{"network_class": "hosting"} | changes) for n in range(1, servers + 1)]
        leads += [make_record(100 + n, network_class="fixed") for n in range(homes)]
        return RULE.evaluate_partner(make_partner(leads, baseline=baseline or Baseline()), Config())

    return judge


def test_several_strangers_on_servers_open_a_case_over_them_alone(judge_people):
    (finding,) = judge_people(6, 10)

    assert finding.factor_ppm == 550_000
    assert score([finding]).band == "review"
    assert finding.compared == tuple(f"cnv_{n:04d}" for n in range(1, 7))
    assert (finding.holds_compared, finding.holds_partner) == (True, False)
    assert finding.params == {"count": 6, "people": 16}


@pytest.mark.parametrize(
    ("servers", "homes", "fires"),
    [(4, 5, True), (4, 6, False), (3, 0, False), (4, 0, True), (5, 11, True), (5, 12, False), (9, 100, False)],
    ids=["four_of_nine", "four_of_ten", "three", "four", "five_of_sixteen", "five_of_seventeen", "large_partner"],
)
def test_chance_is_asked(judge_people, servers, homes, fires):
    """Of a twentieth by chance: 4 of 9 has p .00064, 4 of 10 .00103, 5 of 16 .00086, 5 of 17 .00117."""
    assert bool(judge_people(servers, homes)) is fires


def test_program_whose_readers_hide_expects_more(judge_people):
    assert judge_people(6, 10, baseline=Baseline(leads=100, anonymous_leads=20)) == []
    assert judge_people(6, 10, baseline=Baseline(leads=10, anonymous_leads=5))


def test_staff_of_companies_behind_their_proxies_are_silent(judge_people):
    assert judge_people(8, 4, email="ann@studio-x.ru", is_verified=True) == []


def test_people_who_confirmed_their_contacts_weigh_half(judge_people):
    (finding,) = judge_people(8, 4, email="ann@gmail.com", is_verified=True)

    assert finding.factor_ppm == 275_000


@pytest.mark.parametrize(
    "changes",
    [
        {"source": "import"},
        {"network_class": "unknown"},
        {"network_class": "vpn"},
        {"person_key": "email:a@example.org"},
    ],
    ids=["import", "unknown", "vpn", "one_person"],
)
def test_imports_unknown_networks_and_one_person_are_silent(judge_people, changes):
    assert judge_people(20, 0, **changes) == []
