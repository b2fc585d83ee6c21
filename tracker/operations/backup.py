"""`molva backup`: one file that holds the installation as it stood at one instant, taken beside a running server.

It opens its own read-only connections and asks the server for nothing, so no acknowledgement waits for it. The main
database is copied first and the inbox after it: what was acknowledged before the start is in one of them or in both,
and the projector's cursor never stands beyond the inbox it belongs to.
"""

import errno
import os
import re
import shutil
import tempfile
import time
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

from tracker.db.migrating import newest_revision
from tracker.db.opening import POSTGRES, SQLITE
from tracker.instants import show_instant
from tracker.operations import archive, copies
from tracker.operations.types import LedgerState, Manifest, OperationError
from tracker.privacy.keyfile import KEY_FILE
from tracker.services import purpose_key
from tracker.settings import SECRET_FILE, SECRET_SETTINGS, Settings, database_url, load_secret, load_settings

STAMP = "last-backup.json"  # its time tells metrics and `molva doctor` how old the newest backup is
FINGERPRINT_HEX = 16
NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.ENOSYS})  # what file systems without hard links answer

_SECRET_FILES = {
    SECRET_FILE: "the root secret",
    KEY_FILE: "the address keys: a key that was destroyed must not come back from a copy",
}


def make_backup(data_dir: Path, target: Path, *, with_secrets: bool) -> dict[str, Any]:
    """Write a backup and return what is in it; raises OperationError, and then leaves nothing behind."""
    settings = load_settings(data_dir)
    database = sqlite_file(settings, data_dir, target)
    fingerprint = fingerprint_of(load_secret(settings, data_dir))
    _check_target(target)
    sources = [database, *(path for path in [database.parent / archive.INBOX] if path.exists())]
    _check_space(sources, target.parent)
    made_at = show_instant(time.time_ns() // 1_000_000)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as scratch:
        folder = Path(scratch)
        names = (archive.DATABASE, archive.INBOX)
        copied = [folder / name for name, _ in zip(names, sources, strict=False)]
        for source, copy in zip(sources, copied, strict=True):
            copies.copy_database(source, copy)
        revision, ledger = _examine(copied)
        kept, left_out = _settings_files(data_dir, folder, with_secrets=with_secrets)
        manifest = Manifest(
            format=archive.FORMAT,
            version=version("molva"),
            revision=revision,
            made_at=made_at,
            parts=tuple(archive.describe_part(path) for path in (*copied, *kept)),
            not_included=tuple(left_out),
            secret_fingerprint=fingerprint,
            ledger=ledger,
        )
        _write(folder / "whole", target, manifest, [*copied, *kept])
    answer = {
        "ok": not (ledger and ledger.problems),
        "file": str(target),
        "size_bytes": target.stat().st_size,
        **msgspec.to_builtins(manifest),
    }
    _note(data_dir, made_at)
    return answer


def sqlite_file(settings: Settings, data_dir: Path, target: Path) -> Path:
    """Return the database's file; with PostgreSQL raise OperationError that says what to do instead."""
    url = database_url(settings, data_dir)
    if url.startswith(POSTGRES):
        shown = re.sub(r"//([^:/@]*):[^@]*@", r"//\1@", url)
        raise OperationError(
            "The database is PostgreSQL, which has a backup of its own. Run: "
            f'pg_dump --format=custom --file={target} "{shown}" (the password in ~/.pgpass or PGPASSWORD). '
            "Keep secret.key and molva.toml beside it."
        )
    return Path(url.removeprefix(SQLITE))


def fingerprint_of(secret: bytes) -> str:
    """Return what tells this root secret from another, and gives nothing of it away (HMAC-SHA256, 64 bits)."""
    return purpose_key(secret, b"backup fingerprint v1").hex()[:FINGERPRINT_HEX]


def _check_target(target: Path) -> None:
    if target.exists():
        raise OperationError(f'"{target}" exists already and is not overwritten; name a new file.')
    if not target.parent.is_dir():
        raise OperationError(f'There is no folder "{target.parent}"; make it, or name a file elsewhere.')
    if not os.access(target.parent, os.W_OK):
        raise OperationError(f'This user cannot write into "{target.parent}"; name a file elsewhere.')


def _check_space(sources: list[Path], folder: Path) -> None:
    """Refuse before starting where copies and archive cannot fit beside each other."""
    missing = next((path for path in sources if not path.is_file()), None)
    if missing is not None:
        raise OperationError(f'There is no database "{missing}"; name the data folder with --data-dir.')
    # A part leaves the scratch folder once it is in the archive, so the largest is there twice.
    sizes = [path.stat().st_size + _size(path.with_name(f"{path.name}-wal")) for path in sources]
    needed, free = sum(sizes) + max(sizes), shutil.disk_usage(folder).free
    if needed > free:
        raise OperationError(
            f'A backup needs {needed >> 20} MiB in "{folder}", but {free >> 20} MiB are free; name a file elsewhere.'
        )


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _examine(copied: list[Path]) -> tuple[str, LedgerState | None]:
    """Return revision and ledger of the copies; a damaged file raises OperationError, a broken law is only told."""
    for path in copied:
        if found := copies.damages(path):
            raise OperationError(
                f"{path.name} is damaged: {found[0]}. No backup was made. Restore the last good one into a new folder; "
                "see docs/operations.md."
            )
    revision = copies.revision_of(copied[0])
    if revision != newest_revision():
        return revision, None
    with copies.examined(copied[0]) as conn:
        ledger = copies.ledger_state(conn)
    return revision, ledger


def _settings_files(data_dir: Path, folder: Path, *, with_secrets: bool) -> tuple[list[Path], list[str]]:
    """Put the settings, and the secrets where they are wanted, beside the copies; return them and what stays out."""
    kept: list[Path] = []
    left_out: list[str] = []
    written = data_dir / archive.SETTINGS
    if written.exists():
        secret_names = sorted(SECRET_SETTINGS & tomllib.loads(written.read_text()).keys())
        if with_secrets or not secret_names:
            kept.append(_taken(written, folder))
        else:
            left_out.append(f"{archive.SETTINGS} (it holds {', '.join(secret_names)})")
    for name, what in _SECRET_FILES.items():
        if with_secrets and (data_dir / name).exists():
            kept.append(_taken(data_dir / name, folder))
        else:
            left_out.append(f"{name} ({what})")
    left_out += ["settings of the environment (MOLVA_...)", "country and network files"]
    return kept, left_out


def _taken(path: Path, folder: Path) -> Path:
    taken = folder / path.name
    taken.touch(0o600)
    taken.write_bytes(path.read_bytes())
    return taken


def _write(whole: Path, target: Path, manifest: Manifest, paths: list[Path]) -> None:
    """Write the archive and give it its name in one step, unless somebody took the name meanwhile."""
    descriptor = os.open(whole, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            archive.write_archive(file, manifest, paths)
        _name(whole, target)
        sync_folder(target.parent)
    except FileExistsError as error:
        raise OperationError(f'"{target}" appeared meanwhile and is not overwritten; name a new file.') from error
    except OSError as error:
        raise OperationError(f'The backup cannot be written to "{target}" ({error}); name a file elsewhere.') from error


def _name(whole: Path, target: Path) -> None:
    """Give the file its name; a link refuses a name that is taken, which a rename does not."""
    try:
        os.link(whole, target)
    except OSError as error:
        if error.errno not in NO_LINKS or target.exists():
            raise
        whole.rename(target)


def sync_folder(folder: Path) -> None:
    """Make new names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _note(data_dir: Path, made_at: str) -> None:
    """Leave the backup's time in the data folder; a folder this user may only read gets no note."""
    try:
        (data_dir / STAMP).unlink(missing_ok=True)  # It may be another user's; the folder is ours.
        (data_dir / STAMP).write_bytes(msgspec.json.encode({"made_at": made_at}))
    except OSError:
        return
