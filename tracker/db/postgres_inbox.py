"""The inbox on PostgreSQL: a table without secondary index; appending takes no lock that domain transactions take.

Batches are appended over connections of their own, straight through asyncpg: one statement is one trip and its own
transaction, where the engine needs three trips and its machinery.
"""

from collections.abc import Sequence

import asyncpg
from sqlalchemy import BigInteger, Text, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncEngine

from tracker.db.database import DatabaseBusyError, InboxRow
from tracker.db.postgres_trouble import busy_on_trouble

_LONGS, _TEXTS = ARRAY(BigInteger()), ARRAY(Text())
_APPEND = "INSERT INTO inbox (received_at_ms, body) SELECT * FROM unnest($1::bigint[], $2::text[])"
_APPENDERS = 2  # connections; a process commits one batch at a time, the second stands by
_APPEND_S = 10.0
_ROWS = text(
    "SELECT seq, received_at_ms, body FROM inbox WHERE seq > :after AND seq <= :up_to ORDER BY seq LIMIT :count"
)
_PURGE = text(
    "DELETE FROM inbox WHERE seq IN (SELECT seq FROM inbox WHERE seq <= :up_to AND received_at_ms < :before_ms "
    "ORDER BY seq LIMIT :count)"
)
_REWRITE = text(
    "UPDATE inbox SET body = batch.body FROM unnest(:seqs, :bodies) AS batch(seq, body) WHERE inbox.seq = batch.seq"
).bindparams(bindparam("seqs", type_=_LONGS), bindparam("bodies", type_=_TEXTS))
_START = text("SELECT setval('inbox_seq_seq', :seq) FROM inbox_seq_seq WHERE NOT is_called OR last_value < :seq")
# What the sequence has given, also when the newest rows are purged.
_LAST = text("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM inbox_seq_seq")


class PostgresInbox:
    """The inbox of one process's connections."""

    def __init__(self, url: str, engine: AsyncEngine) -> None:
        """Take the database's URL and the pool of the other transactions."""
        self._url = url
        self._engine = engine
        self._appenders: asyncpg.Pool[asyncpg.Record] | None = None

    async def append(self, rows: Sequence[tuple[int, str]]) -> None:
        """Append rows by one statement; returns after COMMIT."""
        received, bodies = [row[0] for row in rows], [row[1] for row in rows]
        try:
            if self._appenders is None:
                self._appenders = await asyncpg.create_pool(
                    self._url, min_size=1, max_size=_APPENDERS, timeout=_APPEND_S
                )
            await self._appenders.execute(_APPEND, received, bodies, timeout=_APPEND_S)
        except (OSError, TimeoutError, asyncpg.PostgresConnectionError, asyncpg.OperatorInterventionError) as error:
            raise DatabaseBusyError(f"The database does not answer now ({error}); try again.") from error
        except (asyncpg.InsufficientResourcesError, asyncpg.LockNotAvailableError) as error:
            raise DatabaseBusyError(f"The database cannot take writes now ({error}); try again.") from error

    async def close(self) -> None:
        """Close the appending connections."""
        if self._appenders is not None:
            await self._appenders.close()

    async def end(self) -> int:
        """Return the newest number; numbers are given before commit, so the open inserts are waited out."""
        async with busy_on_trouble(), self._engine.begin() as conn:
            await conn.execute(text("LOCK TABLE inbox IN SHARE MODE"))
            return int((await conn.execute(_LAST)).scalar_one())

    async def rows(self, *, after: int, up_to: int, limit: int) -> list[InboxRow]:
        """Return rows in order."""
        async with busy_on_trouble(), self._engine.connect() as conn:
            found = await conn.execute(_ROWS, {"after": after, "up_to": up_to, "count": limit})
            return [InboxRow(*row) for row in found]

    async def purge(self, *, up_to: int, before_ms: int, limit: int) -> int:
        """Delete old rows and return how many."""
        async with busy_on_trouble(), self._engine.begin() as conn:
            done = await conn.execute(_PURGE, {"up_to": up_to, "before_ms": before_ms, "count": limit})
            return done.rowcount

    async def start_after(self, seq: int) -> None:
        """Give new rows numbers above seq."""
        if seq:
            async with busy_on_trouble(), self._engine.begin() as conn:
                await conn.execute(_START, {"seq": seq})

    async def rewrite(self, bodies: Sequence[tuple[int, str]]) -> None:
        """Give rows, by number, other bodies."""
        values = {"seqs": [seq for seq, _ in bodies], "bodies": [body for _, body in bodies]}
        async with busy_on_trouble(), self._engine.begin() as conn:
            await conn.execute(_REWRITE, values)
