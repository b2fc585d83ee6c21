"""`molva attribution recompute` as a person types it: alone, beside a server, killed, refused."""

import asyncio
import json
import os
import pty
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tracker.cli import main
from tracker.control import listen

MOLVA = "from tracker.cli import main; main()"
TIMEOUT_S = 120
# Kills the process with its n-th batch decided and not noted, or noted.
KILLED = """
import os, signal
from tracker.recompute import plan, writers
plan.BATCH_MIN = 1
real, left = writers.RequestWriter.finish_batch, [{batches}]
async def finish(self, run_id, result):
    left[0] -= 1
    if {is_noted}:
        await real(self, run_id, result)
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    if not {is_noted}:
        await real(self, run_id, result)
writers.RequestWriter.finish_batch = finish
"""


@pytest.fixture(scope="module")
def told(sqlite_template: Path, tmp_path_factory: Any, world_with: Any, tools: Any) -> Path:
    """A data folder with the long story, not served by anybody."""
    made = tmp_path_factory.mktemp("told") / "data"
    command = [sys.executable, "-c", MOLVA, "init", "--json", "--data-dir", str(made), "--admin-email", "o@example.com"]
    subprocess.run(command, capture_output=True, check=True, timeout=TIMEOUT_S)
    live = tmp_path_factory.mktemp("live")
    (live / "molva.db").write_bytes(sqlite_template.read_bytes())
    with world_with(f"sqlite:///{live / 'molva.db'}", live) as world:
        tools.seed(world, model="linear")
        tools.tell_long_story(world)
        world.run(world.services.db.checkpoint())
    for name in ("molva.db", "inbox.db"):
        (made / name).unlink(missing_ok=True)
        shutil.copyfile(live / name, made / name)
    return made


@pytest.fixture
def folder(told: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "data"
    shutil.copytree(told, copy)
    return copy


def molva(folder: Path, *argv: str, before: str = "", code: int = 0) -> Any:
    """Run a command in a process of its own and return its one JSON object."""
    command = [sys.executable, "-c", f"{before}\n{MOLVA}", *argv, "--json", "--data-dir", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
    assert done.returncode == code, done
    return json.loads(done.stdout) if code in (0, 1) and done.stdout else done


def run_ids(folder: Path) -> list[str]:
    with sqlite3.connect(folder / "molva.db") as conn:
        return [f"run_{row[0].hex()}" for row in conn.execute("SELECT run_id FROM attribution_runs ORDER BY run_id")]


def test_dry_then_for_good_then_nothing_is_left(folder: Path) -> None:
    dry = molva(folder, "attribution", "recompute", "--dry-run")
    done = molva(folder, "attribution", "recompute")
    again = molva(folder, "attribution", "recompute", "--engine", "duckdb")

    assert dry["changed"] == done["changed"] > 5
    assert (dry["applied"], done["applied"]) == (False, True)
    assert dry["sums"] == done["sums"]
    assert again["changed"] == 0
    assert molva(folder, "ledger", "verify")["ok"]
    assert molva(folder, "audit", "verify")["ok"]


@pytest.mark.parametrize(
    ("is_noted", "processes"),
    [pytest.param(False, 1, id="decided"), pytest.param(True, 1, id="noted"), pytest.param(True, 2, id="two")],
)
def test_a_killed_run_goes_on_and_ends_as_if_nothing_had_happened(
    folder: Path, tmp_path: Path, is_noted: bool, processes: int
) -> None:
    untouched = tmp_path / "untouched"
    shutil.copytree(folder, untouched)
    wanted = molva(untouched, "attribution", "recompute")
    # The third group is the first with something to change; by the fifth some of it is written.
    killer = KILLED.format(batches=5, is_noted=is_noted)

    molva(folder, "attribution", "recompute", "--processes", str(processes), before=killer, code=-9)
    (run_id,) = run_ids(folder)
    with sqlite3.connect(folder / "molva.db") as conn:
        state, decided = conn.execute("SELECT state, decided FROM attribution_runs").fetchone()
    assert state == "running"
    assert 0 < decided < wanted["decided"]
    done = molva(folder, "attribution", "recompute", "--resume", run_id)

    for name in ("decided", "changed", "locked", "result_digest", "partners", "sums"):
        assert done[name] == wanted[name], name
    assert molva(folder, "attribution", "recompute")["changed"] == 0
    assert molva(folder, "ledger", "verify")["ok"]


def test_a_run_that_is_done_or_unknown_is_not_resumed(folder: Path) -> None:
    run_id = molva(folder, "attribution", "recompute", "--dry-run")["run_id"]

    for given, said in ((run_id, "The run is done"), (f"run_{'0' * 32}", "no such run"), ("run_x", "run_")):
        refused = molva(folder, "attribution", "recompute", "--resume", given, code=1)
        assert said in refused.stderr


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--program", "prg_" + "0" * 32], "There is no such program"),
        (["--program", "shop"], "is not an id of the form prg_"),
        (["--since", "yesterday"], "is no instant"),
        (["--since", "2026-03-01T09:30:00"], "is no instant"),
        (["--since", "0001-01-01"], "is no instant"),
        (["--window-days", "0"], "Give 1 to 3650 days"),
        (["--window-days", "3651"], "Give 1 to 3650 days"),
        (["--processes", "0"], "Give 1 to 64 processes"),
        (["--processes", "65"], "Give 1 to 64 processes"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_meant_is_refused_before_anything_is_written(
    folder: Path, capsys: Any, given: list[str], said: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["attribution", "recompute", "--data-dir", str(folder), *given])

    assert ended.value.code == 1
    assert said in capsys.readouterr().err
    assert run_ids(folder) == []


@pytest.mark.parametrize("given", [["--engine", "abacus"], ["--model", "guess"], ["--window-days", "x"]])
def test_wrong_words_are_wrong_usage(capsys: Any, given: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["attribution", "recompute", *given])
    assert ended.value.code == 2


def test_an_engine_that_is_not_installed_names_its_extra_and_begins_nothing(folder: Path) -> None:
    hidden = "import sys; sys.modules['duckdb'] = None"

    refused = molva(folder, "attribution", "recompute", "--engine", "duckdb", before=hidden, code=1)

    assert 'pip install "molva[duckdb]"' in refused.stderr
    assert run_ids(folder) == []


def test_a_what_if_says_what_it_put_in_place(folder: Path) -> None:
    since = ["--since", "2020-01-01"]
    told = molva(folder, "attribution", "recompute", "--model", "first_click", "--window-days", "7", *since)

    assert (told["kind"], told["applied"]) == ("what_if", False)
    assert told["settings"] == {"model": "first_click", "window_seconds": 604_800}
    assert told["since"] == "2020-01-01T00:00:00.000Z"


def test_a_person_reads_who_gains_and_who_loses(folder: Path, capsys: Any) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["attribution", "recompute", "--dry-run", "--data-dir", str(folder)])

    said = capsys.readouterr()
    assert ended.value.code == 0
    assert "would change" in said.out
    assert "Anna" in said.out
    assert "EUR" in said.out
    assert said.err == "", "no bar where nobody looks"


def test_a_terminal_sees_a_bar_and_standard_output_stays_clean(folder: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", MOLVA, "attribution", "recompute", "--dry-run", "--data-dir", str(folder)]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=theirs, check=True, timeout=TIMEOUT_S)
        os.close(theirs)
        theirs = -1
        seen = os.read(ours, 65_536).decode()
    finally:
        for each in (ours, theirs):
            if each >= 0:
                os.close(each)

    assert "conversions [" in seen
    assert "#" * 30 in seen
    assert "[" not in done.stdout.decode().splitlines()[0]


@pytest.fixture
def beside(story: Any) -> Iterator[Callable[..., Any]]:
    """Run a command beside a server that answers its socket."""
    server = story.run(listen(story.services))
    assert server is not None

    def do(*argv: str, **options: Any) -> Any:
        return story.run(asyncio.to_thread(molva, story.services.data_dir, *argv, **options))

    yield do
    server.close()


def test_beside_a_running_server_it_writes_through_the_server(story, beside, recompute) -> None:
    """The command holds no lock on the file: a second writer would be refused, and SQLite may lose rows with two."""
    wanted = recompute(story, is_dry_run=True)

    dry = beside("attribution", "recompute", "--dry-run", "--engine", "duckdb")
    done = beside("attribution", "recompute")

    assert dry["result_digest"] == done["result_digest"] == wanted["result_digest"]
    # What a new decision concerns is queued, and the server's worker may get to it before the run does.
    assert 0 < done["changed"] <= wanted["changed"]
    assert recompute(story)["changed"] == 0


def test_a_refusal_of_the_server_is_told(beside) -> None:
    refused = beside("attribution", "recompute", "--program", "prg_" + "0" * 32, code=1)

    assert "no such program" in refused.stderr
