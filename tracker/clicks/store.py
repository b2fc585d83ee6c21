"""Queries of the inbox, clicks, agents, roll-ups and drop counts."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from ingest.enrich import Agent
from tracker.clicks.tables import agents, click_days, clicks, cursors, drop_counts, identity_links, inbox
from tracker.clicks.types import AgentRow, ClickFilter, ClickRow
from tracker.db.rows import as_struct, fields_of

PAGE_MAX = 101  # rows a list gives at once: a page of 100 and one that tells of the next
TOUCHES_MAX = 4000  # clicks of one visitor that are loaded; the engine keeps the first and last thousand
PROJECTION = "clicks"


def upsert(conn: Connection, table: Any) -> Any:
    """Return an INSERT that can say what happens on conflict, for the connection's database."""
    return sqlite.insert(table) if conn.dialect.name == "sqlite" else postgresql.insert(table)


def inbox_horizon(conn: Connection) -> int:
    """Return the newest inbox number below which nothing can appear any more.

    On PostgreSQL numbers are given before commit: waiting out the open inserts makes every smaller number visible.
    """
    if conn.dialect.name == "postgresql":
        conn.execute(text("LOCK TABLE inbox IN SHARE MODE"))
    return int(conn.execute(select(func.coalesce(func.max(inbox.c.seq), 0))).scalar_one())


def cursor_of(conn: Connection) -> int:
    """Return the last projected inbox number."""
    return int(conn.execute(select(cursors.c.seq).where(cursors.c.name == PROJECTION)).scalar_one_or_none() or 0)


def move_cursor(conn: Connection, seq: int) -> None:
    """Note how far the projection came."""
    moved = update(cursors).where(cursors.c.name == PROJECTION).values(seq=seq)
    if conn.execute(moved).rowcount == 0:
        conn.execute(insert(cursors).values(name=PROJECTION, seq=seq))


def inbox_rows(conn: Connection, *, after: int, up_to: int, limit: int) -> Sequence[Row[Any]]:
    """Return (seq, received_at_ms, body) rows in order."""
    query = select(inbox).where(inbox.c.seq > after, inbox.c.seq <= up_to).order_by(inbox.c.seq).limit(limit)
    return conn.execute(query).all()


def purge_inbox(conn: Connection, *, before_ms: int, limit: int) -> int:
    """Delete projected inbox rows received before an instant and return how many; the newest row always stays."""
    old = (
        select(inbox.c.seq)
        .where(inbox.c.seq < cursor_of(conn), inbox.c.received_at_ms < before_ms)
        .order_by(inbox.c.seq)
        .limit(limit)
    )
    return conn.execute(delete(inbox).where(inbox.c.seq.in_(old))).rowcount


def agent_ids(conn: Connection, wanted: Iterable[Agent]) -> dict[str, int]:
    """Return the number of each agent by its text, storing those not seen before."""
    by_digest = {hashlib.sha256(agent.text.encode()).digest(): agent for agent in wanted}
    if not by_digest:
        return {}
    query = select(agents.c.digest, agents.c.agent_id).where(agents.c.digest.in_(list(by_digest)))
    known = {bytes(row.digest): row.agent_id for row in conn.execute(query)}
    for digest, agent in by_digest.items():
        if digest not in known:
            values = fields_of(agent)
            known[digest] = conn.execute(
                insert(agents).values(digest=digest, **values).returning(agents.c.agent_id)
            ).scalar_one()
    return {agent.text: known[digest] for digest, agent in by_digest.items()}


def get_agent(conn: Connection, agent_id: int) -> AgentRow | None:
    """Return one agent."""
    row = conn.execute(select(agents).where(agents.c.agent_id == agent_id)).first()
    if row is None:
        return None
    return as_struct(AgentRow, row)


def insert_clicks(conn: Connection, rows: Sequence[ClickRow]) -> set[int]:
    """Store clicks and return the inbox numbers that were new; a known click id changes nothing.

    Rows: not empty, in inbox order.
    """
    statement = upsert(conn, clicks).on_conflict_do_nothing(index_elements=["program_id", "click_id"])
    conn.execute(statement, [fields_of(row) for row in rows])
    stored = select(clicks.c.seq).where(clicks.c.seq >= rows[0].seq, clicks.c.seq <= rows[-1].seq)
    return set(conn.execute(stored).scalars())


def add_to_day(
    conn: Connection, *, enrollment_id: str, day: int, livemode: bool, clicks_added: int, bots_added: int
) -> None:
    """Count clicks of one enrollment and UTC day."""
    statement = upsert(conn, click_days).values(
        enrollment_id=enrollment_id, day=day, livemode=livemode, clicks=clicks_added, bots=bots_added
    )
    conn.execute(
        statement.on_conflict_do_update(
            index_elements=["enrollment_id", "day", "livemode"],
            set_={
                "clicks": click_days.c.clicks + statement.excluded.clicks,
                "bots": click_days.c.bots + statement.excluded.bots,
            },
        )
    )


def count_drops(conn: Connection, *, day: int, reasons: dict[str, int]) -> None:
    """Add dropped events to the counts of a UTC day."""
    for reason, events in sorted(reasons.items()):
        statement = upsert(conn, drop_counts).values(day=day, reason=reason, events=events)
        conn.execute(
            statement.on_conflict_do_update(
                index_elements=["day", "reason"], set_={"events": drop_counts.c.events + statement.excluded.events}
            )
        )


def drops_since(conn: Connection, day: int) -> dict[str, int]:
    """Return dropped events by reason since a UTC day."""
    query = (
        select(drop_counts.c.reason, func.sum(drop_counts.c.events))
        .where(drop_counts.c.day >= day)
        .group_by(drop_counts.c.reason)
        .order_by(drop_counts.c.reason)
    )
    return {row[0]: int(row[1]) for row in conn.execute(query)}


def link_identity(conn: Connection, *, program_id: str, visitor_id: str, customer_id: str, at_ms: int) -> None:
    """Note that a browser visitor is a customer; known links stay as they are."""
    statement = upsert(conn, identity_links).values(
        program_id=program_id, visitor_id=visitor_id, customer_id=customer_id, at_ms=at_ms
    )
    conn.execute(statement.on_conflict_do_nothing())


def visitors_of(conn: Connection, customer_id: str) -> list[str]:
    """Return the browser visitors a customer was seen as."""
    query = (
        select(identity_links.c.visitor_id)
        .where(identity_links.c.customer_id == customer_id)
        .order_by(identity_links.c.visitor_id)
        .limit(PAGE_MAX)
    )
    return list(conn.execute(query).scalars())


def clicks_of_visitors(conn: Connection, *, program_id: str, visitors: Sequence[str]) -> list[ClickRow]:
    """Return the clicks of some visitors, oldest first."""
    if not visitors:
        return []
    query = (
        select(clicks)
        .where(clicks.c.program_id == program_id, clicks.c.visitor_id.in_(visitors))
        .order_by(clicks.c.occurred_at_ms, clicks.c.seq)
        .limit(TOUCHES_MAX)
    )
    return [_click(row) for row in conn.execute(query)]


def find_click(conn: Connection, *, program_id: str, click_id: str) -> ClickRow | None:
    """Return a click by the browser's id."""
    query = select(clicks).where(clicks.c.program_id == program_id, clicks.c.click_id == click_id)
    row = conn.execute(query).first()
    return None if row is None else _click(row)


def list_clicks(
    conn: Connection, chosen: ClickFilter, *, before_seq: int | None = None, limit: int = PAGE_MAX
) -> list[ClickRow]:
    """Return clicks, newest first."""
    query = select(clicks).where(clicks.c.livemode == chosen.livemode)
    for column in ("program_id", "enrollment_id", "visitor_id"):
        wanted = getattr(chosen, column)
        if wanted is not None:
            query = query.where(clicks.c[column] == wanted)
    if before_seq is not None:
        query = query.where(clicks.c.seq < before_seq)
    rows = conn.execute(query.order_by(clicks.c.seq.desc()).limit(min(limit, PAGE_MAX)))
    return [_click(row) for row in rows]


def clicks_by_day(
    conn: Connection, *, livemode: bool, from_day: int, enrollment_id: str | None = None
) -> dict[int, tuple[int, int]]:
    """Return {day: (people's clicks, bots' clicks)} from the roll-up."""
    query = (
        select(click_days.c.day, func.sum(click_days.c.clicks), func.sum(click_days.c.bots))
        .where(click_days.c.livemode == livemode, click_days.c.day >= from_day)
        .group_by(click_days.c.day)
        .order_by(click_days.c.day)
    )
    if enrollment_id is not None:
        query = query.where(click_days.c.enrollment_id == enrollment_id)
    return {row[0]: (int(row[1]), int(row[2])) for row in conn.execute(query)}


def _click(row: Row[Any]) -> ClickRow:
    return as_struct(ClickRow, row)


def agents_of(conn: Connection, agent_numbers: Iterable[int]) -> dict[int, AgentRow]:
    """Return agents by their number, for a page of a list."""
    wanted = sorted(set(agent_numbers))
    if not wanted:
        return {}
    rows = conn.execute(select(agents).where(agents.c.agent_id.in_(wanted)))
    return {row.agent_id: as_struct(AgentRow, row) for row in rows}
