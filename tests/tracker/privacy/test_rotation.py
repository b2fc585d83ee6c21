"""Where the salts of the address keys lie and when they go, on both databases."""

import asyncio
import stat

import pytest

from tracker.instants import DAY_MS
from tracker.privacy import store
from tracker.privacy.keyfile import KEY_FILE, read_epochs, write_epochs
from tracker.privacy.rotation import keep_epochs
from tracker.settings import SettingsError

NOW_MS = 20_000 * DAY_MS


@pytest.fixture
def keep(run, database, tmp_path):
    def kept(now_ms=NOW_MS, **changes):
        wanted = {"days": 90, "kept_days": 14} | changes
        return run(keep_epochs(database, tmp_path, now_ms=now_ms, **wanted))

    return kept


def test_keys_stay_the_same_until_their_time(keep):
    first = keep()

    assert keep() == keep(NOW_MS + 89 * DAY_MS) == first
    assert [epoch.salt for epoch in keep(NOW_MS + 90 * DAY_MS)][:2] == [epoch.salt for epoch in first]


def test_a_destroyed_key_is_nowhere(keep, run, database, tmp_path):
    first = keep()[0].salt

    keep(NOW_MS + 120 * DAY_MS)

    assert all(epoch.salt != first for epoch in run(database.read(store.load_epochs)))
    for path in tmp_path.iterdir():
        assert first not in path.read_bytes(), path


def test_sqlite_keeps_them_outside_the_database_and_postgresql_inside(keep, run, database, tmp_path):
    epochs = keep()

    in_table = run(database.read(store.load_epochs))
    if database.dialect == "sqlite":
        assert in_table == ()
        assert read_epochs(tmp_path / KEY_FILE) == epochs
        assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600
        assert epochs[0].salt not in (tmp_path / "molva.db").read_bytes()
    else:
        assert in_table == epochs
        assert not (tmp_path / KEY_FILE).exists()


def test_two_processes_that_start_together_have_the_same_keys(run, database, tmp_path):
    async def both():
        return await asyncio.gather(
            *(keep_epochs(database, tmp_path, now_ms=NOW_MS, days=90, kept_days=14) for _ in range(4))
        )

    made = run(both())

    assert len(set(made)) == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b"{", "are damaged", id="cut"),
        pytest.param(b'{"epochs":[{"starts_at_ms":1}]}', "are damaged", id="a field is missing"),
        pytest.param(None, "cannot be read", id="a folder"),
    ],
)
def test_a_damaged_key_file_says_what_to_do(tmp_path, content, said):
    path = tmp_path / KEY_FILE
    path.mkdir() if content is None else path.write_bytes(content)

    with pytest.raises(SettingsError, match=said):
        read_epochs(path)


def test_an_interrupted_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / KEY_FILE
    write_epochs(path, ())
    before = path.read_bytes()

    def fail(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="No space"):
        write_epochs(path, ())

    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == [KEY_FILE]
