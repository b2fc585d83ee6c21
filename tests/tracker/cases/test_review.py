"""What a person's verdict does, in a real database, and how it is refused."""

import pytest

from tracker.cases import claims, store
from tracker.cases.claims import CaseNotFoundError
from tracker.cases.decide import CLAIM_MS, CaseConflictError, VerdictRefusedError
from tracker.cases.preview import preview as foretell
from tracker.cases.reasons import REASONS
from tracker.cases.review import TEXT_MAX
from tracker.db.ids import new_id
from tracker.ledger.store import LedgerError
from tracker.ledger.verify import verify_ledger

T0 = 1_760_000_000_000


@pytest.fixture
def held(world, make):
    """A sale with 700 frozen by a case; (conversion id, case id)."""
    conversion_id = world.sale()
    return conversion_id, world.judge(conversion_id, make.finding()).case_id


def test_clear_gives_the_money_back_to_its_schedule(world, make, held):
    conversion_id, case_id = held

    result = world.verdict(case_id, "clear")

    assert (result.case.status, result.released, result.transfers) == ("decided", 1, ())
    assert world.statuses(conversion_id) == ["accepted"]
    assert world.money() == [("EUR", 700, 0, 0)]
    assert world.money(now_ms=make.T0 + make.HOLD) == [("EUR", 0, 700, 0)]


@pytest.mark.parametrize("action", ["reject", "void"])
def test_a_verdict_against_takes_the_money_back_with_a_text_for_the_partner(world, held, action):
    conversion_id, case_id = held

    result = world.verdict(case_id, action, reason_code="self_referral")

    assert world.statuses(conversion_id) == ["rejected"]
    assert world.money() == [("EUR", 0, 0, 0)]
    assert [each.amount_minor for each in result.transfers] == [-700]
    reversal, accrual = world.commissions(conversion_id=conversion_id)
    assert (reversal.view.status, accrual.view.status) == ("void", "void")
    assert reversal.line.reason_code == "self_referral"
    assert reversal.line.public_text.message == REASONS["self_referral"].public_text
    assert world.run(verify_ledger(world.database)).ok


def test_the_reviewers_own_words_replace_the_default_text(world, held):
    result = world.verdict(held[1], "void", public_text="  The order came from your own office.  ", note="seen twice")

    assert result.transfers[0].public_text.message == "The order came from your own office."
    (verdict,) = world.view(held[1]).verdicts
    assert (verdict.public_text, verdict.note) == ("The order came from your own office.", "seen twice")


def test_one_verdict_covers_all_conversions_of_the_case(world, make, held):
    second = world.sale(due=300, currency="USD")
    world.judge(second, make.finding())

    world.verdict(held[1], "void")

    assert world.statuses(held[0], second) == ["rejected", "rejected"]
    assert world.money() == [("EUR", 0, 0, 0), ("USD", 0, 0, 0)]


def test_a_partly_refunded_sale_loses_only_what_is_left(world, held):
    world.book(held[0], 200)

    result = world.verdict(held[1], "void")

    assert [each.amount_minor for each in result.transfers] == [-200]


@pytest.mark.parametrize(("amount", "status"), [(4_000, "part_refunded"), (10_000, "refunded")])
def test_a_sale_refunded_during_review_is_cleared_to_what_it_is(world, held, amount, status):
    world.refund(held[0], amount)

    world.verdict(held[1], "clear")

    assert world.statuses(held[0]) == [status]


def test_a_refund_that_was_not_booked_changes_no_status(world, held):
    world.refund(held[0], 4_000, status="rejected")

    world.verdict(held[1], "clear")

    assert world.statuses(held[0]) == ["accepted"]


def test_a_conversion_under_two_cases_needs_both_verdicts(world, make, held):
    """The second case opens on another fact; a crowd brings the first sale into it."""
    other = world.sale()
    second = world.judge(other, make.finding(cluster_key="host:1", compared=(held[0],), holds_compared=True)).case_id

    world.verdict(held[1], "clear")
    assert world.statuses(held[0]) == ["in_review"]
    assert world.money() == [("EUR", 0, 0, 1400)]

    world.verdict(second, "clear")
    assert world.statuses(held[0], other) == ["accepted", "accepted"]
    assert world.money() == [("EUR", 1400, 0, 0)]


def test_clearing_the_second_case_does_not_revive_what_the_first_voided(world, make, held):
    other = world.sale()
    second = world.judge(other, make.finding(cluster_key="host:1", compared=(held[0],), holds_compared=True)).case_id

    world.verdict(held[1], "void")
    world.verdict(second, "clear")

    assert world.statuses(held[0], other) == ["rejected", "accepted"]
    assert world.money() == [("EUR", 700, 0, 0)]
    assert world.run(verify_ledger(world.database)).ok


def test_hold_keeps_everything_frozen_and_can_be_followed_by_a_verdict(world, held):
    result = world.verdict(held[1], "hold", reason_code="more_time")

    assert (result.case.status, result.case.decided_at_ms) == ("claimed", None)
    assert world.money() == [("EUR", 0, 0, 700)]
    world.verdict(held[1], "clear", now_ms=result.verdict.at_ms + 1)
    assert [each.action for each in world.view(held[1]).verdicts] == ["hold", "clear"]


def test_a_verdict_claims_an_open_case_first_and_writes_both_down(world, make, held):
    conversion_id, case_id = held
    (commission,) = world.commissions()

    world.verdict(case_id, "void", reason_code="fraud")

    _, claimed, decided = world.audit(case_id)
    assert (claimed.action, claimed.before, claimed.after) == (
        "case.claimed",
        {"status": "open", "claimed_by": None},
        {"status": "claimed", "claimed_by": make.REVIEWER},
    )
    assert (decided.action, decided.actor, decided.reason) == ("case.decided", make.REVIEWER, "fraud")
    assert decided.before == {
        "status": "claimed",
        "conversions": {conversion_id: "in_review"},
        "commissions": {commission.line.transfer_id: 700},
    }
    assert decided.after["status"] == "decided"
    assert decided.after["conversions"] == {conversion_id: "rejected"}
    assert decided.after["commissions"] == {commission.line.transfer_id: 0}
    assert (decided.after["verdict"], decided.after["released"]) == ("fraud", 1)


def test_a_decided_case_is_not_judged_twice(world, held):
    world.verdict(held[1], "void")

    with pytest.raises(CaseConflictError, match="decided already"):
        world.verdict(held[1], "clear")

    assert world.statuses(held[0]) == ["rejected"]
    assert len(world.view(held[1]).verdicts) == 1


def test_the_finding_that_decided_is_kept(world, held):
    (finding,) = world.view(held[1]).findings

    world.verdict(held[1], "void", deciding_finding=finding.finding_id.removeprefix("fnd_"))

    assert world.view(held[1]).verdicts[0].deciding_finding == finding.finding_id


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        pytest.param({"verdict": "guilty"}, "verdict", id="unknown-verdict"),
        pytest.param({"action": "burn"}, "action", id="action-not-there"),
        pytest.param({"action": "undo"}, "action", id="undo-is-no-verdict"),
        pytest.param({"days": 3}, "days", id="days-of-a-void"),
        pytest.param({"verdict": "legitimate"}, "action", id="void-of-a-legitimate-case"),
        pytest.param({"reason_code": "because"}, "reason_code", id="unknown-reason"),
        pytest.param({"public_text": "x" * (TEXT_MAX + 1)}, "public_text", id="long-text"),
        pytest.param({"note": "x" * (TEXT_MAX + 1)}, "note", id="long-note"),
        pytest.param({"deciding_finding": "fnd_1"}, "deciding_finding", id="malformed-finding"),
        pytest.param({"deciding_finding": new_id("fnd", 1)}, "deciding_finding", id="foreign-finding"),
    ],
)
def test_a_verdict_with_a_wrong_field_is_refused_and_changes_nothing(world, held, changes, field):
    with pytest.raises(VerdictRefusedError) as refusal:
        world.verdict(held[1], **changes)

    assert refusal.value.field == field
    assert world.view(held[1]).case.status == "open"
    assert world.money() == [("EUR", 0, 0, 700)]


@pytest.mark.parametrize("case_id", ["cas_1", "x", new_id("cas", 1)], ids=["short", "no-prefix", "unknown"])
def test_an_unknown_case_is_refused(world, case_id):
    with pytest.raises(CaseNotFoundError):
        world.verdict(case_id)


def test_an_id_without_its_prefix_is_understood(world, held):
    assert world.verdict(held[1].removeprefix("cas_"), "clear").case.case_id == held[1]


def test_a_verdict_is_saved_whole_or_not_at_all(world, held, monkeypatch):
    def fail(conn, new):
        raise LedgerError

    monkeypatch.setattr("tracker.ledger.store.save_holds", fail)

    with pytest.raises(LedgerError):
        world.verdict(held[1], "void")

    assert world.statuses(held[0]) == ["in_review"]
    assert world.money() == [("EUR", 0, 0, 700)]
    assert len(world.audit(held[1])) == 1


def claim(world, case_id, actor):
    return world.run(claims.claim_case(world.database, case_id=case_id, actor=actor, now_ms=T0))


def unclaim(world, case_id, actor):
    return world.run(claims.unclaim_case(world.database, case_id=case_id, actor=actor, now_ms=T0 + 2))


def test_a_claimed_case_belongs_to_its_reviewer(world, held):
    claimed = claim(world, held[1], "user:usr_2")

    assert (claimed.status, claimed.claimed_by) == ("claimed", "user:usr_2")
    assert claim(world, held[1], "user:usr_2") == claimed
    assert claimed.claim_ends_at_ms == T0 + CLAIM_MS
    with pytest.raises(CaseConflictError, match=r"claimed by user:usr_2; ask them"):
        claim(world, held[1], "user:usr_1")
    with pytest.raises(CaseConflictError, match="claimed by user:usr_2"):
        world.verdict(held[1], "void")
    world.verdict(held[1], "void", actor="user:usr_2")
    assert [entry.action for entry in world.audit(held[1])] == ["case.opened", "case.claimed", "case.decided"]


def test_a_case_given_back_can_be_claimed_by_another(world, held):
    claim(world, held[1], "user:usr_2")

    opened = unclaim(world, held[1], "user:usr_1")

    assert (opened.status, opened.claimed_by) == ("open", None)
    assert claim(world, held[1], "user:usr_1").claimed_by == "user:usr_1"
    assert [entry.action for entry in world.audit(held[1])][1:] == ["case.claimed", "case.unclaimed", "case.claimed"]


def test_only_a_claimed_case_is_given_back(world, held):
    with pytest.raises(CaseConflictError, match="is open"):
        unclaim(world, held[1], "user:usr_1")


def test_a_decided_case_cannot_be_claimed(world, held):
    world.verdict(held[1], "clear")

    with pytest.raises(CaseConflictError, match="decided already"):
        claim(world, held[1], "user:usr_2")


def preview(world, case_id, action, now_ms):
    return world.read(lambda conn: foretell(conn, case_id, action=action, now_ms=now_ms))


@pytest.mark.parametrize("action", ["clear", "reject", "void", "hold"])
def test_a_preview_says_exactly_what_the_verdict_then_does(world, make, held, action):
    second = world.sale(due=300, currency="USD")
    world.judge(second, make.finding())
    world.book(held[0], 500)
    now_ms = make.T0 + make.HOLD

    shown = preview(world, held[1], action, now_ms)
    result = world.verdict(held[1], action)

    after = {each.line.transfer_id: each for each in world.view(held[1], now_ms=now_ms).commissions}
    assert shown.statuses == result.statuses
    for change in shown.changes:
        assert after[change.transfer_id].remaining_minor == change.after_minor
        assert after[change.transfer_id].view.status == change.status_after
        assert change.status_before == "frozen"
    assert shown.taken_back == ((("EUR", 500), ("USD", 300)) if action in {"reject", "void"} else ())
    assert len(shown.changes) == (0 if action == "hold" else 2)


def test_a_preview_writes_nothing(world, make, held):
    preview(world, held[1], "void", make.T0)

    assert world.view(held[1]).case.status == "open"
    assert world.money() == [("EUR", 0, 0, 700)]


def test_a_preview_knows_that_another_case_still_freezes(world, make, held):
    world.judge(world.sale(), make.finding(cluster_key="host:1", compared=(held[0],), holds_compared=True))

    shown = preview(world, held[1], "clear", make.T0)

    (change,) = shown.changes
    assert (change.before_minor, change.after_minor, change.status_after) == (700, 700, "frozen")
    assert (shown.released, shown.still_frozen) == ((), (("EUR", 700),))
    assert preview(world, held[1], "reject", make.T0).taken_back == (("EUR", 700),)
    assert world.verdict(held[1], "clear").released == 0


def test_a_decided_case_has_no_preview(world, make, held):
    world.verdict(held[1], "clear")

    with pytest.raises(CaseConflictError):
        preview(world, held[1], "void", make.T0)


def test_a_second_case_over_the_same_fact_may_open_once_the_first_is_decided(world, make, held):
    world.verdict(held[1], "void")

    again = world.judge(world.sale(), make.finding())

    assert again.is_new
    assert world.read(lambda conn: store.count_cases(conn, livemode=True, statuses=["open"])) == 1
