"""Queries of runs and of what they changed."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, func, insert, select, update

from tracker.conversions.tables import decisions
from tracker.db.rows import fields_of
from tracker.recompute.tables import attribution_changes, attribution_runs
from tracker.recompute.types import BatchResult, Change, Run, Summary, WhatIf

CHANGES_MAX = 500  # changes read at once


def insert_run(conn: Connection, run: Run) -> None:
    """Store a new run."""
    conn.execute(insert(attribution_runs), fields_of(run) | {"settings": msgspec.to_builtins(run.settings)})


def get_run(conn: Connection, run_id: str) -> Run | None:
    """Return one run."""
    row = conn.execute(select(attribution_runs).where(attribution_runs.c.run_id == run_id)).first()
    if row is None:
        return None
    values = {name: getattr(row, name) for name in Run.__struct_fields__ if name != "settings"}
    return Run(**values, settings=msgspec.convert(row.settings, WhatIf))


def move_run(conn: Connection, run_id: str, result: BatchResult, *, digest_sum: bytes, now_ms: int) -> bool:
    """Note that a batch is done, unless one behind it is; tell whether it was noted."""
    moved = (
        update(attribution_runs)
        .where(attribution_runs.c.run_id == run_id, attribution_runs.c.position < result.position)
        .values(
            position=result.position,
            decided=attribution_runs.c.decided + result.decided,
            digest_sum=digest_sum,
            moved_at_ms=now_ms,
        )
    )
    return conn.execute(moved).rowcount == 1


def finish_run(conn: Connection, run_id: str, *, now_ms: int) -> None:
    """Note that a run is done."""
    done = {"state": "done", "moved_at_ms": now_ms, "finished_at_ms": now_ms}
    conn.execute(update(attribution_runs).where(attribution_runs.c.run_id == run_id).values(**done))


def insert_changes(conn: Connection, changes: Sequence[Change]) -> None:
    """Store what a run changed or would change; one conversion at most once a run."""
    known = known_changes(conn, changes)
    new = [change for change in changes if (change.run_id, change.conversion_id) not in known]
    if new:
        conn.execute(insert(attribution_changes), [_values(change) for change in new])


def decisions_of_run(conn: Connection, run_id: str, conversion_id: str) -> set[str]:
    """Return the decisions a run made about a conversion."""
    query = select(decisions.c.decision_id).where(
        decisions.c.conversion_id == conversion_id, decisions.c.run_id == run_id
    )
    return set(conn.execute(query).scalars())


def known_changes(conn: Connection, changes: Sequence[Change]) -> set[tuple[str, str]]:
    """Return which of these are stored already."""
    if not changes:
        return set()
    query = select(attribution_changes.c.run_id, attribution_changes.c.conversion_id).where(
        attribution_changes.c.run_id.in_(sorted({change.run_id for change in changes})),
        attribution_changes.c.conversion_id.in_([change.conversion_id for change in changes]),
    )
    return {(row.run_id, row.conversion_id) for row in conn.execute(query)}


def list_changes(conn: Connection, run_id: str, *, after: str | None = None, limit: int = CHANGES_MAX) -> list[Change]:
    """Return what a run changed or would change, by conversion, continuing behind the one named `after`."""
    query = select(attribution_changes).where(attribution_changes.c.run_id == run_id)
    if after is not None:
        query = query.where(attribution_changes.c.conversion_id > after)
    rows = conn.execute(query.order_by(attribution_changes.c.conversion_id).limit(min(limit, CHANGES_MAX)))
    return [_change(row) for row in rows]


def changes_of(conn: Connection, conversion_id: str) -> list[Change]:
    """Return what runs changed about a conversion, newest run first."""
    query = select(attribution_changes).where(attribution_changes.c.conversion_id == conversion_id)
    newest_first = query.order_by(attribution_changes.c.run_id.desc()).limit(CHANGES_MAX)
    return [_change(row) for row in conn.execute(newest_first)]


def count_changes(conn: Connection, run_id: str) -> tuple[int, int]:
    """Return how many conversions a run changed or would change, and how many more are locked."""
    is_locked: ColumnElement[bool] = attribution_changes.c.locked_by.is_not(None)
    query = select(is_locked, func.count()).where(attribution_changes.c.run_id == run_id).group_by(is_locked)
    counts = {bool(row[0]): int(row[1]) for row in conn.execute(query)}
    return counts.get(False, 0), counts.get(True, 0)


def _values(change: Change) -> dict[str, Any]:
    return fields_of(change) | {
        "before": msgspec.to_builtins(change.before),
        "after": msgspec.to_builtins(change.after),
    }


def _change(row: Row[Any]) -> Change:
    return Change(
        run_id=row.run_id,
        conversion_id=row.conversion_id,
        before=msgspec.convert(row.before, Summary),
        after=msgspec.convert(row.after, Summary),
        locked_by=row.locked_by,
        decision_id=row.decision_id,
    )
