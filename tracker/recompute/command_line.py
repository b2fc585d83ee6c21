"""`molva attribution recompute`: computes in its own process, and lets a running server write.

`tracker/cli.py` calls `recompute`. The bar goes to standard error, and only to a terminal.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from tracker.control import ask
from tracker.db.ids import IdError, canonical_id
from tracker.db.reading import open_reader
from tracker.i18n.messages import InputError, msg
from tracker.recompute.answer import answer_of
from tracker.recompute.crew import PROCESSES_MAX, Reader
from tracker.recompute.engines import open_engine
from tracker.recompute.run import Progress, run_through
from tracker.recompute.writers import HereWriter, RequestWriter, ServerWriter
from tracker.services import open_services
from tracker.settings import database_url, load_settings

Params = dict[str, Any]
Answer = dict[str, Any]

DAY_S = 86_400
WINDOW_DAYS_MAX = 3650
BAR = 30  # characters
EARLIEST_YEAR = 2000


def recompute(data_dir: Path, params: Params, *, shows_progress: bool) -> Answer:
    """Run it and return what changed or would change, per partner and in sum."""
    asked = _asked(params)
    bar = Bar(sys.stderr if shows_progress and sys.stderr.isatty() else None)
    processes = _processes(params.get("processes"))
    return asyncio.run(_recompute(data_dir, asked, resume=params.get("resume"), processes=processes, bar=bar))


async def _recompute(data_dir: Path, asked: Params, *, resume: str | None, processes: int | None, bar: "Bar") -> Answer:
    # Before anything is written: a run that no engine can do should not be begun.
    engine = open_engine(asked["engine"])
    async with _sides(data_dir) as (reader, writer):
        run = await (writer.start(asked) if resume is None else writer.find(_run_id(resume)))
        if resume is not None:
            engine = open_engine(run.engine)
        try:
            run = await run_through(
                run,
                engine,
                reader=reader,
                writer=writer,
                progress=bar,
                now_ms=lambda: time.time_ns() // 1_000_000,
                url=database_url(load_settings(data_dir), data_dir),
                processes=processes,
            )
        finally:
            bar.end()
        return await reader.read(lambda conn: answer_of(conn, run))


@asynccontextmanager
async def _sides(data_dir: Path) -> AsyncIterator[tuple[Reader, RequestWriter]]:
    """Give who reads and who writes: beside a running server it writes, else both are this process."""
    is_served = await asyncio.to_thread(ask, data_dir, "migrate", {}) is not None
    services = None if is_served else await open_services(data_dir)
    reader = open_reader(database_url(load_settings(data_dir), data_dir))
    server = ServerWriter(lambda command, params: _ask_running(data_dir, command, params))
    try:
        yield reader, RequestWriter(server if services is None else HereWriter(services))
    finally:
        await reader.close()
        if services is not None:
            await services.close()


def _ask_running(data_dir: Path, command: str, params: Params) -> Answer:
    answer = ask(data_dir, command, params)
    if answer is None:
        raise InputError("resume", msg("The server was stopped; go on with --resume and the run's id."))
    return answer


def _asked(params: Params) -> Params:
    """Return what a run is to do, as its first request; refuses what cannot be meant."""
    what_if: Params = {}
    if "model" in params:
        what_if["model"] = params["model"]
    if (days := params.get("window_days")) is not None:
        if not 0 < days <= WINDOW_DAYS_MAX:
            raise InputError("window-days", msg("Give 1 to %(most)s days.", most=WINDOW_DAYS_MAX))
        what_if["window_seconds"] = days * DAY_S
    asked: Params = {"engine": params.get("engine", "lookup"), "is_dry_run": params["dry_run"], "what_if": what_if}
    if "program" in params:
        asked["program_id"] = _program_id(params["program"])
    if "since" in params:
        asked["since_ms"] = _since_ms(params["since"])
    return asked


def _processes(number: int | None) -> int | None:
    if number is not None and not 1 <= number <= PROCESSES_MAX:
        raise InputError("processes", msg("Give 1 to %(most)s processes.", most=PROCESSES_MAX))
    return number


def _program_id(text: str) -> str:
    try:
        return canonical_id("prg", text)
    except IdError as error:
        raise InputError("program", msg("%(problem)s", problem=str(error))) from error


def _run_id(text: str) -> str:
    try:
        return canonical_id("run", text)
    except IdError as error:
        raise InputError("resume", msg("%(problem)s", problem=str(error))) from error


def _since_ms(text: str) -> int:
    """Return an instant in Unix ms: a day in UTC, or ISO 8601 with a zone."""
    try:
        instant = datetime.fromisoformat(text)
        if instant.tzinfo is None and len(text) == len("2026-03-01"):
            instant = instant.replace(tzinfo=UTC)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None or instant.year < EARLIEST_YEAR:
        remedy = msg('"%(text)s" is no instant; write it like 2026-03-01 or 2026-03-01T09:30:00Z.', text=text[:40])
        raise InputError("since", remedy)
    return round(instant.timestamp() * 1000)


class Bar(Progress):
    """A line that fills while a run goes on; without a terminal nothing is written."""

    def __init__(self, out: TextIO | None) -> None:
        """Take where to write."""
        self._out = out
        self._is_open = False

    def walked(self, clicks: int, of: int) -> None:
        """Show how many clicks were walked through."""
        self._show("clicks", clicks, of)

    def decided(self, conversions: int, of: int) -> None:
        """Show how many conversions are done."""
        self._show("conversions", conversions, of)

    def end(self) -> None:
        """Leave the line."""
        if self._out is not None and self._is_open:
            self._out.write("\n")
            self._out.flush()
            self._is_open = False

    def _show(self, what: str, done: int, of: int) -> None:
        if self._out is None:
            return
        share = min(done / of, 1) if of else 1
        filled = "#" * int(share * BAR)
        self._out.write(f"\r{what:<11} [{filled:<{BAR}}] {done} of {of} ")
        self._out.flush()
        self._is_open = True


def recompute_text(answer: Answer) -> str:
    """Return what a run did, as a person reads it."""
    verb = "changed" if answer["applied"] else "would change"
    looked_at = f"{answer['decided']} conversions were decided again"
    lines = [f"{looked_at}; {answer['changed']} {verb}, {answer['locked']} more are locked."]
    if answer["partners"]:
        lines += ["", f"{'partner':<32} {'conversions':>11} {'revenue':>16} {'commission':>16}"]
        lines += [_partner_line(one) for one in answer["partners"]]
    lines += [_sum_line(one) for one in answer["sums"]]
    return "\n".join([*lines, "", f"run      {answer['run_id']}", f"results  {answer['result_digest']}"])


def _partner_line(one: Answer) -> str:
    revenue = f"{one['amount_after'] - one['amount_before']:+d} {one['currency']}"
    commission = f"{one['commission_after'] - one['commission_before']:+d} {one['currency']}"
    return f"{one['name'][:32]:<32} {one['conversions']:>11} {revenue:>16} {commission:>16}"


def _sum_line(one: Answer) -> str:
    moved = one["commission_after"] - one["commission_before"]
    return f"{'in sum':<32} {'':>11} {'':>16} {f'{moved:+d} ' + one['currency']:>16}"
