"""What an examination asks the database: does it open, is it sound, which schema, what time is it there.

Read only, beside a running server. `doctor.py` calls it; the findings of one database come in the order in which things
must work.
"""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import msgspec
from sqlalchemy import Connection, text

from tracker.audit.store import list_entries
from tracker.db.database import DatabaseBusyError, DatabaseUnusableError
from tracker.db.migrating import current_revision, known_revisions, newest_revision
from tracker.db.opening import POSTGRES, SQLITE, open_database
from tracker.fraud.failures import FailingRule, failing_rules
from tracker.instants import DAY_MS
from tracker.operations import copies
from tracker.operations.rule_checks import RECENT_DAYS
from tracker.operations.types import Finding, OperationError
from tracker.settings import Settings, database_url

QUICK_S = 5.0  # a large file is looked at for so long; a backup looks at all of it
STEPS = 100_000  # of SQLite's machine between two looks at the watch
DRIFT_S = 2.0  # between this machine's clock and PostgreSQL's


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What the rest of an examination needs to know; times in Unix ms, None where nothing could be read."""

    is_newest: bool = False
    newest_ms: int | None = None
    failing_rules: tuple[FailingRule, ...] = ()


async def check_database(settings: Settings, data_dir: Path) -> tuple[list[Finding], Facts]:
    """Return the findings of the database and what was learnt."""
    url = database_url(settings, data_dir)
    if url.startswith(POSTGRES):
        return await _check_postgres(url)
    return _check_sqlite_file(Path(url.removeprefix(SQLITE)))


def _check_sqlite_file(path: Path) -> tuple[list[Finding], Facts]:
    if not path.is_file():
        cause = f'There is no database "{path}".'
        remedy = "Name the data folder of an installation, or restore a backup: molva restore FILE."
        return [Finding(check="database", state="failed", cause=cause, remedy=remedy)], Facts()
    try:
        sound = _quick_look(path)
        with copies.beside_server(path) as conn:
            schema, facts = _schema(conn)
    except (sqlite3.Error, OperationError) as error:
        cause = f'The database "{path}" cannot be read ({error}).'
        remedy = "Restore the newest backup into a new folder: molva restore FILE --data-dir NEW."
        return [Finding(check="database", state="failed", cause=cause, remedy=remedy)], Facts()
    return [sound, schema], facts


def _quick_look(path: Path) -> Finding:
    """Let SQLite look for damage, for a few seconds; raises sqlite3.Error when it cannot even look."""
    deadline = time.monotonic() + QUICK_S
    with closing(copies.opened(path, "mode=ro")) as conn:
        conn.set_progress_handler(lambda: time.monotonic() > deadline, STEPS)
        try:
            found = [str(row[0]) for row in conn.execute("PRAGMA quick_check(1)")]
        except sqlite3.OperationalError as error:
            if "interrupted" not in str(error):
                raise
            cause = f"No damage in what could be looked at in {QUICK_S:.0f} s; molva backup looks at all of it."
            return Finding(check="database", state="ok", cause=cause)
    if found != ["ok"]:
        remedy = "Stop the server, keep the file, and restore the newest backup: molva restore FILE --data-dir NEW."
        return Finding(check="database", state="failed", cause=f"The file is damaged: {found[0]}.", remedy=remedy)
    return Finding(check="database", state="ok", cause=f'"{path}" opens and SQLite finds no damage.')


async def _check_postgres(url: str) -> tuple[list[Finding], Facts]:
    database = None
    try:
        database = open_database(url)
        asked_ms = time.time_ns() // 1_000_000
        there_ms = await database.read(_clock)
        schema, facts = await database.read(_schema)
    except (DatabaseBusyError, DatabaseUnusableError) as error:
        remedy = "Check database_url, and that PostgreSQL runs and lets this user in."
        return [Finding(check="database", state="failed", cause=str(error), remedy=remedy)], Facts()
    finally:
        if database is not None:
            await database.close()
    drift_s = abs(there_ms - asked_ms) / 1000
    opened = Finding(check="database", state="ok", cause="PostgreSQL answers.")
    if drift_s > DRIFT_S:
        cause = f"The clocks of this machine and of PostgreSQL are {drift_s:.1f} s apart."
        remedy = "Let both follow a time server: timedatectl set-ntp true."
        opened = Finding(check="database", state="warning", cause=cause, remedy=remedy)
    return [opened, schema], facts


def _schema(conn: Connection) -> tuple[Finding, Facts]:
    revision, newest = current_revision(conn), newest_revision()
    if revision == newest:
        newest_rows = list_entries(conn, limit=1)
        since_ms = time.time_ns() // 1_000_000 - RECENT_DAYS * DAY_MS
        facts = Facts(
            is_newest=True,
            newest_ms=newest_rows[0].at_ms if newest_rows else None,
            failing_rules=tuple(failing_rules(conn, since_ms=since_ms)),
        )
        return Finding(check="schema", state="ok", cause=f"The schema is the newest ({newest})."), facts
    if revision is None or revision in known_revisions():
        cause = f"The schema is {revision or 'empty'}, the newest is {newest}."
        return Finding(check="schema", state="warning", cause=cause, remedy="Bring it up: molva migrate."), Facts()
    cause = f'The schema is "{revision}", which this version does not know: a newer one wrote it.'
    return Finding(check="schema", state="failed", cause=cause, remedy="Install that newer version."), Facts()


def _clock(conn: Connection) -> int:
    """Return PostgreSQL's time in Unix ms."""
    return int(conn.execute(text("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")).scalar_one())
