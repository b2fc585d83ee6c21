"""The report that compares models: loads decided conversions and lost journeys of a period, and lets them be compared.

The page and the export ask `compare_models`. It reads in pieces and computes on a thread, so that others get their turn
in between; it writes nothing, and nothing pays by it.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from sqlalchemy import Connection

from attribution.compare import DecidedJourney, compare
from attribution.types import Touch
from tracker.clicks import touches
from tracker.clicks.touches import Numbering
from tracker.conversions.base import commission_base
from tracker.conversions.types import ConversionRow
from tracker.db.database import Database
from tracker.programs import store as programs
from tracker.programs.types import Program, ProgramSettings
from tracker.reports import store
from tracker.reports.journeys import clicks_in, count_lost, read_journey
from tracker.reports.types import Asked, ModelReport

CONVERSIONS_MAX = 20_000  # conversions of one report, the newest; comparing them takes seconds
CLICKS_MAX = 100_000  # clicks walked for journeys that were lost, the newest
LOST_MAX = 20_000  # lost journeys of one report
CLICKS_AT_ONCE = 10_000

# A report takes seconds of computing; two at once would take both twice as long, and requests with them.
_COMPARER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="molva-reports")


async def compare_models(database: Database, program: Program, asked: Asked) -> ModelReport:
    """Return what every model would give each partner for the conversions asked for.

    Models weigh by the program's terms of today; credits in force are as decided. Refunds are not taken off.
    """
    journeys, clicked, is_cut = await _decided(database, program, asked)
    lost, is_lost_cut = await _lost_touches(database, asked)
    converted = {touch.visitor_id or "" for touch in lost if touch.touch_id in clicked}
    for part in _parts(sorted({touch.visitor_id for touch in lost if touch.visitor_id})):
        converted |= await database.read(partial(store.converted_of, program_id=asked.program_id, visitors=part))
    partner_ids = await database.read(lambda conn: store.partners_by_enrollment(conn, asked.program_id))

    def compute() -> ModelReport:
        paths = count_lost(lost, partner_ids, converted=converted)
        return ModelReport(
            asked=asked,
            comparison=compare(journeys, paths, program.settings.attribution),
            conversions=len(journeys),
            is_cut=is_cut,
            lost=sum(path.losses for path in paths),
            is_lost_cut=is_lost_cut,
        )

    return await asyncio.get_running_loop().run_in_executor(_COMPARER, compute)


async def _decided(database: Database, program: Program, asked: Asked) -> tuple[list[DecidedJourney], set[str], bool]:
    """Return the newest conversions asked for, the clicks their explanations name, and whether there were more."""
    versions = await database.read(lambda conn: _versions(conn, program))
    journeys: list[DecidedJourney] = []
    clicked: set[str] = set()
    before: tuple[int, int] | None = None
    while len(journeys) <= CONVERSIONS_MAX:
        read = partial(store.decided_between, asked=asked, own_currency=program.currency, before=before)
        piece = await database.read(read)
        for row, explanation in piece:
            if explanation:
                clicked |= clicks_in(explanation)
                journeys.append(_journey(row, explanation, versions, asked))
        if len(piece) < store.PIECE:
            break
        before = (piece[-1][0].occurred_at_ms, piece[-1][0].seq)
    return journeys[:CONVERSIONS_MAX], clicked, len(journeys) > CONVERSIONS_MAX


def _versions(conn: Connection, program: Program) -> list[tuple[int, ProgramSettings]]:
    """Return the terms with when they came into force, newest first."""
    return [(each.effective_from_ms, each.settings) for each in programs.list_versions(conn, program.program_id)]


def _journey(
    row: ConversionRow, explanation: dict[str, Any], versions: Sequence[tuple[int, ProgramSettings]], asked: Asked
) -> DecidedJourney:
    settings = next((terms for from_ms, terms in versions if from_ms <= row.occurred_at_ms), versions[-1][1])
    return read_journey(
        row.conversion_id,
        explanation,
        at_ms=row.occurred_at_ms,
        base_minor=commission_base(row, settings),
        currency=asked.currency,
    )


async def _lost_touches(database: Database, asked: Asked) -> tuple[list[Touch], bool]:
    """Return people's clicks of the period, the newest, and whether there were more."""

    def bounds(conn: Connection) -> tuple[int, int, Numbering]:
        first = touches.first_seq_since(conn, asked.since_ms)
        last = touches.first_seq_since(conn, asked.until_ms) - 1
        return first, last, touches.numbering(conn)

    first, last, numbers = await database.read(bounds)
    found: list[Touch] = []
    visitors: set[str] = set()
    up_to = last
    while up_to >= first and last - up_to < CLICKS_MAX and len(visitors) < LOST_MAX:
        after = max(up_to - CLICKS_AT_ONCE, first - 1)
        piece = await database.read(partial(touches.read_clicks, after=after, up_to=up_to))
        mine = touches.people_of_program(piece, asked.program_id, livemode=asked.livemode, numbers=numbers)
        found += [touch for touch in mine if asked.since_ms <= touch.at_ms < asked.until_ms]
        visitors |= {touch.visitor_id for touch in mine if touch.visitor_id}
        up_to = after
    return found, up_to >= first


def _parts(listed: Sequence[str]) -> list[Sequence[str]]:
    return [listed[start : start + store.PIECE] for start in range(0, len(listed), store.PIECE)]
