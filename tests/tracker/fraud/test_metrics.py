"""The metrics, held against tiny worlds reckoned by hand."""

import pytest

from tracker.fraud.ablation import findings_of as findings_by_subject
from tracker.fraud.ablation import rules_of, without_rule, worth_of_rules
from tracker.fraud.metrics import Ratio, detection_days, frauds_of, held_by, measure, median, pool, truth_of
from tracker.fraud.simulation.types import Label


def label(subject, **changes):
    given = {"kind": "lead", "is_fraud": "scheme" in changes, "program": "p", "unit": subject, "partner": "ann"}
    return Label(subject=subject, **(given | changes))


def finding(subject, rule="self_email", **changes):
    return {"subject": subject, "rule": rule, "family": "identity", "strength": 1.0, "weight": 0.9} | changes


def case(*subjects, partner="ann", rules=("self_email",)):
    return {"id": "1", "program": "p", "partner": partner, "score": 90, "subjects": subjects, "rules": list(rules)}


def result(cases=(), scores=None, findings=()):
    return {"findings": list(findings), "cases": list(cases), "scores": scores or {}, "errors": []}


LABELS = [
    label("f1", scheme="S1_own_email", reward=300),
    label("f2", scheme="S1_own_email", reward=100),
    label("f3", scheme="S6_datacenter_farm", partner="bob", reward=600),
    label("h1", confounder="hostel"),
    label("h2", confounder="hostel"),
    label("h3"),
    label("h4", partner=None),
    label("ann", kind="partner", is_fraud=True, scheme="S1_own_email"),
    label("bob", kind="partner", is_fraud=True, scheme="S6_datacenter_farm", partner="bob"),
]
TRUTH = truth_of(LABELS)


def measured(outcome, truth=TRUTH):
    return measure(held_by(outcome, truth), truth, days=14)


def test_recall_counts_leads_held_by_score_and_by_case():
    metrics = measured(result([case("f2", "h1")], {"f1": 50, "f3": 49}))

    assert metrics["recall"] == Ratio(2, 3)
    assert metrics["recall:S1_own_email"] == Ratio(2, 2)
    assert metrics["recall:S6_datacenter_farm"] == Ratio(0, 1)
    assert metrics["money_recall"] == Ratio(400, 1000)
    assert metrics["lead_precision"] == Ratio(2, 3)


def test_honest_leads_held_are_counted_in_all_and_by_confounder():
    metrics = measured(result([case("f2", "h1")], {"h3": 99}))

    assert metrics["honest_held_per_1000"] == Ratio(2000, 4)
    assert metrics["hurt:hostel"] == Ratio(1, 2)
    assert metrics["hurt:everyday"] == Ratio(1, 2)


@pytest.mark.parametrize(
    ("subjects", "right", "pure"),
    [
        (("f1",), 1, 1),
        (("f1", "h1"), 1, 0),
        (("f1", "h1", "h2"), 0, 0),
        (("h1",), 0, 0),
        ((), 1, 1),
        (("clk_1",), 1, 1),
    ],
    ids=["fraud alone", "just half", "below half", "honest alone", "no lead, guilty partner", "a click holds nothing"],
)
def test_a_case_is_right_when_at_least_half_of_it_is_fraud(subjects, right, pure):
    metrics = measured(result([case(*subjects)]))

    assert metrics["case_precision"] == Ratio(right, 1)
    assert metrics["case_precision_strict"] == Ratio(pure, 1)


def test_a_case_over_an_honest_partner_without_leads_is_wrong():
    truth = truth_of([*LABELS, label("eve", kind="partner", partner="eve")])

    assert measured(result([case("eve", partner="eve")]), truth)["case_precision"] == Ratio(0, 1)


def test_a_partner_in_a_case_holds_all_leads_of_the_program():
    truth = truth_of([*LABELS, label("x1", scheme="S1_own_email", program="other")])
    held = held_by(result([case("ann")]), truth)

    assert held.units == {"f1", "f2", "h1", "h2", "h3"}


def test_a_partners_own_score_without_a_case_holds_no_lead():
    assert held_by(result(scores={"ann": 99}), TRUTH).units == frozenset()


def test_a_sale_and_its_lead_are_one_unit():
    truth = truth_of([label("l1", reward=10), label("s1", kind="sale", unit="l1", reward=20)])
    held = held_by(result(scores={"l1": 3, "s1": 60}), truth)

    assert held.units == {"l1"}
    assert held.scores == {"l1": 60}
    assert truth.rewards == {"l1": 30}


def test_cases_are_counted_by_leads_and_by_weeks():
    metrics = measured(result([case("f1"), case("f2")]))

    assert metrics["cases_per_1000"] == Ratio(2000, 7)
    assert metrics["cases_per_week"] == Ratio(14, 14)


def test_brier_is_the_mean_squared_error_of_the_score():
    truth = truth_of([label("f", scheme="S1_own_email"), label("h")])

    assert measured(result(scores={"f": 80, "h": 50}), truth)["brier"].value == pytest.approx((0.04 + 0.25) / 2)


def test_schemes_nobody_tuned_on_have_a_recall_of_their_own():
    truth = truth_of([label("a", scheme="U1_dripped_identities"), label("b", scheme="S1_own_email")])
    metrics = measured(result(scores={"a": 90}), truth)

    assert metrics["recall_unseen"] == Ratio(1, 1)
    assert metrics["recall"] == Ratio(0, 1)


@pytest.mark.parametrize(("accused", "found"), [("bot", 1), ("ann", 0)])
def test_a_scheme_without_leads_is_found_by_a_case_over_its_partner(accused, found):
    truth = truth_of([label("h"), label("bot", kind="partner", is_fraud=True, scheme="S9_bot_clicks", partner="bot")])

    assert measured(result([case(partner=accused)]), truth)["recall:S9_bot_clicks"] == Ratio(found, 1)


def test_nothing_of_nothing_has_no_value():
    truth = truth_of([])

    assert measured(result(), truth)["case_precision"].value is None


def test_frauds_are_schemes_of_partners_and_days_run_from_the_first_lead():
    assert frauds_of(TRUTH) == {"S1_own_email/ann": ("f1", "f2"), "S6_datacenter_farm/bob": ("f3",)}
    assert detection_days({"a": 10.0}, {"a": 7.5, "b": 3.0}) == [2.5]
    assert median([4, 1, 3, 2]) == 2
    assert median([]) is None


def test_pooled_metrics_sum_parts_before_dividing():
    worlds = [{"x": Ratio(1, 2)}, {"x": Ratio(0, 8)}, {"y": Ratio(1, 1)}]

    estimate = pool(worlds, "x")

    assert estimate.value == 0.1
    assert (estimate.low, estimate.high) == (0.0, 0.5)
    assert pool(worlds, "x") == estimate, "drawn alike each time"


def test_one_world_has_no_interval():
    estimate = pool([{"x": Ratio(1, 2)}], "x")

    assert (estimate.value, estimate.low, estimate.high) == (0.5, None, None)


def test_without_a_rule_its_points_and_cases_are_gone():
    outcome = result(
        [case("f1"), case("f2", "h1", rules=("self_email", "bot_agent"))],
        {"f1": 90, "f2": 93, "h1": 2},
        [
            finding("f1"),
            finding("f2", weight=0.3),
            finding("f2", "bot_agent", family="device", weight=0.7),
        ],
    )
    left = without_rule(outcome, "self_email", findings=findings_by_subject(outcome))

    assert rules_of(outcome) == ["bot_agent", "self_email"]
    assert left["scores"] == {"f1": 2, "f2": 70, "h1": 2}  # 100 (1 - .98 * .3) = 70.6, rounded down
    assert [each["subjects"] for each in left["cases"]] == [("f2", "h1")]


def test_the_worth_of_a_rule_is_what_only_it_holds():
    outcome = result(
        [case("f1", "h1"), case("f2", rules=("bot_agent",))],
        {"f1": 90, "f2": 70, "h1": 2, "h2": 2},
        [
            finding("f1"),
            finding("h2", strength=0.0),
            finding("f2", "bot_agent", family="device", weight=0.7),
        ],
    )
    worth = worth_of_rules(outcome, TRUTH)

    assert worth["rule:self_email:precision"] == Ratio(1, 1), "what was forgiven speaks against nobody"
    assert worth["rule:self_email:reach"] == Ratio(1, 3)
    assert worth["rule:self_email:alone"] == Ratio(1, 3)
    assert worth["rule:self_email:cost"] == Ratio(1000, 4)
    assert worth["rule:bot_agent:cost"] == Ratio(0, 4)


def test_a_case_of_several_rules_without_findings_of_its_subjects_outlives_one_rule():
    outcome = result([case("f1", rules=("a", "b")), case("f2", rules=("a",))], {}, [finding("h3", "a")])

    left = without_rule(outcome, "a", findings=findings_by_subject(outcome))

    assert [each["subjects"] for each in left["cases"]] == [("f1",)]
