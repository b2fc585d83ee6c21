"""Every law of the ledger is told when it is broken, with the row that breaks it."""

import pytest
from sqlalchemy import insert, update

from tracker.cases.tables import cases
from tracker.db.ids import new_id
from tracker.db.tables import sequences
from tracker.ledger import store
from tracker.ledger.holds import freezes
from tracker.ledger.tables import entries, transfers
from tracker.ledger.transfers import difference, reverse_all
from tracker.ledger.verification.check import PROBLEMS_MAX, LedgerCheck
from tracker.ledger.verification.types import CheckedEntry, CheckedHold, CheckedTransfer, StoredTotals
from tracker.ledger.verify import verify_ledger


def legs(amount=700, **changes):
    values = {"transfer_id": "com_1", "enrollment_id": "enr_a", "currency": "EUR", "available_at_ms": 5} | changes
    return (
        CheckedEntry(line=1, account="program_expense", amount_minor=-amount, **values),
        CheckedEntry(line=2, account="partner_payable", amount_minor=amount, **values),
    )


def transfer(seq=1, **changes):
    values = {
        "transfer_id": f"com_{seq}",
        "seq": seq,
        "kind": "accrual",
        "livemode": True,
        "program_id": "prg_1",
        "enrollment_id": "enr_a",
        "conversion_id": "cnv_1",
        "decision_id": "dec_1",
        "reverses_id": None,
        "cause": "decision:dec_1",
        "reward_id": "sale",
        "program_of_enrollment": "prg_1",
        "program_of_conversion": "prg_1",
        "livemode_of_conversion": True,
        "conversion_of_decision": "cnv_1",
        "is_credited": True,
        "entries": legs(),
    }
    return CheckedTransfer(**(values | changes))


def reversal(seq=2, amount=300, **changes):
    return transfer(seq, **({"kind": "reversal", "reverses_id": "com_1", "entries": legs(-amount)} | changes))


def hold(seq=1, kind="freeze", **changes):
    values = {"hold_id": f"hld_{seq}", "seq": seq, "transfer_id": "com_1", "case_id": "cas_1", "kind": kind}
    return CheckedHold(**({"transfer_kind": "accrual", "case_status": "open"} | values | changes))


def check(rows, **totals):
    ledger = LedgerCheck()
    for row in rows:
        if isinstance(row, CheckedTransfer):
            ledger.see_transfer(row)
        else:
            ledger.see_hold(row)
    seen = [row for row in rows if isinstance(row, CheckedTransfer)]
    values = {
        "transfers_counter": max((row.seq for row in seen), default=0),
        "holds_counter": max((row.seq for row in rows if isinstance(row, CheckedHold)), default=0),
        "entries": sum(len(row.entries) for row in seen),
        "sums": {"EUR": sum(entry.amount_minor for row in seen for entry in row.entries)},
    }
    ledger.finish(StoredTotals(**(values | totals)))
    return [(problem.law, problem.row) for problem in ledger.problems]


ONE_LEG_SHORT = legs()[:1]
OTHER_CURRENCY = (legs()[0], legs(currency="USD")[1])
OTHER_OWNER = (legs()[0], legs(enrollment_id="enr_b")[1])


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([], id="empty"),
        pytest.param([transfer()], id="one-accrual"),
        pytest.param([transfer(), reversal(), reversal(3, 400)], id="taken-back-whole"),
        pytest.param([transfer(), hold(), hold(2, "release"), hold(3), hold(4, case_id="cas_2")], id="holds"),
        pytest.param(
            [transfer(), hold(case_status="decided"), hold(2, "release", case_status="decided")],
            id="decided-and-released",
        ),
    ],
)
def test_a_sound_ledger_has_no_problems(rows):
    assert check(rows) == []


@pytest.mark.parametrize(
    ("rows", "law", "row"),
    [
        pytest.param([transfer(entries=ONE_LEG_SHORT)], "transfers_sum_to_zero", "com_1", id="a-leg-is-missing"),
        pytest.param([transfer(entries=())], "transfers_have_two_legs", "com_1", id="no-legs"),
        pytest.param([transfer(entries=OTHER_CURRENCY)], "legs_agree", "com_1", id="two-currencies"),
        pytest.param([transfer(entries=OTHER_OWNER)], "legs_agree", "com_1", id="two-owners"),
        pytest.param([transfer(entries=legs(-1))], "kinds_fit_their_sign", "com_1", id="negative-accrual"),
        pytest.param([transfer(), reversal(amount=-5)], "kinds_fit_their_sign", "com_2", id="positive-reversal"),
        pytest.param([transfer(program_of_enrollment="prg_2")], "references_agree", "com_1", id="foreign-enrollment"),
        pytest.param([transfer(program_of_conversion=None)], "references_agree", "com_1", id="conversion-gone"),
        pytest.param([transfer(livemode_of_conversion=False)], "references_agree", "com_1", id="test-conversion"),
        pytest.param(
            [transfer(conversion_of_decision="cnv_2")], "lines_trace_to_a_decision", "com_1", id="foreign-decision"
        ),
        pytest.param([transfer(is_credited=False)], "lines_trace_to_a_decision", "com_1", id="nobody-credited"),
        pytest.param([transfer(cause="because")], "lines_name_their_cause", "com_1", id="no-cause"),
        pytest.param([transfer(), transfer(3)], "numbers_have_no_gaps", "com_3", id="gap"),
        pytest.param([reversal(1)], "reversals_name_an_accrual", "com_1", id="reversal-of-nothing"),
        pytest.param(
            [transfer(), reversal(), reversal(3, reverses_id="com_2")],
            "reversals_name_an_accrual",
            "com_3",
            id="reversal-of-a-reversal",
        ),
        pytest.param(
            [transfer(), reversal(), reversal(3, 401)],
            "reversals_never_exceed_their_accrual",
            "com_3",
            id="taken-back-twice",
        ),
        pytest.param(
            [transfer(), reversal(reward_id="bonus")],
            "reversals_agree_with_their_accrual",
            "com_2",
            id="reversal-of-another-reward",
        ),
        pytest.param(
            [transfer(), reversal(entries=legs(-1, available_at_ms=6))],
            "reversals_agree_with_their_accrual",
            "com_2",
            id="reversal-at-another-time",
        ),
        pytest.param([transfer(), hold(2)], "numbers_have_no_gaps", "hld_2", id="hold-gap"),
        pytest.param([hold(transfer_kind="reversal")], "holds_refer_to_accruals", "hld_1", id="frozen-reversal"),
        pytest.param([hold(transfer_kind=None)], "holds_refer_to_accruals", "hld_1", id="frozen-nothing"),
        pytest.param([hold(case_status=None)], "holds_refer_to_cases", "hld_1", id="case-gone"),
        pytest.param([hold(), hold(2)], "freezes_and_releases_alternate", "hld_2", id="frozen-twice"),
        pytest.param([hold(1, "release")], "freezes_and_releases_alternate", "hld_1", id="released-unfrozen"),
        pytest.param([hold(case_status="decided")], "decided_cases_hold_nothing", "hld_1", id="decided-but-frozen"),
    ],
)
def test_a_broken_law_names_its_first_row(rows, law, row):
    assert next(problem for problem in check(rows) if problem[0] == law) == (law, row)


@pytest.mark.parametrize(
    ("totals", "problem"),
    [
        ({"transfers_counter": 2}, ("numbers_have_no_gaps", "transfers")),
        ({"holds_counter": 1}, ("numbers_have_no_gaps", "holds")),
        ({"entries": 3}, ("entries_belong_to_transfers", "entries")),
        ({"sums": {"EUR": 0, "USD": 1}}, ("entries_sum_to_zero", "USD")),
    ],
)
def test_what_the_database_counts_must_agree(totals, problem):
    assert check([transfer()], **totals) == [problem]


def test_no_more_problems_are_told_than_a_person_reads():
    assert len(check([transfer(seq, cause="x") for seq in range(1, PROBLEMS_MAX + 9)])) == PROBLEMS_MAX


@pytest.fixture
def booked(world, make):
    """A ledger with an accrual, its partial reversal and a freeze; the accrual's transfer."""
    subject = world.conversion()
    make_id = lambda: new_id("com", make.T0)  # noqa: E731
    due = make.due(700, enrollment_id=world.enrollment_ids[0])
    (accrual,) = difference([], [due], subject=subject, occasion=make.occasion(), make_id=make_id)
    case_id = world.case()

    def run(conn):
        store.post(conn, [accrual])
        smaller = make.due(300, enrollment_id=world.enrollment_ids[0])
        posted = store.lines_of_conversion(conn, subject.conversion_id)
        store.post(conn, difference(posted, [smaller], subject=subject, occasion=make.occasion(), make_id=make_id))
        hold_id = lambda: new_id("hld", make.T0)  # noqa: E731
        store.save_holds(
            conn, freezes([accrual.transfer_id], [], case_id=case_id, at_ms=1, actor="cli", make_id=hold_id)
        )

    world.write(run)
    return accrual, case_id


def test_an_empty_ledger_is_sound(database, run):
    report = run(verify_ledger(database))

    assert (report.ok, report.transactions, report.entries, report.problems) == (True, 0, 0, ())


def test_a_booked_ledger_is_sound(world, booked):
    report = world.run(verify_ledger(world.database))

    assert (report.ok, report.transactions, report.entries) == (True, 2, 4)


def test_pages_are_read_to_the_end(world, make, monkeypatch):
    monkeypatch.setattr("tracker.ledger.verification.store.PAGE", 2)
    for _ in range(5):
        subject = world.conversion()
        due = make.due(7, enrollment_id=world.enrollment_ids[0])
        make_id = lambda: new_id("com", make.T0)  # noqa: E731
        new = difference([], [due], subject=subject, occasion=make.occasion(), make_id=make_id)
        world.write(lambda conn, new=new: store.post(conn, new))

    report = world.run(verify_ledger(world.database))

    assert (report.ok, report.transactions, report.entries) == (True, 5, 10)


def entry_of_a_copy(conn, accrual, amount):
    row = {"transfer_id": accrual.transfer_id, "line": 3, "account": "partner_payable", "currency": "EUR"}
    conn.execute(
        insert(entries).values(**row, enrollment_id=accrual.enrollment_id, amount_minor=amount, available_at_ms=1)
    )


def test_an_added_leg_is_found(world, booked):
    accrual, _ = booked
    world.write(lambda conn: entry_of_a_copy(conn, accrual, 1))

    report = world.run(verify_ledger(world.database))

    assert not report.ok
    assert (report.problems[0].law, report.problems[0].row) == ("transfers_sum_to_zero", accrual.transfer_id)
    assert ("entries_sum_to_zero", "EUR") in [(each.law, each.row) for each in report.problems]


def test_a_lost_newest_transfer_is_found_by_its_number(world, booked):
    world.write(lambda conn: conn.execute(update(sequences).where(sequences.c.name == "transfers").values(value=3)))

    (problem,) = world.run(verify_ledger(world.database)).problems

    assert (problem.law, problem.row) == ("numbers_have_no_gaps", "transfers")


def test_a_decided_case_that_still_freezes_is_found(world, booked):
    _, case_id = booked
    world.write(lambda conn: conn.execute(update(cases).where(cases.c.case_id == case_id).values(status="decided")))

    (problem,) = world.run(verify_ledger(world.database)).problems

    assert problem.law == "decided_cases_hold_nothing"


def test_a_transfer_of_another_program_is_found(world, make):
    subject = world.conversion()
    due = make.due(7, enrollment_id=world.enrollment_ids[0])
    foreign = make.subject(
        program_id=world.other_program_id, conversion_id=subject.conversion_id, decision_id=subject.decision_id
    )
    make_id = lambda: new_id("com", make.T0)  # noqa: E731
    (new,) = difference([], [due], subject=foreign, occasion=make.occasion(), make_id=make_id)
    world.write(lambda conn: store.post(conn, [new]))

    problems = world.run(verify_ledger(world.database)).problems

    assert [(each.law, each.row) for each in problems] == [("references_agree", new.transfer_id)] * 2


def test_a_line_of_a_partner_without_credit_is_found(world, make):
    subject, other = world.conversion(), world.conversion()
    due = make.due(7, enrollment_id=world.enrollment_ids[0])
    strange = make.subject(
        program_id=world.program_id, conversion_id=subject.conversion_id, decision_id=other.decision_id
    )
    make_id = lambda: new_id("com", make.T0)  # noqa: E731
    (new,) = difference([], [due], subject=strange, occasion=make.occasion(), make_id=make_id)
    world.write(lambda conn: store.post(conn, [new]))

    (problem,) = world.run(verify_ledger(world.database)).problems

    assert (problem.law, problem.row) == ("lines_trace_to_a_decision", new.transfer_id)
    assert world.read(lambda conn: conn.execute(transfers.select()).one().decision_id) == other.decision_id


def test_whole_reversals_are_sound(world, booked, make):
    accrual, _ = booked

    def run(conn):
        posted = store.lines_of_conversion(conn, accrual.conversion_id)
        make_id = lambda: new_id("com", make.T0)  # noqa: E731
        store.post(conn, reverse_all(posted, occasion=make.occasion(cause="verdict:vdt_1"), make_id=make_id))

    world.write(run)

    assert world.run(verify_ledger(world.database)).ok
