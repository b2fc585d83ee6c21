"""Rule 6: one mailbox registered in several spellings."""

import itertools

import pytest

from fraud_rules.rules.dup_person_email import DAY_MS, RULE, SPELLINGS_MAX, Config
from fraud_rules.scoring import score

MINE = {"email": "anna@gmail.com", "email_key": "anna@gmail.com"}


@pytest.fixture(scope="session")
def judge_leads(make_subject, make_facts):
    def judge(*leads, config=None, **changes):
        facts = make_facts(make_subject(**MINE | changes), same_person_leads=leads)
        return RULE.evaluate(facts, config or Config())

    return judge


def test_second_spelling_of_a_mailbox_is_a_note(judge_leads, make_person_lead):
    (finding,) = judge_leads(make_person_lead(1, "an.na@gmail.com"))

    assert finding.factor_ppm == 450_000
    assert score([finding]).band == "note"
    assert not finding.holds_compared
    assert finding.cluster_key == "email:anna@gmail.com"
    assert finding.compared == ("cnv_1",)
    assert finding.params["count"] == 1


def test_fourth_spelling_counts_three_others_and_holds_all_but_the_first(judge_leads, make_person_lead, now_ms):
    (finding,) = judge_leads(
        make_person_lead(1, "a.nna@gmail.com", at_ms=now_ms - 3),
        make_person_lead(2, "anna+1@gmail.com", at_ms=now_ms - 2),
        make_person_lead(3, "anna@googlemail.com", at_ms=now_ms - 1),
    )

    assert finding.factor_ppm == 800_000
    assert finding.holds_compared
    assert finding.params["count"] == 3
    assert finding.evidence["spellings"] == 4
    assert finding.compared == ("cnv_2", "cnv_3")


@pytest.mark.parametrize(
    "spelling", ["anna@gmail.com", "Anna@Gmail.com", " anna@gmail.com "], ids=["same", "case", "blanks"]
)
def test_double_click_on_send_stays_silent(judge_leads, make_person_lead, now_ms, spelling):
    assert judge_leads(make_person_lead(1, spelling, at_ms=now_ms - 300)) == []


def test_double_click_after_a_repeat_does_not_add_a_spelling(judge_leads, make_person_lead, now_ms):
    (finding,) = judge_leads(
        make_person_lead(1, "an.na@gmail.com", at_ms=now_ms - 40 * DAY_MS),
        make_person_lead(2, "an.na@gmail.com", at_ms=now_ms - 40 * DAY_MS + 300),
        make_person_lead(3, "anna@gmail.com", at_ms=now_ms - 300),
    )

    assert finding.params["count"] == 1
    assert finding.factor_ppm == 300_000


@pytest.mark.parametrize(
    ("gap_ms", "factor_ppm"),
    [(30 * DAY_MS, 300_000), (30 * DAY_MS - 1, 450_000), (400 * DAY_MS, 300_000), (0, 450_000)],
    ids=["thirty_days", "one_ms_less", "a_year", "at_once"],
)
def test_forgotten_account_weighs_less_from_thirty_days(judge_leads, make_person_lead, now_ms, gap_ms, factor_ppm):
    (finding,) = judge_leads(make_person_lead(1, "an.na@gmail.com", at_ms=now_ms - gap_ms))

    assert finding.factor_ppm == factor_ppm


def test_two_repeats_are_no_forgotten_account(judge_leads, make_person_lead, now_ms):
    (finding,) = judge_leads(
        make_person_lead(1, "an.na@gmail.com", at_ms=now_ms - 90 * DAY_MS),
        make_person_lead(2, "a.nna@gmail.com", at_ms=now_ms - 60 * DAY_MS),
    )

    assert finding.factor_ppm == 800_000


def test_nearest_repeat_decides_about_forgetting(judge_leads, make_person_lead, now_ms):
    (finding,) = judge_leads(
        make_person_lead(1, "an.na@gmail.com", at_ms=now_ms - 90 * DAY_MS),
        make_person_lead(2, "an.na@gmail.com", at_ms=now_ms - DAY_MS),
    )

    assert finding.factor_ppm == 450_000
    assert finding.evidence["gap_ms"] == DAY_MS


def test_mailbox_of_somebody_else_stays_silent(judge_leads, make_person_lead):
    assert judge_leads(make_person_lead(1, "an.na@yandex.ru", canonical_key="an.na@yandex.ru")) == []


@pytest.mark.parametrize(
    "changes",
    [{"email": None}, {"email": "broken"}, {"email_key": None}],
    ids=["no_email", "broken_email", "no_key"],
)
def test_subject_without_a_mailbox_stays_silent(judge_leads, make_person_lead, changes):
    assert judge_leads(make_person_lead(1, "an.na@gmail.com"), **changes) == []


def test_erased_lead_is_not_compared(judge_leads, make_person_lead):
    assert judge_leads(make_person_lead(1, None)) == []


def test_subject_and_its_own_lead_are_not_compared(judge_leads, make_person_lead):
    leads = [
        make_person_lead(1, "an.na@gmail.com", conversion_id="cnv_me"),
        make_person_lead(2, "an.na@gmail.com", conversion_id="cnv_lead"),
    ]

    assert judge_leads(*leads, kind="sale", lead_id="cnv_lead") == []


@pytest.mark.parametrize(
    ("kind", "customer_id", "other_id", "fires"),
    [
        ("sale", "c1", "c1", False),
        ("sale", "c1", "c2", True),
        ("sale", None, None, True),
        ("lead", "c1", "c1", True),
    ],
    ids=["regular_customer", "other_customer", "unknown_customer", "lead"],
)
def test_regular_customer_buying_again_is_no_second_registration(
    judge_leads, make_person_lead, kind, customer_id, other_id, fires
):
    lead = make_person_lead(1, "an.na@gmail.com", customer_id=other_id)

    assert bool(judge_leads(lead, kind=kind, customer_id=customer_id)) is fires


def test_late_report_of_an_older_lead_still_fires(judge_leads, make_person_lead, now_ms):
    """The shop reported the second spelling first: both were received, so they are compared."""
    (finding,) = judge_leads(make_person_lead(1, "an.na@gmail.com", at_ms=now_ms + 60_000))

    assert finding.evidence["gap_ms"] == 60_000


def test_order_of_leads_is_no_matter(judge_leads, make_person_lead, now_ms):
    spellings = ("a.nna@gmail.com", "an.na@gmail.com", "anna+1@gmail.com", "anna@gmail.com")
    leads = [make_person_lead(n, text, at_ms=now_ms - n * DAY_MS) for n, text in enumerate(spellings)]

    results = [judge_leads(*order) for order in itertools.permutations(leads)]

    assert all(result == results[0] for result in results)


def test_keyed_hashes_compare_like_plain_keys(judge_leads, make_person_lead):
    lead = make_person_lead(1, "an.na@gmail.com", canonical_key="4f1c")

    assert judge_leads(lead, email_key="4f1c")
    assert not judge_leads(lead, email_key="5a2d")


def test_finding_shows_masked_addresses_only(judge_leads, make_person_lead):
    (finding,) = judge_leads(make_person_lead(1, "an.na@gmail.com"))

    assert "nna" not in repr((finding.params, finding.evidence))


def test_patience_comes_from_the_settings(judge_leads, make_person_lead, now_ms):
    lead = make_person_lead(1, "an.na@gmail.com", at_ms=now_ms - 10 * DAY_MS)

    (finding,) = judge_leads(lead, config=Config(forgotten_after_days=10, forgotten_weight_ppm=100_000))

    assert finding.factor_ppm == 100_000


def test_five_hundred_hostile_rows_are_read_up_to_a_limit(judge_leads, make_person_lead):
    leads = [make_person_lead(n, "\u0439" * 200 + f"+{n}@example.org", canonical_key="k") for n in range(500)]

    (finding,) = judge_leads(*leads, email_key="k")

    assert finding.evidence["spellings"] == SPELLINGS_MAX + 1
