"""Bodies that are kept as they came: which of them are about a person.

Export and erasure call it. No index can find a person in a body, so every body is looked at once, in small reads that
keep nobody waiting.
"""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, Table, literal, select, tuple_

from ingest.client_address import UNKNOWN
from ingest.events import STATE_GPC, InboxClick, decode_click
from tracker.custom_events.tables import custom_events
from tracker.db.database import Database, InboxRow
from tracker.idempotency.tables import idempotent_answers
from tracker.privacy.mentions import Traces, body_mentions, text_mentions
from tracker.quarantine.tables import quarantined_events

READ_AT_ONCE = 200  # bodies of up to 64 KiB
INBOX_AT_ONCE = 1000  # clicks of about 400 bytes

Rows = list[Row[Any]]


class Bodies(msgspec.Struct, frozen=True, kw_only=True):
    """The rows that are about a person."""

    custom_events: Rows
    refused_events: Rows
    answers: Rows


async def bodies_about(database: Database, traces: Traces) -> Bodies:
    """Return every kept body that is about the person."""
    browsers = traces.browsers
    return Bodies(
        custom_events=[
            row
            async for row in _rows_of(database, custom_events)
            if (row.program_id, row.visitor_id) in browsers
            or (row.program_id, row.click_id) in browsers
            or _is_about(row, row.payload, traces)
        ],
        refused_events=[
            row
            async for row in _rows_of(database, quarantined_events)
            if _is_about(row, row.payload, traces)
            or (row.corrected is not None and _is_about(row, row.corrected, traces))
            or text_mentions(row.cause, traces)
        ],
        answers=[row async for row in _rows_of(database, idempotent_answers) if _is_about(row, row.body, traces)],
    )


async def inbox_about(
    database: Database, browsers: frozenset[tuple[str, str]]
) -> AsyncIterator[tuple[InboxRow, InboxClick]]:
    """Give the rows of the inbox whose click or visitor is one of the browsers."""
    wanted = {visitor_id for _, visitor_id in browsers}
    last, end = 0, await database.inbox.end()
    while rows := await database.inbox.rows(after=last, up_to=end, limit=INBOX_AT_ONCE):
        last = rows[-1].seq
        for row in rows:
            # Most rows are of others: a search costs less than reading the click.
            if not any(visitor_id in row.body for visitor_id in wanted):
                continue
            click = decode_click(row.body)
            if browsers & {(click.program_id, click.visitor_id), (click.program_id, click.click_id)}:
                yield row, click


def anonymous(click: InboxClick) -> InboxClick:
    """Return a click that tells of no browser any more, as one of a visitor who objected (GPC)."""
    return msgspec.structs.replace(
        click,
        visitor_id=click.click_id,
        address=UNKNOWN,
        whereabouts=None,
        user_agent="",
        page_url=None,
        http_referer=None,
        state=click.state | STATE_GPC,
        event_id=None,
        headers={},
        details=None,
    )


async def _rows_of(database: Database, table: Table) -> AsyncIterator[Row[Any]]:
    """Give every row of a table in the order of its key, read in small parts."""
    keys = list(table.primary_key.columns)
    after: tuple[Any, ...] | None = None
    while True:

        def load(conn: Connection, after: tuple[Any, ...] | None = after) -> Rows:
            query = select(table).order_by(*keys).limit(READ_AT_ONCE)
            if after is not None:
                values = [literal(value, key.type) for value, key in zip(after, keys, strict=True)]
                query = query.where(tuple_(*keys) > tuple_(*values))
            return list(conn.execute(query))

        rows = await database.read(load)
        for row in rows:
            yield row
        if len(rows) < READ_AT_ONCE:
            return
        after = tuple(getattr(rows[-1], key.name) for key in keys)


def _is_about(row: Any, body: bytes, traces: Traces) -> bool:
    return body_mentions(bytes(body), traces, program_id=row.program_id, livemode=row.livemode)
