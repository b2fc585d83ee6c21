"""Bringing the schema to the newest revision, in one transaction.

`serve`, `init` and `migrate` call it. A kill half-way leaves the schema as it was: Alembic runs on our own connection
inside our own BEGIN IMMEDIATE (PostgreSQL: one transaction), never with its own commits.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from tracker.clicks.store import cursor_of
from tracker.db.database import Database, DatabaseUnusableError

SCRIPTS = Path(__file__).parent / "migrations"


async def migrate(database: Database) -> str:
    """Upgrade to the newest revision and return it; an unknown (newer) schema raises DatabaseUnusableError.

    An inbox that was lost and made anew goes on numbering where the projection stands.
    """
    revision = await database.write(upgrade)
    await database.inbox.start_after(await database.read(cursor_of))
    return revision


def upgrade(conn: Connection) -> str:
    """Upgrade within the caller's transaction; see `migrate`."""
    config = _config()
    current = current_revision(conn)
    if current is not None and current not in known_revisions():
        raise DatabaseUnusableError(
            f'The database has schema revision "{current}", which this version of Molva does not know. '
            "It was written by a newer version: install that one, or restore an older backup."
        )
    config.attributes["connection"] = conn
    command.upgrade(config, "head")
    return newest_revision()


def known_revisions() -> frozenset[str]:
    """Return every revision this version of Molva can bring up."""
    return frozenset(script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions())


def current_revision(conn: Connection) -> str | None:
    """Return the revision of the open database, None when it is empty."""
    return MigrationContext.configure(conn).get_current_revision()


def newest_revision() -> str:
    """Return the revision this version of Molva works with."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:
        raise DatabaseUnusableError("No migrations are installed; reinstall Molva.")
    return head


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    return config
