"""The file a backup is: an uncompressed tar with `manifest.json` first, then the files it names.

`backup.py` writes it, `restore.py` reads it. Only names of a closed set are ever unpacked, each against its SHA-256.
"""

import hashlib
import io
import os
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import msgspec

from tracker.db.sqlite_inbox import FILE as INBOX_FILE
from tracker.operations.types import Manifest, OperationError, Part
from tracker.privacy.keyfile import KEY_FILE
from tracker.settings import SECRET_FILE

FORMAT = 1  # a later one is refused by this version
MANIFEST = "manifest.json"
MANIFEST_MAX = 1024 * 1024  # bytes
DATABASE, INBOX, SETTINGS = "molva.db", INBOX_FILE, "molva.toml"
SECRETS = (SECRET_FILE, KEY_FILE)
NAMES = frozenset({DATABASE, INBOX, SETTINGS, *SECRETS})
CHUNK = 1024 * 1024  # bytes read at once
POSTGRES_MAGIC = b"PGDMP"  # how a file of `pg_dump --format=custom` begins


def describe_part(path: Path) -> Part:
    """Return name, size and digest of a file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Part(name=path.name, size_bytes=path.stat().st_size, sha256=digest)


def write_archive(file: IO[bytes], manifest: Manifest, paths: Sequence[Path]) -> None:
    """Write the manifest and the files, each of which is removed once it is in: a backup needs its space once."""
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
        text = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
        _add(archive, MANIFEST, io.BytesIO(text), len(text))
        for path in paths:
            with path.open("rb") as part:
                _add(archive, path.name, part, path.stat().st_size)
            path.unlink()
    file.flush()
    os.fsync(file.fileno())


def read_manifest(source: Path) -> Manifest:
    """Return the manifest of a backup; what is none raises OperationError."""
    try:
        with source.open("rb") as file:
            head = file.read(len(POSTGRES_MAGIC))
        if head == POSTGRES_MAGIC:
            raise OperationError(
                f'"{source}" is a dump of PostgreSQL. Look into it with: pg_restore --list {source}. Restore it into '
                f"an empty database with: pg_restore --no-owner --dbname=NAME {source}. Then hold it against every "
                "law with: molva ledger verify, molva audit verify."
            )
        with tarfile.open(source, "r:") as archive:
            first = archive.next()
            if first is None or first.name != MANIFEST or first.size > MANIFEST_MAX:
                raise _no_backup(source, "it does not begin with a manifest")
            manifest = msgspec.json.decode(_opened(archive, first).read(), type=Manifest)
    except OSError as error:
        raise OperationError(
            f'The backup "{source}" cannot be read ({error.strerror}); check path and rights.'
        ) from error
    except (tarfile.TarError, msgspec.DecodeError) as error:
        raise _no_backup(source, str(error)) from error
    if manifest.format > FORMAT:
        raise OperationError(
            f'"{source}" has format {manifest.format}, this version of Molva knows {FORMAT}; restore it with the '
            f"version that made it ({manifest.version}) or a newer one."
        )
    names = [part.name for part in manifest.parts]
    if not NAMES.issuperset(names) or len(set(names)) != len(names) or DATABASE not in names:
        raise _no_backup(source, "its manifest names other files than a backup has")
    return manifest


def unpack(source: Path, folder: Path, manifest: Manifest) -> None:
    """Write every file of the backup into the folder, for its owner alone; a changed file raises OperationError."""
    expected = {part.name: part for part in manifest.parts}
    try:
        with tarfile.open(source, "r:") as archive:
            for member in archive:
                part = expected.pop(member.name, None)
                if part is not None:
                    _unpack_one(archive, member, folder, part)
    except tarfile.TarError as error:
        raise _no_backup(source, str(error)) from error
    if expected:
        raise OperationError(
            f'The backup "{source}" is cut off: {", ".join(sorted(expected))} is missing. Take another.'
        )


def _unpack_one(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path, part: Part) -> None:
    digest = hashlib.sha256()
    descriptor = os.open(folder / part.name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as target, _opened(archive, member) as packed:
        while chunk := packed.read(CHUNK):
            digest.update(chunk)
            target.write(chunk)
        target.flush()
        os.fsync(target.fileno())
    if digest.hexdigest() != part.sha256:
        raise OperationError(
            f"{part.name} in the backup is not what was written: its SHA-256 is {digest.hexdigest()[:16]}..., the "
            f"manifest says {part.sha256[:16]}.... The file was damaged or changed; take another backup."
        )


def _opened(archive: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    packed = archive.extractfile(member)
    if packed is None:
        raise tarfile.ReadError(f"{member.name} is no file")
    return packed


def _add(archive: tarfile.TarFile, name: str, content: IO[bytes], size: int) -> None:
    member = tarfile.TarInfo(name)
    member.size = size
    member.mode = 0o600
    archive.addfile(member, content)


def _no_backup(source: Path, reason: str) -> OperationError:
    return OperationError(f'"{source}" is no backup of Molva, or a damaged one: {reason}. Take another.')
