"""Verdicts over the program's limit: proposed by one person, confirmed or refused by another."""

import pytest

from tracker.cases import claims
from tracker.cases.decide import CaseConflictError
from tracker.cases.four_eyes import needs_second
from tracker.cases.preview import preview
from tracker.cases.seconding import confirm_proposal, refuse_proposal
from tracker.cases.types import Proposed
from tracker.ledger.verify import verify_ledger

T0 = 1_760_000_000_000
SECOND = "user:usr_2"


@pytest.fixture
def held(world, make):
    """A sale with 700 frozen by a case of a program whose limit is 699; (conversion id, case id)."""
    world.limit(699)
    conversion_id = world.sale()
    return conversion_id, world.judge(conversion_id, make.finding()).case_id


def confirm(world, proposed, actor=SECOND, now_ms=T0 + 20):
    return world.run(
        confirm_proposal(
            world.database,
            case_id=proposed.case.case_id,
            proposal_id=proposed.proposal.proposal_id,
            actor=actor,
            now_ms=now_ms,
        )
    )


def refuse(world, proposed, actor=SECOND, now_ms=T0 + 20):
    return world.run(
        refuse_proposal(
            world.database,
            case_id=proposed.case.case_id,
            proposal_id=proposed.proposal.proposal_id,
            actor=actor,
            now_ms=now_ms,
        )
    )


@pytest.mark.parametrize(
    ("amounts", "limit", "needs"),
    [
        ({}, 0, False),
        ({"EUR": 700}, None, False),
        ({"EUR": 700}, 700, False),
        ({"EUR": 701}, 700, True),
        ({"USD": 1}, 700, True),
        ({"EUR": 1}, 0, True),
    ],
)
def test_more_than_the_limit_or_any_other_currency_needs_a_second_person(amounts, limit, needs):
    assert needs_second(amounts, limit_minor=limit, currency="EUR") is needs


@pytest.mark.parametrize("action", ["clear", "reject", "void", "pause", "ban"])
def test_a_verdict_over_the_limit_only_proposes(world, held, action):
    proposed = world.verdict(held[1], action)

    assert isinstance(proposed, Proposed)
    assert proposed.proposal.amounts == {"EUR": 700}
    assert (proposed.case.status, proposed.case.claimed_by) == ("claimed", "user:usr_1")
    assert world.money() == [("EUR", 0, 0, 700)]
    assert world.statuses(held[0]) == ["in_review"]
    assert world.enrollment().status == "active"
    assert world.view(held[1]).proposal == proposed.proposal
    assert [entry.action for entry in world.audit(held[1])][-1] == "case.proposed"


@pytest.mark.parametrize("action", ["ask", "hold"])
def test_what_moves_no_money_needs_nobody_else(world, held, action):
    assert not isinstance(world.verdict(held[1], action), Proposed)


def test_at_the_limit_one_person_is_enough(world, make):
    world.limit(700)
    case_id = world.judge(world.sale(), make.finding()).case_id

    assert not isinstance(world.verdict(case_id, "void"), Proposed)


def test_a_second_person_confirms_and_it_happens(world, held):
    (finding,) = world.view(held[1]).findings
    proposed = world.verdict(held[1], "ban", deciding_finding=finding.finding_id, note="seen twice")

    result = confirm(world, proposed)

    assert (result.case.status, result.case.proposal_id) == ("decided", None)
    assert world.statuses(held[0]) == ["rejected"]
    assert world.enrollment().status == "banned"
    (verdict,) = world.view(held[1]).verdicts
    assert (verdict.actor, verdict.confirmed_by, verdict.at_ms) == ("user:usr_1", SECOND, T0 + 20)
    assert (verdict.note, verdict.deciding_finding) == ("seen twice", finding.finding_id)
    decided = world.audit(held[1])
    assert (next(each for each in decided if each.action == "case.decided").actor) == SECOND
    assert world.run(verify_ledger(world.database)).ok


def test_nobody_confirms_the_own_proposal(world, held):
    proposed = world.verdict(held[1], "void")

    with pytest.raises(CaseConflictError, match="a second person must confirm"):
        confirm(world, proposed, actor="user:usr_1")

    assert world.statuses(held[0]) == ["in_review"]


@pytest.mark.parametrize(
    ("actor", "action"), [(SECOND, "case.proposal_refused"), ("user:usr_1", "case.proposal_withdrawn")]
)
def test_a_refused_or_withdrawn_proposal_leaves_the_case_to_everybody(world, held, actor, action):
    proposed = world.verdict(held[1], "void")

    case = refuse(world, proposed, actor=actor)

    assert (case.status, case.claimed_by, case.proposal_id) == ("open", None, None)
    assert world.money() == [("EUR", 0, 0, 700)]
    assert world.audit(held[1])[-1].action == action
    assert isinstance(world.verdict(held[1], "clear", actor=SECOND, now_ms=T0 + 30), Proposed)


def test_while_a_proposal_waits_nobody_judges_claims_or_gives_back(world, held):
    world.verdict(held[1], "void")

    for actor in ("user:usr_1", SECOND):
        with pytest.raises(CaseConflictError, match="second person"):
            world.verdict(held[1], "clear", actor=actor, now_ms=T0 + 10)
        with pytest.raises(CaseConflictError, match="second person"):
            world.run(claims.claim_case(world.database, case_id=held[1], actor=actor, now_ms=T0 + 10))
    with pytest.raises(CaseConflictError, match="second person"):
        world.run(claims.unclaim_case(world.database, case_id=held[1], actor="user:usr_1", now_ms=T0 + 10))


def test_a_proposal_answered_already_is_a_conflict(world, held):
    proposed = world.verdict(held[1], "void")
    confirm(world, proposed)

    for answer in (confirm, refuse):
        with pytest.raises(CaseConflictError, match="waits no more"):
            answer(world, proposed, now_ms=T0 + 21)


def test_who_confirmed_takes_it_back_to_before_both(world, held):
    proposed = world.verdict(held[1], "void")
    confirm(world, proposed)

    world.undo(held[1], actor=SECOND, now_ms=T0 + 25)

    assert world.statuses(held[0]) == ["in_review"]
    assert world.money() == [("EUR", 0, 0, 700)]
    assert (world.case(held[1]).claimed_by, world.case(held[1]).proposal_id) == (SECOND, None)


def test_what_the_case_covers_by_then_is_confirmed(world, make, held):
    proposed = world.verdict(held[1], "void")
    second = world.sale(due=300)
    world.judge(second, make.finding())

    confirm(world, proposed)

    assert world.statuses(held[0], second) == ["rejected", "rejected"]
    assert world.money() == [("EUR", 0, 0, 0)]


def test_an_appeal_over_the_limit_needs_a_second_person_too(world, held):
    confirm(world, world.verdict(held[1], "void"))
    world.appeal(held[1], now_ms=T0 + 30)

    proposed = world.verdict(held[1], "clear", now_ms=T0 + 40)

    assert isinstance(proposed, Proposed)
    assert proposed.case.status == "appealed"
    confirm(world, proposed, now_ms=T0 + 50)
    assert world.money() == [("EUR", 700, 0, 0)]


def test_a_preview_tells_that_a_second_person_is_needed(world, held):
    def told(action):
        return world.read(lambda conn: preview(conn, held[1], action=action, now_ms=T0)).needs_second

    assert {action: told(action) for action in ("clear", "void", "hold")} == {
        "clear": True,
        "void": True,
        "hold": False,
    }
