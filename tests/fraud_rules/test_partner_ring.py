"""Rule 30e: partners are one ring."""

import random

import pytest

from fraud_rules.partner_facts import PartnerLink
from fraud_rules.rules.partner_ring import LINKS_MAX, RULE, Config
from fraud_rules.scoring import score


@pytest.fixture(scope="session")
def judge_links(make_partner):
    """Edges are written "1-2 payout"; the judged partner is prt_1."""

    def judge(*edges, names=None, **changes):
        links = []
        for edge in edges:
            pair, kind = edge.split(" ")
            one, other = pair.split("-")
            links.append(PartnerLink(partner_id=f"prt_{one}", other_id=f"prt_{other}", kind=kind))
        names = {f"prt_{number}": name for number, name in (names or {}).items()}
        return RULE.evaluate_partner(make_partner(links=tuple(links), payout_names=names, **changes), Config())

    return judge


@pytest.mark.parametrize(
    "edges",
    [
        ("1-2 payout", "2-3 payout"),
        ("1-2 phone", "1-3 phone"),
        ("2-3 device", "3-1 device"),
        ("1-2 host_agent", "2-3 payout"),
        ("1-2 payout", "3-2 phone", "1-3 device"),
    ],
    ids=["payout", "phone", "device", "two_kinds", "all"],
)
def test_three_partners_joined_hold_the_partner(judge_links, edges):
    (finding,) = judge_links(*edges)

    assert finding.factor_ppm == 800_000
    assert score([finding]).band == "review"
    assert finding.holds_partner
    assert finding.params["count"] == 3
    assert finding.cluster_key == "ring:prt_1"


@pytest.mark.parametrize(
    "edges",
    [
        (),
        ("1-2 payout",),
        ("1-2 payout", "3-4 payout", "4-5 payout"),
        ("1-2 payout", "2-3 host"),
        ("1-2 payout", "2-3 refers"),
        ("1-1 payout", "1-1 phone"),
    ],
    ids=["none", "couple", "rings_of_others", "address_alone", "sub_affiliate", "itself"],
)
def test_couples_sub_affiliates_and_shared_addresses_are_no_ring(judge_links, edges):
    assert judge_links(*edges) == []


def test_colleagues_in_one_office_are_a_note_that_holds_nobody(judge_links):
    (finding,) = judge_links("1-2 host_agent", "2-3 host_agent", "3-4 host_agent")

    assert finding.factor_ppm == 480_000
    assert score([finding]).band == "note"
    assert not finding.holds_partner


def test_family_firm_weighs_half_and_holds_nobody(judge_links):
    names = {1: "Иванов Пётр", 2: "Иванова Анна", 3: "Ivanov Oleg"}

    (finding,) = judge_links("1-2 payout", "2-3 payout", names=names)

    assert finding.factor_ppm == 400_000
    assert score([finding]).band == "note"
    assert not finding.holds_partner
    assert finding.evidence["one_family"] is True
    assert "Иван" not in repr((finding.params, finding.evidence))


@pytest.mark.parametrize(
    "names",
    [{1: "Иванов Пётр", 2: "Иванова Анна"}, {1: "Иванов", 2: "Иванов", 3: "Сидоров"}, {}],
    ids=["one_unknown", "a_stranger", "unknown"],
)
def test_one_stranger_makes_it_no_family(judge_links, names):
    assert judge_links("1-2 payout", "2-3 payout", names=names)[0].factor_ppm == 800_000


@pytest.mark.parametrize(
    ("edges", "partners"),
    [
        (("1-2 refers", "2-1 refers"), 2),
        (("1-2 refers", "2-3 refers", "3-1 refers"), 3),
        (("1-2 refers", "2-3 refers", "3-1 refers", "2-1 refers"), 2),
        (("1-2 refers", "2-3 refers", "3-4 refers", "4-5 refers", "5-6 refers", "6-1 refers"), 6),
    ],
    ids=["each_other", "triangle", "shortest", "longest"],
)
def test_partners_who_refer_one_another_in_a_circle(judge_links, edges, partners):
    (finding,) = judge_links(*edges)

    assert finding.evidence == {"kind": "circle", "partners": partners, "one_family": False}
    assert finding.factor_ppm == 800_000
    assert finding.holds_partner


@pytest.mark.parametrize(
    "edges",
    [
        ("1-2 refers", "1-3 refers"),
        ("1-2 refers", "2-3 refers", "3-2 refers"),
        ("1-1 refers",),
        (*(f"{n}-{n + 1} refers" for n in range(1, 7)), "7-1 refers"),
    ],
    ids=["recruiter", "circle_of_others", "itself", "too_long"],
)
def test_recruiters_and_circles_of_others_are_silent(judge_links, edges):
    assert judge_links(*edges) == []


def test_order_of_edges_is_no_matter(judge_links):
    edges = ["1-2 payout", "2-3 phone", "3-4 device", "1-4 refers", "4-3 refers", "3-1 refers"]
    expected = judge_links(*edges)

    for seed in range(20):
        random.Random(seed).shuffle(edges)
        assert judge_links(*edges) == expected


def test_hostile_number_of_edges_is_cut(judge_links):
    (finding,) = judge_links(*(f"{n}-{n + 1} payout" for n in range(1, 3 * LINKS_MAX)))

    assert finding.evidence["partners"] == LINKS_MAX + 1
