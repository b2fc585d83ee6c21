"""What a run came to, for the command line: counts, and who gains and who loses. Amounts in minor units."""

from typing import Any

import msgspec
from sqlalchemy import Connection

from tracker.instants import show_instant
from tracker.partners import store as partners
from tracker.programs import store as programs
from tracker.recompute import checksum, facts_store, store
from tracker.recompute.types import Change, Run
from tracker.recompute.worth import PartnerSum, Sums

SHOWN_MAX = 1000  # partners an answer names; the sums are over all


def answer_of(conn: Connection, run: Run) -> dict[str, Any]:
    """Return what a run came to."""
    changed, locked = store.count_changes(conn, run.run_id)
    sums = Sums()
    currencies = {program.program_id: program.currency for program in programs.list_programs(conn)}
    after = None
    while changes := store.list_changes(conn, run.run_id, after=after):
        free = [change for change in changes if change.locked_by is None]
        _add(conn, sums, free, currencies)
        after = changes[-1].conversion_id
    per_partner = sums.per_partner()
    shown = per_partner[:SHOWN_MAX]
    people = partners.people_of(conn, [one.enrollment_id for one in shown])
    names = {key: partner.name for key, (_, partner) in people.items()}
    return {
        "run_id": run.run_id,
        "kind": run.kind,
        "engine": run.engine,
        "applied": run.applies,
        "program": run.program_id,
        "since": None if run.since_ms is None else show_instant(run.since_ms),
        "settings": {name: value for name, value in msgspec.to_builtins(run.settings).items() if value is not None},
        "decided": run.decided,
        "changed": changed,
        "locked": locked,
        "partners": [_partner(one, names) for one in shown],
        "sums": [_sum(currency, per_partner) for currency in sorted({one.currency for one in per_partner})],
        "result_digest": checksum.result_digest(run.decided, run.digest_sum),
    }


def _add(conn: Connection, sums: Sums, changes: list[Change], currencies: dict[str, str]) -> None:
    """Add live conversions; what is made with a test key is in no sum. Currencies: of programs."""
    rows = facts_store.conversions_with_ids(conn, [change.conversion_id for change in changes])
    live = {row.conversion_id: row.currency or currencies.get(row.program_id, "") for row in rows if row.livemode}
    for change in changes:
        if change.conversion_id in live:
            sums.add(change.before, change.after, currency=live[change.conversion_id])


def _partner(one: PartnerSum, names: dict[str, str]) -> dict[str, Any]:
    return {
        "enrollment_id": one.enrollment_id,
        "name": names.get(one.enrollment_id, ""),
        "currency": one.currency,
        "conversions": one.conversions,
        **_amounts([one]),
    }


def _sum(currency: str, per_partner: list[PartnerSum]) -> dict[str, Any]:
    return {"currency": currency, **_amounts([one for one in per_partner if one.currency == currency])}


def _amounts(sums: list[PartnerSum]) -> dict[str, int]:
    return {
        "amount_before": sum(one.amount_before_minor for one in sums),
        "amount_after": sum(one.amount_after_minor for one in sums),
        "commission_before": sum(one.commission_before_minor for one in sums),
        "commission_after": sum(one.commission_after_minor for one in sums),
    }
