"""Sequence numbers in commit order.

Stores call `next_seq` inside their write transaction. The counter row is locked until commit, so a smaller number is
always committed before a larger one becomes visible, on SQLite and PostgreSQL alike.
"""

from sqlalchemy import Connection, bindparam, insert, update

from tracker.db.tables import sequences

_BUMP = (
    update(sequences)
    .where(sequences.c.name == bindparam("sequence"))
    .values(value=sequences.c.value + bindparam("count"))
    .returning(sequences.c.value)
)


def next_seq(conn: Connection, name: str) -> int:
    """Return the next number (from 1) of the named sequence."""
    return next_seqs(conn, name, 1).start


def next_seqs(conn: Connection, name: str, count: int) -> range:
    """Return the next numbers of the named sequence; count is at least 1."""
    last = conn.execute(_BUMP, {"sequence": name, "count": count}).scalar_one_or_none()
    if last is None:
        conn.execute(insert(sequences), {"name": name, "value": count})
        last = count
    return range(int(last) - count + 1, int(last) + 1)
