"""Any history of two cases over shared sales: verdicts, undos, appeals, answers, refunds, second persons.

Whatever happens in whatever order, the ledger verifies and says to the cent what is due: nothing is lost or doubled.
"""

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tracker.cases import appeals, claims, review, seconding, store, undo
from tracker.cases.decide import CaseConflictError, VerdictRefusedError, ruling
from tracker.cases.types import AGAINST, VERDICTS_OF
from tracker.conversions import store as conversions
from tracker.conversions.booking import transfers_due
from tracker.i18n.messages import InputError
from tracker.ledger import store as ledger
from tracker.ledger.types import Occasion, PublicText
from tracker.ledger.verify import verify

T0 = 1_760_000_000_000
FIRST, SECOND = "user:usr_1", "user:usr_2"
REFUND = 1_000  # minor units of a sale of 10 000, which earns 7 %

cases = st.sampled_from([0, 1])
steps = st.one_of(
    st.tuples(st.just("verdict"), cases, st.sampled_from(list(VERDICTS_OF)), st.sampled_from([FIRST, SECOND])),
    st.tuples(st.just("undo"), cases, st.sampled_from([FIRST, SECOND])),
    st.tuples(st.just("appeal"), cases),
    st.tuples(st.just("answer"), cases),
    st.tuples(st.just("second"), cases, st.booleans()),
    st.tuples(st.just("refund"), st.sampled_from([0, 1, 2])),
)


class History:
    """Two cases: the first covers sales 0 and 1, the second 1 and 2."""

    def __init__(self, world, make_finding, limit):
        self.world = world
        if limit is not None:
            self.world.limit(limit)
        self.sales = [self.world.sale() for _ in range(3)]
        self.refunded = [0, 0, 0]
        first = self.world.judge(self.sales[0], make_finding())
        self.world.judge(self.sales[1], make_finding())
        holding = {"cluster_key": "host:1", "compared": (self.sales[1],), "holds_compared": True}
        second = self.world.judge(self.sales[2], make_finding(**holding))
        self.cases = [first.case_id, second.case_id]
        self.now_ms = T0
        self.mine = {self.world.enrollment_id}

    def do(self, step):
        """Take a step as a person or partner would; what is refused changes nothing."""
        self.now_ms += 1_000
        before = self.seen()
        try:
            self.world.write(lambda conn: getattr(self, step[0])(conn, *step[1:]))
        except (CaseConflictError, VerdictRefusedError, InputError):
            assert self.seen() == before

    def verdict(self, conn, case, action, actor):
        row = review.new_verdict(
            case_id=self.cases[case],
            verdict=VERDICTS_OF[action][0],
            action=action,
            reason_code="other",
            public_text="",
            note="",
            deciding_finding=None,
            actor=actor,
            now_ms=self.now_ms,
        )
        # The other one gives the case back first, as pages ask them to.
        held = store.case_row(conn, self.cases[case])
        if held.claimed_by not in {None, actor} and held.status != "decided" and held.proposal_id is None:
            claims.free(conn, held, actor=actor, action="case.unclaimed", now_ms=self.now_ms)
        review.judge_case(conn, row)

    def undo(self, conn, case, actor):
        undo.undo(conn, self.cases[case], actor=actor, now_ms=self.now_ms)

    def appeal(self, conn, case):
        appeals.appeal(conn, self.cases[case], enrollment_ids=self.mine, text="No.", now_ms=self.now_ms)

    def answer(self, conn, case):
        appeals.answer(conn, self.cases[case], enrollment_ids=self.mine, text="Yes.", now_ms=self.now_ms)

    def second(self, conn, case, is_confirmed):
        proposal_id = store.case_row(conn, self.cases[case]).proposal_id or ""
        answer = seconding.confirm if is_confirmed else seconding.refuse
        proposal = store.get_case(conn, self.cases[case], now_ms=self.now_ms).proposal
        actor = SECOND if proposal is not None and proposal.actor == FIRST else FIRST
        answer(conn, self.cases[case], proposal_id=proposal_id, actor=actor, now_ms=self.now_ms)

    def refund(self, conn, sale):
        """Book a refund as the processing does."""
        if self.refunded[sale] >= 3 * REFUND:
            return
        row = conversions.get_conversion(conn, self.sales[sale])
        self.world.add_refund(conn, row.external_id, REFUND)
        self.refunded[sale] += REFUND
        if row.status in {"accepted", "part_refunded"}:
            row = msgspec.structs.replace(row, status="part_refunded")
            conversions.set_status(conn, row.conversion_id, row.status)
        occasion = Occasion(
            cause="refund:cnv_1",
            reason_code="refund",
            public_text=PublicText(message="Refunded"),
            actor="system:conversions",
            at_ms=self.now_ms,
        )
        ledger.post(conn, transfers_due(conn, row, occasion=occasion))

    def seen(self):
        money = self.world.money()
        return (money, self.world.statuses(*self.sales), [self.world.case(each).status for each in self.cases])

    def stands_against(self, case_id):
        verdict = ruling(self.world.read(lambda conn: store.verdicts_of(conn, case_id)))
        return verdict is not None and verdict.action in AGAINST

    def check(self):
        world = self.world
        assert world.read(verify).problems == ()
        statuses = world.statuses(*self.sales)
        covering = [{0}, {0, 1}, {1}]
        undecided = {each for each in (0, 1) if world.case(self.cases[each]).status != "decided"}
        against = {each for each in (0, 1) if self.stands_against(self.cases[each])}
        due, frozen = 0, 0
        for sale, status in enumerate(statuses):
            earned = 0 if status == "rejected" else (10_000 - self.refunded[sale]) * 7 // 100
            due += earned
            frozen += earned if covering[sale] & undecided else 0
            assert (status == "rejected") == bool(covering[sale] & against)
            if status == "accepted":
                assert not covering[sale] & undecided
        assert world.money() == [("EUR", due - frozen, 0, frozen)]


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # Each example makes a world of its own.
)
@given(history=st.lists(steps, max_size=14), limit=st.sampled_from([None, 0, 1_000]))
def test_any_history_of_verdicts_undos_and_appeals_keeps_the_ledger_right(new_world, make, history, limit):
    told = History(new_world(), make.finding, limit)
    told.check()
    for step in history:
        told.do(step)
        told.check()


def test_a_history_that_needs_everything_once(world, make):
    told = History(world, make.finding, 0)
    second = ("second", 0, True)
    for step in [
        ("verdict", 0, "ban", FIRST),
        second,
        ("undo", 0, SECOND),
        ("verdict", 0, "ask", SECOND),
        ("answer", 0),
        ("verdict", 0, "void", SECOND),
        second,
        ("refund", 1),
        ("verdict", 1, "reject", FIRST),
        ("second", 1, False),
        ("appeal", 0),
        ("verdict", 0, "clear", FIRST),
        second,
        ("verdict", 1, "clear", SECOND),
        ("second", 1, True),
    ]:
        told.do(step)
        told.check()

    assert told.world.statuses(*told.sales) == ["accepted", "part_refunded", "accepted"]
    assert told.world.money() == [("EUR", 700 + 630 + 700, 0, 0)]
