"""Promise 50: a migration killed half-way leaves the schema as it was, and running it again completes it."""

import asyncio
import random
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

from tracker.db.migrating import current_revision, migrate, newest_revision
from tracker.db.opening import open_database
from tracker.db.schema import APPEND_ONLY, METADATA
from tracker.db.triggers import guarded_tables

# Says when it has imported everything, waits for the word, migrates: so a kill falls into the migration itself.
MIGRATOR = """
import asyncio, sys
from tracker.db.migrating import migrate
from tracker.db.opening import open_database
async def work():
    database = open_database(sys.argv[1])
    await migrate(database)
    await database.close()
print("imported", flush=True)
sys.stdin.readline()
asyncio.run(work())
"""


class Migrator:
    def __init__(self, path):
        command = [sys.executable, "-c", MIGRATOR, f"sqlite:///{path}"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def begin(self):
        assert self.process.stdout.readline() == b"imported\n"
        self.process.stdin.write(b"go\n")
        self.process.stdin.flush()

    def end(self):
        self.process.communicate(timeout=60)
        return self.process.returncode


def tables_in(path):
    if not path.exists():
        return set()
    conn = sqlite3.connect(path)
    try:
        return {row[0] for row in conn.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    finally:
        conn.close()


def migrate_again(path):
    async def work():
        database = open_database(f"sqlite:///{path}")
        try:
            await migrate(database)
            return await database.read(current_revision), await database.read(guarded_tables)
        finally:
            await database.close()

    return asyncio.run(work())


@pytest.fixture
def migrator_of():
    started = []

    def start(path):
        path.parent.mkdir()
        started.append(Migrator(path))
        return started[-1]

    yield start
    for migrator in started:
        migrator.process.kill()
        migrator.end()


@pytest.mark.parametrize("kills", [5, pytest.param(25, marks=pytest.mark.slow)], ids="{}-kills".format)
def test_p50_migration_killed_half_way_leaves_no_half_schema(tmp_path, migrator_of, kills):
    whole = set(METADATA.tables) | {"alembic_version", "sqlite_sequence"}
    measured = migrator_of(tmp_path / "whole" / "molva.db")
    measured.begin()
    started = time.monotonic()
    assert measured.end() == 0
    needed_s = time.monotonic() - started
    assert tables_in(tmp_path / "whole" / "molva.db") == whole

    chance = random.Random()
    interrupted = 0
    for number in range(kills):
        path = tmp_path / f"killed-{number}" / "molva.db"
        migrator = migrator_of(path)
        migrator.begin()
        time.sleep(needed_s * (number + chance.random()) / kills)
        migrator.process.send_signal(signal.SIGKILL)
        interrupted += migrator.end() == -signal.SIGKILL

        assert tables_in(path) in (set(), whole)
        assert migrate_again(path) == (newest_revision(), set(APPEND_ONLY))
        assert tables_in(path) == whole
    assert interrupted, "Every migration ended before its kill; nothing was tried."
