"""`molva restore`: a backup into a new folder, or only into a temporary one to see whether it would work.

Everything is unpacked and examined beside the place it is meant for, and moved there last: a backup that is damaged
leaves no half installation.
"""

import asyncio
import shutil
import tempfile
from pathlib import Path
from typing import Any, Literal

import msgspec
from sqlalchemy import Connection

from tracker.db.database import DatabaseUnusableError
from tracker.db.migrating import migrate
from tracker.db.opening import SQLITE, open_database
from tracker.operations import archive, copies
from tracker.operations.backup import fingerprint_of, sync_folder
from tracker.operations.types import LedgerState, Manifest, OperationError
from tracker.settings import SECRET_FILE, Settings, SettingsError, load_secret, load_settings

# What may already stand in the folder that is restored into: what the operator keeps apart from backups.
BROUGHT = frozenset({*archive.SECRETS, archive.SETTINGS})

SecretState = Literal["included", "present", "missing", "other"]


def verify_backup(source: Path, data_dir: Path) -> dict[str, Any]:
    """Restore into a temporary folder, examine everything, remove it again, and tell; changes nothing else."""
    manifest = archive.read_manifest(source)
    with tempfile.TemporaryDirectory(prefix="molva-verify-") as scratch:
        ledger = _unpacked(source, Path(scratch), manifest)
    return _answer(source, manifest, ledger, secret=_secret_state(manifest, data_dir))


def restore_backup(source: Path, data_dir: Path) -> dict[str, Any]:
    """Make the backup's installation in a new folder; raises OperationError and then leaves the folder as it was.

    The folder may hold a root secret and a molva.toml brought along, nothing else. Without the right root secret
    nothing is restored: signing secrets, private addresses and address keys derive from it.
    """
    manifest = archive.read_manifest(source)
    _check_folder(data_dir)
    secret = _secret_state(manifest, data_dir)
    _refuse_without_secret(manifest, data_dir, secret)
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{data_dir.name}.", dir=data_dir.parent) as scratch:
        folder = Path(scratch)
        ledger = _unpacked(source, folder, manifest)
        _move(folder, data_dir, manifest)
    return _answer(source, manifest, ledger, secret=secret) | {"data_dir": str(data_dir)}


def _check_folder(data_dir: Path) -> None:
    if not data_dir.exists():
        return
    if not data_dir.is_dir():
        raise OperationError(f'"{data_dir}" is a file; name a new folder with --data-dir.')
    found = sorted(path.name for path in data_dir.iterdir() if path.name not in BROUGHT)
    if found:
        raise OperationError(
            f'"{data_dir}" is not empty ({", ".join(found[:3])}) and is not touched; name a new folder with --data-dir.'
        )


def _secret_state(manifest: Manifest, data_dir: Path) -> SecretState:
    """Return where the root secret will come from: the backup, or the folder or environment, if it is the right one."""
    if any(part.name == SECRET_FILE for part in manifest.parts):
        return "included"
    try:
        secret = load_secret(_settings_of(data_dir), data_dir)
    except SettingsError:
        return "missing"
    return "present" if fingerprint_of(secret) == manifest.secret_fingerprint else "other"


def _settings_of(data_dir: Path) -> Settings:
    return load_settings(data_dir if data_dir.is_dir() else Path())


def _refuse_without_secret(manifest: Manifest, data_dir: Path, secret: SecretState) -> None:
    place = f"{data_dir / SECRET_FILE} (readable by this user alone), or name it with MOLVA_SECRET_KEY_FILE"
    if secret == "missing":  # noqa: S105  # A state, no secret.
        raise OperationError(
            f"The backup of {manifest.made_at} holds no root secret, and none is here. Put the installation's "
            f"secret.key into {place}, then restore again."
        )
    if secret == "other":  # noqa: S105  # A state, no secret.
        raise OperationError(
            f"The root secret here is not the one the backup of {manifest.made_at} belongs to. Put that one into "
            f"{place}, then restore again."
        )


def _unpacked(source: Path, folder: Path, manifest: Manifest) -> LedgerState:
    """Unpack into the folder and return what holds there; a damaged file raises OperationError."""
    needed, free = sum(part.size_bytes for part in manifest.parts), shutil.disk_usage(folder).free
    if needed > free:
        raise OperationError(f'Restoring needs {needed >> 20} MiB in "{folder.parent}", but {free >> 20} MiB are free.')
    archive.unpack(source, folder, manifest)
    for part in manifest.parts:
        if part.name.endswith(".db") and (found := copies.damages(folder / part.name)):
            raise OperationError(f"{part.name} in the backup is damaged: {found[0]}. Take another backup.")
    return asyncio.run(_examined(folder))


async def _examined(folder: Path) -> LedgerState:
    """Bring the schema to the newest, as `serve` would, and hold everything against every law."""
    database = open_database(f"{SQLITE}{folder / archive.DATABASE}")
    try:
        await migrate(database)
        state: LedgerState = await database.read(_state)
    except DatabaseUnusableError as error:
        raise OperationError(f"The backup cannot be opened by this version: {error}") from error
    finally:
        await database.close()
    return state


def _state(conn: Connection) -> LedgerState:
    return copies.ledger_state(conn)


def _move(folder: Path, data_dir: Path, manifest: Manifest) -> None:
    """Move what was unpacked to its place, the main database last; what was brought along stays."""
    data_dir.mkdir(mode=0o700, exist_ok=True)
    data_dir.chmod(0o700)
    names = [part.name for part in manifest.parts if part.name != archive.DATABASE]
    if (folder / archive.INBOX).exists() and archive.INBOX not in names:
        names.append(archive.INBOX)  # Made by opening a backup of the days when the inbox was in the main database.
    for name in [*names, archive.DATABASE]:
        if name in BROUGHT and (data_dir / name).exists():
            continue
        if name.endswith(".db"):
            copies.settle(folder / name)
        (folder / name).rename(data_dir / name)
    sync_folder(data_dir)


def _answer(source: Path, manifest: Manifest, ledger: LedgerState, *, secret: SecretState) -> dict[str, Any]:
    was = manifest.ledger
    changed = was is not None and (was.transactions, was.entries) != (ledger.transactions, ledger.entries)
    problems = list(ledger.problems)
    if was is not None and changed:
        problems.append(
            f"The ledger has {ledger.transactions} transactions and {ledger.entries} entries, the backup was made with "
            f"{was.transactions} and {was.entries}."
        )
    told = msgspec.to_builtins(manifest) | {"ledger": msgspec.to_builtins(ledger)}
    return {"ok": not problems, "file": str(source), **told, "problems": problems, "secret": secret}
