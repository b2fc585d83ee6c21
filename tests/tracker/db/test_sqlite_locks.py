"""Two processes on one SQLite file: a server and its background take turns, a third is refused."""

import asyncio
import shutil
import sqlite3
import time
from pathlib import Path

import pytest
from sqlalchemy import text

from tracker.db import sqlite_locks
from tracker.db.database import DatabaseBusyError, DatabaseUnusableError
from tracker.db.opening import open_database
from tracker.db.sqlite_locks import BACKGROUND, FileLock, Turn, lock_beside, lock_out_others


@pytest.fixture
def folder(tmp_path: Path, sqlite_template: Path) -> Path:
    shutil.copyfile(sqlite_template, tmp_path / "molva.db")
    return tmp_path


def test_a_second_server_is_refused_with_the_reason(tmp_path: Path) -> None:
    first = lock_out_others(tmp_path)
    with pytest.raises(DatabaseUnusableError, match="For several processes use PostgreSQL"):
        lock_out_others(tmp_path)
    first.close()
    lock_out_others(tmp_path).close()


def test_what_a_dead_server_left_behind_is_waited_for_and_then_refused(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(sqlite_locks, "GIVEN_UP_S", 0.05)
    left = lock_beside(tmp_path)
    with pytest.raises(DatabaseUnusableError, match="background process of a server that ended"):
        lock_out_others(tmp_path)
    with pytest.raises(DatabaseUnusableError, match="Another background process"):
        lock_beside(tmp_path)
    left.close()
    lock_out_others(tmp_path).close()


def test_a_lock_given_back_can_be_taken_by_the_other(tmp_path: Path) -> None:
    one, other = FileLock(tmp_path / BACKGROUND), FileLock(tmp_path / BACKGROUND)
    assert one.take()
    assert not other.take()
    one.give_back()
    assert other.take()
    assert not one.take(patience_s=0.01)
    one.close()
    other.close()


def test_a_turn_that_does_not_come_is_an_error_that_may_be_tried_again(tmp_path: Path) -> None:
    one, other = Turn(tmp_path), Turn(tmp_path)
    with one:
        started = time.monotonic()
        other.patience_s = 0.05
        with pytest.raises(DatabaseBusyError, match="another process is writing"), other:
            pass
        assert time.monotonic() - started >= 0.05
    with other:
        pass
    one.close()
    other.close()


def test_the_server_and_its_background_write_in_turns_and_lose_nothing(folder: Path, run) -> None:
    url = f"sqlite:///{folder / 'molva.db'}"

    async def both() -> int:
        server, background = open_database(url), open_database(url, is_beside=True)

        def count_up(conn) -> None:
            value = conn.execute(text("SELECT value FROM sequences WHERE name = 'test'")).scalar_one()
            conn.execute(text("UPDATE sequences SET value = :value WHERE name = 'test'"), {"value": value + 1})

        await server.write(lambda conn: conn.execute(text("INSERT INTO sequences (name, value) VALUES ('test', 0)")))
        await asyncio.gather(*(each.write(count_up) for _ in range(100) for each in (server, background)))
        value = await background.read(
            lambda conn: conn.execute(text("SELECT value FROM sequences WHERE name = 'test'")).scalar_one()
        )
        await background.close()
        await server.close()
        return int(value)

    assert run(both()) == 200


def test_the_background_reads_the_inbox_and_cannot_write_it(folder: Path, run) -> None:
    url = f"sqlite:///{folder / 'molva.db'}"

    async def both() -> list[str]:
        server = open_database(url)
        await server.inbox.append([(1, "a")])
        background = open_database(url, is_beside=True)
        rows = await background.inbox.rows(after=0, up_to=10, limit=10)
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            await background.inbox.append([(2, "b")])
        await background.close()
        await server.close()
        return [row.body for row in rows]

    assert run(both()) == ["a"]


def test_whoever_never_gets_a_turn_to_open_is_told_and_nobody_waits_for_ever(folder: Path, run, monkeypatch) -> None:
    monkeypatch.setattr(sqlite_locks, "OPEN_S", 0.05)
    other = Turn(folder)

    async def open_while_another_writes() -> None:
        database = open_database(f"sqlite:///{folder / 'molva.db'}")
        with pytest.raises(DatabaseUnusableError, match="cannot be opened for writing"):
            await database.write(lambda conn: conn.execute(text("SELECT 1")))
        await database.close()

    with other:
        run(open_while_another_writes())
    other.close()
