"""PostgreSQL through asyncpg, for when one process or one machine is outgrown.

Domain transactions take one advisory lock, so they run one after another exactly as on SQLite and the same code is
right on both; appending clicks takes no lock.
"""

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import URL, Connection, make_url
from sqlalchemy.ext.asyncio import create_async_engine

from tracker.db.postgres_inbox import PostgresInbox
from tracker.db.postgres_trouble import busy_on_trouble

T = TypeVar("T")

CONNECTIONS = 8  # a process; PostgreSQL allows 100 in its default configuration
DOMAIN_LOCK = 0x4D4F4C56  # advisory lock number of domain transactions


class PostgresDatabase:
    """The opened PostgreSQL database of one process."""

    dialect = "postgresql"

    def __init__(self, url: str) -> None:
        """Prepare the pool; the first transaction connects."""
        self._engine = create_async_engine(
            _driver_url(url),
            pool_size=CONNECTIONS,
            max_overflow=0,
            pool_timeout=5,
            # A stuck peer must not hold a request for ever (milliseconds).
            connect_args={"server_settings": {"lock_timeout": "5000", "statement_timeout": "60000"}},
        )
        self.inbox = PostgresInbox(url, self._engine)

    async def write(self, transaction: Callable[[Connection], T]) -> T:
        """Run the function in one transaction that excludes other domain transactions."""
        async with busy_on_trouble(), self._engine.begin() as conn:
            await conn.exec_driver_sql(f"SELECT pg_advisory_xact_lock({DOMAIN_LOCK})")
            return await conn.run_sync(transaction)

    async def read(self, transaction: Callable[[Connection], T]) -> T:
        """Run the function in one read-only snapshot."""
        async with busy_on_trouble(), self._engine.connect() as conn:
            await conn.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            async with conn.begin():
                return await conn.run_sync(transaction)

    async def close(self) -> None:
        """Close every connection."""
        await self.inbox.close()
        await self._engine.dispose()


def _driver_url(url: str) -> URL:
    return make_url(url).set(drivername="postgresql+asyncpg")
