"""The migrated schema is the schema the code works with."""

import re

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text

from tracker.db.migrating import upgrade
from tracker.db.schema import METADATA

CONSTRAINT = re.compile(
    r"CONSTRAINT \w+ (?:CHECK \((?:[^()]|\([^()]*\))*\)|PRIMARY KEY \([^)]*\)|UNIQUE \([^)]*\)"
    r"|FOREIGN KEY\([^)]*\) REFERENCES \w+ \([^)]*\))"
)


def schema_of(conn):
    """Return what stands in the database: per object its constraints, and whether it is strict."""
    rows = conn.execute(
        text("SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' AND name NOT LIKE 'alembic%'")
    )
    return {
        (row.type, row.name): (set(CONSTRAINT.findall(" ".join(row.sql.split()))), row.sql.rstrip().endswith("STRICT"))
        for row in rows
        if row.type != "trigger"
    }


def test_migrations_make_every_table_column_index_and_constraint():
    migrated, declared = create_engine("sqlite://"), create_engine("sqlite://")
    with migrated.begin() as conn:
        upgrade(conn)
        found = schema_of(conn)
        differences = compare_metadata(MigrationContext.configure(conn), METADATA)
    METADATA.create_all(declared)
    with declared.connect() as conn:
        wanted = schema_of(conn)

    assert found == wanted
    assert [each for each in differences if "alembic_version" not in repr(each)] == []


def test_all_tables_are_strict():
    engine = create_engine("sqlite://")
    with engine.begin() as conn:
        upgrade(conn)
        loose = [name for (kind, name), (_, strict) in schema_of(conn).items() if kind == "table" and not strict]

    assert loose == []
