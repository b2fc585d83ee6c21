"""Texts and user agents that no row names any more: found on a reader, forgotten in a short transaction.

Clicks and conversions hold numbers of texts and agents, so stripping a row leaves the text behind. An erasure
and the daily purge call `forget_unused` afterwards.
"""

import os
from collections.abc import Collection
from functools import partial

from sqlalchemy import Connection, func, select, update

from tracker.clicks import dictionaries
from tracker.clicks.packing import TEXT_COLUMNS
from tracker.clicks.tables import agents, click_texts, clicks
from tracker.conversions.tables import conversions
from tracker.db.database import Database
from tracker.db.sequences import next_seq

FORGOTTEN_AT_ONCE = 200  # texts or agents in one transaction


async def forget_unused(database: Database) -> int:
    """Forget every text and blank every agent that nothing names, and return how many."""

    def look(conn: Connection) -> tuple[int, list[int], list[int]]:
        newest = conn.execute(select(func.coalesce(func.max(clicks.c.seq), 0))).scalar_one()
        return int(newest), _unused_texts(conn), _unused_agents(conn)

    newest, text_ids, agent_ids = await database.read(look)
    gone = 0
    for start in range(0, len(text_ids), FORGOTTEN_AT_ONCE):
        part = text_ids[start : start + FORGOTTEN_AT_ONCE]
        gone += await database.write(partial(dictionaries.forget_texts, unused=part, looked_up_to_seq=newest))
    for start in range(0, len(agent_ids), FORGOTTEN_AT_ONCE):
        part = agent_ids[start : start + FORGOTTEN_AT_ONCE]
        gone += await database.write(partial(_blank_agents, unused=part, newest=newest))
    return gone


def _unused_texts(conn: Connection) -> list[int]:
    unused = set(conn.execute(select(click_texts.c.text_id)).scalars())
    for name in TEXT_COLUMNS:
        unused.difference_update(conn.execute(select(clicks.c[name]).distinct()).scalars())
    return sorted(unused)


def _unused_agents(conn: Connection) -> list[int]:
    unused = set(conn.execute(select(agents.c.agent_id).where(agents.c.text != "")).scalars())
    for column in (clicks.c.agent_id, conversions.c.agent_id):
        unused.difference_update(conn.execute(select(column).distinct()).scalars())
    return sorted(unused)


def _blank_agents(conn: Connection, *, unused: Collection[int], newest: int) -> int:
    """Take the text from agents, unless a row came in meanwhile that has one.

    The row stays, because the projector remembers numbers; the other digest makes the same agent a new row.
    """
    since = select(clicks.c.agent_id).where(clicks.c.seq > newest, clicks.c.agent_id.in_(unused))
    also = select(conversions.c.agent_id).where(conversions.c.agent_id.in_(unused))
    used = {*conn.execute(since).scalars(), *conn.execute(also).scalars()}
    for agent_id in sorted(set(unused) - used):
        blank = {"digest": os.urandom(32), "text": ""}
        conn.execute(update(agents).where(agents.c.agent_id == agent_id).values(**blank))
    next_seq(conn, dictionaries.FORGOTTEN)
    return len(set(unused) - used)
