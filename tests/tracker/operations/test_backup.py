import json
import os
import shutil
import sqlite3
import tarfile
from pathlib import Path

import pytest

from tracker.db.migrating import newest_revision
from tracker.operations.backup import STAMP, make_backup
from tracker.operations.types import OperationError
from tracker.privacy.keyfile import KEY_FILE


def members(path: Path) -> list[str]:
    with tarfile.open(path) as archive:
        return archive.getnames()


def back_up(installation, name="one.molva", *, with_secrets=False):
    target = installation.data_dir.parent / name
    return make_backup(installation.data_dir, target, with_secrets=with_secrets)


def test_a_backup_says_what_is_in_it_and_what_is_not(used):
    answer = back_up(used)

    path = Path(answer["file"])
    assert answer["ok"]
    assert answer["revision"] == newest_revision()
    assert members(path) == ["manifest.json", "molva.db", "inbox.db", "molva.toml"]
    assert answer["ledger"]["transactions"] == 1
    assert not answer["ledger"]["problems"]
    assert any(line.startswith("secret.key") for line in answer["not_included"])
    assert any(line.startswith(KEY_FILE) for line in answer["not_included"])
    assert path.stat().st_mode & 0o777 == 0o600
    with tarfile.open(path) as archive:
        stored = json.loads(archive.extractfile("manifest.json").read())
    assert {part["name"] for part in stored["parts"]} == {"molva.db", "inbox.db", "molva.toml"}


def test_a_backup_leaves_nothing_beside_itself(used):
    before = {path.name for path in used.data_dir.parent.iterdir()}

    back_up(used)

    assert {path.name for path in used.data_dir.parent.iterdir()} - before == {"one.molva"}


def test_secrets_come_along_only_when_asked_for(used):
    secret = (used.data_dir / "secret.key").read_bytes().strip()
    without, with_them = back_up(used), back_up(used, "two.molva", with_secrets=True)

    assert secret not in Path(without["file"]).read_bytes()
    assert secret in Path(with_them["file"]).read_bytes()
    assert {"secret.key", KEY_FILE} <= set(members(Path(with_them["file"])))
    assert not any(line.startswith(("secret.key", KEY_FILE)) for line in with_them["not_included"])


def test_settings_with_a_secret_in_them_stay_out(used):
    used.write_settings(metrics_token="canary-canary-canary")
    answer = back_up(used)

    assert b"canary-canary" not in Path(answer["file"]).read_bytes()
    assert "molva.toml (it holds metrics_token)" in answer["not_included"]


def test_a_file_that_exists_is_not_overwritten(used):
    target = used.data_dir.parent / "one.molva"
    target.write_text("mine")

    with pytest.raises(OperationError, match="exists already and is not overwritten"):
        back_up(used)
    assert target.read_text() == "mine"


def test_a_name_taken_while_the_backup_is_made_is_not_overwritten(used, monkeypatch):
    target = used.data_dir.parent / "one.molva"
    link = os.link

    def taken(source, name):
        target.write_text("mine")
        link(source, name)

    monkeypatch.setattr(os, "link", taken)
    with pytest.raises(OperationError, match="appeared meanwhile"):
        back_up(used)
    assert target.read_text() == "mine"


def test_file_systems_without_links_get_their_backup(used, monkeypatch):
    def refuse(_source, _name):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)

    assert Path(back_up(used)["file"]).exists()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder.parent / "gone").mkdir(), None),
        (lambda folder: (folder / "molva.db").unlink(), "There is no database"),
        (lambda folder: (folder / "molva.db").write_bytes(b"no database" * 1000), "cannot be copied"),
    ],
    ids=["whole", "missing", "no-database"],
)
def test_a_database_that_cannot_be_copied_is_told(used, damage, message):
    damage(used.data_dir)
    if message is None:
        assert back_up(used)["ok"]
        return
    with pytest.raises(OperationError, match=message):
        back_up(used)
    assert not (used.data_dir.parent / "one.molva").exists()


def test_a_damaged_database_gets_no_backup(used):
    """Pages in the middle of the file are overwritten; the copy shows it."""
    path = used.data_dir / "molva.db"
    with path.open("r+b") as file:
        file.seek(4096 * 8)
        file.write(os.urandom(4096 * 20))

    with pytest.raises(OperationError, match=r"damaged|cannot be copied"):
        back_up(used)


def test_a_broken_ledger_is_backed_up_and_told(used):
    conn = sqlite3.connect(used.data_dir / "molva.db")
    conn.execute("DROP TRIGGER entries_no_update")
    conn.execute("UPDATE entries SET amount_minor = amount_minor + 1 WHERE rowid = (SELECT min(rowid) FROM entries)")
    conn.commit()
    conn.close()

    answer = back_up(used)

    assert not answer["ok"]
    assert any("transfers_sum_to_zero" in problem for problem in answer["ledger"]["problems"])


def test_an_older_schema_is_backed_up_without_the_ledger_check(used):
    """A backup comes before an upgrade, when the new version may already be installed."""
    conn = sqlite3.connect(used.data_dir / "molva.db")
    conn.execute("UPDATE alembic_version SET version_num = '0001'")
    conn.commit()
    conn.close()

    answer = back_up(used)

    assert (answer["ok"], answer["revision"], answer["ledger"]) == (True, "0001", None)


def test_postgresql_is_told_its_own_command_without_the_password(used, monkeypatch):
    monkeypatch.setenv("MOLVA_DATABASE_URL", "postgresql://molva:hidden@db.example/molva")

    with pytest.raises(OperationError, match="pg_dump --format=custom") as refused:
        back_up(used)
    assert "hidden" not in str(refused.value)


def test_too_little_space_is_told_before_anything_is_copied(used, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: shutil._ntuple_diskusage(100, 90, 10))

    with pytest.raises(OperationError, match="0 MiB are free"):
        back_up(used)


def test_a_folder_that_is_not_there_is_told(used):
    with pytest.raises(OperationError, match="There is no folder"):
        make_backup(used.data_dir, used.data_dir / "none" / "one.molva", with_secrets=False)


def test_the_data_folder_remembers_its_newest_backup(used):
    answer = back_up(used)

    assert json.loads((used.data_dir / STAMP).read_bytes()) == {"made_at": answer["made_at"]}
