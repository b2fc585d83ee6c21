"""Which autonomous system announces an address: a table compiled from ranges, small enough to be held in memory.

The build and `molva geo update` compile it from a list of ranges; `ingest.geo_files` reads it. It uses the standard
library alone, because the build loads this file before anything is installed, and it never reads or writes files.
"""

import csv
import hashlib
import sys
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address

MAGIC = b"MOLVANT1"
DIGEST_BYTES = 32  # SHA-256 of everything behind it: a flipped byte makes the file unusable, not wrong
NAME_MAX = 80  # characters of an organisation's name
NOBODY = 0  # AS 0 is reserved (RFC 7607): here the space between two ranges
V4_BITS = 32
V6_SHIFT = 64  # IPv6 is told apart down to its /64; no longer prefix is routed

# Sections in the order of the file: type of their numbers, as `array` names them.
_SECTIONS = ("I", "I", "Q", "I", "I", "I")


class NetworkTableError(ValueError):
    """The bytes are no table, or a damaged one."""


class NetworkTable:
    """A read table: `made_at_s` is when its data was made, in Unix seconds."""

    def __init__(self, data: bytes) -> None:
        """Read the bytes `compile_table` made; raises NetworkTableError."""
        digest, body = data[len(MAGIC) : len(MAGIC) + DIGEST_BYTES], data[len(MAGIC) + DIGEST_BYTES :]
        if not data.startswith(MAGIC) or hashlib.sha256(body).digest() != digest:
            raise NetworkTableError("This is no network table, or a damaged one; fetch it again.")
        # The digest vouches for all that follows: it was written by `compile_table`.
        self.made_at_s = int.from_bytes(body[:8], "little")
        offset, sections = 8, []
        for kind in _SECTIONS:
            size = int.from_bytes(body[offset : offset + 8], "little")
            sections.append(_numbers(kind, body[offset + 8 : offset + 8 + size]))
            offset += 8 + size
        self._v4_starts, self._v4_systems, self._v6_starts, self._v6_systems, self._systems, self._name_ends = sections
        self._names = body[offset:]

    def at(self, address: IPv4Address | IPv6Address) -> tuple[int, str] | None:
        """Return the number of the autonomous system of an address and its organisation's name, None when unknown."""
        if isinstance(address, IPv4Address):
            system = _system_at(int(address), self._v4_starts, self._v4_systems)
        else:
            system = _system_at(int(address) >> V6_SHIFT, self._v6_starts, self._v6_systems)
        return None if system == NOBODY else (system, self._name_of(system))

    def _name_of(self, system: int) -> str:
        place = bisect_right(self._systems, system) - 1
        start = self._name_ends[place - 1] if place else 0
        return self._names[start : self._name_ends[place]].decode()


def compile_table(*, v4: Iterable[str], v6: Iterable[str], made_at_s: int) -> bytes:
    """Return the table of two lists of CSV lines: first address, last address, number, organisation.

    Addresses are decimal numbers, lines in ascending order. Raises NetworkTableError naming a wrong line.
    """
    names: dict[int, str] = {}
    v4_starts, v4_systems = _joined(_ranges(v4, names), end=1 << V4_BITS)
    halves = ((first >> V6_SHIFT, last >> V6_SHIFT, system) for first, last, system in _ranges(v6, names))
    v6_starts, v6_systems = _joined(halves, end=1 << V6_SHIFT)
    systems = sorted(names)
    encoded = [names[system].encode() for system in systems]
    ends, end = [], 0
    for name in encoded:
        end += len(name)
        ends.append(end)
    parts = [made_at_s.to_bytes(8, "little")]
    sections = (v4_starts, v4_systems, v6_starts, v6_systems, systems, ends)
    for kind, numbers in zip(_SECTIONS, sections, strict=True):
        section = _bytes(kind, numbers)
        parts += [len(section).to_bytes(8, "little"), section]
    body = b"".join([*parts, *encoded])
    return MAGIC + hashlib.sha256(body).digest() + body


def _ranges(lines: Iterable[str], names: dict[int, str]) -> Iterator[tuple[int, int, int]]:
    """Yield first, last and system of each line, and note the organisations' names."""
    for number, fields in enumerate(csv.reader(lines), start=1):
        try:
            first, last, system = (int(field) for field in fields[:3])
        except ValueError as error:
            raise NetworkTableError(f"Line {number} of the list of networks is no range: {fields!r:.100}.") from error
        if not (0 <= first <= last and 0 < system < 1 << 32):
            raise NetworkTableError(f"Line {number} of the list of networks has wrong numbers: {fields!r:.100}.")
        names[system] = (fields[3] if len(fields) > 3 else "")[:NAME_MAX]
        yield first, last, system


def _joined(ranges: Iterable[tuple[int, int, int]], *, end: int) -> tuple[list[int], list[int]]:
    """Return where each stretch of one system begins, and whose it is; gaps are nobody's, addresses stop at `end`."""
    starts, systems = [0], [NOBODY]
    for first, last, system in ranges:
        if starts[-1] > first or last >= end:
            continue  # a second route inside the same /64, or a range that was covered already
        if starts[-1] == first:
            systems[-1] = system
        else:
            starts.append(first)
            systems.append(system)
        if last + 1 < end:
            starts.append(last + 1)
            systems.append(NOBODY)
    return _without_repeats(starts, systems)


def _without_repeats(starts: list[int], systems: list[int]) -> tuple[list[int], list[int]]:
    kept = [place for place in range(len(starts)) if not place or systems[place] != systems[place - 1]]
    return [starts[place] for place in kept], [systems[place] for place in kept]


def _system_at(value: int, starts: "array[int]", systems: "array[int]") -> int:
    return systems[bisect_right(starts, value) - 1]


def _numbers(kind: str, data: bytes) -> "array[int]":
    numbers: array[int] = array(kind)
    numbers.frombytes(data)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _bytes(kind: str, values: list[int]) -> bytes:
    numbers = array(kind, values)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()
