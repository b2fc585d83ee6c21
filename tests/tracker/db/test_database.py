"""The laws of a transaction, on both databases."""

import asyncio

import pytest
from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import DBAPIError

from tracker.audit import store as audit
from tracker.audit.chain import first_broken
from tracker.audit.tables import audit_entries
from tracker.db.database import DatabaseBusyError, DatabaseUnusableError
from tracker.db.migrating import newest_revision, upgrade
from tracker.db.opening import open_database
from tracker.db.schema import APPEND_ONLY
from tracker.db.sequences import next_seq
from tracker.db.tables import sequences
from tracker.db.triggers import guarded_tables
from tracker.programs.tables import programs


def count_sequences(conn):
    return conn.execute(select(func.count()).select_from(sequences)).scalar_one()


def test_a_write_is_seen_by_the_next_read(database, run):
    run(database.write(lambda conn: next_seq(conn, "audit")))

    assert run(database.read(count_sequences)) == 1


def test_an_exception_rolls_the_whole_transaction_back(database, run):
    def half(conn):
        next_seq(conn, "audit")
        raise LookupError

    with pytest.raises(LookupError):
        run(database.write(half))

    assert run(database.read(count_sequences)) == 0


def test_sequence_numbers_have_no_gaps_after_a_rollback(database, run):
    def fail(conn):
        next_seq(conn, "audit")
        raise LookupError

    run(database.write(lambda conn: next_seq(conn, "audit")))
    with pytest.raises(LookupError):
        run(database.write(fail))

    assert run(database.write(lambda conn: next_seq(conn, "audit"))) == 2


def test_a_reader_cannot_write(database, run):
    with pytest.raises(DBAPIError):
        run(database.read(lambda conn: next_seq(conn, "audit")))


def test_every_append_only_table_is_guarded_and_no_other(database, run):
    assert run(database.read(guarded_tables)) == set(APPEND_ONLY)


@pytest.mark.parametrize("verb", ["UPDATE audit_entries SET reason = 'x'", "DELETE FROM audit_entries"])
def test_append_only_rows_cannot_be_changed(database, run, verb):
    run(database.write(lambda conn: audit.record(conn, at_ms=1, actor="cli", action="a.b", object_id="x")))

    with pytest.raises(DBAPIError, match="never changed or deleted"):
        run(database.write(lambda conn: conn.execute(text(verb))))


def test_migrating_twice_changes_nothing(database, run):
    assert run(database.write(upgrade)) == newest_revision()


def test_a_newer_schema_is_refused(database, run):
    run(database.write(lambda conn: conn.execute(text("UPDATE alembic_version SET version_num = '9999'"))))

    with pytest.raises(DatabaseUnusableError, match="newer version"):
        run(database.write(upgrade))


def test_an_unknown_scheme_names_the_remedy():
    with pytest.raises(DatabaseUnusableError, match="use sqlite:///path"):
        open_database("mysql://x")


def test_a_second_process_on_one_file_is_refused(tmp_path, run):
    async def twice():
        first = open_database(f"sqlite:///{tmp_path}/molva.db")
        try:
            with pytest.raises(DatabaseUnusableError, match="Another process is writing"):
                open_database(f"sqlite:///{tmp_path}/molva.db")
        finally:
            await first.close()

    run(twice())


def test_audit_entries_chain_and_a_changed_one_shows(database, run):
    for number in range(3):
        run(
            database.write(
                lambda conn, n=number: audit.record(
                    conn, at_ms=n, actor="cli", action="a.b", object_id=f"o{n}", after={"n": n}
                )
            )
        )
    entries = run(database.read(lambda conn: audit.entries_after(conn, 0)))

    assert first_broken(entries) is None
    forged = [entries[0], type(entries[1])(**{**_fields(entries[1]), "reason": "forged"}), entries[2]]
    assert first_broken(forged) == 2
    assert first_broken(entries[1:]) == 2
    assert run(database.read(lambda conn: audit.list_entries(conn, object_id="o1")))[0].after == {"n": 1}


def _fields(entry):
    return {name: getattr(entry, name) for name in entry.__struct_fields__}


def test_audit_columns_are_all_covered_by_the_digest():
    covered = {"seq", "at_ms", "actor", "action", "object_id", "reason", "before", "after"}
    assert {column.name for column in audit_entries.columns} == covered | {"previous_digest", "digest"}


def test_ids_of_another_kind_are_refused_when_bound(database, run):
    with pytest.raises(Exception, match="prg_"):
        run(
            database.write(
                lambda conn: conn.execute(
                    insert(programs).values(
                        program_id="prt_00", name="x", currency="EUR", time_zone="UTC", created_at_ms=0
                    )
                )
            )
        )


def test_a_postgres_server_that_is_not_there_is_busy_not_broken(run, tmp_path):
    async def ask():
        database = open_database(f"postgresql://nobody@/none?host={tmp_path}")
        for attempt in (
            database.read(count_sequences),
            database.write(count_sequences),
            database.inbox.append([(1, "a")]),
        ):
            with pytest.raises(DatabaseBusyError, match="try again"):
                await attempt
        await database.close()

    run(ask())


def test_a_file_that_is_no_database_is_refused_and_nobody_waits(tmp_path, run):
    """The writer thread cannot open it; what asks it must hear why, not hang."""
    path = tmp_path / "molva.db"
    path.write_bytes(b"This is a letter, not a database. " * 100)

    async def ask():
        db = open_database(f"sqlite:///{path}")
        async with asyncio.timeout(10):
            with pytest.raises(DatabaseUnusableError, match=r"molva\.db.* cannot be opened"):
                await db.write(count_sequences)
            await db.close()

    run(ask())
