"""Random checks: commissions drawn into the queue as cases that hold nothing, and what their verdicts say.

A background task calls `find_checks` and `open_checks`, the pages of rules `tally`. Nothing of a checked conversion
changes until a person gives a verdict.
"""

from collections.abc import Iterable
from typing import Literal

import msgspec
from sqlalchemy import Connection, exists, select

from fraud_rules.statistics import wilson_lower_ppm, wilson_upper_ppm
from fraud_rules.types import PPM
from tracker.audit.store import record
from tracker.cases import store as cases_store
from tracker.cases.tables import case_conversions, cases, verdicts
from tracker.cases.types import CaseRow
from tracker.db.ids import new_id
from tracker.fraud.checks.draw import WEEK_MIN, in_drawing_order, span_of, week_of
from tracker.instants import DAY_MS
from tracker.ledger import store as ledger
from tracker.ledger.tables import entries, transfers
from tracker.ledger.transfers import remaining

ACTOR = "system:fraud"
DUE_MS = 7 * DAY_MS  # nothing waits for it but knowledge
WEEKS_BACK = 1  # the first start must not fill the queue with checks of the past
WEEK_MAX = 50_000  # commissions of one week and program that are drawn from
CONFIRMING = ("fraud", "policy")
LIVE = True  # test commissions pay nobody
RISK: Literal["risk"] = "risk"
AUDIT: Literal["audit"] = "audit"


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """What random checks said: how many were judged, how many were fraud, the share and its bounds in ppm."""

    judged: int
    waiting: int
    fraud: int
    share_ppm: int
    lower_ppm: int
    upper_ppm: int


class Drawn(msgspec.Struct, frozen=True, kw_only=True):
    """A commission that is to be checked."""

    commission_id: str
    conversion_id: str
    enrollment_id: str


def find_checks(conn: Connection, program_id: str, *, key: bytes, now_ms: int) -> list[Drawn]:
    """Return the commissions of a program that are to be checked and are not yet.

    Drawn from are commissions whose hold is over and that no case of the rules covers: one of a hundred, and of a week
    that is over at least two.
    """
    this_week = week_of(now_ms)
    return [
        drawn
        for week in range(this_week - WEEKS_BACK, this_week + 1)
        for drawn in _drawn(conn, program_id, week, key=key, until_ms=now_ms, least=WEEK_MIN if week < this_week else 0)
        if not _is_checked(conn, drawn.conversion_id)
    ]


def open_checks(conn: Connection, program_id: str, drawn: Iterable[Drawn], *, now_ms: int) -> list[str]:
    """Open a case for each commission that has none and return their ids."""
    due = [each for each in drawn if not _is_checked(conn, each.conversion_id)]
    return [_open(conn, program_id, each, now_ms=now_ms) for each in due]


def tally(conn: Connection, program_id: str, *, since_ms: int) -> Tally:
    """Return what the verdicts on random checks opened since an instant said; unsure ones say nothing."""
    checked = (cases.c.program_id == program_id, cases.c.kind == AUDIT, cases.c.opened_at_ms >= since_ms)
    query = (
        select(cases.c.case_id, cases.c.status, verdicts.c.verdict)
        .outerjoin(verdicts, verdicts.c.case_id == cases.c.case_id)
        .where(*checked)
        .order_by(cases.c.case_id, verdicts.c.at_ms, verdicts.c.verdict_id)
    )
    newest = {row.case_id: (row.status, row.verdict) for row in conn.execute(query)}
    judged = [verdict for status, verdict in newest.values() if status == "decided" and verdict not in {None, "unsure"}]
    fraud = sum(verdict in CONFIRMING for verdict in judged)
    trials = len(judged)
    return Tally(
        judged=trials,
        waiting=sum(status != "decided" for status, _ in newest.values()),
        fraud=fraud,
        share_ppm=fraud * PPM // trials if trials else 0,
        lower_ppm=wilson_lower_ppm(hits=fraud, trials=trials),
        upper_ppm=wilson_upper_ppm(hits=fraud, trials=trials),
    )


def _drawn(conn: Connection, program_id: str, week: int, *, key: bytes, until_ms: int, least: int) -> list[Drawn]:
    """Return the commissions of a week that are to be checked."""
    candidates = _candidates(conn, program_id, week, until_ms=until_ms)
    chosen: list[Drawn] = []
    people: set[str] = set()
    for commission_id, is_taken in in_drawing_order(candidates, key):
        if not is_taken and len(chosen) >= least:
            break
        drawn = candidates[commission_id]
        # Several partners may share one conversion: it is looked at once.
        if drawn.conversion_id not in people and _is_owed(conn, drawn):
            people.add(drawn.conversion_id)
            chosen.append(drawn)
    return chosen


def _candidates(conn: Connection, program_id: str, week: int, *, until_ms: int) -> dict[str, Drawn]:
    starts_ms, ends_ms = span_of(week)
    suspected = exists().where(
        case_conversions.c.conversion_id == transfers.c.conversion_id,
        case_conversions.c.case_id == cases.c.case_id,
        cases.c.kind == RISK,
    )
    query = (
        select(transfers.c.transfer_id, transfers.c.conversion_id, transfers.c.enrollment_id)
        .join(entries, entries.c.transfer_id == transfers.c.transfer_id)
        .where(
            entries.c.account == "partner_payable",
            entries.c.available_at_ms >= starts_ms,
            entries.c.available_at_ms < min(ends_ms, until_ms + 1),
            transfers.c.kind == "accrual",
            transfers.c.program_id == program_id,
            transfers.c.livemode == LIVE,
            ~suspected,
        )
        .order_by(transfers.c.transfer_id)
        .limit(WEEK_MAX)
    )
    return {
        row.transfer_id: Drawn(
            commission_id=row.transfer_id, conversion_id=row.conversion_id, enrollment_id=row.enrollment_id
        )
        for row in conn.execute(query)
    }


def _is_owed(conn: Connection, drawn: Drawn) -> bool:
    """Tell whether anything is left of a commission: what was refunded pays nobody."""
    lines = ledger.lines_of_conversion(conn, drawn.conversion_id)
    return remaining(lines).get(drawn.commission_id, 0) > 0


def _is_checked(conn: Connection, conversion_id: str) -> bool:
    return any(case.kind == AUDIT for case in cases_store.cases_of_conversion(conn, conversion_id))


def _open(conn: Connection, program_id: str, drawn: Drawn, *, now_ms: int) -> str:
    case = CaseRow(
        case_id=new_id("cas", now_ms),
        program_id=program_id,
        enrollment_id=drawn.enrollment_id,
        livemode=LIVE,
        kind=AUDIT,
        status="open",
        cluster_key=f"audit:{drawn.conversion_id}",
        score=0,
        claimed_by=None,
        opened_at_ms=now_ms,
        due_at_ms=now_ms + DUE_MS,
        decided_at_ms=None,
    )
    cases_store.insert_case(conn, case)
    cases_store.cover(conn, case.case_id, [drawn.conversion_id], at_ms=now_ms)
    record(
        conn,
        at_ms=now_ms,
        actor=ACTOR,
        action="case.drawn",
        object_id=case.case_id,
        reason=drawn.commission_id,
        after={"covered": [drawn.conversion_id]},
    )
    return case.case_id
