"""Promise 49: a backup taken under load restores elsewhere, whole, with everything acknowledged before its start."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time

import pytest

from ingest.events import decode_click

CLIENTS = 16
WARM_S = 1.0  # of load before the backup starts
RATE_MIN = 500  # writes a second, clicks and sales together
MOLVA = (sys.executable, "-c", "from tracker.cli import main; main()")


def molva(*arguments):
    done = subprocess.run([*MOLVA, *arguments, "--json"], capture_output=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def stored_in(folder):
    """Return the click ids and order numbers of a data folder, and whether every new click would be projected."""
    main = sqlite3.connect(f"file:{folder / 'molva.db'}?mode=ro", uri=True)
    inbox = sqlite3.connect(f"file:{folder / 'inbox.db'}?mode=ro", uri=True)
    try:
        clicks = {decode_click(row[0]).click_id for row in inbox.execute("SELECT body FROM inbox")}
        orders = {row[0] for row in main.execute("SELECT external_id FROM conversions")}
        (cursor,) = main.execute("SELECT coalesce(max(seq), 0) FROM cursors WHERE name = 'clicks'").fetchone()
        (newest,) = inbox.execute("SELECT max(seq) FROM inbox").fetchone()
        return clicks, orders, cursor <= newest
    finally:
        main.close()
        inbox.close()


def restored(installation, source, place):
    place.mkdir(mode=0o700)
    shutil.copy(installation.data_dir / "secret.key", place)
    return molva("restore", str(source), "--data-dir", str(place))


@pytest.mark.parametrize("rounds", [1, pytest.param(50, marks=pytest.mark.slow)], ids="{}-rounds".format)
def test_p49_a_backup_under_load_holds_all_that_was_acknowledged_before(
    installation, load_of, tmp_path, figures, rounds
):
    installation.start()
    rates, seconds = [], []
    for number in range(rounds):
        target, place = tmp_path / f"{number}.molva", tmp_path / f"restored-{number}"
        with load_of(installation, f"b{number}", CLIENTS) as load:
            time.sleep(WARM_S)
            clicks, orders = set(load.clicks_acked), set(load.sales_acked)
            began, events = time.monotonic(), len(load.clicks_acked) + len(load.sales_acked)
            made = installation.molva("backup", str(target))
            seconds.append(time.monotonic() - began)
            rates.append((len(load.clicks_acked) + len(load.sales_acked) - events) / seconds[-1])
        answer = restored(installation, target, place)

        assert made["ledger"]["problems"] == answer["ledger"]["problems"] == answer["problems"] == []
        assert (made["ok"], answer["ok"], answer["secret"]) == (True, True, "present")
        stored_clicks, stored_orders, is_projected = stored_in(place)
        assert clicks
        assert orders
        assert clicks - stored_clicks == set()
        assert orders - stored_orders == set()
        assert is_projected
        shutil.rmtree(place)
        target.unlink()
    figures(
        rounds=rounds,
        writes_per_s=f"{min(rates):.0f} to {max(rates):.0f}",
        backup_s=f"{min(seconds):.2f} to {max(seconds):.2f}",
        clicks=len(stored_clicks),
    )
    if rounds > 1:
        assert sorted(rates)[len(rates) // 2] >= RATE_MIN, "The load was too small to mean what the promise says."


@pytest.mark.slow
def test_a_backup_killed_half_way_leaves_no_file_under_its_name(installation, load_of, tmp_path):
    installation.start()
    with load_of(installation, "k", CLIENTS):
        time.sleep(WARM_S)
        for number in range(20):
            target = tmp_path / f"{number}.molva"
            command = [*MOLVA, "backup", str(target), "--data-dir", str(installation.data_dir), "--json"]
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ)
            time.sleep(0.3 + number * 0.05)
            process.kill()
            process.wait(10)
            if target.exists():
                assert molva("restore", str(target), "--verify", "--data-dir", str(installation.data_dir))["ok"]
