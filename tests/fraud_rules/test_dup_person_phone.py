"""Rule 7: one phone on leads of several people."""

import pytest

from fraud_rules.rules.dup_person_phone import DAY_MS, RULE, Config
from fraud_rules.scoring import score

MINE = {"phone": "+79125674167", "phone_key": "ph1", "name": "Anna Kozyreva"}


@pytest.fixture(scope="session")
def judge_phone(make_subject, make_facts):
    def judge(*leads, config=None, **changes):
        facts = make_facts(make_subject(**MINE | changes), same_phone_leads=leads)
        return RULE.evaluate(facts, config or Config())

    return judge


def test_two_people_are_a_note(judge_phone, make_record):
    (finding,) = judge_phone(make_record(1))

    assert finding.factor_ppm == 350_000
    assert score([finding]).band == "note"
    assert finding.cluster_key == "phone:ph1"
    assert finding.compared == ("cnv_0001",)
    assert not finding.holds_compared
    assert finding.params == {"phone": "+7 912 •••-••-67", "count": 1}


def test_three_people_are_held_together(judge_phone, make_record):
    (finding,) = judge_phone(make_record(1), make_record(2, name="Ivan Sazonov"))

    assert finding.factor_ppm == 750_000
    assert finding.holds_compared
    assert finding.compared == ("cnv_0001", "cnv_0002")


@pytest.mark.parametrize(("people", "factor_ppm"), [(3, 450_000), (4, 450_000), (5, 750_000)])
def test_household_with_one_phone_is_a_note_up_to_four(judge_phone, make_record, people, factor_ppm):
    leads = [make_record(n, name=f"Name{n} Kozyrev") for n in range(1, people)]

    (finding,) = judge_phone(*leads)

    assert finding.factor_ppm == factor_ppm
    assert finding.holds_compared is (people == 5)


@pytest.mark.parametrize(("age_ms", "fires"), [(180 * DAY_MS, True), (180 * DAY_MS + 1, False)])
def test_number_that_changed_hands_stays_silent(judge_phone, make_record, now_ms, age_ms, fires):
    assert bool(judge_phone(make_record(1, at_ms=now_ms - age_ms))) is fires


def test_old_third_person_does_not_count(judge_phone, make_record, now_ms):
    (finding,) = judge_phone(make_record(1), make_record(2, at_ms=now_ms - 200 * DAY_MS))

    assert finding.evidence["people"] == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"person_key": "email:ann@example.org"},
        {"person_key": None},
        {"email": None, "person_key": "phone:+79125674167"},
        {"email": "none", "person_key": "phone:+79125674167"},
        {"conversion_id": "cnv_me"},
        {"conversion_id": "cnv_lead"},
    ],
    ids=["same_person", "nobody", "no_mailbox", "broken_mailbox", "itself", "own_lead"],
)
def test_rows_that_contradict_nobody_stay_silent(judge_phone, make_record, changes):
    assert judge_phone(make_record(1, **changes), lead_id="cnv_lead") == []


@pytest.mark.parametrize("changes", [{"phone_key": None}, {"email": None}, {"person_key": None}])
def test_subject_without_phone_or_mailbox_stays_silent(judge_phone, make_record, changes):
    assert judge_phone(make_record(1), make_record(2), **changes) == []


@pytest.mark.parametrize("phone", ["+79999999999", "8 900 123-45-67", "+7 916 765 43 21", "+380501234567"])
def test_number_typed_by_those_who_will_not_give_theirs_is_forgiven(judge_phone, make_record, phone):
    (finding,) = judge_phone(make_record(1), make_record(2), make_record(3), phone=phone)

    assert not finding.fired
    assert not finding.compared or finding.factor_ppm == 0


def test_rows_an_operator_typed_are_compared_too(judge_phone, make_record):
    assert judge_phone(make_record(1, source="call-centre"), source="import")


def test_organic_subject_counts_and_missing_facts_stay_silent(judge_phone, make_record, make_facts, make_subject):
    assert judge_phone(make_record(1), partner_id=None)
    assert RULE.evaluate(make_facts(make_subject(**MINE), same_phone_leads=None), Config()) == []


def test_hostile_phone_and_names_never_raise(judge_phone, make_record):
    leads = [make_record(n, name="\u0430" * 100_000, email="@" * 100_000) for n in range(500)]

    (finding,) = judge_phone(*leads, phone="9" * 100_000, name="\x00" * 100_000)

    assert finding.params["phone"] == "•••"
