"""What judging a conversion does to cases and money, in a real database."""

import pytest

from fraud_rules.engine import Suppressed
from tracker.cases import store
from tracker.ledger.verify import verify_ledger


def test_nothing_found_opens_nothing_and_holds_nothing(world):
    conversion_id = world.sale()

    opened = world.judge(conversion_id)

    assert (opened.case_id, opened.is_new, opened.is_held) == (None, False, False)
    assert world.statuses(conversion_id) == ["accepted"]
    assert world.money() == [("EUR", 700, 0, 0)]


def test_a_score_in_review_opens_a_case_and_freezes_the_commission(world, make):
    conversion_id = world.sale(status="attributed")

    opened = world.judge(conversion_id, make.finding())

    assert opened.is_new
    assert opened.is_held
    assert world.statuses(conversion_id) == ["in_review"]
    assert world.money() == [("EUR", 0, 0, 700)]
    view = world.view(opened.case_id)
    assert (view.case.status, view.case.score, view.case.cluster_key) == ("open", 90, "email:abc")
    assert [row.finding for row in view.findings] == [make.finding()]
    assert [each.conversion_id for each in view.conversions] == [conversion_id]
    assert [each.view.status for each in view.commissions] == ["frozen"]


def test_money_frozen_by_a_case_does_not_become_payable_by_the_clock(world, make):
    world.judge(world.sale(), make.finding())

    assert world.money(now_ms=make.T0 + 100 * make.HOLD) == [("EUR", 0, 0, 700)]


def test_a_note_is_kept_but_opens_no_case(world, make):
    conversion_id = world.sale()

    opened = world.judge(conversion_id, make.finding(factor=300_000))

    assert opened.case_id is None
    assert world.money() == [("EUR", 700, 0, 0)]
    assert len(world.read(lambda conn: store.findings_of(conn, [conversion_id]))) == 1


def test_an_organic_conversion_keeps_its_findings_and_has_no_case(world, make):
    conversion_id = world.sale()

    opened = world.judge(conversion_id, make.finding(), partner=None)

    assert (opened.case_id, opened.is_held) == (None, False)
    assert len(world.read(lambda conn: store.findings_of(conn, [conversion_id]))) == 1


def test_a_second_conversion_with_the_same_fact_joins_the_case(world, make):
    first, second = world.sale(), world.sale(due=300)
    opened = world.judge(first, make.finding(factor=600_000))

    joined = world.judge(second, make.finding())

    assert (joined.case_id, joined.is_new, joined.is_held) == (opened.case_id, False, True)
    view = world.view(opened.case_id)
    assert [each.conversion_id for each in view.conversions] == [first, second]
    assert view.case.score == 90
    assert world.money() == [("EUR", 0, 0, 1000)]
    assert [entry.action for entry in world.audit(opened.case_id)] == ["case.opened", "case.extended"]


def test_a_lower_score_does_not_lower_the_cases(world, make):
    opened = world.judge(world.sale(), make.finding())
    world.judge(world.sale(), make.finding(factor=600_000))

    assert world.view(opened.case_id).case.score == 90


def test_another_fact_opens_another_case(world, make):
    first = world.judge(world.sale(), make.finding())
    second = world.judge(world.sale(), make.finding(cluster_key="email:xyz"))

    assert second.is_new
    assert second.case_id != first.case_id


def test_test_mode_has_cases_of_its_own(world, make):
    first = world.judge(world.sale(), make.finding())
    second = world.judge(world.sale(livemode=False), make.finding(), livemode=False)

    assert second.is_new
    assert second.case_id != first.case_id
    assert world.money(livemode=False) == [("EUR", 0, 0, 700)]


def test_judging_the_same_evidence_again_changes_nothing(world, make):
    conversion_id = world.sale()
    opened = world.judge(conversion_id, make.finding())
    before = (world.view(opened.case_id), world.money(), len(world.audit(opened.case_id)))

    again = world.judge(conversion_id, make.finding())

    assert (again.case_id, again.is_new, again.is_held) == (opened.case_id, False, True)
    assert (world.view(opened.case_id), world.money(), len(world.audit(opened.case_id))) == before


def test_a_crowd_is_held_whole_with_its_unremarkable_first_members(world, make):
    first, second, third = world.sale(), world.sale(), world.sale()
    crowd = make.finding("same_ip_leads", family="device", compared=(first, second), holds_compared=True)

    opened = world.judge(third, crowd)

    assert [each.conversion_id for each in world.view(opened.case_id).conversions] == [first, second, third]
    assert world.statuses(first, second, third) == ["in_review"] * 3
    assert world.money() == [("EUR", 0, 0, 2100)]


def test_a_crowd_does_not_reach_into_test_mode(world, make):
    test_sale, sale = world.sale(livemode=False), world.sale()

    opened = world.judge(sale, make.finding(compared=(test_sale,), holds_compared=True))

    assert [each.conversion_id for each in world.view(opened.case_id).conversions] == [sale]
    assert world.money(livemode=False) == [("EUR", 700, 0, 0)]


def test_commission_accrued_later_is_frozen_too(world, make):
    conversion_id = world.sale()
    world.judge(conversion_id, make.finding())

    world.book(conversion_id, 900)

    assert world.money() == [("EUR", 0, 0, 900)]


def test_a_refund_of_a_held_sale_is_never_held_back(world, make):
    conversion_id = world.sale()
    world.judge(conversion_id, make.finding())

    world.book(conversion_id, 0)

    assert world.money() == [("EUR", 0, 0, 0)]


def test_refunded_and_rejected_conversions_keep_their_status(world, make):
    refunded, rejected, sale = world.sale(status="refunded"), world.sale(status="rejected", due=0), world.sale()

    world.judge(sale, make.finding(compared=(refunded, rejected), holds_compared=True))

    assert world.statuses(refunded, rejected, sale) == ["refunded", "rejected", "in_review"]


def test_evidence_a_person_has_judged_opens_no_second_case(world, make):
    conversion_id = world.sale()
    opened = world.judge(conversion_id, make.finding())
    world.verdict(opened.case_id, "clear")

    again = world.judge(conversion_id, make.finding())

    assert (again.case_id, again.is_held) == (None, False)
    assert world.statuses(conversion_id) == ["accepted"]
    assert world.money() == [("EUR", 700, 0, 0)]


def test_a_verdict_about_one_partner_does_not_excuse_another(world, make):
    """A conversion credited anew to somebody else is judged anew, even on the same evidence."""
    conversion_id = world.sale()
    opened = world.judge(conversion_id, make.finding())
    world.verdict(opened.case_id, "clear")

    again = world.judge(conversion_id, make.finding(), partner=1)

    assert again.is_new
    assert again.is_held
    assert world.view(again.case_id).partner_name == "Petrov"


def test_new_evidence_about_a_cleared_conversion_opens_a_new_case(world, make):
    conversion_id = world.sale()
    opened = world.judge(conversion_id, make.finding())
    world.verdict(opened.case_id, "clear")

    again = world.judge(conversion_id, make.finding(), make.finding("dup_device", family="device"))

    assert again.is_new
    assert again.is_held
    assert again.case_id != opened.case_id


def test_whom_a_person_cleared_is_not_held_again_when_the_crowd_grows(world, make):
    first, second, third = world.sale(), world.sale(), world.sale()
    opened = world.judge(second, make.finding(compared=(first,), holds_compared=True))
    world.verdict(opened.case_id, "clear")

    grown = world.judge(third, make.finding(compared=(first, second), holds_compared=True))

    assert grown.is_new
    assert [each.conversion_id for each in world.view(grown.case_id).conversions] == [third]
    assert world.money() == [("EUR", 1400, 0, 700)]


def test_a_forgiven_finding_that_fires_later_is_new_evidence(world, make):
    conversion_id = world.sale()
    world.judge(conversion_id, make.finding(factor=0))

    opened = world.judge(conversion_id, make.finding())

    assert opened.is_new
    assert [row.finding.fired for row in world.view(opened.case_id).findings] == [True, False]


def test_a_silenced_finding_is_kept_without_weight(world, make):
    conversion_id = world.sale()
    silenced = Suppressed(finding=make.finding("dup_device"), allow_id="alw_1")

    opened = world.judge(conversion_id, make.finding(), suppressed=(silenced,))

    _, kept = world.view(opened.case_id).findings
    assert (kept.finding.rule, kept.finding.fired, kept.finding.factor_ppm, kept.allowed_by) == (
        "dup_device",
        False,
        0,
        "alw_1",
    )


@pytest.mark.parametrize(("factor", "days"), [(600_000, 3), (900_000, 1)], ids=["review", "priority"])
def test_a_case_is_due_by_its_weight(world, make, factor, days):
    opened = world.judge(world.sale(), make.finding(factor=factor))

    assert world.view(opened.case_id).case.due_at_ms == make.T0 + days * 86_400_000


def test_opening_writes_down_what_was_covered(world, make):
    conversion_id = world.sale()
    opened = world.judge(conversion_id, make.finding())

    (entry,) = world.audit(opened.case_id)
    assert (entry.actor, entry.reason, entry.before) == ("system:conversions", "self_email", None)
    assert entry.after == {"score": 90, "covered": [conversion_id], "conversions": {conversion_id: "in_review"}}


def test_the_ledger_stays_sound(world, make):
    first, second = world.sale(), world.sale()
    world.judge(first, make.finding())
    world.judge(second, make.finding(compared=(first,), holds_compared=True))
    world.book(first, 900)

    assert world.run(verify_ledger(world.database)).ok
