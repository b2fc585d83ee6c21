"""What a change of terms would have done to the last days: asked before it is published, and nothing is written.

The page that publishes terms calls `preview_settings`. It decides what a program's conversions would have come to under
the new terms, newest first, and stops when its time is up.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial

import msgspec
from sqlalchemy import Connection

from tracker.clicks.touches import Numbering, find_touches, newest_seq, numbering
from tracker.conversions.types import ConversionRow
from tracker.db.database import Database
from tracker.instants import DAY_MS
from tracker.programs import store as programs
from tracker.programs.types import Program, ProgramSettings
from tracker.recompute import facts_store, plan, worth
from tracker.recompute.facts import load_batch
from tracker.recompute.lookup import wanted_by
from tracker.recompute.plan import Light
from tracker.recompute.simulate import simulate
from tracker.recompute.types import EVIDENCE_GONE, Member, Scope, Summary, WhatIf, World
from tracker.recompute.worth import PartnerSum, Sums

DAYS = 90
BUDGET_S = 2.0  # a page waits for it
GROUPS_AT_ONCE = 25  # decided before others get their turn, about 10 ms
EXAMPLES_MAX = 10  # conversions shown one by one


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """A conversion that would have come to something else."""

    conversion_id: str
    external_id: str
    occurred_at_ms: int
    currency: str
    before: Summary
    after: Summary


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What the new terms would have done.

    Partners: sums over the conversions looked at, those who would lose most first. Moved: how many would be credited
    otherwise; repaid: how many would only have earned another commission. `is_cut`: time was up before all of
    `conversions` were looked at; the newest were.
    """

    days: int
    conversions: int
    looked_at: int
    is_cut: bool
    moved: int
    repaid: int
    partners: tuple[PartnerSum, ...]
    examples: tuple[Example, ...]


class _Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What all of a preview shares: the terms of then, the new ones, and the groups, newest first."""

    before: World
    after: World
    numbers: Numbering
    watermark: int
    groups: Sequence[list[Light]]


async def preview_settings(
    database: Database,
    program_id: str,
    settings: ProgramSettings,
    *,
    now_ms: int,
    days: int = DAYS,
    budget_s: float = BUDGET_S,
    clock: Callable[[], float] = time.monotonic,
) -> Preview | None:
    """Return what settings would have done to a program's last days, None for an unknown program. Reads only.

    Live conversions alone. Commissions before and after are what terms make due, so they differ by the terms alone.
    """
    ends_at = clock() + budget_s
    since_ms = now_ms - days * DAY_MS
    planned = await database.read(lambda conn: _plan(conn, program_id, settings, since_ms=since_ms))
    if planned is None:
        return None
    counts = _Counts()
    looked_at = 0
    for start in range(0, len(planned.groups), GROUPS_AT_ONCE):
        if start and clock() >= ends_at:
            break
        groups = planned.groups[start : start + GROUPS_AT_ONCE]

        def look(conn: Connection, groups: Sequence[list[Light]] = groups) -> None:
            _look(conn, planned, groups, counts=counts, now_ms=now_ms)

        await database.read(look)
        looked_at += sum(map(len, groups))
    return Preview(
        days=days,
        conversions=sum(map(len, planned.groups)),
        looked_at=looked_at,
        is_cut=looked_at < sum(map(len, planned.groups)),
        moved=counts.moved,
        repaid=counts.repaid,
        partners=tuple(counts.sums.per_partner()),
        examples=tuple(counts.examples),
    )


class _Counts:
    """What a preview adds up."""

    def __init__(self) -> None:
        self.moved = 0
        self.repaid = 0
        self.sums = Sums()
        self.examples: list[Example] = []

    def add(self, row: ConversionRow, before: Summary, after: Summary) -> None:
        """Add a conversion, whether or not it would have come to something else."""
        currency = row.currency or next((money.currency for money in (*after.commissions, *before.commissions)), "")
        self.sums.add(before, after, currency=currency)
        if before == after:
            return
        self.moved += before.credits != after.credits
        self.repaid += before.credits == after.credits
        if len(self.examples) < EXAMPLES_MAX:
            self.examples.append(
                Example(
                    conversion_id=row.conversion_id,
                    external_id=row.external_id,
                    occurred_at_ms=row.occurred_at_ms,
                    currency=currency,
                    before=before,
                    after=after,
                )
            )


def _plan(conn: Connection, program_id: str, settings: ProgramSettings, *, since_ms: int) -> _Plan | None:
    program = programs.get_program(conn, program_id)
    if program is None:
        return None
    scope = Scope(
        program_id=program_id,
        since_ms=since_ms,
        click_watermark=newest_seq(conn),
        conversion_watermark=facts_store.newest_conversion(conn),
    )
    before = facts_store.load_world(conn, program_id)
    attribution = msgspec.structs.replace(settings.attribution, program_id=program_id)
    changed = msgspec.structs.replace(
        program, version=program.version + 1, settings=msgspec.structs.replace(settings, attribution=attribution)
    )
    groups = plan.group(facts_store.walk_conversions(conn, scope))
    return _Plan(
        before=before,
        after=World(terms={program_id: ((0, changed),)}, histories=before.histories),
        numbers=numbering(conn),
        watermark=scope.click_watermark,
        groups=sorted(groups, key=lambda group: -group[-1].seq),
    )


def _look(conn: Connection, planned: _Plan, groups: Sequence[list[Light]], *, counts: _Counts, now_ms: int) -> None:
    """Decide some groups under the new terms and add up what differs."""
    batch = load_batch(conn, groups, world=planned.before, number=0, now_ms=now_ms)
    # Locks keep what is paid, not what terms would have made of it.
    batch = msgspec.structs.replace(batch, members=tuple(map(_unlocked, batch.members)))
    touches = find_touches(conn, *wanted_by(batch), numbers=planned.numbers, up_to=planned.watermark)
    result = simulate(batch, planned.after, touches, WhatIf())
    after = {outcome.conversion_id: outcome.after for outcome in result.differing}
    rates = worth.own_rates(conn, [*after.values(), *(member.stored for member in batch.members)])
    for member in batch.members:
        row = member.row
        if not row.livemode:
            continue
        refunded_minor = worth.refunded_of(conn, row)
        price = partial(_price, row, refunded_minor=refunded_minor, rates=rates)
        old = planned.before.program_as_of(row.program_id, row.occurred_at_ms)
        new = planned.after.program_as_of(row.program_id, row.occurred_at_ms)
        changed = after.get(row.conversion_id, member.stored) if member.locked_by is None else member.stored
        counts.add(row, price(member.stored, old), price(changed, new))


def _unlocked(member: Member) -> Member:
    return member if member.locked_by in EVIDENCE_GONE else msgspec.structs.replace(member, locked_by=None)


def _price(
    row: ConversionRow, summary: Summary, program: Program, *, refunded_minor: int, rates: dict[str, int]
) -> Summary:
    due = worth.due_money(row, program, summary, refunded_minor=refunded_minor, rates=rates)
    return msgspec.structs.replace(summary, commissions=due)
