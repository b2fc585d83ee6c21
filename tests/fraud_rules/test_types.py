"""Records and their small readings."""

from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraud_rules.types import Facts, Finding, is_operator_sent, moments_of, multiply_ppm, weightiest_first

PPM = 1_000_000


@pytest.mark.parametrize(
    ("kind", "lead_id", "moments"),
    [
        ("lead", None, {"lead"}),
        ("lead", "cnv_other", {"lead"}),
        ("sale", None, {"lead", "sale"}),
        ("sale", "cnv_lead", {"sale"}),
    ],
    ids=["lead", "lead_of_lead", "sale_alone", "sale_of_lead"],
)
def test_sale_without_its_lead_is_also_judged_as_one(make_subject, kind, lead_id, moments):
    assert moments_of(make_subject(kind=kind, lead_id=lead_id)) == moments


@pytest.mark.parametrize(
    ("source", "operator"),
    [
        (None, False),
        ("", False),
        ("import", True),
        (" Call-Centre\n", True),
        ("imported", False),
        ("web", False),
        (" " * 1_000_000 + "import", False),
    ],
    ids=["none", "empty", "import", "blanks_and_case", "longer_word", "web", "hostile"],
)
def test_operator_sources_are_a_closed_set(source, operator):
    assert is_operator_sent(source) is operator


@given(st.lists(st.integers(0, PPM), min_size=1, max_size=5))
def test_product_of_shares_is_the_exact_one_rounded_half_up(factors):
    exact = Fraction(PPM)
    for factor in factors:
        exact *= Fraction(factor, PPM)

    assert multiply_ppm(*factors) == (2 * exact + 1) // 2
    assert 0 <= multiply_ppm(*factors) <= min(factors)


def test_findings_sort_by_weight_then_name(make_finding):
    found = [
        make_finding(rule="b", factor_ppm=1, cluster_key=None),
        make_finding(rule="a", factor_ppm=1, cluster_key="z"),
        make_finding(rule="a", factor_ppm=1, cluster_key="y"),
        make_finding(rule="c", factor_ppm=2),
    ]

    ordered = sorted(found, key=weightiest_first)

    assert [(f.rule, f.cluster_key) for f in ordered] == [("c", None), ("a", "y"), ("a", "z"), ("b", None)]


def test_finding_survives_storage(make_finding):
    finding = make_finding(params={"count": 3, "email": "i•••@gmail.com"}, evidence={"p": 1, "k": None})

    assert msgspec.json.decode(msgspec.json.encode(finding), type=Finding) == finding


def test_facts_survive_storage(make_facts, make_crowd, make_login, make_person_lead):
    facts = make_facts(
        host_leads=make_crowd(3),
        partner_logins=(make_login(),),
        same_person_leads=(make_person_lead(1, "an.na@gmail.com"),),
    )

    assert msgspec.json.decode(msgspec.json.encode(facts), type=Facts) == facts


def test_no_field_of_a_finding_is_a_float():
    for field in msgspec.structs.fields(Finding):
        assert "float" not in str(field.type)
