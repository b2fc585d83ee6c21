"""Which failures of PostgreSQL mean "try again"; the database and the inbox wrap their work in it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from tracker.db.database import DatabaseBusyError


@asynccontextmanager
async def busy_on_trouble() -> AsyncIterator[None]:
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
