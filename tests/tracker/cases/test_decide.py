import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tracker.cases.decide import HOLD_MS, CaseConflictError, Makers, VerdictRefusedError, decide
from tracker.cases.types import VERDICTS_OF
from tracker.ledger.transfers import remaining
from tracker.ledger.types import Hold, PublicText


def hold(seq, transfer_id="com_1", case_id="cas_1", kind="freeze"):
    return Hold(
        hold_id=f"hld_{seq}",
        seq=seq,
        transfer_id=transfer_id,
        case_id=case_id,
        kind=kind,
        at_ms=1,
        actor="cli",
        reason_code="case_opened",
    )


def judge(make, action, **changes):
    numbers = itertools.count(100)
    values = {
        "covered": [make.covered()],
        "lines": [make.line()],
        "holds": [hold(1)],
        "make": Makers(transfer_id=lambda: f"com_{next(numbers)}", hold_id=lambda: f"hld_{next(numbers)}"),
    }
    case = changes.pop("case", make.case())
    verdict = changes.pop("verdict", make.verdict(action=action, verdict=VERDICTS_OF[action][0]))
    return decide(case, verdict, **(values | changes))


def test_clear_accepts_and_releases_and_moves_no_money(make):
    outcome = judge(make, "clear")

    assert outcome.case_status == "decided"
    assert outcome.statuses == {"cnv_1": "accepted"}
    assert outcome.transfers == ()
    assert [(each.transfer_id, each.kind) for each in outcome.releases] == [("com_1", "release")]


@pytest.mark.parametrize("action", ["reject", "void"])
def test_reject_and_void_take_back_all_that_is_left_with_the_reason(make, action):
    lines = [make.line(), make.line("com_2", -200, kind="reversal", reverses_id="com_1"), make.line("com_3", 50)]

    outcome = judge(make, action, lines=lines)

    assert outcome.statuses == {"cnv_1": "rejected"}
    assert [(each.reverses_id, each.amount_minor) for each in outcome.transfers] == [("com_3", -50), ("com_1", -500)]
    for transfer in outcome.transfers:
        assert transfer.cause == "verdict:vdt_1"
        assert transfer.reason_code == "fraud"
        assert transfer.public_text == PublicText(message="Not confirmed.")
        assert transfer.actor == make.REVIEWER
    assert len(outcome.releases) == 1


def test_a_conversion_under_another_undecided_case_stays_in_review(make):
    covered = [make.covered(other_cases=("cas_2",)), make.covered(conversion_id="cnv_2")]

    assert judge(make, "clear", covered=covered).statuses == {"cnv_2": "accepted"}


def test_only_this_cases_freezes_are_released(make):
    holds = [hold(1), hold(2, "com_2"), hold(3, "com_2", kind="release"), hold(4, "com_3", case_id="cas_2")]

    assert [each.transfer_id for each in judge(make, "clear", holds=holds).releases] == ["com_1"]


@pytest.mark.parametrize(
    ("refunded", "amount", "status"),
    [
        (0, 10_000, "accepted"),
        (1, 10_000, "part_refunded"),
        (9_999, 10_000, "part_refunded"),
        (10_000, 10_000, "refunded"),
        (0, None, "accepted"),
        (0, 0, "accepted"),
    ],
)
def test_a_cleared_conversion_takes_the_status_its_refunds_left(make, refunded, amount, status):
    covered = [make.covered(refunded_minor=refunded, amount_minor=amount)]

    assert judge(make, "clear", covered=covered).statuses == {"cnv_1": status}


@pytest.mark.parametrize(
    ("status", "cleared", "voided"),
    [
        ("received", {}, {}),
        ("attributed", {}, {"cnv_1": "rejected"}),
        ("unattributed", {}, {}),
        ("in_review", {"cnv_1": "accepted"}, {"cnv_1": "rejected"}),
        ("accepted", {}, {"cnv_1": "rejected"}),
        ("part_refunded", {}, {"cnv_1": "rejected"}),
        ("refunded", {}, {}),
        ("rejected", {}, {}),
    ],
)
def test_a_verdict_moves_a_conversion(make, status, cleared, voided):
    covered = [make.covered(status=status)]

    assert judge(make, "clear", covered=covered).statuses == cleared
    assert judge(make, "void", covered=covered).statuses == voided


def test_hold_changes_nothing_but_the_day_the_case_is_due(make):
    outcome = judge(make, "hold")

    assert (outcome.case_status, outcome.statuses, outcome.transfers, outcome.releases) == ("claimed", {}, (), ())
    assert outcome.due_at_ms == make.T0 + 5 + HOLD_MS


def test_hold_never_brings_a_case_forward(make):
    far = make.T0 + 100 * HOLD_MS

    assert judge(make, "hold", case=make.case(due_at_ms=far)).due_at_ms == far


@pytest.mark.parametrize("status", ["open", "claimed", "waiting_partner", "appealed"])
def test_an_undecided_case_can_be_judged(make, status):
    case = make.case(status=status, claimed_by=make.REVIEWER)

    assert judge(make, "void", case=case).case_status == "decided"


def test_a_decided_case_cannot_be_judged_again(make):
    with pytest.raises(CaseConflictError, match="decided already"):
        judge(make, "clear", case=make.case(status="decided"))


def test_a_case_claimed_by_somebody_else_cannot_be_judged(make):
    with pytest.raises(CaseConflictError, match="claimed by user:usr_2"):
        judge(make, "clear", case=make.case(status="claimed", claimed_by="user:usr_2"))


@pytest.mark.parametrize(
    ("action", "verdict"),
    [
        (action, verdict)
        for action, allowed in VERDICTS_OF.items()
        for verdict in ("fraud", "policy", "legitimate", "unsure")
        if verdict not in allowed
    ],
)
def test_an_action_that_does_not_follow_from_the_verdict_is_refused(make, action, verdict):
    with pytest.raises(VerdictRefusedError) as refusal:
        judge(make, action, verdict=make.verdict(action=action, verdict=verdict))

    assert refusal.value.field == "action"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # `make` holds no state
@given(booked=st.lists(st.tuples(st.integers(1, 10**13), st.integers(0, 100)), min_size=1, max_size=6))
def test_whatever_was_refunded_before_a_void_leaves_exactly_nothing(make, booked):
    lines = []
    for number, (amount, percent) in enumerate(booked):
        accrual = make.line(f"com_{2 * number + 1}", amount)
        lines.append(accrual)
        if amount * percent // 100:
            taken = -(amount * percent // 100)
            lines.append(make.line(f"com_{2 * number + 2}", taken, kind="reversal", reverses_id=accrual.transfer_id))

    transfers = judge(make, "void", lines=lines).transfers

    left = remaining(lines)
    for transfer in transfers:
        left[transfer.reverses_id] += transfer.amount_minor
    assert set(left.values()) == {0}
