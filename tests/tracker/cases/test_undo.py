"""A verdict taken back within seconds: everything is as it was, by new rows alone."""

import pytest
from sqlalchemy import insert

from tracker.cases import store
from tracker.cases.decide import CLAIM_MS, CaseConflictError
from tracker.cases.undo import GRACE_MS, UNDO_MS, undoable
from tracker.conversions import tables as reported
from tracker.db.ids import new_id
from tracker.ledger.verify import verify_ledger
from tracker.partners import store as partners

T0 = 1_760_000_000_000
GIVEN = T0 + 5


@pytest.fixture
def held(world, make):
    """A sale with 700 frozen by a case; (conversion id, case id)."""
    conversion_id = world.sale()
    return conversion_id, world.judge(conversion_id, make.finding()).case_id


@pytest.mark.parametrize("action", ["clear", "reject", "void", "ask", "hold", "pause", "ban"])
def test_after_an_undo_everything_is_as_before_the_verdict(world, held, action):
    before = (world.statuses(held[0]), world.money(), world.enrollment().status)
    opened = world.case(held[1])

    world.verdict(held[1], action)
    world.undo(held[1])

    assert (world.statuses(held[0]), world.money(), world.enrollment().status) == before
    case = world.case(held[1])
    assert (case.status, case.claimed_by, case.claim_ends_at_ms) == ("claimed", "user:usr_1", T0 + 6 + CLAIM_MS)
    assert (case.due_at_ms, case.decided_at_ms, case.postponed_until_ms) == (opened.due_at_ms, None, None)
    given, taken_back = world.view(held[1]).verdicts
    assert (taken_back.action, taken_back.undoes) == ("undo", given.verdict_id)
    assert world.run(verify_ledger(world.database)).ok
    assert world.audit(held[1])[-1].action == "case.undone"


def test_what_was_taken_back_is_given_again_by_a_new_line_that_says_why(world, held):
    world.book(held[0], 450)
    world.verdict(held[1], "reject")

    result = world.undo(held[1])

    (line,) = result.transfers
    assert (line.kind, line.amount_minor, line.reason_code) == ("accrual", 450, "undone")
    assert line.cause == f"verdict:{result.verdict.verdict_id}"
    assert world.money() == [("EUR", 0, 0, 450)]


def test_the_partners_new_rate_does_not_change_what_an_undo_gives(world, held):
    world.verdict(held[1], "reject")
    world.write(
        lambda conn: partners.set_terms(
            conn,
            enrollment_id=world.enrollment_id,
            rate_bps=100,
            allow_own_purchases=False,
            actor="user:usr_2",
            now_ms=GIVEN,
        )
    )

    world.undo(held[1])

    assert world.money() == [("EUR", 0, 0, 700)]


def test_a_refund_that_came_in_between_is_not_paid(world, held):
    world.verdict(held[1], "reject")
    world.refund(held[0], 4_000)

    world.undo(held[1])

    assert world.money() == [("EUR", 0, 0, 420)]
    assert world.run(verify_ledger(world.database)).ok


def test_the_verdict_can_be_given_anew_after_an_undo(world, held):
    world.verdict(held[1], "reject")
    world.undo(held[1])

    world.verdict(held[1], "clear", now_ms=T0 + 20)

    assert world.statuses(held[0]) == ["accepted"]
    assert world.money() == [("EUR", 700, 0, 0)]
    assert world.run(verify_ledger(world.database)).ok


@pytest.mark.parametrize(("after_ms", "is_done"), [(UNDO_MS + GRACE_MS, True), (UNDO_MS + GRACE_MS + 1, False)])
def test_an_undo_comes_within_ten_seconds_and_five_of_grace(world, held, after_ms, is_done):
    world.verdict(held[1], "void")

    if is_done:
        world.undo(held[1], now_ms=GIVEN + after_ms)
    else:
        with pytest.raises(CaseConflictError, match=r"given 15 s ago; it can be taken back for 10 s"):
            world.undo(held[1], now_ms=GIVEN + after_ms)

    assert world.statuses(held[0]) == ["in_review" if is_done else "rejected"]


def test_only_who_gave_a_verdict_takes_it_back(world, held):
    world.verdict(held[1], "void")

    with pytest.raises(CaseConflictError, match="only they can take it back"):
        world.undo(held[1], actor="user:usr_2")


def test_an_undo_is_not_undone_and_nothing_is_not_undone(world, held):
    with pytest.raises(CaseConflictError, match="no verdict to take back"):
        world.undo(held[1])
    world.verdict(held[1], "void")
    world.undo(held[1])

    with pytest.raises(CaseConflictError, match="no verdict to take back"):
        world.undo(held[1], now_ms=T0 + 7)


def test_an_appeal_that_came_in_between_stays(world, held):
    world.verdict(held[1], "void")
    world.appeal(held[1])

    with pytest.raises(CaseConflictError, match="moved on"):
        world.undo(held[1], now_ms=T0 + 11)


def test_an_answer_that_came_in_between_stays(world, held):
    world.verdict(held[1], "ask")
    world.answer(held[1])

    with pytest.raises(CaseConflictError, match="moved on"):
        world.undo(held[1], now_ms=T0 + 11)


def test_a_case_that_opened_about_the_same_fact_keeps_the_old_one_decided(world, make, held):
    world.verdict(held[1], "void")
    again = world.judge(world.sale(), make.finding(), now_ms=T0 + 6)
    assert again.is_new

    with pytest.raises(CaseConflictError, match="has opened about the same fact"):
        world.undo(held[1], now_ms=T0 + 7)


def test_an_enrollment_changed_in_between_stays(world, held):
    world.verdict(held[1], "pause")
    world.write(
        lambda conn: partners.change_status(
            conn,
            enrollment_id=world.enrollment_id,
            status="banned",
            reason_code="fraud",
            reason="Bought own leads.",
            role="owner",
            actor="user:usr_2",
            now_ms=T0 + 6,
        )
    )

    with pytest.raises(CaseConflictError, match="enrollment was changed"):
        world.undo(held[1], now_ms=T0 + 7)


def test_a_ban_of_a_paused_partner_is_undone_to_a_pause(world, held):
    world.verdict(held[1], "pause")
    world.appeal(held[1])
    world.verdict(held[1], "ban", now_ms=T0 + 20)
    assert world.enrollment().status == "banned"

    world.undo(held[1], now_ms=T0 + 21)

    assert world.enrollment().status == "paused"
    assert world.case(held[1]).status == "appealed"


def test_an_undo_leaves_rejected_what_another_case_rejected_meanwhile(world, make, held):
    other = world.sale()
    second = world.judge(other, make.finding(cluster_key="host:1", compared=(held[0],), holds_compared=True)).case_id
    world.verdict(held[1], "void")
    world.verdict(second, "void", now_ms=T0 + 6)

    world.undo(held[1], now_ms=T0 + 7)

    assert world.statuses(held[0], other) == ["rejected", "rejected"]
    assert world.money() == [("EUR", 0, 0, 0)]
    assert world.run(verify_ledger(world.database)).ok


def test_a_verdict_from_before_there_was_an_undo_cannot_be_taken_back(world, make, held):
    old = make.verdict(case_id=held[1], verdict_id=new_id("vdt", T0), at_ms=T0)
    world.write(lambda conn: store.insert_verdict(conn, old))

    with pytest.raises(CaseConflictError, match="no verdict to take back"):
        world.undo(held[1])


def test_a_page_offers_the_undo_for_ten_seconds_to_who_gave_the_verdict(world, held):
    def offered(actor="user:usr_1", now_ms=T0 + 6):
        return world.read(lambda conn: undoable(conn, held[1], actor=actor, now_ms=now_ms))

    assert offered() is None
    world.verdict(held[1], "void")

    assert offered().action == "void"
    assert offered(actor="user:usr_2") is None
    assert offered(now_ms=GIVEN + UNDO_MS) is None
    world.undo(held[1])
    assert offered(now_ms=T0 + 7) is None


def test_a_conversion_decided_again_in_between_gets_what_is_due(world, held):
    world.verdict(held[1], "void")

    def decide_again(conn):
        decision_id = new_id("dec", T0)
        conn.execute(
            insert(reported.decisions).values(
                decision_id=decision_id,
                conversion_id=held[0],
                version=2,
                decided_at_ms=T0 + 6,
                cause="late_click",
                status="attributed",
                settings_version=1,
                input_digest=b"1",
                explanation={"commissionable": True},
            )
        )
        halves = [(0, world.enrollment_ids[0]), (1, world.enrollment_ids[1])]
        for position, enrollment_id in halves:
            part = {"decision_id": decision_id, "position": position, "enrollment_id": enrollment_id}
            conn.execute(insert(reported.credits).values(**part, weight="1/2", amount_minor=5_000))

    world.write(decide_again)
    world.undo(held[1], now_ms=T0 + 7)

    assert world.money() == [("EUR", 0, 0, 350)]
    assert world.run(verify_ledger(world.database)).ok
