"""Rule 4: customer and partner are alike by name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraud_rules.rules.self_similar import RULE, Config
from fraud_rules.types import PartnerIdentity


@pytest.fixture(scope="session")
def judge_likeness(make_subject, make_facts):
    def judge(*, email=None, name=None, emails=(), names=(), share_ppm=0, config=None, **changes):
        identity = PartnerIdentity(contact_emails=tuple(emails), names=tuple(names), **changes)
        facts = make_facts(make_subject(email=email, name=name), partner_identity=identity, name_share_ppm=share_ppm)
        return RULE.evaluate(facts, config or Config())

    return judge


@pytest.mark.parametrize(
    ("mine", "theirs", "fires"),
    [
        ("kozyrevich.d@gmail.com", "kozyrevich.d@mail.ru", True),
        ("kozyrevich7@gmail.com", "kozyrevich1987@gmail.com", True),
        ("kozyrevicb@gmail.com", "kozyrevich@mail.ru", True),
        ("kozyrevich@gmail.com", "sazonova@mail.ru", False),
        ("kozy@gmail.com", "kozy@mail.ru", False),
        ("12345678@qq.com", "12345679@qq.com", False),
        ("marketing@one.com", "marketing@two.com", False),
        (None, "kozyrevich@mail.ru", False),
    ],
    ids=["provider", "digits", "letter", "different", "short", "digits_only", "role", "no_email"],
)
def test_mailbox_names_are_compared_by_letters(judge_likeness, mine, theirs, fires):
    assert bool(judge_likeness(email=mine, emails=[theirs])) is fires


def test_one_mailbox_in_two_spellings_is_left_to_self_email(judge_likeness):
    assert judge_likeness(email="kozyrevich+a@example.org", emails=["kozyrevich@example.org"]) == []


@pytest.mark.parametrize(
    ("mine", "theirs", "fires"),
    [
        ("Anna Kozyreva", "Ana Kozyreva", True),
        ("Козырева Анна", "Anna Kozyreva", True),
        ("A. Anna Kozyreva", "Anna Kozyreva", True),
        ("Anna Kozyreva", "Inna Kozyreva", False),
        ("Anna Kozyreva", "Anna Sazonova", False),
        ("Kozyreva", "Kozyreva", False),
        (None, "Anna Kozyreva", False),
        ("Anna Kozyreva", "", False),
    ],
    ids=["letter", "script_and_order", "initial", "sister", "first_name", "one_word", "no_name", "nameless_partner"],
)
def test_names_are_compared_without_order_script_and_initials(judge_likeness, mine, theirs, fires):
    assert bool(judge_likeness(name=mine, names=[theirs])) is fires


def test_likeness_alone_is_hardly_a_note(judge_likeness):
    (finding,) = judge_likeness(name="Anna Kozyreva", names=["Ana Kozyreva"])

    assert finding.factor_ppm == 250_000
    assert finding.params["percent"] == 96
    assert "ozyrev" not in repr((finding.params, finding.evidence))


@pytest.mark.parametrize(
    "sign",
    [
        {"name": "Иван Петров", "names": ["Петров Иван"]},
        {"name": "Иван Сергеевич Петров", "names": ["Иван Сергеевич Петров"]},
        {"email": "ivan.petrov@gmail.com", "emails": ["ivan.petrov@mail.ru"]},
        {"email": "ivanpetrov77@gmail.com", "emails": ["ivanpetrov@mail.ru"]},
        {"email": "alexander@gmail.com", "emails": ["alexandr@mail.ru"]},
        {"email": "john.smith@gmail.com", "emails": ["john.smith@mail.com"]},
    ],
    ids=["name", "patronymic", "mailbox", "joined", "first_name", "english"],
)
def test_everybodys_name_is_forgiven(judge_likeness, sign):
    (finding,) = judge_likeness(**sign)

    assert not finding.fired
    assert finding.factor_ppm == 0


@pytest.mark.parametrize(
    ("share_ppm", "factor_ppm"), [(0, 250_000), (2_000, 250_000), (4_000, 125_000), (200_000, 2_500)]
)
def test_names_many_customers_carry_weigh_less(judge_likeness, share_ppm, factor_ppm):
    (finding,) = judge_likeness(name="Anna Kozyreva", names=["Ana Kozyreva"], share_ppm=share_ppm)

    assert finding.factor_ppm == factor_ppm


def test_program_that_allows_own_purchases_forgives(judge_likeness):
    (finding,) = judge_likeness(name="Anna Kozyreva", names=["Ana Kozyreva"], allow_own_purchases=True)

    assert not finding.fired


def test_organic_subject_and_missing_facts_stay_silent(make_facts, make_subject):
    identity = PartnerIdentity(names=("Anna Kozyreva",))

    organic = make_facts(make_subject(partner_id=None, name="Anna Kozyreva"), partner_identity=identity)

    assert RULE.evaluate(organic, Config()) == []
    assert RULE.evaluate(make_facts(partner_identity=None), Config()) == []


@given(st.text(max_size=300), st.text(max_size=300))
def test_hostile_names_never_raise(judge_likeness, mine, theirs):
    for finding in judge_likeness(email=f"{mine}@x.org", name=mine, emails=[f"{theirs}@y.org"], names=[theirs]):
        assert finding.factor_ppm <= 250_000
