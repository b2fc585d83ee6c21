"""Rule 9: one card or account behind several people."""

import pytest

from fraud_rules.partner_facts import PartnerFacts
from fraud_rules.rules.dup_payment import RULE, Config
from fraud_rules.scoring import score
from fraud_rules.types import PaymentUses

MINE = {"kind": "sale", "payment_key": "pay1", "name": "Anna Kozyreva", "paid": True, "email": "ann@gmail.com"}


@pytest.fixture(scope="session")
def judge_card(make_subject, make_facts):
    def judge(*leads, config=None, **changes):
        facts = make_facts(make_subject(**MINE | changes), payment_uses=PaymentUses(conversions=leads))
        return RULE.evaluate(facts, config or Config())

    return judge


@pytest.fixture(scope="session")
def judge_partners(now_ms):
    def judge(*others, names=None, config=None):
        facts = PartnerFacts(
            program_id="prg_1", partner_id="prt_1", at_ms=now_ms, payout_partners=others, payout_names=names or {}
        )
        return RULE.evaluate_partner(facts, config or Config())

    return judge


@pytest.mark.parametrize(
    ("name", "factor_ppm"), [("Ivan Kozyrev", 350_000), ("Ivan Sazonov", 450_000), (None, 450_000)]
)
def test_two_customers_with_one_card_are_a_note(judge_card, make_record, name, factor_ppm):
    (finding,) = judge_card(make_record(1, name=name))

    assert finding.factor_ppm == factor_ppm
    assert score([finding]).band == "note"
    assert finding.cluster_key == "payment:pay1"
    assert not finding.holds_compared


@pytest.mark.parametrize("sign", [{"phone_key": "ph1"}, {"name": "Kozyreva Anna"}], ids=["phone", "name"])
def test_one_person_with_a_new_mailbox_is_forgiven(judge_card, make_record, sign):
    (finding,) = judge_card(make_record(1, **sign), phone_key="ph1")
    (three,) = judge_card(make_record(1, **sign), make_record(2, **sign), phone_key="ph1")

    assert not finding.fired
    assert three.fired


def test_three_strangers_with_one_card_are_held_together(judge_card, make_record):
    (finding,) = judge_card(make_record(1, name="Ivan Sazonov"), make_record(2, name="Olga Bergmann"))

    assert finding.factor_ppm == 850_000
    assert finding.compared == ("cnv_0001", "cnv_0002")
    assert finding.holds_compared
    assert finding.params["count"] == 2


@pytest.mark.parametrize(("people", "factor_ppm"), [(3, 450_000), (4, 450_000), (5, 850_000)])
def test_family_with_one_card_is_a_note_up_to_four(judge_card, make_record, people, factor_ppm):
    (finding,) = judge_card(*[make_record(n, name="Ivan Kozyrev") for n in range(1, people)])

    assert finding.factor_ppm == factor_ppm


def test_company_card_of_colleagues_is_a_note(judge_card, make_record):
    leads = [make_record(n, email=f"p{n}@studio-x.ru") for n in range(1, 10)]

    (company,) = judge_card(*leads, email="ann@studio-x.ru")
    (strangers,) = judge_card(*leads, email="ann@gmail.com")

    assert company.factor_ppm == 450_000
    assert not company.holds_compared
    assert strangers.factor_ppm == 850_000


def test_customers_of_other_partners_do_not_count(judge_card, make_record):
    assert judge_card(*[make_record(n, partner_id="prt_2") for n in range(1, 9)]) == []


def test_method_of_payment_is_no_account(judge_card, make_record):
    leads = [make_record(n, partner_id=f"prt_{n % 5 + 1}") for n in range(1, 40)]

    (finding,) = judge_card(*leads)

    assert not finding.fired
    assert not finding.holds_compared


@pytest.mark.parametrize(
    "changes",
    [
        {"person_key": "email:ann@example.org"},
        {"person_key": None},
        {"conversion_id": "cnv_me"},
        {"conversion_id": "cnv_lead"},
    ],
    ids=["same_person", "nobody", "itself", "own_lead"],
)
def test_same_customer_paying_again_stays_silent(judge_card, make_record, changes):
    assert judge_card(make_record(1, **changes), lead_id="cnv_lead") == []


@pytest.mark.parametrize("changes", [{"payment_key": None}, {"partner_id": None}, {"person_key": None}])
def test_subject_without_card_partner_or_person_stays_silent(judge_card, make_record, changes):
    assert judge_card(make_record(1), make_record(2), **changes) == []


def test_missing_facts_stay_silent(make_facts, make_subject):
    assert RULE.evaluate(make_facts(make_subject(**MINE), payment_uses=None), Config()) == []


def test_two_partners_with_one_account_are_held_whole(judge_partners):
    (finding,) = judge_partners("prt_2", names={"prt_1": "Ivan Sazonov", "prt_2": "Olga Bergmann"})

    assert finding.factor_ppm == 850_000
    assert finding.holds_partner
    assert finding.cluster_key == "payment:prt_1+prt_2"


def test_couple_of_partners_weighs_less(judge_partners):
    (finding,) = judge_partners("prt_2", names={"prt_1": "Ivan Sazonov", "prt_2": "Olga Sazonova"})

    assert finding.factor_ppm == 600_000
    assert finding.holds_partner


@pytest.mark.parametrize("names", [{}, {"prt_1": "Ivan Sazonov"}, {"prt_1": "Anna", "prt_2": "Anna"}])
def test_unknown_names_are_no_couple(judge_partners, names):
    (finding,) = judge_partners("prt_2", names=names)

    assert finding.factor_ppm == 850_000


def test_every_other_partner_must_be_of_the_family(judge_partners):
    names = {"prt_1": "Ivan Sazonov", "prt_2": "Olga Sazonova", "prt_3": "Otto Bergmann"}

    (finding,) = judge_partners("prt_2", "prt_3", names=names)

    assert finding.factor_ppm == 850_000
    assert finding.params["count"] == 2


def test_partner_alone_on_its_account_stays_silent(judge_partners):
    assert judge_partners() == []
    assert judge_partners("prt_1") == []


def test_five_hundred_hostile_rows_never_raise(judge_card, judge_partners, make_record):
    leads = [make_record(n, name="\x00" * 10_000, email="@" * 10_000) for n in range(500)]

    (finding,) = judge_card(*leads, email="@" * 10_000, name="\ud800" * 1_000)

    assert finding.evidence["people"] == 501
    assert judge_partners(*[f"prt_{n}" for n in range(500)], names={"prt_1": "ы" * 100_000})
