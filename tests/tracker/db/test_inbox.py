"""The laws of the inbox, on both databases, and of its file on SQLite."""

import asyncio
import shutil
import sqlite3
from pathlib import Path

import pytest
from alembic import command

from tracker.clicks import store as clicks
from tracker.db import migrating
from tracker.db.database import DatabaseUnusableError, InboxRow
from tracker.db.opening import open_database
from tracker.db.sqlite import _writer_engine

EVERYTHING = {"after": 0, "up_to": 10**9, "limit": 1000}


def bodies(run, database, **asked):
    return [row.body for row in run(database.inbox.rows(**{**EVERYTHING, **asked}))]


def test_rows_keep_their_order_and_number(database, run):
    run(database.inbox.append([(1, "a"), (2, "b")]))
    run(database.inbox.append([(3, "c")]))

    assert run(database.inbox.rows(**EVERYTHING)) == [InboxRow(1, 1, "a"), InboxRow(2, 2, "b"), InboxRow(3, 3, "c")]
    assert run(database.inbox.end()) == 3


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        pytest.param({"after": 1}, ["b", "c"], id="behind a number"),
        pytest.param({"up_to": 2}, ["a", "b"], id="up to a number"),
        pytest.param({"limit": 1}, ["a"], id="so many"),
        pytest.param({"after": 3}, [], id="nothing left"),
    ],
)
def test_rows_are_read_by_number(database, run, asked, found):
    run(database.inbox.append([(1, "a"), (2, "b"), (3, "c")]))

    assert bodies(run, database, **asked) == found


def test_a_failed_batch_leaves_nothing_and_the_next_works(database, run):
    with pytest.raises(Exception, match=r"(?i)null|invalid|type|str"):
        run(database.inbox.append([(1, "a"), (2, None)]))

    run(database.inbox.append([(3, "c")]))
    assert bodies(run, database) == ["c"]


def test_an_empty_inbox_ends_at_zero(database, run):
    assert run(database.inbox.end()) == 0


def test_purging_spares_young_and_unprojected_rows(database, run):
    run(database.inbox.append([(10, "old"), (10, "old too"), (20, "young"), (10, "unprojected")]))

    assert run(database.inbox.purge(up_to=3, before_ms=20, limit=1)) == 1
    assert run(database.inbox.purge(up_to=3, before_ms=20, limit=100)) == 1
    assert bodies(run, database) == ["young", "unprojected"]


def test_a_number_never_comes_back(database, run):
    run(database.inbox.append([(1, "a"), (1, "b")]))
    run(database.inbox.purge(up_to=2, before_ms=5, limit=100))
    assert run(database.inbox.end()) == 2

    run(database.inbox.append([(1, "c")]))
    assert run(database.inbox.rows(**EVERYTHING)) == [InboxRow(3, 1, "c")]


def test_rewritten_rows_have_new_bodies_and_their_old_numbers(database, run):
    run(database.inbox.append([(1, "a"), (2, "personal"), (3, "c")]))

    run(database.inbox.rewrite([(2, "forgotten")]))
    assert bodies(run, database) == ["a", "forgotten", "c"]


def test_an_inbox_file_made_anew_starts_behind_the_cursor(tmp_path: Path, run, sqlite_template):
    """Without it, clicks of the new file would have numbers the projection has passed, and never be seen."""
    shutil.copyfile(sqlite_template, tmp_path / "molva.db")

    async def lose_the_file() -> InboxRow:
        database = open_database(f"sqlite:///{tmp_path}/molva.db")
        await database.inbox.append([(1, "a"), (1, "b")])
        await database.write(lambda conn: clicks.move_cursor(conn, 2))
        await database.close()
        (tmp_path / "inbox.db").unlink()
        database = open_database(f"sqlite:///{tmp_path}/molva.db")
        await migrating.migrate(database)
        await database.inbox.append([(9, "new")])
        row = (await database.inbox.rows(**EVERYTHING))[0]
        await database.close()
        return row

    assert run(lose_the_file()) == InboxRow(3, 9, "new")


def test_a_broken_inbox_file_is_refused_and_nobody_waits(tmp_path: Path, run):
    (tmp_path / "inbox.db").write_bytes(b"This is a letter, not a database. " * 100)

    async def ask() -> None:
        database = open_database(f"sqlite:///{tmp_path}/molva.db")
        async with asyncio.timeout(10):
            with pytest.raises(DatabaseUnusableError, match=r"inbox\.db.* cannot be opened"):
                await database.inbox.append([(1, "a")])
            await database.close()

    run(ask())


def test_the_inbox_syncs_every_commit(tmp_path: Path, run):
    """With NORMAL acknowledged rows were lost at power cuts."""

    async def ask() -> list[int]:
        database = open_database(f"sqlite:///{tmp_path}/molva.db")
        found: list[int] = await database.inbox._writer.submit(
            lambda conn: [conn.execute(f"PRAGMA {name}").fetchone()[0] for name in ("synchronous", "secure_delete")]
        )
        await database.close()
        return found

    assert run(ask()) == [2, 1]


def test_rows_of_the_older_schema_are_carried_into_the_file(tmp_path: Path):
    """Twice: killed between the file's commit and the database's, the migration runs again."""
    path = tmp_path / "molva.db"
    engine = _writer_engine(path)
    config = migrating._config()
    with engine.begin() as conn:
        config.attributes["connection"] = conn
        command.upgrade(config, "0007")
        for number in range(5):
            conn.exec_driver_sql("INSERT INTO inbox (received_at_ms, body) VALUES (?, ?)", (number, f"body {number}"))
        conn.exec_driver_sql("DELETE FROM inbox WHERE seq = 5")
    for is_killed in (True, False):
        with engine.connect() as conn:
            transaction = conn.begin()
            config.attributes["connection"] = conn
            command.upgrade(config, "0008")
            transaction.rollback() if is_killed else transaction.commit()
    engine.dispose()

    with sqlite3.connect(tmp_path / "inbox.db") as inbox:
        rows = inbox.execute("SELECT seq, received_at_ms, body FROM inbox ORDER BY seq").fetchall()
        last = inbox.execute("SELECT seq FROM sqlite_sequence").fetchone()[0]
    inbox.close()
    assert rows == [(number + 1, number, f"body {number}") for number in range(4)]
    assert last == 5


def test_a_new_inbox_is_opened_by_both_its_threads_every_time(tmp_path: Path, run):
    """Both once made the file a WAL file at the same time, and one was told "database is locked"."""

    async def law() -> None:
        for number in range(40):
            folder = tmp_path / str(number)
            folder.mkdir()
            database = open_database(f"sqlite:///{folder}/molva.db")
            assert await database.inbox.end() == 0
            await database.inbox.append([(1, "a")])
            assert len(await database.inbox.rows(**EVERYTHING)) == 1
            await database.close()

    run(law())
