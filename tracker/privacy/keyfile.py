"""The file that keeps the salts of the address keys on SQLite: beside the database, never in a copy of it.

`rotation.py` reads and writes it. It is replaced as a whole, so a crash leaves the old file or the new one.
"""

import os
import secrets
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tracker.privacy.epochs import StoredEpoch
from tracker.settings import SettingsError

KEY_FILE = "address-keys.json"


class _Content(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    epochs: tuple[StoredEpoch, ...]


def read_epochs(path: Path) -> tuple[StoredEpoch, ...]:
    """Return the epochs of a file, none when there is no file; a damaged one raises SettingsError."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Content).epochs
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise SettingsError(
            f'The address keys "{path}" cannot be read ({error.strerror}); let this user read.'
        ) from error
    except msgspec.MsgspecError as error:
        raise SettingsError(
            f'The address keys "{path}" are damaged ({error}). Delete the file: new keys are made, and addresses seen '
            "before cannot be compared with later ones."
        ) from error


def write_epochs(path: Path, epochs: Sequence[StoredEpoch]) -> None:
    """Replace the file's content; readable by its owner alone."""
    content = msgspec.json.format(msgspec.json.encode(_Content(epochs=tuple(epochs))))
    # A name of its own, so that what an interrupted write left can never be in the way.
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content + b"\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
