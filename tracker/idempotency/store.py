"""Queries of stored answers."""

import msgspec
from sqlalchemy import Connection, delete, insert, select

from tracker.idempotency.tables import idempotent_answers

KEPT_MS = 30 * 86_400_000


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Whose key it is: keys of programs and modes never meet."""

    program_id: str
    livemode: bool
    idempotency_key: str


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer already given."""

    request_digest: bytes
    status_code: int
    body: bytes
    created_at_ms: int


def find(conn: Connection, place: Place) -> Answer | None:
    """Return the answer given under a key."""
    query = select(idempotent_answers).where(
        idempotent_answers.c.program_id == place.program_id,
        idempotent_answers.c.livemode == place.livemode,
        idempotent_answers.c.idempotency_key == place.idempotency_key,
    )
    row = conn.execute(query).first()
    if row is None:
        return None
    return Answer(
        request_digest=bytes(row.request_digest),
        status_code=row.status_code,
        body=bytes(row.body),
        created_at_ms=row.created_at_ms,
    )


def keep(conn: Connection, place: Place, answer: Answer) -> None:
    """Store an answer; of two at once the first stays."""
    if find(conn, place) is not None:
        return
    values = {name: getattr(part, name) for part in (place, answer) for name in part.__struct_fields__}
    conn.execute(insert(idempotent_answers).values(**values))


def purge(conn: Connection, *, now_ms: int) -> int:
    """Delete answers older than 30 days and return how many."""
    old = delete(idempotent_answers).where(idempotent_answers.c.created_at_ms < now_ms - KEPT_MS)
    return conn.execute(old).rowcount
