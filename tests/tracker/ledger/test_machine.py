"""The laws of the ledger under any history of one conversion: booked, refunded, decided anew, judged, appealed."""

import itertools
import random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tracker.ledger.transfers import difference, remaining, reverse_all
from tracker.ledger.types import Occasion, PostedLine, PublicText, Subject
from tracker.rewards.calculate import RewardedConversion, RewardedCredit, dues_of
from tracker.rewards.types import RewardRule

RULES = (
    RewardRule(reward_id="percent", on="sale", kind="percent", rate_bps=1275),
    RewardRule(reward_id="fixed", on="sale", kind="fixed", amount_minor=999),
)
SUBJECT = Subject(livemode=True, program_id="prg_1", conversion_id="cnv_1", decision_id="dec_1")

credit_lists = st.lists(
    st.tuples(st.sampled_from(["enr_a", "enr_b", "enr_c"]), st.integers(1, 50)), min_size=0, max_size=4
).map(
    lambda parts: tuple(
        RewardedCredit(enrollment_id=who, weight=f"{part}/{sum(part for _, part in parts)}") for who, part in parts
    )
)


def occasion(cause):
    return Occasion(
        cause=cause, reason_code="test", public_text=PublicText(message="Test"), actor="cli", at_ms=1_760_000_000_000
    )


class LedgerMachine(RuleBasedStateMachine):
    """A conversion's life; the ledger is a list of lines as the store keeps them."""

    @initialize(base=st.integers(0, 10**13), shares=credit_lists)
    def convert(self, base, shares):
        self.lines = []
        self.transfers = []
        self.numbers = itertools.count()
        self.base = base
        self.net = base
        self.credits = shares
        self.is_rejected = False
        self.history = []
        self.book("decision:dec_1")

    @precondition(lambda self: self.net > 0)
    @rule(data=st.data())
    def refund_partly(self, data):
        self.net -= data.draw(st.integers(1, self.net))
        self.book("refund:cnv_2")

    @rule()
    def refund_whole(self):
        self.net = 0
        self.book("refund:cnv_2")

    @rule(shares=credit_lists)
    def decide_anew(self, shares):
        self.credits = shares
        self.book("decision:dec_2")

    @precondition(lambda self: not self.is_rejected)
    @rule()
    def judge_as_fraud(self):
        self.is_rejected = True
        self.append(reverse_all(self.shuffled(), occasion=occasion("verdict:vdt_1"), make_id=self.make_id))
        self.history.append(("verdict:vdt_1", None))

    @precondition(lambda self: self.is_rejected)
    @rule()
    def uphold_appeal(self):
        self.is_rejected = False
        self.book("verdict:vdt_2")

    @invariant()
    def every_transfer_and_all_entries_sum_to_zero(self):
        for transfer in self.transfers:
            assert sum(leg.amount_minor for leg in transfer.legs) == 0
            assert len({leg.currency for leg in transfer.legs}) == 1

    @invariant()
    def reversals_stay_between_nothing_and_the_accrual(self):
        originals = {line.transfer_id: line.amount_minor for line in self.lines if line.kind == "accrual"}
        left = remaining(self.lines)
        assert left.keys() == originals.keys()
        for transfer_id, original in originals.items():
            assert 0 <= left[transfer_id] <= original

    @invariant()
    def the_ledger_says_exactly_what_is_due(self):
        owed = {key: amount for key, amount in self.owed().items() if amount}
        balances = {}
        for line in self.lines:
            key = (line.enrollment_id, line.reward_id, line.currency)
            balances[key] = balances.get(key, 0) + line.amount_minor
        assert {key: amount for key, amount in balances.items() if amount} == owed

    @invariant()
    def booking_again_changes_nothing(self):
        again = difference(
            self.lines, self.dues(), subject=SUBJECT, occasion=occasion("decision:dec_3"), make_id=self.make_id
        )
        assert again == []

    def teardown(self):
        """Replaying the same facts gives the same transfers, whatever order their lines are read in."""
        if not hasattr(self, "lines"):
            return
        lines = []
        numbers = itertools.count()
        make_id = lambda: f"com_{next(numbers)}"  # noqa: E731
        for cause, due in self.history:
            random.Random(len(lines)).shuffle(lines)
            if due is None:
                new = reverse_all(lines, occasion=occasion(cause), make_id=make_id)
            else:
                new = difference(lines, due[::-1], subject=SUBJECT, occasion=occasion(cause), make_id=make_id)
            lines += [as_line(each, len(lines) + index) for index, each in enumerate(new, start=1)]
        assert sorted(lines, key=lambda line: line.seq) == self.lines

    def dues(self):
        if self.is_rejected:
            return ()
        return dues_of(
            RewardedConversion(
                kind="sale",
                base_minor=self.base,
                net_base_minor=self.net,
                currency="USD",
                program_currency="EUR",
                program_version=1,
                occurred_at_ms=0,
                hold_days=30,
                credits=self.credits,
                rules=RULES,
            )
        )

    def owed(self):
        return {(due.enrollment_id, due.reward_id, due.currency): due.amount_minor for due in self.dues()}

    def book(self, cause):
        due = self.dues()
        self.append(difference(self.shuffled(), due, subject=SUBJECT, occasion=occasion(cause), make_id=self.make_id))
        self.history.append((cause, due))

    def make_id(self):
        return f"com_{next(self.numbers)}"

    def append(self, new):
        self.transfers += new
        self.lines += [as_line(each, len(self.lines) + index) for index, each in enumerate(new, start=1)]

    def shuffled(self):
        lines = list(self.lines)
        random.Random(7).shuffle(lines)
        return lines


def as_line(transfer, seq):
    shared = set(PostedLine.__struct_fields__) & set(type(transfer).__struct_fields__)
    return PostedLine(
        **{name: getattr(transfer, name) for name in shared},
        seq=seq,
        currency=transfer.currency,
        amount_minor=transfer.amount_minor,
        available_at_ms=transfer.legs[0].available_at_ms,
    )


TestLedger = LedgerMachine.TestCase
TestLedger.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
