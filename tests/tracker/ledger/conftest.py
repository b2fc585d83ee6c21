"""Factories of the ledger's tests: pure records, and a seeded world in a real database."""

import itertools

import pytest
from sqlalchemy import insert

from tracker.cases.tables import cases
from tracker.conversions import tables as reported
from tracker.db.ids import new_id
from tracker.ledger.types import Occasion, PostedLine, PublicText, Subject
from tracker.partners.tables import enrollments, partners
from tracker.programs.tables import programs
from tracker.rewards.types import Due

T0 = 1_760_000_000_000
HOLD = 30 * 86_400_000


class Factories:
    """Makes records with unlike defaults changed by keyword."""

    T0 = T0
    HOLD = HOLD

    def __init__(self):
        self._numbers = itertools.count(1)

    def ids(self, prefix="com"):
        return lambda: f"{prefix}_{next(self._numbers):032x}"

    def due(self, amount_minor=1000, **changes):
        values = {
            "enrollment_id": "enr_a",
            "reward_id": "sale",
            "currency": "EUR",
            "amount_minor": amount_minor,
            "available_at_ms": T0 + HOLD,
            "calculation": {"base_minor": amount_minor * 5},
        }
        return Due(**(values | changes))

    def subject(self, **changes):
        values = {"livemode": True, "program_id": "prg_1", "conversion_id": "cnv_1", "decision_id": "dec_1"}
        return Subject(**(values | changes))

    def occasion(self, **changes):
        values = {
            "cause": "decision:dec_1",
            "reason_code": "earned",
            "public_text": PublicText(message="Commission for sale %(number)s", params={"number": "A-1"}),
            "actor": "system:conversions",
            "at_ms": T0,
        }
        return Occasion(**(values | changes))

    def posted(self, new, after=()):
        """Return the transfers as the lines the store would give back, numbered after the given ones."""
        start = max((line.seq for line in after), default=0)
        return [as_line(transfer, start + index) for index, transfer in enumerate(new, start=1)]


def as_line(transfer, seq):
    shared = set(PostedLine.__struct_fields__) & set(type(transfer).__struct_fields__)
    return PostedLine(
        **{name: getattr(transfer, name) for name in shared},
        seq=seq,
        currency=transfer.currency,
        amount_minor=transfer.amount_minor,
        available_at_ms=transfer.legs[0].available_at_ms,
    )


@pytest.fixture
def make():
    return Factories()


class World:
    """A program with two partners and a decided conversion, in the database at hand."""

    def __init__(self, database, run):
        self.database = database
        self.run = run
        self.program_id = new_id("prg", T0)
        self.other_program_id = new_id("prg", T0)
        self.partner_ids = [new_id("prt", T0), new_id("prt", T0)]
        self.enrollment_ids = sorted([new_id("enr", T0), new_id("enr", T0)])
        self._seq = itertools.count(1)
        self.write(self._seed)

    def write(self, fn):
        return self.run(self.database.write(fn))

    def read(self, fn):
        return self.run(self.database.read(fn))

    def _seed(self, conn):
        for program_id, zone in ((self.program_id, "Europe/Berlin"), (self.other_program_id, "UTC")):
            values = {"program_id": program_id, "name": "Shop", "currency": "EUR", "time_zone": zone}
            conn.execute(insert(programs).values(**values, created_at_ms=T0))
        for number, (partner_id, enrollment_id) in enumerate(zip(self.partner_ids, self.enrollment_ids, strict=True)):
            conn.execute(
                insert(partners).values(
                    partner_id=partner_id, name=f"Partner {number}", email=f"p{number}@example.com", created_at_ms=T0
                )
            )
            conn.execute(
                insert(enrollments).values(
                    enrollment_id=enrollment_id,
                    program_id=self.program_id,
                    partner_id=partner_id,
                    status="active",
                    code=f"CODE{number}",
                    allow_own_purchases=False,
                    created_at_ms=T0,
                )
            )

    def conversion(self, *, livemode=True, kind="sale", program_id=None):
        """Store a decided conversion credited to both partners; return its Subject."""
        subject = Subject(
            livemode=livemode,
            program_id=program_id or self.program_id,
            conversion_id=new_id("cnv", T0),
            decision_id=new_id("dec", T0),
        )
        self.write(lambda conn: self._store(conn, subject, kind))
        return subject

    def _store(self, conn, subject, kind):
        number = next(self._seq)
        conn.execute(
            insert(reported.conversions).values(
                conversion_id=subject.conversion_id,
                seq=number,
                program_id=subject.program_id,
                livemode=subject.livemode,
                kind=kind,
                external_id=f"A-{number}",
                trust="verified",
                status="accepted",
                request_digest=b"0",
                amount_minor=10_000,
                currency="EUR",
                occurred_at_ms=T0,
                received_at_ms=T0,
                report={},
            )
        )
        conn.execute(
            insert(reported.decisions).values(
                decision_id=subject.decision_id,
                conversion_id=subject.conversion_id,
                version=1,
                decided_at_ms=T0,
                cause="received",
                status="attributed",
                via="visitor",
                settings_version=1,
                input_digest=b"0",
                explanation={},
            )
        )
        for position, enrollment_id in enumerate(self.enrollment_ids):
            conn.execute(
                insert(reported.credits).values(
                    decision_id=subject.decision_id,
                    position=position,
                    enrollment_id=enrollment_id,
                    weight="1/2",
                    amount_minor=5_000,
                )
            )

    def case(self, status="open"):
        """Store a case of the first enrollment; return its id."""
        case_id = new_id("cas", T0)
        values = {
            "case_id": case_id,
            "program_id": self.program_id,
            "enrollment_id": self.enrollment_ids[0],
            "livemode": True,
            "kind": "risk",
            "status": status,
            "cluster_key": f"host:{case_id}",
            "score": 60,
            "opened_at_ms": T0,
            "due_at_ms": T0,
        }
        self.write(lambda conn: conn.execute(insert(cases).values(**values)))
        return case_id


@pytest.fixture
def world(database, run):
    return World(database, run)
