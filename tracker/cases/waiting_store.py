"""Queries of cases that wait: the next one to judge, those to remind of, the one that keeps another from opening."""

from sqlalchemy import Connection, or_, select

from tracker.cases.tables import cases
from tracker.cases.types import CaseRow
from tracker.db.rows import as_struct


def next_case(
    conn: Connection,
    *,
    livemode: bool,
    actor: str,
    now_ms: int,
    without: str | None = None,
) -> CaseRow | None:
    """Return the case to judge next, None for none: the highest score nobody else holds and nothing postpones.

    A case that waits for the partner or for a second person is left out; `without` is the one just judged.
    """
    is_free = or_(cases.c.claimed_by.is_(None), cases.c.claimed_by == actor, cases.c.claim_ends_at_ms <= now_ms)
    query = (
        select(cases)
        .where(
            cases.c.livemode == livemode,
            cases.c.status.in_(["open", "claimed", "appealed"]),
            cases.c.proposal_id.is_(None),
            or_(cases.c.postponed_until_ms.is_(None), cases.c.postponed_until_ms <= now_ms),
            is_free,
        )
        .order_by(cases.c.score.desc(), cases.c.case_id.desc())
        .limit(1)
    )
    if without is not None:
        query = query.where(cases.c.case_id != without)
    row = conn.execute(query).first()
    return None if row is None else as_struct(CaseRow, row)


def other_open_case(conn: Connection, case: CaseRow) -> str | None:
    """Return another undecided case over the same fact, None where there is none; appealed ones stand beside."""
    query = select(cases.c.case_id).where(
        cases.c.enrollment_id == case.enrollment_id,
        cases.c.livemode == case.livemode,
        cases.c.cluster_key == case.cluster_key,
        cases.c.status != "decided",
        cases.c.appealed_at_ms.is_(None),
        cases.c.case_id != case.case_id,
    )
    return conn.execute(query.limit(1)).scalar_one_or_none()


def cases_to_watch(conn: Connection, *, after: str | None, limit: int) -> list[CaseRow]:
    """Return undecided cases in the order of their ids, for reminders and claims that are over."""
    query = select(cases).where(cases.c.status != "decided").order_by(cases.c.case_id).limit(limit)
    if after is not None:
        query = query.where(cases.c.case_id > after)
    return [as_struct(CaseRow, row) for row in conn.execute(query)]
