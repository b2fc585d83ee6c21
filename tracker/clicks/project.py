"""The projector: moves acknowledged clicks from the inbox into the indexed tables and roll-ups.

Load → decide → save, in small batches so that no transaction keeps the writer long. Reading the inbox again from the
start gives the same clicks: a click id is stored once a program.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Row

from ingest.address_keys import address_keys
from ingest.countries import CountryFile
from ingest.enrich import Agent, read_agent
from ingest.events import STATE_GPC, InboxClick, decode_click
from tracker.clicks import store
from tracker.clicks.types import ClickRow
from tracker.db.database import Database

BATCH = 200  # clicks a transaction: about 10 ms on the writer
DAY_MS = 86_400_000


class Enricher(msgspec.Struct, frozen=True, kw_only=True):
    """What turns an address into what is stored of it."""

    address_key: bytes
    countries: CountryFile


class Arrived(msgspec.Struct, frozen=True, kw_only=True):
    """An inbox row, decoded and enriched, before it has an agent number."""

    seq: int
    received_at_ms: int
    click: InboxClick
    agent: Agent


async def project_inbox(database: Database, enricher: Enricher) -> int:
    """Project everything acknowledged so far and return how many inbox rows were read."""
    horizon = await database.write(store.inbox_horizon)
    total = 0
    while True:
        rows = await database.read(
            lambda conn: store.inbox_rows(conn, after=store.cursor_of(conn), up_to=horizon, limit=BATCH)
        )
        if not rows:
            return total
        arrived = [_arrive(row) for row in rows]
        await database.write(lambda conn, batch=arrived: save_batch(conn, batch, enricher))  # type: ignore[misc]
        total += len(rows)


def save_batch(conn: Connection, arrived: Sequence[Arrived], enricher: Enricher) -> None:
    """Store one batch and move the cursor, unless somebody else already did."""
    fresh = [one for one in arrived if one.seq > store.cursor_of(conn)]
    if not fresh:
        return
    numbers = store.agent_ids(conn, {one.agent.text: one.agent for one in fresh}.values())
    rows = [make_row(one, numbers[one.agent.text], enricher) for one in fresh]
    stored = store.insert_clicks(conn, rows)
    people: Counter[tuple[str, int, bool]] = Counter()
    bots: Counter[tuple[str, int, bool]] = Counter()
    for row in rows:
        if row.seq in stored:
            counter = bots if row.is_bot else people
            counter[(row.enrollment_id, row.occurred_at_ms // DAY_MS, row.livemode)] += 1
    for key in sorted(people.keys() | bots.keys()):
        enrollment_id, day, livemode = key
        store.add_to_day(
            conn,
            enrollment_id=enrollment_id,
            day=day,
            livemode=livemode,
            clicks_added=people[key],
            bots_added=bots[key],
        )
    store.move_cursor(conn, fresh[-1].seq)


def make_row(arrived: Arrived, agent_id: int, enricher: Enricher) -> ClickRow:
    """Return the stored form of a click. Anonymous ones (GPC) keep no address, agent or visitor."""
    click = arrived.click
    is_anonymous = bool(click.state & STATE_GPC)
    keys = None if is_anonymous else address_keys(click.address, enricher.address_key)
    details: dict[str, Any] = dict(click.details or {})
    noted = {"parameter": click.parameter, "headers": click.headers or None, "code": click.code}
    details |= {name: value for name, value in noted.items() if value is not None}
    return ClickRow(
        seq=arrived.seq,
        program_id=click.program_id,
        click_id=click.click_id,
        enrollment_id=click.enrollment_id,
        visitor_id=click.visitor_id,
        livemode=click.livemode,
        source=click.source,
        occurred_at_ms=arrived.received_at_ms - click.age_ms,
        received_at_ms=arrived.received_at_ms,
        agent_id=agent_id,
        is_bot=arrived.agent.is_bot and not is_anonymous,
        host_key=keys.host if keys else None,
        net_key=keys.network if keys else None,
        masked_ip=keys.masked if keys else None,
        country=None if is_anonymous else enricher.countries.country_of(click.address),
        page_url=click.page_url,
        http_referer=click.http_referer,
        details=details,
    )


def _arrive(row: Row[Any]) -> Arrived:
    click = decode_click(row.body)
    return Arrived(seq=row.seq, received_at_ms=row.received_at_ms, click=click, agent=read_agent(click.user_agent))
