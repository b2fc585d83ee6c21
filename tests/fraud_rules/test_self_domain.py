"""Rule 5: customer and partner at one private domain."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraud_rules.rules.self_domain import RULE, Config
from fraud_rules.types import PartnerIdentity


@pytest.fixture(scope="session")
def judge_domain(make_subject, make_facts):
    def judge(email, partner_email, *, people=2, **changes):
        identity = PartnerIdentity(contact_emails=(partner_email,), **changes)
        facts = make_facts(make_subject(email=email), partner_identity=identity, domain_people=people)
        return RULE.evaluate(facts, Config())

    return judge


@pytest.mark.parametrize(
    ("email", "partner_email"),
    [("ann@studio-x.ru", "boss@studio-x.ru"), ("ann@mail.studio.co.uk", "boss@studio.co.uk")],
    ids=["same", "subdomain"],
)
def test_shared_private_domain_is_a_note(judge_domain, email, partner_email):
    (finding,) = judge_domain(email, partner_email)

    assert finding.factor_ppm == 300_000
    assert finding.cluster_key.startswith("domain:studio")
    assert not finding.holds_compared


@pytest.mark.parametrize(
    ("email", "partner_email"),
    [
        ("ann@gmail.com", "boss@gmail.com"),
        ("ann@bk.ru", "boss@bk.ru"),
        ("ann@duck.com", "boss@duck.com"),
        ("ann@mit.edu", "boss@mit.edu"),
        ("ann@cs.ox.ac.uk", "boss@ox.ac.uk"),
        ("ann@yopmail.com", "boss@yopmail.com"),
        ("ann@one.co.uk", "boss@two.co.uk"),
        (None, "boss@studio-x.ru"),
        ("broken", "broken"),
    ],
    ids=["gmail", "bk", "forwarder", "university", "college", "throw_away", "suffix", "no_email", "broken"],
)
def test_public_academic_and_different_domains_stay_silent(judge_domain, email, partner_email):
    assert judge_domain(email, partner_email) == []


@pytest.mark.parametrize(("people", "fired"), [(19, True), (20, False), (5_000, False)])
def test_large_employer_is_forgiven(judge_domain, people, fired):
    (finding,) = judge_domain("ann@corp.example.com", "boss@corp.example.com", people=people)

    assert finding.fired is fired
    assert finding.params["count"] == people


def test_program_that_allows_own_purchases_forgives(judge_domain):
    (finding,) = judge_domain("ann@studio-x.ru", "boss@studio-x.ru", allow_own_purchases=True)

    assert not finding.fired


def test_organic_subject_stays_silent(make_facts, make_subject):
    facts = make_facts(make_subject(partner_id=None, email="ann@studio-x.ru"), domain_people=2)

    assert RULE.evaluate(facts, Config()) == []
    assert RULE.evaluate(make_facts(partner_identity=None), Config()) == []


@given(st.text(max_size=400), st.text(max_size=400))
def test_hostile_addresses_never_raise(judge_domain, mine, theirs):
    judge_domain(mine, theirs)
    judge_domain(f"a@{mine}", f"b@{mine}")
