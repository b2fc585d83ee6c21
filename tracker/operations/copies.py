"""Copies of SQLite files: taken in one step beside a running server, and examined without changing them.

`backup.py` and `restore.py` call it; nothing here opens a database for writing but the new copy.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import StaticPool

from tracker.audit.verify import verify_chain
from tracker.db.migrating import current_revision
from tracker.ledger.verify import verify
from tracker.operations.types import LedgerState, OperationError

PROBLEMS_TOLD = 10  # broken pages named; one is enough to throw a copy away
LOCK_S = 30.0  # seconds to wait for a writer that recovers the file


def copy_database(source: Path, target: Path) -> None:
    """Copy a database as it stands now, in one step.

    In steps, the copying starts again with every commit of the server and never ends under load; in one step it sees
    one snapshot, and the server goes on committing.
    """
    try:
        with closing(opened(source, "mode=ro")) as reading, closing(sqlite3.connect(target)) as writing:
            # Nobody relies on the copy before it is whole; it is synced then, once.
            writing.execute("PRAGMA synchronous=OFF")
            reading.backup(writing, pages=-1)
    except sqlite3.Error as error:
        raise OperationError(f'"{source}" cannot be copied ({error}); see: molva doctor.') from error


def damages(path: Path) -> list[str]:
    """Return what SQLite's own check finds wrong in a file nobody else has open; empty when it is sound."""
    try:
        with closing(opened(path, "immutable=1")) as conn:
            found = [str(row[0]) for row in conn.execute(f"PRAGMA integrity_check({PROBLEMS_TOLD})")]
    except sqlite3.DatabaseError as error:
        return [str(error)]
    return [] if found == ["ok"] else found


def settle(path: Path) -> None:
    """Bring what stands in the write-ahead log of a file nobody else has open into the file itself."""
    with closing(sqlite3.connect(path, isolation_level=None)) as conn:
        conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def examined(path: Path) -> AbstractContextManager[Connection]:
    """Give a connection to a file nobody else has open; it cannot write."""
    return _connected(path, "immutable=1")


def beside_server(path: Path) -> AbstractContextManager[Connection]:
    """Give a connection to a file that others may be writing; it cannot write itself."""
    return _connected(path, "mode=ro")


@contextmanager
def _connected(path: Path, how: str) -> Iterator[Connection]:
    engine = create_engine("sqlite://", creator=lambda: opened(path, how), poolclass=StaticPool)
    try:
        with engine.connect() as conn:
            yield conn
    finally:
        engine.dispose()


def revision_of(path: Path) -> str:
    """Return the schema revision of a file; one without raises OperationError."""
    with examined(path) as conn:
        revision = current_revision(conn)
    if revision is None:
        raise OperationError(f'"{path}" has no schema of Molva; name the data folder of an installation.')
    return revision


def ledger_state(conn: Connection) -> LedgerState:
    """Hold ledger and audit chain against every law; the schema must be the newest."""
    report = verify(conn)
    broken = tuple(f"{problem.law}: {problem.row}: {problem.detail}" for problem in report.problems)
    return LedgerState(
        transactions=report.transactions, entries=report.entries, problems=(*broken, *verify_chain(conn))
    )


def opened(path: Path, how: str) -> sqlite3.Connection:
    """Return a connection; how: a parameter of SQLite's file addresses, `mode=ro` or `immutable=1`."""
    address = f"file:{quote(str(path.resolve()))}?{how}"
    return sqlite3.connect(address, uri=True, timeout=LOCK_S, check_same_thread=False)
