"""Sequence numbers in commit order.

Stores call `next_seq` inside their write transaction. The counter row is locked until commit, so a smaller number is
always committed before a larger one becomes visible, on SQLite and PostgreSQL alike.
"""

from sqlalchemy import Connection, insert, update

from tracker.db.tables import sequences


def next_seq(conn: Connection, name: str) -> int:
    """Return the next number (from 1) of the named sequence."""
    bump = (
        update(sequences)
        .where(sequences.c.name == name)
        .values(value=sequences.c.value + 1)
        .returning(sequences.c.value)
    )
    value = conn.execute(bump).scalar_one_or_none()
    if value is not None:
        return int(value)
    conn.execute(insert(sequences).values(name=name, value=1))
    return 1
