import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tracker.cases.decide import WAIT_DAYS, CaseConflictError, Makers, VerdictRefusedError, as_of, decide, ruling
from tracker.cases.types import VERDICTS_OF
from tracker.instants import DAY_MS
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


@pytest.mark.parametrize("action", ["reject", "void", "pause", "ban"])
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
    assert outcome.due_at_ms == outcome.postponed_until_ms == make.T0 + 5 + WAIT_DAYS * DAY_MS


def test_hold_never_brings_a_case_forward(make):
    far = make.T0 + 100 * DAY_MS

    assert judge(make, "hold", case=make.case(due_at_ms=far)).due_at_ms == far


@pytest.mark.parametrize(("action", "status"), [("ask", "waiting_partner"), ("hold", "claimed")])
@pytest.mark.parametrize("days", [1, 90])
def test_ask_and_hold_wait_as_many_days_as_told(make, action, status, days):
    outcome = judge(make, action, verdict=make.verdict(action=action, verdict="unsure", days=days))

    assert outcome.case_status == status
    assert outcome.postponed_until_ms == make.T0 + 5 + days * DAY_MS


@pytest.mark.parametrize(("action", "days"), [("hold", 0), ("hold", 91), ("ask", -1), ("clear", 7), ("void", 1)])
def test_days_out_of_bounds_or_out_of_place_are_refused(make, action, days):
    with pytest.raises(VerdictRefusedError) as refusal:
        judge(make, action, verdict=make.verdict(action=action, verdict=VERDICTS_OF[action][0], days=days))

    assert refusal.value.field == "days"


@pytest.mark.parametrize(
    ("action", "before", "after"),
    [
        ("pause", "active", "paused"),
        ("pause", "paused", None),
        ("pause", "banned", None),
        ("ban", "active", "banned"),
        ("ban", "paused", "banned"),
        ("ban", "banned", None),
        ("reject", "active", None),
        ("clear", "paused", None),
    ],
)
def test_pause_and_ban_move_the_enrollment(make, action, before, after):
    assert judge(make, action, enrollment=before).enrollment_status == after


@pytest.mark.parametrize("before", ["left", "invited", "declined", "rejected", "applied"])
@pytest.mark.parametrize("action", ["pause", "ban"])
def test_who_is_not_in_the_program_is_neither_paused_nor_banned(make, action, before):
    with pytest.raises(VerdictRefusedError, match="use reject"):
        judge(make, action, enrollment=before)


def test_a_test_case_leaves_the_real_enrollment_alone(make):
    assert judge(make, "ban", case=make.case(livemode=False)).enrollment_status is None


def test_an_upheld_appeal_restores_what_no_other_verdict_stands_against(make):
    covered = [
        make.covered(status="rejected"),
        make.covered(conversion_id="cnv_2", status="rejected", other_rejections=("cas_2",)),
        make.covered(conversion_id="cnv_3", status="rejected", other_cases=("cas_3",)),
        make.covered(conversion_id="cnv_4", status="rejected", refunded_minor=1),
    ]

    outcome = judge(make, "clear", covered=covered, case=make.case(status="appealed", appealed_at_ms=make.T0))

    assert outcome.statuses == {"cnv_1": "accepted", "cnv_3": "in_review", "cnv_4": "part_refunded"}


def test_an_upheld_appeal_resumes_only_what_this_case_paused(make):
    appealed = make.case(status="appealed", appealed_at_ms=make.T0)

    assert judge(make, "clear", case=appealed, enrollment="paused", is_paused_here=True).enrollment_status == "active"
    assert judge(make, "clear", case=appealed, enrollment="paused").enrollment_status is None
    assert judge(make, "clear", case=appealed, enrollment="banned", is_paused_here=True).enrollment_status is None


def test_a_claim_ends_by_itself(make):
    case = make.case(status="claimed", claimed_by="user:usr_2", claim_ends_at_ms=make.T0 + 5)

    assert as_of(case, make.T0 + 4) == case
    assert (as_of(case, make.T0 + 5).status, as_of(case, make.T0 + 5).claimed_by) == ("open", None)
    assert judge(make, "clear", case=case).case_status == "decided"


def test_a_case_that_waits_for_a_second_person_cannot_be_judged(make):
    with pytest.raises(CaseConflictError, match="second person"):
        judge(make, "clear", case=make.case(status="claimed", claimed_by=make.REVIEWER, proposal_id="vdp_1"))


def test_the_ruling_is_the_newest_verdict_that_decided_and_stands(make):
    reject = make.verdict(verdict_id="vdt_1", action="reject")
    undo = make.verdict(verdict_id="vdt_2", action="undo", undoes="vdt_1")
    hold = make.verdict(verdict_id="vdt_3", action="hold")
    clear = make.verdict(verdict_id="vdt_4", action="clear")

    assert ruling([]) is None
    assert ruling([reject, hold]) == reject
    assert ruling([reject, undo, hold]) is None
    assert ruling([reject, undo, hold, clear]) == clear


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
