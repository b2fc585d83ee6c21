"""Queries of installation checks; bounded in number and age."""

import msgspec
from sqlalchemy import Connection, delete, insert, select, update

from ingest.install_check import Sighting
from tracker.db.rows import fields_of
from tracker.installation.tables import install_checks
from tracker.installation.types import InstallCheck, SiteReading
from tracker.instants import DAY_MS

OPEN_MS = 15 * 60_000  # clicks of a check are noted this long; a person opens the page within a minute or two
KEPT_MS = DAY_MS
CHECKS_MAX = 200  # rows kept; only people who may edit programs start checks


def start_check(conn: Connection, check: InstallCheck) -> None:
    """Store a new check and delete those that are over or too many."""
    conn.execute(delete(install_checks).where(install_checks.c.started_at_ms < check.started_at_ms - KEPT_MS))
    newest = (
        select(install_checks.c.check_id)
        .order_by(install_checks.c.started_at_ms.desc(), install_checks.c.check_id.desc())
        .limit(CHECKS_MAX - 1)
    )
    conn.execute(delete(install_checks).where(install_checks.c.check_id.not_in(newest)))
    values = fields_of(check) | {"reading": msgspec.to_builtins(check.reading)}
    conn.execute(insert(install_checks).values(values))


def get_check(conn: Connection, check_id: str) -> InstallCheck | None:
    """Return one check."""
    row = conn.execute(select(install_checks).where(install_checks.c.check_id == check_id)).first()
    if row is None:
        return None
    fields = {name: getattr(row, name) for name in InstallCheck.__struct_fields__}
    fields["reading"] = msgspec.convert(row.reading, SiteReading)
    fields["sighting"] = None if row.sighting is None else msgspec.convert(row.sighting, Sighting)
    return InstallCheck(**fields)


def open_check(conn: Connection, code: str, *, now_ms: int) -> str | None:
    """Return the id of the check that still waits for clicks with this code."""
    query = select(install_checks.c.check_id).where(
        install_checks.c.code == code, install_checks.c.started_at_ms > now_ms - OPEN_MS
    )
    return conn.execute(query).scalar_one_or_none()


def note_sighting(conn: Connection, check_id: str, sighting: Sighting, *, now_ms: int) -> None:
    """Note the click of a check; a later one takes the place of an earlier one."""
    values = {"sighting": msgspec.to_builtins(sighting), "seen_at_ms": now_ms}
    conn.execute(update(install_checks).where(install_checks.c.check_id == check_id).values(values))
