"""Rule 1: the customer's mailbox is the partner's."""

import itertools

import pytest

from fraud_rules.rules.self_email import RULE, Config
from fraud_rules.types import PartnerIdentity


@pytest.fixture(scope="session")
def judge_email(make_subject, make_facts):
    def judge(email, identity, *, config=None, **changes):
        facts = make_facts(make_subject(email=email, **changes), partner_identity=identity)
        return RULE.evaluate(facts, config or Config())

    return judge


@pytest.mark.parametrize("role", ["login_emails", "contact_emails", "payout_emails"])
def test_any_address_of_the_partner_counts(judge_email, role):
    (finding,) = judge_email("i.petrov@gmail.com", PartnerIdentity(**{role: ("i.petrov@gmail.com",)}))

    assert finding.fired
    assert finding.factor_ppm == 900_000
    assert finding.evidence["partner_address"] == role.removesuffix("_emails")
    assert finding.evidence["match"] == "exact"


@pytest.mark.parametrize(
    ("email", "partner_email", "match", "factor_ppm"),
    [
        ("I.Petrov@gmail.com", "i.petrov@gmail.com", "exact", 900_000),
        ("i.petrov+shop@googlemail.com", "ipetrov@gmail.com", "alias", 900_000),
        ("anna@me.com", "anna+work@icloud.com", "alias", 900_000),
        ("i-petrov@ya.ru", "i.petrov@yandex.kz", "alias", 900_000),
        ("anna+x@example.org", "anna@example.org", "weak", 500_000),
        ("anna+x@example.org", "anna+y@example.org", "weak", 500_000),
    ],
    ids=["case", "gmail", "apple", "yandex", "unknown_domain_tag", "two_tags"],
)
def test_alias_of_the_partner_fires_with_the_weight_of_its_certainty(
    judge_email, email, partner_email, match, factor_ppm
):
    (finding,) = judge_email(email, PartnerIdentity(login_emails=(partner_email,)))

    assert (finding.evidence["match"], finding.factor_ppm) == (match, factor_ppm)


@pytest.mark.parametrize(
    ("email", "partner_email"),
    [
        ("i.petrov@yandex.ru", "ipetrov@yandex.ru"),
        ("i.petrov@company.com", "ipetrov@company.com"),
        ("anna@outlook.com", "anna@hotmail.com"),
        ("office@agency.example", "boss@agency.example"),
        (None, "anna@example.org"),
        ("not an address", "not an address"),
        ("anna@example.org", "anna"),
    ],
    ids=["yandex_dots", "workspace_dots", "two_providers", "same_company", "none", "broken", "broken_partner"],
)
def test_different_mailbox_stays_silent(judge_email, email, partner_email):
    assert judge_email(email, PartnerIdentity(login_emails=(partner_email,))) == []


def test_partner_without_addresses_stays_silent(judge_email):
    assert judge_email("anna@example.org", PartnerIdentity()) == []


def test_program_that_allows_own_purchases_forgives(judge_email):
    """What was forgiven is shown to the reviewer and costs nothing."""
    identity = PartnerIdentity(login_emails=("anna@example.org",), allow_own_purchases=True)

    (finding,) = judge_email("anna@example.org", identity)

    assert not finding.fired
    assert finding.factor_ppm == 0
    assert "allows own purchases" in finding.message


def test_strictest_match_is_reported_with_all_its_roles(judge_email):
    identity = PartnerIdentity(
        login_emails=("ann.a@gmail.com",),
        contact_emails=("anna@gmail.com", "an.na@gmail.com"),
        payout_emails=("anna@gmail.com",),
    )

    (finding,) = judge_email("anna@gmail.com", identity)

    assert finding.evidence["match"] == "exact"
    assert finding.evidence["partner_address"] == "contact, payout"


def test_order_of_addresses_is_no_matter(judge_email):
    emails = ("an.na@gmail.com", "a.nna@gmail.com", "anna+x@gmail.com")

    results = [
        judge_email("anna@gmail.com", PartnerIdentity(contact_emails=order)) for order in itertools.permutations(emails)
    ]

    assert all(result == results[0] for result in results)


def test_finding_shows_masked_addresses_only(judge_email):
    identity = PartnerIdentity(login_emails=("ipetrov@gmail.com",))

    (finding,) = judge_email("i.petrov+shop@gmail.com", identity)

    shown = repr((finding.params, finding.evidence))
    assert "petrov" not in shown
    assert finding.params == {"email": "i•••@gmail.com", "partner_email": "i•••@gmail.com"}


def test_case_key_is_the_mailbox_key_the_shell_made(judge_email):
    identity = PartnerIdentity(login_emails=("anna@gmail.com",))

    (keyed,) = judge_email("anna@gmail.com", identity, email_key="4f1c")
    (unkeyed,) = judge_email("anna@gmail.com", identity, email_key=None)

    assert keyed.cluster_key == "email:4f1c"
    assert unkeyed.cluster_key is None


def test_weights_come_from_the_settings(judge_email):
    config = Config(weight_ppm=700_000, weak_weight_ppm=100_000)
    identity = PartnerIdentity(login_emails=("anna@example.org",))

    (exact,) = judge_email("anna@example.org", identity, config=config)
    (weak,) = judge_email("anna+x@example.org", identity, config=config)

    assert (exact.factor_ppm, weak.factor_ppm) == (700_000, 100_000)
