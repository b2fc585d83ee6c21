import os
import shutil
import sqlite3
import time

import pytest

from tracker.operations import checks
from tracker.operations.backup import STAMP
from tracker.settings import Settings, load_settings

MOUNTS = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:26 / /srv rw,relatime shared:2 - nfs4 server:/srv rw
31 30 254:1 / /srv/local\\040disk rw shared:3 - xfs /dev/vdb rw
32 22 0:30 / /run rw,nosuid - tmpfs tmpfs rw
33 22 0:31 / /over rw - overlay overlay rw
34 22 0:32 / /shared rw - virtiofs host rw
35 22 0:33 / /twice rw - ext4 /dev/vdc rw
36 22 0:34 / /twice rw - cifs //server/share rw
broken line
"""


@pytest.mark.parametrize(
    ("folder", "kind", "state"),
    [
        ("/data", "ext4", "ok"),
        ("/srv/molva", "nfs4", "failed"),
        ("/srv/local disk/molva", "xfs", "ok"),
        ("/srvx", "ext4", "ok"),
        ("/run", "tmpfs", "warning"),
        ("/over/data", "overlay", "warning"),
        ("/shared", "virtiofs", "warning"),
        ("/twice/data", "cifs", "failed"),
    ],
)
def test_a_file_system_sqlite_cannot_trust_is_told(folder, kind, state, tmp_path):
    class Folder(type(tmp_path)):
        def resolve(self, strict=False):
            return self

    place = Folder(folder)

    assert checks.kind_of_file_system(place, MOUNTS) == kind
    assert checks.check_file_system(place, mounts=MOUNTS).state == state


def test_a_system_that_tells_nothing_is_no_failure(tmp_path):
    assert checks.check_file_system(tmp_path, mounts="").state == "ok"


@pytest.mark.parametrize(
    ("content", "state", "cause"),
    [
        ("9f8e7d6c5b4a39281706f5e4d3c2b1a0" * 2, "ok", "64 characters"),
        ("short", "failed", "shorter than 32"),
        ("a" * 64, "failed", "placeholder"),
        ("changeme-changeme-changeme-changeme-0123", "failed", "placeholder"),
        (None, "failed", "cannot be read"),
    ],
    ids=["random", "short", "one-letter", "placeholder", "missing"],
)
def test_a_root_secret_must_be_there_and_random(tmp_path, content, state, cause):
    if content is not None:
        (tmp_path / "secret.key").write_text(content)
        (tmp_path / "secret.key").chmod(0o600)

    finding = checks.check_secret(Settings(), tmp_path)

    assert finding.state == state
    assert cause in finding.cause


def test_a_root_secret_others_can_read_fails(installation):
    (installation.data_dir / "secret.key").chmod(0o640)

    finding = checks.check_secret(Settings(), installation.data_dir)

    assert (finding.state, finding.remedy) == ("failed", f"chmod 600 {installation.data_dir / 'secret.key'}")


@pytest.mark.parametrize(("mode", "state"), [(0o700, "ok"), (0o750, "ok"), (0o755, "warning")])
def test_a_data_folder_for_everybody_is_told(tmp_path, mode, state):
    tmp_path.chmod(mode)

    assert checks.check_folder(tmp_path).state == state


def test_an_even_clock_is_right(tmp_path):
    assert checks.check_clock(tmp_path, newest_ms=int(time.time() * 1000)).state == "ok"


def test_a_file_from_the_future_tells_that_the_clock_was_set_back(tmp_path):
    (tmp_path / "molva.db").touch()
    os.utime(tmp_path / "molva.db", (time.time() + 3600,) * 2)

    finding = checks.check_clock(tmp_path, newest_ms=None)

    assert finding.state == "failed"
    assert "set back" in finding.cause


def test_a_row_from_the_future_tells_that_the_clock_was_set_back(tmp_path):
    assert checks.check_clock(tmp_path, newest_ms=int(time.time() * 1000) + 3_600_000).state == "failed"


def test_a_clock_that_jumps_while_looked_at_is_told(tmp_path, monkeypatch):
    now = iter([1000.0, 1010.0])
    monkeypatch.setattr(checks.time, "time", lambda: next(now))

    finding = checks.check_clock(tmp_path, newest_ms=None)

    assert finding.state == "warning"
    assert "+9." in finding.cause


@pytest.mark.parametrize(("free", "state"), [(50, "ok"), (15, "ok"), (14, "warning"), (5, "failed"), (0, "failed")])
def test_little_free_disk_is_told(tmp_path, monkeypatch, free, state):
    usage = shutil._ntuple_diskusage(100 << 30, (100 - free) << 30, free << 30)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)

    assert checks.check_disk(tmp_path).state == state


def test_an_old_sqlite_fails(monkeypatch):
    assert checks.check_sqlite().state == "ok"
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 36, 0))
    assert checks.check_sqlite().state == "failed"


def test_a_country_file_that_cannot_be_read_is_told(installation):
    installation.write_settings(country_file="/nowhere/country.mmdb")
    settings = load_settings(installation.data_dir)

    found = checks.check_geo_files(settings, installation.data_dir, now_ms=int(time.time() * 1000))

    (country,) = [finding for finding in found if finding.check == "geo: country"]
    assert country.state == "warning"
    assert "molva geo update" in country.remedy


@pytest.mark.parametrize(("days", "state"), [(None, "warning"), (1, "ok"), (8, "warning")])
def test_an_old_backup_is_told(tmp_path, days, state):
    now_s = time.time()
    if days is not None:
        (tmp_path / STAMP).touch()
        os.utime(tmp_path / STAMP, (now_s - days * 86_400,) * 2)

    assert checks.check_backup(tmp_path, now_s=now_s).state == state
