"""Queries of background work: enqueue, claim by lease, finish, retry."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, func, insert, select, update

from tracker.db.row_statements import insert_records
from tracker.db.rows import as_struct
from tracker.jobs.tables import jobs

LEASE_MS = 60_000  # a claimed job nobody finished is given out again after a minute
RETRY_MS = (1_000, 5_000, 30_000, 300_000, 3_600_000)  # wait after each failure; the last one repeats
ERROR_MAX = 500  # characters of an error kept for the operator


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of claimed work."""

    seq: int
    kind: str
    subject_id: str
    attempts: int


class NewJob(msgspec.Struct, frozen=True, kw_only=True):
    """Work that nobody has claimed yet; the database numbers it."""

    kind: str
    subject_id: str
    run_at_ms: int
    leased_until_ms: int = 0
    attempts: int = 0
    last_error: str = ""


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """Work that is still to be done, and what asked for it."""

    cause: str | None


def enqueue(conn: Connection, *, kind: str, subject_id: str, run_at_ms: int, cause: str | None = None) -> None:
    """Make sure the work will be done; asked for twice it is done once, for the first cause."""
    mine = (jobs.c.kind == kind) & (jobs.c.subject_id == subject_id)
    again = update(jobs).where(mine).values(run_at_ms=run_at_ms, leased_until_ms=0, attempts=0)
    if conn.execute(again).rowcount == 0:
        conn.execute(
            insert(jobs).values(
                kind=kind,
                subject_id=subject_id,
                run_at_ms=run_at_ms,
                leased_until_ms=0,
                attempts=0,
                last_error="",
                cause=cause,
            )
        )


def enqueue_new(conn: Connection, *, kind: str, subject_ids: Sequence[str], run_at_ms: int) -> None:
    """Make sure that work is done for subjects that did not exist before, at least one."""
    insert_records(conn, jobs, [NewJob(kind=kind, subject_id=each, run_at_ms=run_at_ms) for each in subject_ids])


def claim(conn: Connection, *, now_ms: int, limit: int) -> list[Job]:
    """Return due jobs and lease them to the caller."""
    query: Any = (
        select(jobs)
        .where(jobs.c.run_at_ms <= now_ms, jobs.c.leased_until_ms <= now_ms)
        .order_by(jobs.c.run_at_ms, jobs.c.seq)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    claimed = [
        Job(seq=row.seq, kind=row.kind, subject_id=row.subject_id, attempts=row.attempts) for row in conn.execute(query)
    ]
    if claimed:
        leased = update(jobs).where(jobs.c.seq.in_([job.seq for job in claimed]))
        conn.execute(leased.values(leased_until_ms=now_ms + LEASE_MS))
    return claimed


def is_any_due(conn: Connection, *, now_ms: int) -> bool:
    """Tell whether there is something to claim, without taking the writer."""
    due = select(jobs.c.seq).where(jobs.c.run_at_ms <= now_ms, jobs.c.leased_until_ms <= now_ms)
    return conn.execute(due.limit(1)).first() is not None


def waiting(conn: Connection, *, kind: str, subject_id: str) -> Waiting | None:
    """Return the work if it is still to be done."""
    query = select(jobs.c.cause).where(jobs.c.kind == kind, jobs.c.subject_id == subject_id)
    row = conn.execute(query).first()
    return None if row is None else Waiting(cause=row.cause)


def finish(conn: Connection, *, kind: str, subject_id: str) -> None:
    """Strike the work off; call it in the transaction that did it."""
    conn.execute(delete(jobs).where(jobs.c.kind == kind, jobs.c.subject_id == subject_id))


def fail(conn: Connection, job: Job, *, error: str, now_ms: int) -> None:
    """Put the work back for later, with what went wrong."""
    wait = RETRY_MS[min(job.attempts, len(RETRY_MS) - 1)]
    conn.execute(
        update(jobs)
        .where(jobs.c.seq == job.seq)
        .values(run_at_ms=now_ms + wait, leased_until_ms=0, attempts=jobs.c.attempts + 1, last_error=error[:ERROR_MAX])
    )


def count_failing(conn: Connection) -> int:
    """Return how many jobs failed at least once and still wait."""
    return int(conn.execute(select(func.count()).select_from(jobs).where(jobs.c.attempts > 0)).scalar_one())


class FailingJob(msgspec.Struct, frozen=True, kw_only=True):
    """Work that went wrong and will be tried again at `run_at_ms`."""

    kind: str
    subject_id: str
    attempts: int
    run_at_ms: int
    last_error: str


def list_failing(conn: Connection, *, limit: int) -> list[FailingJob]:
    """Return the jobs that failed most often and still wait."""
    query = select(jobs).where(jobs.c.attempts > 0).order_by(jobs.c.attempts.desc(), jobs.c.seq).limit(limit)
    return [as_struct(FailingJob, row) for row in conn.execute(query)]


def release_all(conn: Connection) -> None:
    """Give every claimed job back; only for a process that knows it is alone."""
    conn.execute(update(jobs).where(jobs.c.leased_until_ms > 0).values(leased_until_ms=0))
