"""The inbox in a file of its own (SQLite).

Revision: 0008, after: 0007
"""

import sqlite3
from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

FILE = "inbox.db"
ROWS_AT_ONCE = 1000


def upgrade() -> None:
    """Carry the rows over, then drop the table; killed in between, it carries them over again and changes nothing."""
    conn = op.get_bind()
    if conn.dialect.name != "sqlite":
        return
    path = conn.exec_driver_sql("SELECT file FROM pragma_database_list WHERE name = 'main'").scalar_one()
    # A database in memory (the tests of the schema) has no file and never had a row.
    if path:
        _carry_over(conn, Path(path).parent / FILE)
    op.drop_table("inbox")


def _carry_over(conn: sa.Connection, target: Path) -> None:
    last = conn.exec_driver_sql("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'inbox'").scalar_one()
    if not last:
        return
    inbox = sqlite3.connect(target)
    try:
        inbox.execute("PRAGMA journal_mode=WAL")
        inbox.execute("PRAGMA synchronous=FULL")
        inbox.execute(
            "CREATE TABLE IF NOT EXISTS inbox (seq INTEGER PRIMARY KEY AUTOINCREMENT, "
            "received_at_ms INTEGER NOT NULL, body TEXT NOT NULL) STRICT"
        )
        rows = conn.exec_driver_sql("SELECT seq, received_at_ms, body FROM inbox ORDER BY seq")
        while chunk := rows.fetchmany(ROWS_AT_ONCE):
            inbox.executemany("INSERT OR IGNORE INTO inbox VALUES (?, ?, ?)", [tuple(row) for row in chunk])
        known = inbox.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'inbox'").fetchone()[0]
        inbox.execute("DELETE FROM sqlite_sequence WHERE name = 'inbox'")
        inbox.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('inbox', ?)", (max(known, last),))
        inbox.commit()
    finally:
        inbox.close()
