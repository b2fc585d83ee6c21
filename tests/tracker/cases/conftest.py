"""Factories of the tests of cases: records of the rules, and a seeded world whose sales have earned commissions."""

import shutil

import msgspec
import pytest
from sqlalchemy import func, insert, select

from fraud_rules.engine import Judgement
from fraud_rules.scoring import score
from fraud_rules.types import PPM, Finding, Subject
from tracker.audit.store import list_entries
from tracker.cases import ageing, appeals, review, store, undo
from tracker.cases.opening import freeze_new_lines, open_cases_for
from tracker.cases.types import CaseRow, CoveredConversion, VerdictRow
from tracker.conversions import tables as reported
from tracker.db.ids import new_id
from tracker.db.opening import open_database
from tracker.ledger import store as ledger
from tracker.ledger.transfers import difference
from tracker.ledger.types import CommissionFilter, Occasion, PostedLine, PublicText
from tracker.ledger.types import Subject as BookedSubject
from tracker.partners import store as partners_store
from tracker.partners.tables import enrollments, partners
from tracker.programs.defaults import default_settings
from tracker.programs.tables import program_versions, programs
from tracker.rewards.types import Due, RewardRule

T0 = 1_760_000_000_000
HOLD = 30 * 86_400_000
REVIEWER = "user:usr_1"


def make_finding(rule="self_email", factor=900_000, **changes):
    values = {
        "rule": rule,
        "rule_version": 1,
        "family": "identity",
        "fired": factor > 0,
        "strength_ppm": PPM,
        "weight_ppm": factor or 300_000,
        "damping_ppm": PPM,
        "factor_ppm": factor,
        "message": "Customer %(email)s is the partner.",
        "params": {"email": "i…@example.com"},
        "translated": ("email",),
        "evidence": {"match": "exact"},
        "config": {"enabled": True},
        "cluster_key": "email:abc",
        "clears_when": "Own purchases are allowed.",
    }
    return Finding(**(values | changes))


def make_judgement(*findings, suppressed=()):
    return Judgement(findings=findings, suppressed=suppressed, errors=(), score=score(findings))


def make_case(**changes):
    values = {
        "case_id": "cas_1",
        "program_id": "prg_1",
        "enrollment_id": "enr_1",
        "livemode": True,
        "kind": "risk",
        "status": "open",
        "cluster_key": "email:abc",
        "score": 90,
        "claimed_by": None,
        "opened_at_ms": T0,
        "due_at_ms": T0 + 1,
        "decided_at_ms": None,
    }
    return CaseRow(**(values | changes))


def make_covered(**changes):
    values = {
        "conversion_id": "cnv_1",
        "kind": "sale",
        "external_id": "A-1",
        "status": "in_review",
        "amount_minor": 10_000,
        "refunded_minor": 0,
        "currency": "EUR",
        "occurred_at_ms": T0,
        "received_at_ms": T0,
        "masked_ip": None,
        "country": None,
        "other_cases": (),
    }
    return CoveredConversion(**(values | changes))


def make_verdict(**changes):
    values = {
        "verdict_id": "vdt_1",
        "case_id": "cas_1",
        "verdict": "fraud",
        "action": "void",
        "reason_code": "fraud",
        "public_text": "Not confirmed.",
        "note": "",
        "deciding_finding": None,
        "actor": REVIEWER,
        "at_ms": T0 + 5,
    }
    return VerdictRow(**(values | changes))


def make_line(transfer_id="com_1", amount=700, **changes):
    values = {
        "transfer_id": transfer_id,
        "seq": int(transfer_id.removeprefix("com_")),
        "kind": "accrual",
        "livemode": True,
        "program_id": "prg_1",
        "enrollment_id": "enr_1",
        "conversion_id": "cnv_1",
        "decision_id": "dec_1",
        "reverses_id": None,
        "cause": "decision:dec_1",
        "reward_id": "sale",
        "reason_code": "earned",
        "public_text": PublicText(message="Earned"),
        "calculation": {},
        "actor": "system:conversions",
        "created_at_ms": T0,
        "currency": "EUR",
        "amount_minor": amount,
        "available_at_ms": T0 + HOLD,
    }
    return PostedLine(**(values | changes))


class Factories:
    T0 = T0
    HOLD = HOLD
    REVIEWER = REVIEWER
    finding = staticmethod(make_finding)
    judgement = staticmethod(make_judgement)
    case = staticmethod(make_case)
    covered = staticmethod(make_covered)
    verdict = staticmethod(make_verdict)
    line = staticmethod(make_line)


@pytest.fixture
def make():
    return Factories()


class World:
    """A program whose first partner's sales are decided, paid for and judged as the processing would."""

    def __init__(self, database, run):
        self.database = database
        self.run = run
        self.program_id = new_id("prg", T0)
        self.partner_ids = [new_id("prt", T0), new_id("prt", T0)]
        self.enrollment_ids = [new_id("enr", T0), new_id("enr", T0)]
        self.partner_id, self.enrollment_id = self.partner_ids[0], self.enrollment_ids[0]
        self.settings = msgspec.structs.replace(
            default_settings(),
            rewards=(RewardRule(reward_id="sale", on="sale", kind="percent", rate_bps=700),),
        )
        self.write(self._seed)

    def write(self, fn):
        return self.run(self.database.write(fn))

    def read(self, fn):
        return self.run(self.database.read(fn))

    def limit(self, four_eyes_minor):
        """From now on a verdict that moves more needs a second person."""
        settings = msgspec.structs.replace(self.settings, four_eyes_minor=four_eyes_minor)
        self.write(
            lambda conn: conn.execute(
                insert(program_versions).values(
                    program_id=self.program_id,
                    version=2,
                    effective_from_ms=T0,
                    settings=msgspec.to_builtins(settings),
                    published_by="test",
                    note="",
                )
            )
        )

    def enrollment(self):
        return self.read(lambda conn: partners_store.get_enrollment(conn, self.enrollment_id))

    def _seed(self, conn):
        program = {"program_id": self.program_id, "name": "Shop", "currency": "EUR", "time_zone": "UTC"}
        conn.execute(insert(programs).values(**program, created_at_ms=T0))
        conn.execute(
            insert(program_versions).values(
                program_id=self.program_id,
                version=1,
                effective_from_ms=T0,
                settings=msgspec.to_builtins(self.settings),
                published_by="test",
                note="",
            )
        )
        for number, name in enumerate(("Ivanov", "Petrov")):
            email = f"{name}-{self.partner_ids[number]}@example.com"
            partner = {"partner_id": self.partner_ids[number], "name": name, "email": email}
            conn.execute(insert(partners).values(**partner, created_at_ms=T0))
            conn.execute(
                insert(enrollments).values(
                    enrollment_id=self.enrollment_ids[number],
                    program_id=self.program_id,
                    partner_id=self.partner_ids[number],
                    status="active",
                    code=name.upper(),
                    allow_own_purchases=False,
                    created_at_ms=T0,
                )
            )

    def sale(self, *, livemode=True, status="accepted", due=700, currency="EUR"):
        """Store a decided sale and book its commission; return the conversion's id."""
        conversion_id, decision_id = new_id("cnv", T0), new_id("dec", T0)

        def run(conn):
            self._insert(conn, conversion_id, self._number(conn), livemode=livemode, status=status)
            decision = {"decision_id": decision_id, "conversion_id": conversion_id, "version": 1, "decided_at_ms": T0}
            conn.execute(
                insert(reported.decisions).values(
                    **decision,
                    cause="received",
                    status="attributed",
                    settings_version=1,
                    input_digest=b"0",
                    explanation={"commissionable": True},
                )
            )
            part = {"decision_id": decision_id, "position": 0, "enrollment_id": self.enrollment_id}
            conn.execute(insert(reported.credits).values(**part, weight="1", amount_minor=10_000))

        self.write(run)
        self.book(conversion_id, due, livemode=livemode, currency=currency)
        return conversion_id

    def refund(self, conversion_id, amount, status="accepted"):
        external_id = self.read(
            lambda conn: conn.execute(
                select(reported.conversions.c.external_id).where(reported.conversions.c.conversion_id == conversion_id)
            ).scalar_one()
        )
        self.write(lambda conn: self.add_refund(conn, external_id, amount, status=status))

    def add_refund(self, conn, external_id, amount, *, status="accepted"):
        values = {"kind": "refund", "status": status, "amount_minor": amount, "refund_of": external_id}
        self._insert(conn, new_id("cnv", T0), self._number(conn), **values)

    def _number(self, conn):
        """The next number, also where a world was before in the same database."""
        return (conn.execute(select(func.max(reported.conversions.c.seq))).scalar_one() or 0) + 1

    def _insert(self, conn, conversion_id, number, **changes):
        values = {
            "conversion_id": conversion_id,
            "seq": number,
            "program_id": self.program_id,
            "livemode": True,
            "kind": "sale",
            "external_id": f"A-{number}",
            "trust": "verified",
            "status": "accepted",
            "request_digest": b"0",
            "amount_minor": 10_000,
            "currency": "EUR",
            "occurred_at_ms": T0,
            "received_at_ms": T0,
            "report": {},
        }
        conn.execute(insert(reported.conversions).values(**(values | changes)))

    def book(self, conversion_id, amount, *, livemode=True, currency="EUR"):
        """Bring the conversion's commission to the amount."""

        def run(conn):
            decision_id = conn.execute(
                select(reported.decisions.c.decision_id).where(reported.decisions.c.conversion_id == conversion_id)
            ).scalar_one()
            due = Due(
                enrollment_id=self.enrollment_id,
                reward_id="sale",
                currency=currency,
                amount_minor=amount,
                available_at_ms=T0 + HOLD,
                calculation={},
            )
            subject = BookedSubject(
                livemode=livemode,
                program_id=self.program_id,
                conversion_id=conversion_id,
                decision_id=decision_id,
            )
            occasion = Occasion(
                cause=f"decision:{decision_id}",
                reason_code="earned",
                public_text=PublicText(message="Earned"),
                actor="system:conversions",
                at_ms=T0,
            )
            new = difference(
                ledger.lines_of_conversion(conn, conversion_id),
                [due],
                subject=subject,
                occasion=occasion,
                make_id=lambda: new_id("com", T0),
            )
            ledger.post(conn, new)
            freeze_new_lines(conn, conversion_id, now_ms=T0, actor="system:conversions")

        self.write(run)

    def judge(self, conversion_id, *findings, livemode=True, partner=0, suppressed=(), now_ms=T0):
        """Let the rules' findings about a conversion of the n-th partner (None: of nobody) open what they open."""
        subject = Subject(
            conversion_id=conversion_id,
            kind="sale",
            program_id=self.program_id,
            partner_id=None if partner is None else self.partner_ids[partner],
            at_ms=T0,
            occurred_at_ms=T0,
        )
        return self.write(
            lambda conn: open_cases_for(
                conn,
                subject=subject,
                judgement=make_judgement(*findings, suppressed=suppressed),
                enrollment_id=None if partner is None else self.enrollment_ids[partner],
                livemode=livemode,
                now_ms=now_ms,
                actor="system:conversions",
            )
        )

    def verdict(self, case_id, action="void", **changes):
        """Give a verdict as a reviewer would."""
        verdicts = {"clear": "legitimate", "reject": "policy", "ask": "unsure", "hold": "unsure"}
        values = {
            "case_id": case_id,
            "verdict": verdicts.get(action, "fraud"),
            "action": action,
            "reason_code": "other",
            "public_text": "",
            "note": "",
            "deciding_finding": None,
            "actor": REVIEWER,
            "now_ms": T0 + 5,
        }
        return self.run(review.give_verdict(self.database, **(values | changes)))

    def undo(self, case_id, *, actor=REVIEWER, now_ms=T0 + 6):
        return self.run(undo.undo_verdict(self.database, case_id=case_id, actor=actor, now_ms=now_ms))

    def answer(self, case_id, text="By my newsletter.", *, now_ms=T0 + 10):
        mine = {self.enrollment_id}
        return self.run(
            appeals.answer_question(self.database, case_id=case_id, enrollment_ids=mine, text=text, now_ms=now_ms)
        )

    def appeal(self, case_id, text="They are real people.", *, now_ms=T0 + 10, enrollment_ids=None):
        mine = enrollment_ids or {self.enrollment_id}
        return self.run(
            appeals.file_appeal(self.database, case_id=case_id, enrollment_ids=mine, text=text, now_ms=now_ms)
        )

    def watch(self, now_ms):
        return self.write(lambda conn: ageing.watch(conn, after=None, now_ms=now_ms))

    def case(self, case_id):
        return self.read(lambda conn: store.case_row(conn, case_id))

    def view(self, case_id, *, now_ms=T0):
        return self.read(lambda conn: store.get_case(conn, case_id, now_ms=now_ms))

    def statuses(self, *conversion_ids):
        query = select(reported.conversions.c.conversion_id, reported.conversions.c.status)
        found = self.read(lambda conn: {row[0]: row[1] for row in conn.execute(query)})
        return [found[each] for each in conversion_ids]

    def money(self, *, now_ms=T0, livemode=True):
        found = self.read(lambda conn: ledger.balances(conn, self.enrollment_id, livemode=livemode, now_ms=now_ms))
        return [(each.currency, each.pending_minor, each.payable_minor, each.frozen_minor) for each in found]

    def commissions(self, **chosen):
        wanted = CommissionFilter(livemode=True, **chosen)
        return self.read(lambda conn: ledger.commissions(conn, wanted, now_ms=T0))

    def audit(self, object_id):
        entries = self.read(lambda conn: list_entries(conn, object_id=object_id))
        return entries[::-1]


@pytest.fixture
def world(database, run):
    return World(database, run)


@pytest.fixture
def new_world(sqlite_template, tmp_path, run):
    """Make worlds one after another in one SQLite file, for many examples of one test."""
    path = tmp_path / "many.db"
    shutil.copyfile(sqlite_template, path)
    opened = open_database(f"sqlite:///{path}")
    yield lambda: World(opened, run)
    run(opened.close())
