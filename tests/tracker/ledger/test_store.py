"""The ledger in a real database: what is posted, what lists and sums say of it, and that they agree."""

import itertools

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.exc import DBAPIError

from tracker.db.ids import new_id
from tracker.ledger import store
from tracker.ledger.holds import freezes, releases
from tracker.ledger.tables import entries, holds, transfers
from tracker.ledger.transfers import difference, reverse_all
from tracker.ledger.types import STATUSES, CommissionFilter, Leg
from tracker.ledger.verify import verify_ledger


class Books:
    """Books money for conversions of a world as the processing would."""

    def __init__(self, world, make):
        self.world = world
        self.make = make

    def com(self):
        return new_id("com", self.make.T0)

    def book(self, subject, amounts, **changes):
        """Book what is due to the world's enrollments in their order; return the new transfers."""
        due = [
            self.make.due(amount, enrollment_id=enrollment_id, **changes)
            for enrollment_id, amount in zip(self.world.enrollment_ids, amounts, strict=False)
        ]
        occasion = self.make.occasion(cause=f"decision:{subject.decision_id}")

        def run(conn):
            posted = store.lines_of_conversion(conn, subject.conversion_id)
            new = difference(posted, due, subject=subject, occasion=occasion, make_id=self.com)
            store.post(conn, new)
            return new

        return self.world.write(run)

    def void(self, subject):
        def run(conn):
            posted = store.lines_of_conversion(conn, subject.conversion_id)
            store.post(conn, reverse_all(posted, occasion=self.make.occasion(cause="verdict:vdt_1"), make_id=self.com))

        self.world.write(run)

    def freeze(self, transfer_id, case_id):
        def run(conn):
            known = store.holds_of_accruals(conn, [transfer_id])
            make_id = lambda: new_id("hld", self.make.T0)  # noqa: E731
            new = freezes([transfer_id], known, case_id=case_id, at_ms=1, actor="cli", make_id=make_id)
            store.save_holds(conn, new)

        self.world.write(run)

    def release(self, case_id):
        def run(conn):
            make_id = lambda: new_id("hld", self.make.T0)  # noqa: E731
            known = store.holds_of_case(conn, case_id)
            store.save_holds(
                conn, releases(known, case_id=case_id, at_ms=2, actor="cli", reason_code="fine", make_id=make_id)
            )

        self.world.write(run)

    def list(self, now_ms=None, **chosen):
        chosen = CommissionFilter(**({"livemode": True} | chosen))
        now_ms = self.make.T0 if now_ms is None else now_ms
        return self.world.read(lambda conn: store.commissions(conn, chosen, now_ms=now_ms))

    def balances(self, enrollment=0, *, now_ms=None, livemode=True):
        now_ms = self.make.T0 if now_ms is None else now_ms
        found = self.world.read(
            lambda conn: store.balances(conn, self.world.enrollment_ids[enrollment], livemode=livemode, now_ms=now_ms)
        )
        return [(each.currency, each.pending_minor, each.payable_minor, each.frozen_minor) for each in found]


@pytest.fixture
def books(world, make):
    return Books(world, make)


def test_posted_transfers_come_back_as_lines(world, books):
    subject = world.conversion()
    (new,) = books.book(subject, [700])

    (line,) = world.read(lambda conn: store.lines_of_conversion(conn, subject.conversion_id))

    for name in ("transfer_id", "kind", "livemode", "conversion_id", "decision_id", "cause", "public_text", "actor"):
        assert getattr(line, name) == getattr(new, name)
    assert (line.seq, line.amount_minor, line.currency) == (1, 700, "EUR")
    assert line.calculation == new.calculation


def test_lines_of_many_conversions_come_oldest_first(world, books):
    subjects = [world.conversion() for _ in range(3)]
    for subject in (*subjects, subjects[0]):
        books.book(subject, [700] if subject is not subjects[0] else [len(books.list()) + 1])

    ids = [subject.conversion_id for subject in subjects[:2]] * 2
    lines = world.read(lambda conn: store.lines_of_conversions(conn, ids))

    assert [line.seq for line in lines] == [1, 2, 4]


def test_more_ids_than_one_list_holds_are_looked_up_in_chunks():
    assert [len(ids) for ids in store.chunks(str(number) for number in range(store.IDS_MAX + 1))] == [store.IDS_MAX, 1]


@pytest.mark.parametrize("statement", [delete, update], ids=["delete", "update"])
@pytest.mark.parametrize("table", [transfers, entries, holds], ids=lambda table: table.name)
def test_the_database_refuses_to_change_or_delete_a_row(world, books, table, statement):
    (new,) = books.book(world.conversion(), [700])
    books.freeze(new.transfer_id, world.case())
    change = statement(table)
    change = change if statement is delete else change.values(transfer_id=new.transfer_id)

    with pytest.raises(DBAPIError, match="never changed or deleted"):
        world.write(lambda conn: conn.execute(change))


def test_an_unbalanced_transfer_is_refused_and_nothing_is_written(world, books, make):
    subject = world.conversion()
    due = make.due(5, enrollment_id=world.enrollment_ids[0])
    (good,) = difference([], [due], subject=subject, occasion=make.occasion(), make_id=books.com)
    leg = good.legs[0]
    bad = type(good)(
        **{name: getattr(good, name) for name in good.__struct_fields__ if name not in {"legs", "transfer_id"}},
        transfer_id=books.com(),
        legs=(Leg(account=leg.account, currency="EUR", amount_minor=-4, available_at_ms=1), good.legs[1]),
    )

    with pytest.raises(store.LedgerError, match="sums to 1"):
        world.write(lambda conn: store.post(conn, [good, bad]))

    assert books.list() == []


def test_taking_back_more_than_is_left_is_refused_and_nothing_is_written(world, books, make):
    """Two refunds computed from the same lines must not both be posted."""
    subject = world.conversion()
    books.book(subject, [700])
    lines = world.read(lambda conn: store.lines_of_conversion(conn, subject.conversion_id))
    twice = [
        *reverse_all(lines, occasion=make.occasion(), make_id=books.com),
        *reverse_all(lines, occasion=make.occasion(), make_id=books.com),
    ]

    with pytest.raises(store.LedgerError, match="exceed it by 700"):
        world.write(lambda conn: store.post(conn, twice))

    assert len(books.list()) == 1


def test_commissions_come_newest_first_page_by_page(world, books):
    for amount in range(1, 6):
        books.book(world.conversion(), [amount])
    chosen = CommissionFilter(livemode=True)

    pages = []
    before = None
    while page := world.read(
        lambda conn, before=before: store.commissions(conn, chosen, now_ms=0, before_seq=before, limit=2)
    ):
        pages.append([each.line.amount_minor for each in page])
        before = page[-1].line.seq

    assert pages == [[5, 4], [3, 2], [1]]


@pytest.mark.parametrize("limit", [0, 1000])
def test_a_limit_outside_its_range_is_cut(world, books, limit):
    books.book(world.conversion(), [1, 2])
    chosen = CommissionFilter(livemode=True)

    found = world.read(lambda conn: store.commissions(conn, chosen, now_ms=0, limit=limit))

    assert len(found) == (1 if limit == 0 else 2)


def test_commissions_are_filtered(world, books, make):
    subject = world.conversion()
    books.book(subject, [700, 300])
    books.book(world.conversion(livemode=False), [9])

    def amounts(**chosen):
        return [each.line.amount_minor for each in books.list(**chosen)]

    assert amounts() == [300, 700]
    assert amounts(livemode=False) == [9]
    assert amounts(program_id=world.program_id) == [300, 700]
    assert amounts(program_id=world.other_program_id) == []
    assert amounts(enrollment_id=world.enrollment_ids[1]) == [300]
    assert amounts(partner_id=world.partner_ids[0]) == [700]
    assert amounts(conversion_id=subject.conversion_id) == [300, 700]
    assert amounts(created_from_ms=make.T0) == [300, 700]
    assert amounts(created_from_ms=make.T0 + 1) == []
    assert amounts(created_to_ms=make.T0 - 1) == []


def test_a_commission_says_partner_status_and_day(world, books, make):
    books.book(world.conversion(), [700])
    (found,) = books.list()

    assert found.partner_id == world.partner_ids[0]
    assert (found.view.status, found.view.payable_on, found.remaining_minor) == ("pending", "2025-11-08", 700)
    assert world.read(lambda conn: store.get_commission(conn, found.line.transfer_id, now_ms=make.T0)) == found


def test_an_unknown_commission_is_none(world, books):
    assert world.read(lambda conn: store.get_commission(conn, books.com(), now_ms=0)) is None


def test_reversals_share_the_status_of_their_accrual(world, books, make):
    """Then the amounts of all lines with one status sum to the balance of that status."""
    part, void, frozen = world.conversion(), world.conversion(), world.conversion()
    for subject in (part, void, frozen):
        books.book(subject, [700])
    books.book(part, [400])
    books.void(void)
    (accrual,) = books.list(conversion_id=frozen.conversion_id)
    books.freeze(accrual.line.transfer_id, world.case())
    books.book(frozen, [100])

    assert [(c.line.amount_minor, c.view.status) for c in books.list(conversion_id=part.conversion_id)] == [
        (-300, "pending"),
        (700, "pending"),
    ]
    assert [(c.line.amount_minor, c.view.status) for c in books.list(conversion_id=void.conversion_id)] == [
        (-700, "void"),
        (700, "void"),
    ]
    assert [(c.line.amount_minor, c.view.status) for c in books.list(conversion_id=frozen.conversion_id)] == [
        (-600, "frozen"),
        (700, "frozen"),
    ]
    assert books.balances() == [("EUR", 400, 0, 100)]
    assert books.balances(now_ms=make.T0 + make.HOLD) == [("EUR", 0, 400, 100)]


@pytest.mark.parametrize("offset", [-1, 0], ids=["in-hold", "after-hold"])
def test_the_status_in_sql_is_the_status_computed(world, books, make, offset):
    for amounts in ([700], [300], [200], [100]):
        books.book(world.conversion(), amounts)
    for commission, steps in zip(books.list(), ("f", "fr", "v", ""), strict=True):
        subject = commission.line.conversion_id
        case_id = world.case()
        if "f" in steps:
            books.freeze(commission.line.transfer_id, case_id)
        if "r" in steps:
            books.release(case_id)
        if "v" in steps:
            books.void(make.subject(conversion_id=subject))
    now_ms = make.T0 + make.HOLD + offset

    everything = books.list(now_ms)
    by_filter = {name: books.list(now_ms, status=name) for name in STATUSES}

    assert sorted(each.line.seq for found in by_filter.values() for each in found) == sorted(
        each.line.seq for each in everything
    )
    for name, found in by_filter.items():
        assert {each.view.status for each in found} <= {name}
    assert [len(by_filter[name]) for name in ("frozen", "void")] == [1, 2]


def test_freezing_and_releasing_moves_money_between_the_parts_of_the_balance(world, books):
    subject = world.conversion()
    (new,) = books.book(subject, [700])
    first, second = world.case(), world.case()

    books.freeze(new.transfer_id, first)
    books.freeze(new.transfer_id, first)
    books.freeze(new.transfer_id, second)
    assert books.balances() == [("EUR", 0, 0, 700)]
    (commission,) = books.list()
    assert set(commission.view.reasons) == {f"case:{first}", f"case:{second}"}

    books.release(first)
    assert books.balances() == [("EUR", 0, 0, 700)]
    books.release(second)
    books.release(second)
    assert books.balances() == [("EUR", 700, 0, 0)]
    assert world.read(lambda conn: len(conn.execute(select(holds)).all())) == 4


def test_a_statement_runs_a_balance_per_currency(world, books):
    subject = world.conversion()
    books.book(subject, [700])
    books.book(world.conversion(), [40], currency="USD")
    books.book(world.conversion(), [5])
    books.book(subject, [300])

    def page(**changes):
        lines = world.read(
            lambda conn: store.statement(conn, world.enrollment_ids[0], livemode=True, now_ms=0, **changes)
        )
        return [
            (each.commission.line.amount_minor, each.commission.line.currency, each.balance_minor) for each in lines
        ]

    assert page() == [(-400, "EUR", 305), (5, "EUR", 705), (40, "USD", 40), (700, "EUR", 700)]
    assert page(before_seq=3, limit=1) == [(40, "USD", 40)]
    (newest,) = world.read(
        lambda conn: store.statement(conn, world.enrollment_ids[0], livemode=True, now_ms=0, limit=1)
    )
    assert (newest.conversion_kind, newest.conversion_external_id) == ("sale", "A-1")


def test_balances_keep_currencies_modes_and_partners_apart(world, books, make):
    books.book(world.conversion(), [700, 300])
    books.book(world.conversion(), [50], currency="USD")
    books.book(world.conversion(livemode=False), [9])

    assert books.balances() == [("EUR", 700, 0, 0), ("USD", 50, 0, 0)]
    assert books.balances(1) == [("EUR", 300, 0, 0)]
    assert books.balances(livemode=False) == [("EUR", 9, 0, 0)]
    of_program = world.read(
        lambda conn: store.balances_of_program(conn, world.program_id, livemode=True, now_ms=make.T0)
    )
    assert {who: [each.total_minor for each in found] for who, found in of_program.items()} == {
        world.enrollment_ids[0]: [700, 50],
        world.enrollment_ids[1]: [300],
    }


def test_debts_sum_a_program_and_say_when_the_next_money_is_due(world, books, make):
    books.book(world.conversion(), [700, 300])
    books.book(world.conversion(), [50], available_at_ms=make.T0 + 5)
    books.book(world.conversion(), [60], available_at_ms=make.T0)

    (debt,) = world.read(lambda conn: store.debts(conn, livemode=True, now_ms=make.T0))

    assert (debt.program_id, debt.balance.currency) == (world.program_id, "EUR")
    assert (debt.balance.pending_minor, debt.balance.payable_minor, debt.balance.total_minor) == (1050, 60, 1110)
    assert debt.balance.next_available_at_ms == make.T0 + 5
    assert world.read(lambda conn: store.debts(conn, livemode=False, now_ms=0)) == []
    assert world.read(lambda conn: store.debts(conn, livemode=True, now_ms=0, program_id=world.other_program_id)) == []


def test_the_parts_of_all_balances_sum_to_the_lists(world, books, make):
    subjects = [world.conversion() for _ in range(4)]
    for number, (subject, second) in enumerate(itertools.product(subjects, (False, True))):
        books.book(subject, [number * 100, 31 * number if second else 7])
    case_id = world.case()
    books.freeze(books.list(enrollment_id=world.enrollment_ids[0])[-1].line.transfer_id, case_id)
    now_ms = make.T0 + make.HOLD

    for enrollment, enrollment_id in enumerate(world.enrollment_ids):
        listed = {
            name: sum(c.line.amount_minor for c in books.list(now_ms, enrollment_id=enrollment_id, status=name))
            for name in STATUSES
        }
        ((_, pending, payable, frozen),) = books.balances(enrollment, now_ms=now_ms)
        assert listed == {"pending": pending, "payable": payable, "frozen": frozen, "void": 0}
    assert world.run(verify_ledger(world.database)).ok


def test_commissions_of_conversions_come_oldest_first(world, books, make):
    subjects = [world.conversion() for _ in range(3)]
    for subject in subjects:
        books.book(subject, [700])
    books.book(subjects[0], [300])
    ids = [subjects[0].conversion_id, subjects[2].conversion_id]

    found = world.read(lambda conn: store.commissions_of_conversions(conn, ids, now_ms=make.T0))

    assert [(each.line.seq, each.remaining_minor) for each in found] == [(1, 300), (3, 700), (4, 300)]
