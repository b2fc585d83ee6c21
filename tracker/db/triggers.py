"""Triggers that make append-only tables refuse UPDATE and DELETE.

Migrations call `guard` for each table they create or rebuild; `guarded_tables` lets a test compare what stands in the
database with what should.
"""

from sqlalchemy import Connection, text

_POSTGRES_FUNCTION = """
CREATE OR REPLACE FUNCTION molva_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'rows of % are never changed or deleted; add a new row', TG_TABLE_NAME;
END $$
"""


def guard(conn: Connection, table: str) -> None:
    """Make the table refuse UPDATE and DELETE."""
    if conn.dialect.name == "sqlite":
        for verb in ("update", "delete"):
            conn.exec_driver_sql(
                f"CREATE TRIGGER {table}_no_{verb} BEFORE {verb.upper()} ON {table} BEGIN "
                f"SELECT RAISE(ABORT, 'rows of {table} are never changed or deleted; add a new row'); END"
            )
        return
    conn.exec_driver_sql(_POSTGRES_FUNCTION)
    conn.exec_driver_sql(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION molva_append_only()"
    )


def guarded_tables(conn: Connection) -> set[str]:
    """Return the names of the tables whose triggers stand."""
    if conn.dialect.name == "sqlite":
        rows = conn.execute(
            text("SELECT tbl_name FROM sqlite_master WHERE type = 'trigger' GROUP BY tbl_name HAVING count(*) = 2")
        )
    else:
        rows = conn.execute(
            text(
                "SELECT c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
                "WHERE t.tgname LIKE '%append_only' AND t.tgenabled = 'O'"
            )
        )
    return set(rows.scalars())
