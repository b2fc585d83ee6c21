"""A whole run: plan, load, decide, note. It reads beside whoever writes, and writes through a `Writer` alone.

The command line calls `run_through`. A batch is noted when all of it is written, so a run that was killed goes on
behind the last one; what it had done of the next is found decided already.
"""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import msgspec
from sqlalchemy import Connection

from tracker.clicks.touches import numbering
from tracker.recompute import facts_store, plan, worth
from tracker.recompute.crew import Reader, Setting, open_crew, processes_for, uncollected
from tracker.recompute.engines import Decided, Engine, Means, Part
from tracker.recompute.types import EVIDENCE_GONE, BatchResult, Change, Member, Run, Summary, World


class Writer(Protocol):
    """Who writes: a running server, or this process."""

    async def prepare(self, run_id: str, conversion_ids: Sequence[str]) -> None:
        """Decide conversions that will be decided once more in their turn; only that is noted as a change."""
        ...

    async def decide(self, run_id: str, conversion_ids: Sequence[str]) -> None:
        """Decide conversions again for good."""
        ...

    async def note(self, changes: Sequence[Change]) -> None:
        """Store what would change."""
        ...

    async def finish_batch(self, run_id: str, result: BatchResult) -> None:
        """Note that a batch is done."""
        ...

    async def finish(self, run_id: str) -> Run:
        """Note that the run is done and return it."""
        ...


class Progress(Protocol):
    """Who is told how far a run came."""

    def walked(self, clicks: int, of: int) -> None:
        """Hear how many clicks were walked through."""
        ...

    def decided(self, conversions: int, of: int) -> None:
        """Hear how many conversions are done."""
        ...


async def run_through(
    run: Run,
    engine: Engine,
    *,
    reader: Reader,
    writer: Writer,
    progress: Progress,
    now_ms: Callable[[], int],
    url: str | None = None,
    processes: int | None = None,
) -> Run:
    """Do what is left of a run and return it as it ended.

    URL: of the database, where other processes may read it, too; processes: how many compute, None for as many as are
    worth it.
    """
    world = await reader.read(lambda conn: facts_store.load_world(conn, run.program_id))
    rows = await reader.read(lambda conn: facts_store.walk_conversions(conn, run.scope))
    groups = plan.group(rows)
    done = sum(len(group) for group in groups if group[0].seq <= run.position)
    progress.decided(done, len(rows))
    parts = (Part(number=number, groups=part) for number, part in enumerate(plan.cut(groups, after=run.position)))
    with uncollected(), tempfile.TemporaryDirectory(prefix="molva-run-") as folder:
        setting = Setting(
            world=world,
            numbers=await reader.read(numbering),
            what_if=run.settings,
            click_watermark=run.click_watermark,
            folder=Path(folder),
            now_ms=now_ms(),
            run_id=run.run_id if run.applies else None,
        )
        asked = processes_for(len(rows) - done) if processes is None else processes
        async with open_crew(reader, setting, url=url, processes=asked) as crew:
            means = Means(crew=crew, setting=setting, told=progress.walked)
            async for each in engine.decide(parts, means):
                await _write(run, each, world, reader=reader, writer=writer)
                await writer.finish_batch(run.run_id, each.result)
                done += each.result.decided
                progress.decided(done, len(rows))
    return await writer.finish(run.run_id)


async def _write(run: Run, decided: Decided, world: World, *, reader: Reader, writer: Writer) -> None:
    """Write what a batch came to: decisions where the run applies and nothing is locked, else what would change."""
    members = {member.row.conversion_id: member for member in decided.members}
    differing = {outcome.conversion_id: outcome.after for outcome in decided.result.differing}
    order = list(members)
    free = [key for key in order if run.applies and members[key].locked_by is None]
    only_told = [key for key in order if key not in set(free)]
    if only_told:
        told = {key: differing[key] for key in only_told}
        await writer.note(await reader.read(lambda conn: _would_change(conn, run, decided.members, told, world)))
    if free:
        # A sale may come before its lead; whatever else moves the lead is decided in its own turn.
        if late := _leads_behind_sales(free, [members[key].lead_id for key in free]):
            await writer.prepare(run.run_id, late)
        await writer.decide(run.run_id, free)


def _leads_behind_sales(keys: Sequence[str], named: Sequence[str | None]) -> list[str]:
    """Return the leads among conversions that stand behind a sale that names them. Named: the lead of each or None."""
    places = {key: place for place, key in enumerate(keys)}
    leads = [lead for place, lead in enumerate(named) if lead is not None and places.get(lead, -1) > place]
    return list(dict.fromkeys(leads))


def _would_change(
    conn: Connection, run: Run, members: Sequence[Member], differing: dict[str, Summary], world: World
) -> list[Change]:
    """Return the changes with what they would do to commissions: posted against due."""
    rates = worth.own_rates(conn, differing.values())
    # A what-if asks what would have been: what is paid or judged does not stop it.
    is_asked = run.kind == "what_if"
    changes = []
    for member in members:
        row = member.row
        if row.conversion_id not in differing:
            continue
        program = world.program_as_of(row.program_id, row.occurred_at_ms)
        after = differing[row.conversion_id]
        due = worth.due_money(row, program, after, refunded_minor=worth.refunded_of(conn, row), rates=rates)
        changes.append(
            Change(
                run_id=run.run_id,
                conversion_id=row.conversion_id,
                before=msgspec.structs.replace(member.stored, commissions=worth.posted_money(conn, row.conversion_id)),
                after=msgspec.structs.replace(after, commissions=due),
                locked_by=None if is_asked and member.locked_by not in EVIDENCE_GONE else member.locked_by,
            )
        )
    return changes
