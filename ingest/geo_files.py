"""Country and network files: opened, read, noticed when they are replaced, and never in the way of tracking.

`ingest.networks` holds one `GeoFile` for countries and one for autonomous systems. A file is read whole, and what is
asked is a copy of our own, so nothing that happens to it on disk can hurt a reader. An absent, broken or half-written
file means "unknown" and a warning, at most one a minute; it is tried again every minute.
"""

import io
import struct
import tempfile
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any, Generic, TypeVar

import geoip2.database
import geoip2.errors
import maxminddb
import msgspec
import structlog
from maxminddb.const import MODE_AUTO, MODE_FD

from ingest.network_table import MAGIC, NetworkTable

CHECK_S = 60.0  # seconds between two looks at the file
FILE_MAX = 256 * 1024 * 1024  # bytes; the largest city file sold has about half

log = structlog.get_logger()

Address = IPv4Address | IPv6Address
Found = TypeVar("Found")
Made = TypeVar("Made")
System = tuple[int, str]

# What reading a damaged file may raise: maxminddb checks little and follows whatever pointer it finds.
DAMAGE = (
    maxminddb.InvalidDatabaseError,
    geoip2.errors.GeoIP2Error,
    OSError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RecursionError,
    MemoryError,
    struct.error,
)


class Opened(msgspec.Struct, Generic[Found], frozen=True, kw_only=True):
    """A readable file: `made_at_s` is when its data was made (Unix seconds), 0 when it does not say."""

    find: Callable[[Address], Found | None]
    made_at_s: int


class GeoFileState(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator is told of a file: where it is, since when its data is, and what is wrong with it."""

    path: str | None
    made_at_s: int | None
    trouble: str | None


Opener = Callable[[bytes], Opened[Found]]


class GeoFile(Generic[Found]):
    """The newest readable of some files, reopened after a change; `find` never raises."""

    def __init__(self, *, paths: Sequence[Path], opener: Opener[Found], clock: Callable[[], float]) -> None:
        """Open the newest; a broken one is reported and tried again later. Clock: seconds."""
        self._paths = tuple(paths)
        self._opener = opener
        self._clock = clock
        self._seen: tuple[object, ...] | None = None
        self._opened: Opened[Found] | None = None
        self._warned_at = -CHECK_S
        self.state = GeoFileState(path=None, made_at_s=None, trouble=None)
        self.reopen()

    def reopen(self) -> bool:
        """Look at the files again and tell whether another content is read from now on."""
        seen = tuple(_mark(path) for path in self._paths)
        if seen == self._seen and self.state.trouble is None:
            return False
        before, self._seen = self._opened, seen
        readable: list[tuple[int, Path, Opened[Found]]] = []
        trouble: str | None = None
        for path, mark in zip(self._paths, seen, strict=True):
            if mark is None and len(self._paths) > 1:
                continue  # one of our own places; only a file that a setting names must be there
            try:
                opened = self._opener(_read(path))
            except DAMAGE as error:
                trouble = f'"{path}" cannot be used ({_shown(error)}); fetch it again with: molva geo update.'
                self._warn(trouble)
            else:
                readable.append((opened.made_at_s, path, opened))
        newest = max(readable, key=lambda each: each[0], default=None)
        self._opened = newest[2] if newest else None
        self.state = GeoFileState(
            path=str(newest[1]) if newest else None, made_at_s=(newest[0] or None) if newest else None, trouble=trouble
        )
        return before is not None or self._opened is not None

    def find(self, address: Address) -> Found | None:
        """Return what the file says of an address, None when it says nothing or cannot be read."""
        if self._opened is None:
            return None
        try:
            return self._opened.find(address)
        except DAMAGE as error:
            self._warn(
                f'"{self.state.path}" is damaged inside ({_shown(error)}); fetch it again with: molva geo update.'
            )
            return None

    def _warn(self, text: str) -> None:
        now = self._clock()
        if now - self._warned_at >= CHECK_S:
            self._warned_at = now
            log.warning("geo_file_unusable", error=text)


def open_countries(data: bytes) -> Opened[str]:
    """Return the countries (ISO 3166 alpha-2) of an MMDB file: MaxMind's by geoip2, others by their records.

    Raises one of DAMAGE.
    """
    reader = _opened_copy(data, maxminddb.open_database)
    kind = reader.metadata().database_type
    if kind.startswith(("GeoIP2-", "GeoLite2-")) and ("City" in kind or "Country" in kind):
        typed = _opened_copy(data, geoip2.database.Reader)
        ask = typed.city if "City" in kind else typed.country
        return Opened(find=lambda address: _country(ask(str(address)).country.iso_code), made_at_s=_made_at(reader))
    return Opened(find=lambda address: _country_of_record(reader.get(address)), made_at_s=_made_at(reader))


def open_systems(data: bytes) -> Opened[System]:
    """Return the autonomous systems of a table of ours or of an MMDB file; raises one of DAMAGE."""
    if data.startswith(MAGIC):
        table = NetworkTable(data)
        return Opened(find=table.at, made_at_s=table.made_at_s)
    reader = _opened_copy(data, maxminddb.open_database)
    if "GeoLite2-ASN" in reader.metadata().database_type:
        typed = _opened_copy(data, geoip2.database.Reader)
        return Opened(find=lambda address: _system_of_answer(typed.asn(str(address))), made_at_s=_made_at(reader))
    return Opened(find=lambda address: _system_of_record(reader.get(address)), made_at_s=_made_at(reader))


def _opened_copy(data: bytes, reader: Callable[..., Made]) -> Made:
    """Return a reader of a private copy, which nobody can cut while it is mapped; the compiled one is ten times faster.

    Where no temporary file can be written, the copy is in memory and read by Python alone.
    """
    try:
        with tempfile.NamedTemporaryFile() as copy:
            copy.write(data)
            copy.flush()
            return reader(copy.name, mode=MODE_AUTO)
    except OSError:
        return reader(io.BytesIO(data), mode=MODE_FD)


def _country_of_record(record: Any) -> str | None:
    if not isinstance(record, dict):
        return None
    inner = record.get("country")
    return _country(inner.get("iso_code") if isinstance(inner, dict) else record.get("country_code", inner))


def _country(code: Any) -> str | None:
    """Return two capital letters as they are; a damaged file may say anything else."""
    is_code = isinstance(code, str) and len(code) == 2 and code.isascii() and code.isalpha() and code.isupper()
    return code if is_code else None


def _system_of_answer(answer: Any) -> System | None:
    return _system(answer.autonomous_system_number, answer.autonomous_system_organization)


def _system_of_record(record: Any) -> System | None:
    if not isinstance(record, dict):
        return None
    number = record.get("autonomous_system_number", record.get("asn"))
    name = record.get("autonomous_system_organization", record.get("as_name", record.get("name")))
    digits = number.removeprefix("AS") if isinstance(number, str) else ""
    return _system(int(digits) if digits.isdecimal() else number, name)


def _system(number: Any, name: Any) -> System | None:
    if not isinstance(number, int) or not 0 < number < 1 << 32:
        return None
    return number, name[:80] if isinstance(name, str) else ""


def _made_at(reader: maxminddb.Reader) -> int:
    made_at = reader.metadata().build_epoch
    return made_at if isinstance(made_at, int) and 0 < made_at < 1 << 40 else 0


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(FILE_MAX + 1)
    if len(data) > FILE_MAX:
        raise ValueError(f"it is larger than {FILE_MAX} bytes")
    return data


def _mark(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _shown(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:200]
