"""Opening the database that a URL names; the shells call it once a process."""

from pathlib import Path

from tracker.db.database import Database, DatabaseUnusableError
from tracker.db.sqlite import SqliteDatabase

SQLITE = "sqlite:///"
POSTGRES = ("postgresql://", "postgres://")


def open_database(url: str, *, is_beside: bool = False) -> Database:
    """Return the opened database; `is_beside` says that a server has it open already and this is its background.

    `sqlite:///path` or `postgresql://user@host/name`; anything else raises DatabaseUnusableError with the remedy.
    """
    if is_sqlite(url):
        return SqliteDatabase(Path(url.removeprefix(SQLITE)), is_beside=is_beside)
    if url.startswith(POSTGRES):
        return _open_postgres(url)
    scheme = url.split(":", 1)[0]
    raise DatabaseUnusableError(
        f'Database URL has an unknown scheme "{scheme[:20]}"; use sqlite:///path or postgresql://host/db '
        "(setting database_url)."
    )


def is_sqlite(url: str) -> bool:
    """Tell whether the URL names a SQLite file."""
    return url.startswith(SQLITE)


def _open_postgres(url: str) -> Database:
    try:
        from tracker.db.postgres import PostgresDatabase  # noqa: PLC0415  # asyncpg is an optional extra.

        return PostgresDatabase(url.replace("postgres://", "postgresql://", 1))
    except ModuleNotFoundError as error:
        raise DatabaseUnusableError(
            f'PostgreSQL needs the package "{error.name}"; install it with: pip install "molva[postgres]".'
        ) from error
