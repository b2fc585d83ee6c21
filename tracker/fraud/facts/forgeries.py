"""Signs that a report is forged: what was refused under its number, and clicks of other programs."""

from sqlalchemy import Connection, func, select

from fraud_rules.types import Forgeries
from tracker.clicks import store as clicks
from tracker.conversions.journey import browser_ids
from tracker.conversions.types import ConversionRow
from tracker.fraud.facts.subject import Asked
from tracker.instants import DAY_MS
from tracker.quarantine.tables import quarantined_events

SPAN_MS = 30 * DAY_MS  # how old a refused attempt may be
BAD_SIGNATURE, REUSED = "bad_signature", "conflict"


def forgeries(conn: Connection, asked: Asked) -> Forgeries:
    """Return what was refused about the subject's order, and whether its click is of another program alone."""
    refused = _refused(conn, asked.row)
    return Forgeries(
        bad_signatures=refused.get(BAD_SIGNATURE, 0),
        reused_order=refused.get(REUSED, 0) > 0,
        foreign_click=_is_foreign(conn, asked),
    )


def _refused(conn: Connection, row: ConversionRow) -> dict[str, int]:
    events = quarantined_events.c
    query = (
        select(events.code, func.count())
        .where(
            events.program_id == row.program_id,
            events.livemode == row.livemode,
            events.external_id == row.external_id,
            events.code.in_([BAD_SIGNATURE, REUSED]),
            events.received_at_ms >= row.received_at_ms - SPAN_MS,
        )
        .group_by(events.code)
    )
    return {code: int(count) for code, count in conn.execute(query)}


def _is_foreign(conn: Connection, asked: Asked) -> bool:
    named = browser_ids("clk", asked.row.click_id)
    if not named or any(click.click_id in named for click in asked.clicks):
        return False
    return clicks.is_of_another_program(conn, named, program_id=asked.row.program_id)
