"""The partner's side of a case: an answer to a question, one appeal, and what an upheld one gives again."""

import pytest

from tracker.cases import claims
from tracker.cases.appeals import APPEAL_DAYS, MESSAGE_MAX, standing_of
from tracker.cases.decide import CLAIM_MS
from tracker.db.ids import new_id
from tracker.i18n.messages import InputError
from tracker.instants import DAY_MS
from tracker.ledger.verify import verify_ledger

T0 = 1_760_000_000_000
VERDICT_MS = T0 + 5


@pytest.fixture
def held(world, make):
    """A sale with 700 frozen by a case; (conversion id, case id)."""
    conversion_id = world.sale()
    return conversion_id, world.judge(conversion_id, make.finding()).case_id


def test_a_question_waits_for_the_partner_and_the_answer_brings_the_case_to_who_asked(world, held):
    asked = world.verdict(held[1], "ask", public_text="Who are they?")
    assert (asked.case.status, asked.case.claimed_by) == ("waiting_partner", "user:usr_1")
    assert asked.case.postponed_until_ms == VERDICT_MS + 7 * DAY_MS
    assert world.money() == [("EUR", 0, 0, 700)]

    case = world.answer(held[1], "  Readers of my newsletter.\r\nAsk them. ")

    assert (case.status, case.claimed_by, case.claim_ends_at_ms) == ("claimed", "user:usr_1", T0 + 10 + CLAIM_MS)
    assert case.postponed_until_ms is None
    (message,) = world.view(held[1]).messages
    assert (message.kind, message.text) == ("reply", "Readers of my newsletter.\nAsk them.")
    assert message.verdict_id == asked.verdict.verdict_id
    entry = world.audit(held[1])[-1]
    assert (entry.action, entry.actor) == ("case.answered", f"partner:{world.enrollment_id}")
    assert "newsletter" not in repr(entry.after)


def test_a_question_is_answered_once(world, held):
    world.verdict(held[1], "ask")
    world.answer(held[1])

    with pytest.raises(InputError, match="Nothing is asked here any more"):
        world.answer(held[1], now_ms=T0 + 11)

    assert len(world.view(held[1]).messages) == 1


def test_a_case_can_be_judged_without_waiting_for_the_answer(world, held):
    world.verdict(held[1], "ask")

    world.verdict(held[1], "clear", now_ms=T0 + 20)

    assert world.statuses(held[0]) == ["accepted"]
    with pytest.raises(InputError, match="decided meanwhile"):
        world.answer(held[1], now_ms=T0 + 21)


@pytest.mark.parametrize("text", ["", " \r\n ", "x" * (MESSAGE_MAX + 1), "a\0b"], ids=["empty", "blank", "long", "nul"])
def test_a_text_that_says_nothing_or_too_much_is_refused(world, held, text):
    world.verdict(held[1], "ask")

    with pytest.raises(InputError) as refusal:
        world.answer(held[1], text)

    assert refusal.value.field == "text"
    assert world.case(held[1]).status == "waiting_partner"


@pytest.mark.parametrize("action", ["reject", "void", "pause", "ban"])
def test_an_appeal_opens_the_case_again_and_moves_no_money(world, held, action):
    world.verdict(held[1], action)

    case = world.appeal(held[1])

    assert (case.status, case.claimed_by, case.decided_at_ms, case.appealed_at_ms) == ("appealed", None, None, T0 + 10)
    assert world.statuses(held[0]) == ["rejected"]
    assert world.money() == [("EUR", 0, 0, 0)]
    assert world.audit(held[1])[-1].action == "case.appealed"


def test_an_upheld_appeal_gives_again_what_was_taken_with_its_reason(world, held):
    world.verdict(held[1], "reject")
    world.appeal(held[1])

    result = world.verdict(held[1], "clear", reason_code="explained", now_ms=T0 + 20)

    assert (result.case.status, world.statuses(held[0])) == ("decided", ["accepted"])
    assert world.money() == [("EUR", 700, 0, 0)]
    (line,) = result.transfers
    assert (line.kind, line.amount_minor, line.reason_code) == ("accrual", 700, "explained")
    assert line.cause == f"verdict:{result.verdict.verdict_id}"
    assert world.run(verify_ledger(world.database)).ok


def test_an_appeal_turned_down_leaves_everything_and_is_the_last(world, held):
    world.verdict(held[1], "reject")
    world.appeal(held[1])

    world.verdict(held[1], "reject", now_ms=T0 + 20)

    assert world.money() == [("EUR", 0, 0, 0)]
    with pytest.raises(InputError, match="there is one appeal"):
        world.appeal(held[1], now_ms=T0 + 21)


def test_a_second_appeal_is_refused_while_the_first_waits(world, held):
    world.verdict(held[1], "reject")
    world.appeal(held[1])

    with pytest.raises(InputError, match="there is one appeal"):
        world.appeal(held[1], now_ms=T0 + 11)


def test_an_appeal_ends_fourteen_days_after_the_verdict(world, held):
    world.verdict(held[1], "reject")
    last_ms = VERDICT_MS + APPEAL_DAYS * DAY_MS

    with pytest.raises(InputError, match="for 14 days"):
        world.appeal(held[1], now_ms=last_ms + 1)

    assert world.appeal(held[1], now_ms=last_ms).status == "appealed"


@pytest.mark.parametrize("action", ["clear", "hold", "ask", None])
def test_without_a_decision_against_the_partner_there_is_no_appeal(world, held, action):
    if action:
        world.verdict(held[1], action)

    with pytest.raises(InputError, match="no decision against you"):
        world.appeal(held[1])


def test_a_verdict_that_was_undone_cannot_be_appealed_against(world, held):
    world.verdict(held[1], "void")
    world.undo(held[1])

    with pytest.raises(InputError, match="no decision against you"):
        world.appeal(held[1])


def test_another_partner_learns_nothing_of_a_case(world, held):
    world.verdict(held[1], "void")

    for case_id in (held[1], new_id("cas", T0)):
        with pytest.raises(InputError, match="no such matter"):
            world.appeal(case_id, enrollment_ids={world.enrollment_ids[1]})


def test_an_appealed_case_stands_beside_a_new_one_about_the_same_fact(world, make, held):
    world.verdict(held[1], "void")
    again = world.judge(world.sale(), make.finding(), now_ms=T0 + 6)
    assert again.is_new

    world.appeal(held[1])
    world.verdict(held[1], "clear", now_ms=T0 + 20)
    world.verdict(again.case_id, "clear", now_ms=T0 + 21)

    assert world.money() == [("EUR", 1400, 0, 0)]
    assert world.run(verify_ledger(world.database)).ok


def test_a_sale_refunded_before_its_appeal_is_upheld_earns_what_is_left(world, held):
    world.verdict(held[1], "reject")
    world.refund(held[0], 4_000)
    world.appeal(held[1])

    world.verdict(held[1], "clear", now_ms=T0 + 20)

    assert world.statuses(held[0]) == ["part_refunded"]
    assert world.money() == [("EUR", 420, 0, 0)]


def test_two_cases_against_one_sale_need_two_appeals(world, make, held):
    other = world.sale()
    second = world.judge(other, make.finding(cluster_key="host:1", compared=(held[0],), holds_compared=True)).case_id
    world.verdict(held[1], "void")
    world.verdict(second, "void", now_ms=T0 + 6)
    world.appeal(held[1])
    world.appeal(second, now_ms=T0 + 11)

    world.verdict(held[1], "clear", now_ms=T0 + 20)
    assert world.statuses(held[0], other) == ["rejected", "rejected"]
    assert world.money() == [("EUR", 0, 0, 0)]

    world.verdict(second, "clear", now_ms=T0 + 21)
    assert world.statuses(held[0], other) == ["accepted", "accepted"]
    assert world.money() == [("EUR", 1400, 0, 0)]
    assert world.run(verify_ledger(world.database)).ok


def test_an_upheld_appeal_of_what_another_case_holds_comes_back_frozen(world, make, held):
    world.verdict(held[1], "void")
    other = world.sale()
    world.judge(other, make.finding(cluster_key="host:1", compared=(held[0],), holds_compared=True))
    world.appeal(held[1])

    world.verdict(held[1], "clear", now_ms=T0 + 20)

    assert world.statuses(held[0], other) == ["in_review", "in_review"]
    assert world.money() == [("EUR", 0, 0, 1400)]


def test_an_upheld_appeal_resumes_who_was_paused_but_lifts_no_ban(world, make, held):
    world.verdict(held[1], "pause")
    world.appeal(held[1])
    assert world.enrollment().status == "paused"

    resumed = world.verdict(held[1], "clear", now_ms=T0 + 20)

    assert (resumed.enrollment_status, world.enrollment().status) == ("active", "active")
    second = world.judge(world.sale(), make.finding(cluster_key="host:2"), now_ms=T0 + 30).case_id
    world.verdict(second, "ban", now_ms=T0 + 31)
    world.appeal(second, now_ms=T0 + 32)
    world.verdict(second, "clear", now_ms=T0 + 33)
    assert world.enrollment().status == "banned"


def test_a_question_about_an_appeal_comes_back_as_an_appeal(world, held):
    world.verdict(held[1], "void")
    world.appeal(held[1])
    world.verdict(held[1], "ask", now_ms=T0 + 20)
    assert world.case(held[1]).status == "waiting_partner"

    assert world.answer(held[1], now_ms=T0 + 21).status == "appealed"


def test_an_appealed_case_is_claimed_without_ceasing_to_be_one(world, held):
    world.verdict(held[1], "void")
    world.appeal(held[1])

    claimed = world.run(claims.claim_case(world.database, case_id=held[1], actor="user:usr_2", now_ms=T0 + 11))

    assert (claimed.status, claimed.claimed_by) == ("appealed", "user:usr_2")


def test_a_partner_is_told_what_can_be_done(world, held):
    def standing(now_ms):
        view = world.view(held[1])
        return standing_of(view.case, list(view.verdicts), now_ms=now_ms)

    assert standing(T0) == (None, None, None)
    world.verdict(held[1], "ask")
    assert standing(T0 + 6).question.action == "ask"
    world.verdict(held[1], "reject", now_ms=T0 + 20)
    until_ms = T0 + 20 + APPEAL_DAYS * DAY_MS
    assert standing(T0 + 21)[::2] == (None, until_ms)
    assert standing(until_ms + 1).appeal_until_ms is None
    assert standing(T0 + 21).verdict.action == "reject"
    world.appeal(held[1], now_ms=T0 + 22)
    assert standing(T0 + 23) == (None, None, None)
