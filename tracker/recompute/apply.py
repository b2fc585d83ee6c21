"""Writing what a run found: starting and finishing it, noting what would change, deciding again for good.

A running server does this for the command line, which computes beside it; without one the command line does it itself.
Every function is one transaction, or a few short ones where money moves, and may be asked twice.
"""

from collections.abc import Sequence
from functools import partial

import msgspec
from sqlalchemy import Connection

from attribution.engine import ENGINE_VERSION
from tracker.audit import store as audit
from tracker.clicks import touches
from tracker.conversions.process import decide_in_run
from tracker.db.ids import new_id
from tracker.i18n.messages import InputError, msg
from tracker.programs import store as programs
from tracker.recompute import checksum, facts_store, store, worth
from tracker.recompute.types import BatchResult, Change, EngineName, Run, Scope, Summary, WhatIf
from tracker.services import Services


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a run is to do; see the options of `molva attribution recompute`."""

    engine: EngineName = "lookup"
    program_id: str | None = None
    since_ms: int | None = None
    is_dry_run: bool = False
    what_if: WhatIf = WhatIf()


async def start_run(services: Services, asked: Asked, *, actor: str) -> Run:
    """Return a new run over everything known now; clicks acknowledged before it count."""
    await services.project()
    now_ms = services.now_ms()
    return await services.db.write(lambda conn: _start(conn, asked, actor=actor, now_ms=now_ms))


def _start(conn: Connection, asked: Asked, *, actor: str, now_ms: int) -> Run:
    if asked.program_id is not None and programs.get_program(conn, asked.program_id) is None:
        raise InputError("program", msg("There is no such program; look it up in the list of programs."))
    scope = Scope(
        program_id=asked.program_id,
        since_ms=asked.since_ms,
        click_watermark=touches.newest_seq(conn),
        conversion_watermark=facts_store.newest_conversion(conn),
    )
    run = Run(
        run_id=new_id("run", now_ms),
        kind="what_if" if asked.what_if.is_given else "backfill",
        state="running",
        is_dry_run=asked.is_dry_run,
        engine=asked.engine,
        engine_version=ENGINE_VERSION,
        settings=asked.what_if,
        position=0,
        conversions=facts_store.count_conversions(conn, scope),
        decided=0,
        digest_sum=checksum.NOTHING,
        actor=actor,
        started_at_ms=now_ms,
        moved_at_ms=now_ms,
        finished_at_ms=None,
        **msgspec.structs.asdict(scope),
    )
    store.insert_run(conn, run)
    audit.record(
        conn,
        at_ms=now_ms,
        actor=actor,
        action="attribution_run.started",
        object_id=run.run_id,
        after={"kind": run.kind, "is_dry_run": run.is_dry_run, "program_id": run.program_id, "since_ms": run.since_ms},
    )
    return run


async def find_run(services: Services, run_id: str) -> Run:
    """Return a run that is to go on; refuses one that is unknown, done, or was begun by another engine version."""
    run = await services.db.read(lambda conn: store.get_run(conn, run_id))
    if run is None:
        raise InputError("resume", msg("There is no such run; start a new one without --resume."))
    if run.state == "done":
        raise InputError("resume", msg("The run is done; start a new one without --resume."))
    if run.engine_version != ENGINE_VERSION:
        raise InputError("resume", msg("An older version began the run and decided otherwise; start a new one."))
    await services.project()
    return run


async def prepare_conversions(services: Services, run_id: str, conversion_ids: Sequence[str]) -> None:
    """Decide conversions that the run will decide once more; what that comes to is noted then, in one row."""
    for conversion_id in conversion_ids:
        decide = partial(decide_in_run, conversion_id=conversion_id, run_id=run_id, now_ms=services.now_ms())
        await services.db.write(decide)


async def decide_conversions(services: Services, run_id: str, conversion_ids: Sequence[str]) -> list[Change]:
    """Decide conversions again for good, each in its own short transaction, and return what changed."""
    changes = []
    for conversion_id in conversion_ids:
        decide = partial(_decide, run_id=run_id, conversion_id=conversion_id, now_ms=services.now_ms())
        change = await services.db.write(decide)
        if change is not None:
            changes.append(change)
    return changes


def _decide(conn: Connection, *, run_id: str, conversion_id: str, now_ms: int) -> Change | None:
    """Decide one conversion again; the facts are read once more, so that nothing older than them is written.

    What changed is told against how it stood before the run, which may have decided it already.
    """
    before = _stood_before(conn, conversion_id, run_id)
    if before is None:
        return None
    decision = decide_in_run(conn, conversion_id, run_id=run_id, now_ms=now_ms)
    after = _stands(conn, conversion_id)
    if decision is None or after is None or after == before:
        return None
    change = Change(
        run_id=run_id,
        conversion_id=conversion_id,
        before=before,
        after=after,
        decision_id=decision.decision_id,
    )
    store.insert_changes(conn, [change])
    return change


def _stands(conn: Connection, conversion_id: str) -> Summary | None:
    result = facts_store.results_of(conn, [conversion_id]).get(conversion_id)
    if result is None:
        return None
    return msgspec.structs.replace(result.summary(), commissions=worth.posted_money(conn, conversion_id))


def _stood_before(conn: Connection, conversion_id: str, run_id: str) -> Summary | None:
    result = facts_store.results_of(conn, [conversion_id], without_run=run_id).get(conversion_id)
    if result is None:
        return None
    mine = store.decisions_of_run(conn, run_id, conversion_id)
    return msgspec.structs.replace(result.summary(), commissions=worth.posted_money(conn, conversion_id, without=mine))


async def note_changes(services: Services, changes: Sequence[Change]) -> None:
    """Store what would change: of a dry run, of a what-if, of locked results."""
    await services.db.write(lambda conn: store.insert_changes(conn, changes))


async def finish_batch(services: Services, run_id: str, result: BatchResult) -> None:
    """Note that a batch is done, with the sum of its digests."""
    now_ms = services.now_ms()

    def finish(conn: Connection) -> None:
        run = store.get_run(conn, run_id)
        assert run is not None
        digest_sum = checksum.add((run.digest_sum, result.digest_sum))
        store.move_run(conn, run_id, result, digest_sum=digest_sum, now_ms=now_ms)

    await services.db.write(finish)


async def finish_run(services: Services, run_id: str) -> Run:
    """Note that a run is done and return it."""
    now_ms = services.now_ms()

    def finish(conn: Connection) -> Run:
        store.finish_run(conn, run_id, now_ms=now_ms)
        run = store.get_run(conn, run_id)
        assert run is not None
        changed, locked = store.count_changes(conn, run_id)
        audit.record(
            conn,
            at_ms=now_ms,
            actor=run.actor,
            action="attribution_run.finished",
            object_id=run_id,
            after={
                "decided": run.decided,
                "changed": changed,
                "locked": locked,
                "result_digest": checksum.result_digest(run.decided, run.digest_sum),
            },
        )
        return run

    return await services.db.write(finish)
