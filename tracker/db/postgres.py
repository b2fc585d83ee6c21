"""PostgreSQL through asyncpg, for when one process or one machine is outgrown.

Domain transactions take one advisory lock, so they run one after another exactly as on SQLite and the same code is
right on both; appending clicks takes no lock.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

from sqlalchemy import URL, BigInteger, Connection, Text, bindparam, make_url, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import create_async_engine

from tracker.db.database import DatabaseBusyError

T = TypeVar("T")

CONNECTIONS = 8  # a process; PostgreSQL allows 100 in its default configuration
DOMAIN_LOCK = 0x4D4F4C56  # advisory lock number of domain transactions

_APPEND = text(
    "INSERT INTO inbox (received_at_ms, body) SELECT * FROM unnest(:received, :bodies) AS batch(received, body)"
).bindparams(bindparam("received", type_=ARRAY(BigInteger())), bindparam("bodies", type_=ARRAY(Text())))


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

    async def write(self, transaction: Callable[[Connection], T]) -> T:
        """Run the function in one transaction that excludes other domain transactions."""
        async with _busy_on_trouble(), self._engine.begin() as conn:
            await conn.exec_driver_sql(f"SELECT pg_advisory_xact_lock({DOMAIN_LOCK})")
            return await conn.run_sync(transaction)

    async def append_inbox(self, rows: Sequence[tuple[int, str]]) -> None:
        """Append inbox rows by one statement."""
        values = {"received": [row[0] for row in rows], "bodies": [row[1] for row in rows]}
        async with _busy_on_trouble(), self._engine.begin() as conn:
            await conn.execute(_APPEND, values)

    async def read(self, transaction: Callable[[Connection], T]) -> T:
        """Run the function in one read-only snapshot."""
        async with _busy_on_trouble(), self._engine.connect() as conn:
            await conn.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            async with conn.begin():
                return await conn.run_sync(transaction)

    async def close(self) -> None:
        """Close the pool."""
        await self._engine.dispose()


@asynccontextmanager
async def _busy_on_trouble() -> AsyncIterator[None]:
    """Turn a lost connection, an exhausted pool or a lock that is not to be had into DatabaseBusyError."""
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        raise DatabaseBusyError(f"The database does not answer now ({error.orig}); try again.") from error
    except (PoolTimeoutError, OSError) as error:
        raise DatabaseBusyError(f"The database cannot be reached now ({error}); try again.") from error
    except DBAPIError as error:
        if "lock timeout" in str(error.orig):
            raise DatabaseBusyError("The database is locked; try again.") from error
        raise


def _driver_url(url: str) -> URL:
    return make_url(url).set(drivername="postgresql+asyncpg")
