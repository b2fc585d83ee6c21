"""Queries of clicks, agents, roll-ups and drop counts.

Every reader gets `ClickRow`; that the table holds it packed is known here, in `packing.py` and `dictionaries.py` alone.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Dialect, Insert, Select, Table, bindparam, func, select
from sqlalchemy.dialects import postgresql, sqlite

from ingest.enrich import Agent
from tracker.clicks import dictionaries
from tracker.clicks.encoding import pack_browser_id
from tracker.clicks.packing import text_numbers, unpack
from tracker.clicks.tables import agents, click_days, clicks, cursors, drop_counts, identity_links
from tracker.clicks.touches import TOUCHES_MAX, first_seq_since
from tracker.clicks.types import AgentRow, ClickFilter, ClickRow
from tracker.db.row_statements import change_rows, read_rows
from tracker.db.rows import as_struct, fields_of

PAGE_MAX = 101  # rows a list gives at once: a page of 100 and one that tells of the next
PIECE = 2000  # clicks of a long list that are unpacked together
PROJECTION = "clicks"


def upsert(conn: Connection, table: Any) -> Any:
    """Return an INSERT that can say what happens on conflict, for the connection's database."""
    return _upsert_of(conn.dialect, table)


def _upsert_of(dialect: Dialect, table: Any) -> Any:
    return sqlite.insert(table) if dialect.name == "sqlite" else postgresql.insert(table)


def _blank(table: Table, rows: int) -> list[dict[str, None]]:
    return [dict.fromkeys(table.columns.keys())] * rows


def cursor_of(conn: Connection) -> int:
    """Return the last projected inbox number."""
    return next((row[0] for row in read_rows(conn, _cursor, [(PROJECTION,)])), 0)


def move_cursor(conn: Connection, seq: int) -> None:
    """Note how far the projection came."""
    change_rows(conn, _moved_cursor, [(PROJECTION, seq)])


def agent_ids(conn: Connection, wanted: Iterable[Agent]) -> dict[str, int]:
    """Return the number of each agent by its text, storing those not seen before."""
    by_digest = {hashlib.sha256(agent.text.encode()).digest(): agent for agent in wanted}
    rows = {digest: {"digest": digest, **fields_of(agent)} for digest, agent in by_digest.items()}
    found = dictionaries.numbers_of(conn, agents.c.agent_id, agents.c.digest, rows)
    return {agent.text: found[digest] for digest, agent in by_digest.items()}


def get_agent(conn: Connection, agent_id: int) -> AgentRow | None:
    """Return one agent."""
    row = conn.execute(select(agents).where(agents.c.agent_id == agent_id)).first()
    if row is None:
        return None
    return as_struct(AgentRow, row)


def insert_clicks(conn: Connection, rows: Sequence[tuple[Any, ...]]) -> set[int]:
    """Store clicks and return the inbox numbers that were new; a known click id changes nothing.

    Rows: values of the table's columns, not empty, in inbox order (see `packing.numbered`).
    """
    if change_rows(conn, _new_clicks, rows) == len(rows):
        return {row[0] for row in rows}
    stored = select(clicks.c.seq).where(clicks.c.seq >= rows[0][0], clicks.c.seq <= rows[-1][0])
    return set(conn.execute(stored).scalars())


def add_to_days(conn: Connection, rows: Sequence[tuple[int, int, bool, int, int]]) -> None:
    """Add to the counts of enrollments. Rows: number, UTC day, mode, people's clicks, bots' clicks; each once."""
    change_rows(conn, _added_days, rows)


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


def links_of(conn: Connection, customer_id: str) -> list[tuple[str, int]]:
    """Return the browser visitors a customer was seen as, each with when that became known, oldest first."""
    query = (
        select(identity_links.c.visitor_id, identity_links.c.at_ms)
        .where(identity_links.c.customer_id == customer_id)
        .order_by(identity_links.c.at_ms, identity_links.c.visitor_id)
        .limit(PAGE_MAX)
    )
    return [(row.visitor_id, row.at_ms) for row in conn.execute(query)]


def clicks_of_visitors(conn: Connection, *, program_id: str, visitors: Sequence[str]) -> list[ClickRow]:
    """Return the clicks of some visitors, oldest first; of more than TOUCHES_MAX the first half and the last half."""
    number = dictionaries.program_number(conn, program_id) if visitors else None
    if number is None:
        return []
    query = select(clicks).where(clicks.c.program_number == number, clicks.c.seq.in_(_seqs_of_visitors(visitors)))
    moment = (clicks.c.received_at_ms - clicks.c.age_ms, clicks.c.seq)
    found = _unpacked(conn, query.order_by(*moment).limit(TOUCHES_MAX + 1))
    if len(found) <= TOUCHES_MAX:
        return found
    last = _unpacked(conn, query.order_by(*(part.desc() for part in moment)).limit(TOUCHES_MAX // 2))
    return found[: TOUCHES_MAX // 2] + last[::-1]


def find_click(conn: Connection, *, program_id: str, click_id: str) -> ClickRow | None:
    """Return a click by the browser's id."""
    number = dictionaries.program_number(conn, program_id)
    query = select(clicks).where(clicks.c.click_key == pack_browser_id(click_id), clicks.c.program_number == number)
    # Ids hold no NUL, a text that was asked for may, and would then look like the packed form of another id.
    return next((row for row in _unpacked(conn, query.limit(1)) if row.click_id == click_id), None)


def is_of_another_program(conn: Connection, click_ids: Sequence[str], *, program_id: str) -> bool:
    """Tell whether one of the browser's ids is that of a click of another program."""
    keys = [pack_browser_id(each) for each in click_ids]
    number = dictionaries.program_number(conn, program_id)
    query = select(clicks.c.seq).where(clicks.c.click_key.in_(keys))
    if number is not None:
        query = query.where(clicks.c.program_number != number)
    return conn.execute(query.limit(1)).first() is not None


def list_clicks(
    conn: Connection, chosen: ClickFilter, *, before_seq: int | None = None, limit: int = PAGE_MAX
) -> list[ClickRow]:
    """Return clicks, newest first."""
    query = select(clicks).where(clicks.c.livemode == chosen.livemode)
    if chosen.program_id is not None:
        query = query.where(clicks.c.program_number == dictionaries.program_number(conn, chosen.program_id))
    if chosen.enrollment_id is not None:
        query = query.where(clicks.c.enrollment_number == dictionaries.enrollment_number(conn, chosen.enrollment_id))
    if chosen.visitor_id is not None:
        query = query.where(clicks.c.seq.in_(_seqs_of_visitors([chosen.visitor_id])))
    if before_seq is not None:
        query = query.where(clicks.c.seq < before_seq)
    return _unpacked(conn, query.order_by(clicks.c.seq.desc()).limit(min(limit, PAGE_MAX)))


def clicks_between(
    conn: Connection, *, program_id: str, livemode: bool, from_ms: int, to_ms: int, limit: int
) -> list[ClickRow]:
    """Return the newest clicks of a program received in a span, both ends included, newest first."""
    number = dictionaries.program_number(conn, program_id)
    after, before = first_seq_since(conn, from_ms), first_seq_since(conn, to_ms + 1)
    found: list[ClickRow] = []
    while number is not None and len(found) < limit:
        query = select(clicks).where(clicks.c.seq >= after, clicks.c.seq < before)
        query = query.where(clicks.c.program_number == number, clicks.c.livemode == livemode)
        piece = _unpacked(conn, query.order_by(clicks.c.seq.desc()).limit(min(limit - len(found), PIECE)))
        found += [row for row in piece if from_ms <= row.received_at_ms <= to_ms]
        if len(piece) < PIECE:
            break
        before = piece[-1].seq
    return found


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
        number = dictionaries.enrollment_number(conn, enrollment_id)
        query = query.where(click_days.c.enrollment_number == number)
    return {row[0]: (int(row[1]), int(row[2])) for row in conn.execute(query)}


def agents_of(conn: Connection, agent_numbers: Iterable[int]) -> dict[int, AgentRow]:
    """Return agents by their number, for a page of a list."""
    wanted = sorted(set(agent_numbers))
    if not wanted:
        return {}
    rows = conn.execute(select(agents).where(agents.c.agent_id.in_(wanted)))
    return {row.agent_id: as_struct(AgentRow, row) for row in rows}


def _seqs_of_visitors(visitors: Sequence[str]) -> Any:
    """Return the inbox numbers of visitors' clicks: the first touch bears the visitor's own id."""
    keys = [pack_browser_id(visitor) for visitor in visitors]
    later = select(clicks.c.seq).where(clicks.c.visitor_key.in_(keys))
    first = select(clicks.c.seq).where(clicks.c.click_key.in_(keys), clicks.c.visitor_key.is_(None))
    return later.union_all(first)


def _unpacked(conn: Connection, query: Select[Any]) -> list[ClickRow]:
    rows = conn.execute(query).all()
    programs = dictionaries.programs_by_number(conn, {row.program_number for row in rows})
    enrollments = dictionaries.enrollments_by_number(conn, {row.enrollment_number for row in rows})
    texts = dictionaries.texts_by_number(conn, text_numbers(rows))
    return [unpack(row, programs=programs, enrollments=enrollments, texts=texts) for row in rows]


def _cursor(_dialect: Dialect, _rows: int) -> Select[Any]:
    return select(cursors.c.seq).where(cursors.c.name == bindparam("name"))


def _moved_cursor(dialect: Dialect, rows: int) -> Insert:
    statement = _upsert_of(dialect, cursors).values(_blank(cursors, rows))
    made: Insert = statement.on_conflict_do_update(index_elements=["name"], set_={"seq": statement.excluded.seq})
    return made


def _new_clicks(dialect: Dialect, rows: int) -> Insert:
    statement = _upsert_of(dialect, clicks).values(_blank(clicks, rows))
    made: Insert = statement.on_conflict_do_nothing(index_elements=["click_key", "program_number"])
    return made


def _added_days(dialect: Dialect, rows: int) -> Insert:
    statement = _upsert_of(dialect, click_days).values(_blank(click_days, rows))
    made: Insert = statement.on_conflict_do_update(
        index_elements=["enrollment_number", "day", "livemode"],
        set_={
            "clicks": click_days.c.clicks + statement.excluded.clicks,
            "bots": click_days.c.bots + statement.excluded.bots,
        },
    )
    return made
