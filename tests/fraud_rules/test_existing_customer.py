"""Rule 30b: the customer was known before the click."""

import pytest

from fraud_rules.engine import judge as judge_all
from fraud_rules.rules.existing_customer import RULE, Config
from fraud_rules.scoring import score
from fraud_rules.types import CustomerPast

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


@pytest.fixture(scope="session")
def judge_past(make_subject, make_facts, now_ms):
    """Times of the past are given as hours before the conversion."""

    def judge(*, first=None, click=None, known=False, **changes):
        past = CustomerPast(
            first_conversion_at_ms=None if first is None else now_ms - first * HOUR_MS,
            first_click_at_ms=None if click is None else now_ms - click * HOUR_MS,
            shop_says_known=known,
        )
        return RULE.evaluate(make_facts(make_subject(**changes), customer_past=past), Config())

    return judge


def test_customer_older_than_the_first_click_is_a_note(judge_past):
    (finding,) = judge_past(first=24 * 40, click=1)

    assert finding.factor_ppm == 400_000
    assert score([finding]).band == "note"
    assert finding.params == {"count": 39}
    assert finding.evidence["first_conversion_before_click_ms"] == 40 * DAY_MS - HOUR_MS


@pytest.mark.parametrize(("first", "fires"), [(27, True), (26, False)], ids=["beyond_the_lag", "crm_lag"])
def test_a_day_of_lag_says_nothing(judge_past, first, fires):
    assert bool(judge_past(first=first, click=2)) is fires


@pytest.mark.parametrize(
    "changes",
    [
        {"first": 10, "click": 20},
        {"first": 0, "click": 20},
        {"first": 10, "click": 20, "known": True},
        {"first": 20, "click": 19, "known": True},
        {"first": 900, "known": True},
        {"first": 900},
        {"known": True, "lead_id": "cnv_lead", "kind": "sale"},
        {},
    ],
    ids=[
        "partner_brought",
        "first_is_this_one",
        "shop_knows_whom_partner_brought",
        "shop_and_lag",
        "earlier_by_code",
        "no_click",
        "shop_knows_the_lead",
        "nothing_known",
    ],
)
def test_customers_a_partner_may_have_brought_are_silent(judge_past, changes):
    assert judge_past(**changes) == []


@pytest.mark.parametrize("changes", [{}, {"click": 5}, {"first": 0, "click": 5}], ids=["alone", "click", "this_one"])
def test_shop_that_knew_the_customer_before_us_is_believed(judge_past, changes):
    (finding,) = judge_past(known=True, **changes)

    assert finding.factor_ppm == 400_000
    assert "shop itself" in finding.message


def test_click_of_the_conversion_stands_in_for_an_unknown_first(judge_past, now_ms):
    assert judge_past(first=100, click_at_ms=now_ms - HOUR_MS)


@pytest.mark.parametrize(
    ("kind", "lead_id", "judged"),
    [("sale", "cnv_lead", True), ("sale", None, True), ("lead", None, False)],
    ids=["sale_of_a_lead", "sale_alone", "lead"],
)
def test_only_sales_are_judged(make_subject, make_facts, now_ms, kind, lead_id, judged):
    past = CustomerPast(first_conversion_at_ms=now_ms - 40 * DAY_MS, first_click_at_ms=now_ms - HOUR_MS)
    facts = make_facts(make_subject(kind=kind, lead_id=lead_id), customer_past=past)

    assert bool(judge_all(facts, [RULE], configs={}, allow=()).findings) is judged


@pytest.mark.parametrize(
    ("emails", "fires"),
    [
        ((), True),
        (("ann@example.org",), True),
        ((" Ann@Example.ORG ",), True),
        (("an.n@example.org",), False),
        (("ann@example.org", "ann+2@example.org"), False),
        ((None,), False),
    ],
    ids=["first", "same_spelling", "case_and_blanks", "other_spelling", "one_of_two", "erased"],
)
def test_mailbox_registered_again_in_another_spelling_is_the_mailbox_rules(
    make_subject, make_facts, make_person_lead, now_ms, emails, fires
):
    """One fact counts once: dup_person_email weighs it."""
    past = CustomerPast(first_conversion_at_ms=now_ms - 40 * DAY_MS, first_click_at_ms=now_ms - HOUR_MS)
    leads = tuple(make_person_lead(number, email) for number, email in enumerate(emails))
    facts = make_facts(make_subject(kind="sale"), customer_past=past, same_person_leads=leads)

    assert bool(RULE.evaluate(facts, Config())) is fires


@pytest.mark.parametrize("changes", [{"partner_id": None}, {"source": "import"}], ids=["organic", "import"])
def test_organic_and_typed_leads_are_silent(judge_past, changes):
    assert judge_past(first=900, click=1, known=True, **changes) == []


def test_past_not_loaded_is_silent(make_facts):
    assert RULE.evaluate(make_facts(), Config()) == []
