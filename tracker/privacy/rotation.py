"""Keeping the epochs of the address keys: makes what is missing, destroys what is over.

`Services` calls it when it opens and whenever an epoch comes or goes. On SQLite the salts lie in a file beside the
database, so that a copy of the database carries none; on PostgreSQL in a table, because several processes share them.
"""

import secrets
from collections.abc import Sequence
from pathlib import Path

import structlog
from sqlalchemy import Connection

from tracker.db.database import Database
from tracker.privacy import store
from tracker.privacy.epochs import SALT_BYTES, StoredEpoch, plan_epochs
from tracker.privacy.keyfile import KEY_FILE, read_epochs, write_epochs

log = structlog.get_logger()


async def keep_epochs(
    database: Database, data_dir: Path, *, now_ms: int, days: int, kept_days: int
) -> tuple[StoredEpoch, ...]:
    """Return the epochs of the installation after bringing them up to now; a damaged key file raises SettingsError."""

    def plan(known: Sequence[StoredEpoch]) -> tuple[StoredEpoch, ...]:
        planned = plan_epochs(known, now_ms=now_ms, days=days, kept_days=kept_days, make_salt=_salt)
        if planned != tuple(known):
            log.info("address_keys_rotated", count=len(set(planned) - set(known)))
        return planned

    path = data_dir / KEY_FILE

    def keep_file(_: Connection) -> tuple[StoredEpoch, ...]:
        known = read_epochs(path)
        planned = plan(known)
        if planned != known:
            write_epochs(path, planned)
        return planned

    def keep_rows(conn: Connection) -> tuple[StoredEpoch, ...]:
        known = store.load_epochs(conn)
        planned = plan(known)
        store.replace_epochs(conn, known, planned)
        return planned

    # One transaction after another, for the file too: the second process finds what the first one made.
    return await database.write(keep_file if database.dialect == "sqlite" else keep_rows)


def _salt() -> bytes:
    return secrets.token_bytes(SALT_BYTES)
