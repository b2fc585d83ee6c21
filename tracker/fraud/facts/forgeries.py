"""Signs that a report is forged: what was refused under its number, and clicks of other programs."""

from sqlalchemy import Connection, func, select

from fraud_rules.types import Forgeries
from tracker.clicks import store as clicks
from tracker.conversions.journey import browser_ids
from tracker.conversions.types import ConversionRow
from tracker.db.prepared import Prepared, given
from tracker.fraud.facts.subject import Asked
from tracker.instants import DAY_MS
from tracker.quarantine.tables import quarantined_events

SPAN_MS = 30 * DAY_MS  # how old a refused attempt may be
BAD_SIGNATURE, REUSED = "bad_signature", "conflict"


_EVENTS = quarantined_events.c
_REFUSED = Prepared(
    select(_EVENTS.code, func.count().label("events"))
    .where(
        _EVENTS.program_id == given("program_id", _EVENTS.program_id),
        _EVENTS.livemode == given("livemode", _EVENTS.livemode),
        _EVENTS.external_id == given("external_id", _EVENTS.external_id),
        (_EVENTS.code == BAD_SIGNATURE) | (_EVENTS.code == REUSED),
        _EVENTS.received_at_ms >= given("since_ms", _EVENTS.received_at_ms),
    )
    .group_by(_EVENTS.code)
)


def forgeries(conn: Connection, asked: Asked) -> Forgeries:
    """Return what was refused about the subject's order, and whether its click is of another program alone.

    Wrong signatures tell of an order that only a browser claims. Anybody can send one with a number he guessed, so they
    say nothing of an order that the shop's own server reported.
    """
    refused = _refused(conn, asked.row)
    return Forgeries(
        bad_signatures=refused.get(BAD_SIGNATURE, 0) if asked.row.trust == "unverified" else 0,
        reused_order=refused.get(REUSED, 0) > 0,
        foreign_click=_is_foreign(conn, asked),
    )


def _refused(conn: Connection, row: ConversionRow) -> dict[str, int]:
    found = _REFUSED.rows(
        conn,
        program_id=row.program_id,
        livemode=row.livemode,
        external_id=row.external_id,
        since_ms=row.received_at_ms - SPAN_MS,
    )
    return {each.code: int(each.events) for each in found}


def _is_foreign(conn: Connection, asked: Asked) -> bool:
    named = browser_ids("clk", asked.row.click_id)
    if not named or any(click.click_id in named for click in asked.clicks):
        return False
    return clicks.is_of_another_program(conn, named, program_id=asked.row.program_id)
