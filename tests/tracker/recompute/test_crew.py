"""Several processes compute what one computes, in one order; none of them outlives who began it."""

import asyncio
import multiprocessing.spawn
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from tracker.clicks.touches import numbering
from tracker.db.reading import open_reader
from tracker.operations.types import OperationError
from tracker.recompute import crew, plan
from tracker.recompute.crew import Setting, open_crew
from tracker.recompute.types import WhatIf, World

ENDS_WITHIN_S = 20
PARTNERS = 10_000  # more than a pipe holds unread
OUTLIVED = """
import asyncio, os, time
from tests.tracker.recompute.test_crew import linger, on_crew
async def go():
    async for pid in on_crew({url!r}, linger, range(100)):
        print(pid, flush=True)
if __name__ == "__main__":
    asyncio.run(go())
"""


async def on_crew(url: str, task: Any, pieces: Any, *, processes: int = 2) -> Any:
    """Give what a task returns for each piece, of a crew over a database, in a world of many partners."""
    reader = open_reader(url)
    with tempfile.TemporaryDirectory() as folder:
        setting = Setting(
            world=World(terms={}, histories={f"enr_{number}": ((0, "approved"),) for number in range(PARTNERS)}),
            numbers=await reader.read(numbering),
            what_if=WhatIf(),
            click_watermark=0,
            folder=Path(folder),
            now_ms=0,
        )
        try:
            async with open_crew(reader, setting, url=url, processes=processes) as people:
                async for each in people.each(task, pieces):
                    yield each
        finally:
            await reader.close()


def count(conn: Any, _setting: Setting, piece: int) -> tuple[int, int, int]:
    if piece % 5 == 0:
        time.sleep(0.05)  # the next ones are done before
    rows = conn.exec_driver_sql("SELECT count(*) FROM programs").scalar_one()
    return piece, rows, os.getpid()


def linger(_conn: Any, _setting: Setting, _piece: int) -> int:
    time.sleep(0.2)
    return os.getpid()


def refuse(_conn: Any, _setting: Setting, piece: int) -> int:
    if piece == 3:
        raise ValueError("The third piece cannot be done.")
    return piece


def die(_conn: Any, _setting: Setting, piece: int) -> int:
    if piece == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return piece


def gathered(url: str, task: Any, pieces: Any, **options: Any) -> list[Any]:
    async def go() -> list[Any]:
        return [each async for each in on_crew(url, task, pieces, **options)]

    return asyncio.run(go())


@pytest.mark.parametrize("processes", [1, 2])
def test_results_come_in_the_order_of_the_pieces(database_url, processes):
    found = gathered(database_url, count, range(20), processes=processes)

    assert [piece for piece, _, _ in found] == list(range(20))
    pids = {pid for _, _, pid in found}
    assert (len(pids), os.getpid() in pids) == ((1, True) if processes == 1 else (2, False))


@pytest.mark.parametrize("processes", [1, 2])
def test_what_a_piece_raises_reaches_the_run(database_url, processes):
    with pytest.raises(ValueError, match="The third piece cannot be done"):
        gathered(database_url, refuse, range(20), processes=processes)


def test_a_process_ended_from_outside_is_told_with_the_way_on(database_url):
    with pytest.raises(OperationError, match=r"ended from outside.*--resume"):
        gathered(database_url, die, range(20))


def test_a_process_that_cannot_begin_is_told_with_the_way_on(database_url, tmp_path, monkeypatch):
    broken = tmp_path / "python"
    broken.write_text(f'#!/bin/sh\ncase "$*" in *spawn_main*) exit 1 ;; esac\nexec {sys.executable} "$@"\n')
    broken.chmod(0o700)
    monkeypatch.setattr(multiprocessing.spawn, "_python_exe", os.fsencode(broken))

    with pytest.raises(OperationError, match=r"ended from outside.*--resume"):
        gathered(database_url, count, range(20))


def test_no_process_outlives_a_run_that_was_killed(database_url):
    asked = [sys.executable, "-c", OUTLIVED.format(url=database_url)]
    with subprocess.Popen(asked, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        pids = {int(run.stdout.readline()) for _ in range(4)}
        run.kill()

    deadline = time.monotonic() + ENDS_WITHIN_S
    while alive := [pid for pid in pids if _is_alive(pid)]:
        assert time.monotonic() < deadline, alive
        time.sleep(0.1)


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize("engine", ["lookup", "duckdb"])
def test_several_processes_decide_as_one(story, recompute, monkeypatch, engine):
    monkeypatch.setattr(plan, "BATCH_MIN", 7)
    url = f"sqlite:///{story.services.data_dir / 'molva.db'}"
    one = recompute(story, is_dry_run=True, engine=engine)

    two = recompute(story, is_dry_run=True, engine=engine, url=url, processes=2)

    assert one["changed"] > 5
    for name in ("result_digest", "decided", "changed", "locked", "partners", "sums"):
        assert two[name] == one[name], name


def test_a_process_is_begun_only_where_it_is_worth_its_second(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(200)))

    assert crew.processes_for(crew.WORTH_FROM - 1) == 1
    assert crew.processes_for(crew.WORTH_FROM) == crew.PROCESSES_MAX
