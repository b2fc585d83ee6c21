import io
import json
import shutil
import sqlite3
import tarfile
from pathlib import Path

import pytest

from tracker.operations import archive
from tracker.operations.backup import make_backup
from tracker.operations.restore import restore_backup, verify_backup
from tracker.operations.types import OperationError
from tracker.privacy.keyfile import KEY_FILE


@pytest.fixture
def place(tmp_path):
    return tmp_path / "elsewhere" / "data"


@pytest.fixture
def backup(used, tmp_path):
    make_backup(used.data_dir, tmp_path / "one.molva", with_secrets=False)
    return tmp_path / "one.molva"


@pytest.fixture
def whole(used, tmp_path):
    make_backup(used.data_dir, tmp_path / "whole.molva", with_secrets=True)
    return tmp_path / "whole.molva"


def rewritten(source, target, change):
    """Return a copy of a backup whose members `change(name, bytes)` may replace or, by None, leave out."""
    with tarfile.open(source) as old, tarfile.open(target, "w") as new:
        for member in old.getmembers():
            content = change(member.name, old.extractfile(member).read())
            if content is not None:
                info = tarfile.TarInfo(member.name)
                info.size = len(content)
                new.addfile(info, io.BytesIO(content))
    return target


def count(path, table):
    conn = sqlite3.connect(path)
    try:
        return conn.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    finally:
        conn.close()


def test_a_restored_installation_holds_everything_and_works(used, whole, place):
    answer = restore_backup(whole, place)

    assert answer["ok"], answer
    assert answer["secret"] == "included"
    assert {path.name for path in place.iterdir()} == {"molva.db", "inbox.db", "molva.toml", "secret.key", KEY_FILE}
    assert place.stat().st_mode & 0o777 == 0o700
    assert all(path.stat().st_mode & 0o077 == 0 for path in place.iterdir())
    for table in ("conversions", "entries", "audit_entries", "clicks"):
        assert count(place / "molva.db", table) == count(used.data_dir / "molva.db", table) > 0
    used.data_dir = place
    used.live_through_a_sale("click-2")
    assert count(place / "molva.db", "conversions") == 2


def test_a_click_acknowledged_but_not_projected_is_in_the_backup(used, tmp_path):
    async def receive(_client, services):
        await services.db.inbox.append([(services.now_ms(), "left over")])
        make_backup(used.data_dir, tmp_path / "beside.molva", with_secrets=True)
        # The projector must not stumble over it when the application ends.
        await services.db.inbox.purge(up_to=1_000_000, before_ms=services.now_ms() + 1000, limit=10)

    used.ask(receive)
    archive.unpack(tmp_path / "beside.molva", tmp_path, archive.read_manifest(tmp_path / "beside.molva"))

    conn = sqlite3.connect(tmp_path / "inbox.db")
    bodies = [row[0] for row in conn.execute("SELECT body FROM inbox")]
    conn.close()
    assert "left over" in bodies


def test_without_the_root_secret_nothing_is_restored(backup, place):
    with pytest.raises(OperationError, match="holds no root secret, and none is here"):
        restore_backup(backup, place)
    assert not place.exists()


def test_the_root_secret_may_be_brought_along(used, backup, place):
    place.mkdir(parents=True)
    shutil.copy(used.data_dir / "secret.key", place)

    answer = restore_backup(backup, place)

    assert (answer["ok"], answer["secret"]) == (True, "present")
    assert (place / "secret.key").read_bytes() == (used.data_dir / "secret.key").read_bytes()


def test_the_root_secret_may_come_from_the_environment(used, backup, place, monkeypatch):
    monkeypatch.setenv("MOLVA_SECRET_KEY_FILE", str(used.data_dir / "secret.key"))

    assert restore_backup(backup, place)["secret"] == "present"


def test_another_root_secret_is_refused(backup, place):
    place.mkdir(parents=True)
    (place / "secret.key").write_text("ab" * 32)

    with pytest.raises(OperationError, match="not the one the backup"):
        restore_backup(backup, place)
    assert [path.name for path in place.iterdir()] == ["secret.key"]


def test_a_folder_with_something_in_it_is_not_touched(used, whole):
    before = (used.data_dir / "molva.db").read_bytes()

    with pytest.raises(OperationError, match="is not empty"):
        restore_backup(whole, used.data_dir)
    assert (used.data_dir / "molva.db").read_bytes() == before


def test_a_file_in_place_of_the_folder_is_not_touched(whole, tmp_path):
    (tmp_path / "a file").write_text("mine")

    with pytest.raises(OperationError, match="is a file"):
        restore_backup(whole, tmp_path / "a file")


def test_verifying_restores_nothing_and_says_what_is_missing(backup, place):
    answer = verify_backup(backup, place)

    assert (answer["ok"], answer["secret"]) == (True, "missing")
    assert answer["ledger"]["transactions"] == 1
    assert not place.exists()


@pytest.mark.parametrize("name", ["molva.db", "inbox.db", "molva.toml"])
def test_one_changed_byte_is_found(backup, tmp_path, place, name):
    def flip(member, content):
        return content[:-1] + bytes([content[-1] ^ 1]) if member == name else content

    changed = rewritten(backup, tmp_path / "changed.molva", flip)

    with pytest.raises(OperationError, match=f"{name} in the backup is not what was written"):
        verify_backup(changed, place)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.99])
def test_a_cut_off_backup_is_refused(backup, tmp_path, place, share):
    content = backup.read_bytes()
    cut = tmp_path / "cut.molva"
    # What a tar ends with is empty blocks; the last of them may be missing.
    cut.write_bytes(content[: int(len(content.rstrip(b"\0")) * share)])

    with pytest.raises(OperationError, match=r"no backup of Molva|cut off|not what was written"):
        verify_backup(cut, place)


def test_a_missing_member_is_refused(backup, tmp_path, place):
    without = rewritten(backup, tmp_path / "less.molva", lambda name, content: None if name == "inbox.db" else content)

    with pytest.raises(OperationError, match=r"cut off: inbox\.db is missing"):
        verify_backup(without, place)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2}, "has format 2, this version"),
        ({"parts": []}, "names other files"),
        ({"parts": [{"name": "../escape", "size_bytes": 1, "sha256": ""}]}, "names other files"),
    ],
    ids=["later-format", "no-parts", "path-outside"],
)
def test_a_manifest_that_is_not_ours_is_refused(backup, tmp_path, place, change, message):
    def replace(name, content):
        return json.dumps(json.loads(content) | change).encode() if name == "manifest.json" else content

    changed = rewritten(backup, tmp_path / "changed.molva", replace)

    with pytest.raises(OperationError, match=message):
        restore_backup(changed, place)


def test_a_member_the_manifest_does_not_name_is_not_unpacked(backup, tmp_path):
    with tarfile.open(backup, "a") as more:
        info = tarfile.TarInfo("../escape")
        info.size = 4
        more.addfile(info, io.BytesIO(b"evil"))
    (tmp_path / "in").mkdir()

    archive.unpack(backup, tmp_path / "in", archive.read_manifest(backup))

    assert not (tmp_path / "escape").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"nothing of ours", "no backup of Molva"), (b"PGDMP\x01", "pg_restore"), (b"", "no backup of Molva")],
    ids=["text", "postgresql", "empty"],
)
def test_what_is_no_backup_is_told(tmp_path, place, content, message):
    (tmp_path / "some").write_bytes(content)

    with pytest.raises(OperationError, match=message):
        verify_backup(tmp_path / "some", place)


def test_a_file_that_is_not_there_is_told(tmp_path, place):
    with pytest.raises(OperationError, match="cannot be read"):
        verify_backup(tmp_path / "none", place)


def test_a_newer_schema_is_refused(used, tmp_path, place):
    conn = sqlite3.connect(used.data_dir / "molva.db")
    conn.execute("UPDATE alembic_version SET version_num = '9999'")
    conn.commit()
    conn.close()
    make_backup(used.data_dir, tmp_path / "newer.molva", with_secrets=True)

    with pytest.raises(OperationError, match="cannot be opened by this version"):
        restore_backup(tmp_path / "newer.molva", place)
    assert not place.exists()


def test_a_broken_audit_chain_is_told(used, tmp_path, place):
    conn = sqlite3.connect(used.data_dir / "molva.db")
    conn.execute("DROP TRIGGER audit_entries_no_update")
    conn.execute("UPDATE audit_entries SET actor = 'somebody else' WHERE seq = 2")
    conn.commit()
    conn.close()
    make_backup(used.data_dir, tmp_path / "forged.molva", with_secrets=True)

    answer = verify_backup(tmp_path / "forged.molva", place)

    assert not answer["ok"]
    assert "Entry 2 does not fit the chain: it was changed or removed." in answer["problems"]


def test_a_ledger_with_other_counts_than_the_manifest_is_told(backup, tmp_path, place):
    def more(name, content):
        if name != "manifest.json":
            return content
        manifest = json.loads(content)
        manifest["ledger"]["transactions"] += 1
        return json.dumps(manifest).encode()

    changed = rewritten(backup, tmp_path / "changed.molva", more)

    assert any("was made with 2" in problem for problem in verify_backup(changed, place)["problems"])


def test_a_restored_database_needs_no_log_beside_it(whole, place):
    """What opening and migrating wrote is in the file itself before it is moved."""
    restore_backup(whole, place)

    assert not list(Path(place).glob("*-wal"))
