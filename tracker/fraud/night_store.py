"""Queries of nightly judging: how far a program's night came, and whose findings speak of conversions."""

import msgspec
from sqlalchemy import Connection, select

from tracker.cases.tables import findings, findings_compared
from tracker.clicks.store import upsert
from tracker.db.rows import as_struct, fields_of
from tracker.fraud.tables import fraud_nights

NIGHTS_MAX = 400  # programs and modes of one installation


class NightRow(msgspec.Struct, frozen=True, kw_only=True):
    """The newest night of a program in one mode; times in Unix ms, `day` as days since 1970 in its time zone.

    `position` is the last enrollment judged; `took_ms` counts the time of work alone, also before a restart.
    """

    program_id: str
    livemode: bool
    day: int
    started_at_ms: int
    position: str | None = None
    partners: int = 0
    findings: int = 0
    failures: int = 0
    took_ms: int = 0
    finished_at_ms: int | None = None


def night_of(conn: Connection, program_id: str, *, livemode: bool) -> NightRow | None:
    """Return the newest night of a program, None before the first."""
    query = select(fraud_nights).where(fraud_nights.c.program_id == program_id, fraud_nights.c.livemode == livemode)
    row = conn.execute(query).first()
    return None if row is None else as_struct(NightRow, row)


def save_night(conn: Connection, night: NightRow) -> None:
    """Note how far a night came; the one before it is forgotten."""
    values = fields_of(night)
    statement = upsert(conn, fraud_nights).values(**values)
    keys = ("program_id", "livemode")
    changed = {name: value for name, value in values.items() if name not in keys}
    conn.execute(statement.on_conflict_do_update(index_elements=list(keys), set_=changed))


def newest_nights(conn: Connection) -> list[NightRow]:
    """Return the newest night of every program and mode."""
    query = select(fraud_nights).order_by(fraud_nights.c.program_id, fraud_nights.c.livemode).limit(NIGHTS_MAX)
    return [as_struct(NightRow, row) for row in conn.execute(query)]


def partners_spoken_of(conn: Connection, *, livemode: bool) -> set[str]:
    """Return the enrollments about which findings still count into scores: they are judged even when all is quiet."""
    query = (
        select(findings.c.enrollment_id)
        .distinct()
        .join(findings_compared, findings_compared.c.finding_id == findings.c.finding_id)
        .where(findings.c.enrollment_id.is_not(None), findings.c.livemode == livemode)
    )
    return set(conn.execute(query).scalars())
