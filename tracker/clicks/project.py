"""The projector: moves acknowledged clicks from the inbox into the indexed tables and roll-ups.

Load → decide → save, in small batches so that no transaction keeps the writer long. Reading the inbox again from the
start gives the same clicks: a click id is stored once a program. What comes again under a known id (a repeated send, or
the landing page of a referral link that handed its click on) changes nothing and is counted as a duplicate.
"""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec
from sqlalchemy import Connection, Row

from ingest.address_keys import address_keys
from ingest.countries import CountryFile
from ingest.drops import DropReason
from ingest.enrich import Agent, read_agent
from ingest.events import STATE_GPC, decode_click
from tracker.clicks import store
from tracker.clicks.types import ClickRow
from tracker.db.database import Database
from tracker.instants import DAY_MS

BATCH = 50  # clicks a transaction: about 5 ms on the writer, so acknowledgements never wait long


class Enricher(msgspec.Struct, frozen=True, kw_only=True):
    """What turns an address into what is stored of it."""

    address_key: bytes
    countries: CountryFile


class Arrived(msgspec.Struct, frozen=True, kw_only=True):
    """An inbox row, enriched; `row.agent_id` is 0 until the agent has its number."""

    row: ClickRow
    agent: Agent


async def project_inbox(database: Database, enricher: Enricher) -> int:
    """Project everything acknowledged so far and return how many inbox rows were read."""
    horizon = await database.write(store.inbox_horizon)
    total = 0
    while read := await project_batch(database, enricher, horizon=horizon):
        total += read
    return total


async def project_batch(database: Database, enricher: Enricher, *, horizon: int) -> int:
    """Project the next clicks up to an inbox number and return how many inbox rows were read; 0 at the end."""
    rows = await database.read(
        lambda conn: store.inbox_rows(conn, after=store.cursor_of(conn), up_to=horizon, limit=BATCH)
    )
    if rows:
        # Enriched before the transaction, which then holds the writer for the inserts alone.
        arrived = [_arrive(row, enricher) for row in rows]
        await database.write(partial(save_batch, arrived=arrived))
    return len(rows)


def save_batch(conn: Connection, arrived: Sequence[Arrived]) -> None:
    """Store one batch and move the cursor, unless somebody else already did."""
    cursor = store.cursor_of(conn)
    fresh = [one for one in arrived if one.row.seq > cursor]
    if not fresh:
        return
    numbers = store.agent_ids(conn, {one.agent.text: one.agent for one in fresh}.values())
    rows = [msgspec.structs.replace(one.row, agent_id=numbers[one.agent.text]) for one in fresh]
    stored = store.insert_clicks(conn, rows)
    people: Counter[tuple[str, int, bool]] = Counter()
    bots: Counter[tuple[str, int, bool]] = Counter()
    known: Counter[int] = Counter()
    for row in rows:
        if row.seq in stored:
            counter = bots if row.is_bot else people
            counter[(row.enrollment_id, row.occurred_at_ms // DAY_MS, row.livemode)] += 1
        else:
            known[row.received_at_ms // DAY_MS] += 1
    for day, events in sorted(known.items()):
        store.count_drops(conn, day=day, reasons={DropReason.DUPLICATE.value: events})
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
    store.move_cursor(conn, rows[-1].seq)


def _arrive(stored: Row[Any], enricher: Enricher) -> Arrived:
    """Return an inbox row as a click. Anonymous ones (GPC) keep no address, agent or visitor."""
    click = decode_click(stored.body)
    agent = read_agent(click.user_agent)
    is_anonymous = bool(click.state & STATE_GPC)
    keys = None if is_anonymous else address_keys(click.address, enricher.address_key)
    details: dict[str, Any] = dict(click.details or {})
    noted = {"parameter": click.parameter, "headers": click.headers or None, "code": click.code}
    details |= {name: value for name, value in noted.items() if value is not None}
    row = ClickRow(
        seq=stored.seq,
        program_id=click.program_id,
        click_id=click.click_id,
        enrollment_id=click.enrollment_id,
        visitor_id=click.visitor_id,
        livemode=click.livemode,
        source=click.source,
        occurred_at_ms=stored.received_at_ms - click.age_ms,
        received_at_ms=stored.received_at_ms,
        agent_id=0,
        is_bot=agent.is_bot and not is_anonymous,
        host_key=keys.host if keys else None,
        net_key=keys.network if keys else None,
        masked_ip=keys.masked if keys else None,
        country=None if is_anonymous else enricher.countries.country_of(click.address),
        page_url=click.page_url,
        http_referer=click.http_referer,
        details=details,
    )
    return Arrived(row=row, agent=agent)
