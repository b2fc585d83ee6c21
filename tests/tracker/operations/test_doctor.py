"""What the examination says of a whole installation, sound and broken."""

import asyncio
import os
import sqlite3

import pytest

from tracker.db.opening import open_database
from tracker.keys import store as keys
from tracker.operations.doctor import examine


def look(installation, **options):
    answer = asyncio.run(examine(installation.data_dir, **options))
    return answer["ok"], {finding["check"]: finding for finding in answer["findings"]}


def keys_of(installation):
    async def load():
        database = open_database(f"sqlite:///{installation.data_dir / 'molva.db'}")
        try:
            return await database.read(lambda conn: keys.list_keys(conn, installation.facts["program_id"]))
        finally:
            await database.close()

    return asyncio.run(load())


def test_a_sound_installation_passes_to_the_last_step(installation):
    before = {key.key_id for key in keys_of(installation)}

    ok, found = look(installation)

    assert ok, found
    assert {name: found[name]["state"] for name in ("snippet", "test click", "test sale")} == {
        "snippet": "ok",
        "test click": "ok",
        "test sale": "ok",
    }
    assert all(finding["remedy"] for finding in found.values() if finding["state"] != "ok")
    assert {key.key_id for key in keys_of(installation)} == before, "the keys of the trial are gone"


def test_the_trial_leaves_no_live_trace(installation):
    look(installation)

    conn = sqlite3.connect(installation.data_dir / "molva.db")
    modes = {row[0] for row in conn.execute("SELECT livemode FROM conversions")}
    live = conn.execute("SELECT count(*) FROM transfers WHERE livemode = 1").fetchone()[0]
    conn.close()
    assert (modes, live) == ({0}, 0)


def test_without_a_partner_only_the_snippet_is_tried(installation):
    conn = sqlite3.connect(installation.data_dir / "molva.db")
    conn.execute("UPDATE enrollments SET status = 'paused'")
    conn.commit()
    conn.close()

    ok, found = look(installation)

    assert ok
    assert (found["snippet"]["state"], found["test click"]["state"]) == ("ok", "warning")
    assert "molva partner add" in found["test click"]["remedy"]


def test_an_address_nobody_answers_at_fails_with_what_to_do(installation):
    ok, found = look(installation, url="http://127.0.0.1:9")

    assert not ok
    assert found["snippet"]["state"] == "failed"
    assert "--url" in found["snippet"]["remedy"]


def test_an_unknown_setting_is_all_that_is_said(installation):
    installation.write_settings(base_ulr="http://x.example")

    ok, found = look(installation)

    assert (ok, set(found)) == (False, {"settings"})
    assert "base_url" in found["settings"]["cause"]


@pytest.mark.parametrize(
    ("harm", "check"),
    [
        (lambda folder: (folder / "secret.key").unlink(), "secret"),
        (lambda folder: (folder / "molva.db").unlink(), "database"),
        (lambda folder: (folder / "molva.db").write_bytes(b"x" * 8192), "database"),
        (lambda folder: _overwrite(folder / "molva.db"), "database"),
    ],
    ids=["no-secret", "no-database", "no-database-file", "damaged"],
)
def test_what_is_broken_fails_and_nothing_is_tried_through_it(installation, harm, check):
    harm(installation.data_dir)

    ok, found = look(installation)

    assert not ok
    assert found[check]["state"] == "failed"
    assert found["passage"]["state"] == "warning"
    assert "snippet" not in found


def _overwrite(path):
    with path.open("r+b") as file:
        file.seek(4096 * 4)
        file.write(os.urandom(4096 * 40))


@pytest.mark.parametrize(("revision", "state"), [("0001", "warning"), ("9999", "failed")])
def test_another_schema_is_told_and_not_touched(installation, revision, state):
    conn = sqlite3.connect(installation.data_dir / "molva.db")
    conn.execute("UPDATE alembic_version SET version_num = ?", (revision,))
    conn.commit()
    conn.close()

    _, found = look(installation)

    assert found["schema"]["state"] == state
    assert "passage" in found
    conn = sqlite3.connect(installation.data_dir / "molva.db")
    assert conn.execute("SELECT version_num FROM alembic_version").fetchone()[0] == revision
    conn.close()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_on_postgresql_the_clocks_are_compared(installation, database_url, monkeypatch):
    monkeypatch.setenv("MOLVA_DATABASE_URL", database_url)

    _, found = look(installation)

    assert found["database"] == {
        "check": "database",
        "state": "ok",
        "cause": "PostgreSQL answers.",
        "remedy": "",
    }
    assert found["schema"]["state"] == "ok"
    assert "file system" not in found


def test_a_postgresql_that_does_not_answer_fails(installation, monkeypatch):
    monkeypatch.setenv("MOLVA_DATABASE_URL", "postgresql://molva@127.0.0.1:9/molva")

    ok, found = look(installation)

    assert not ok
    assert found["database"]["state"] == "failed"
    assert "database_url" in found["database"]["remedy"]
