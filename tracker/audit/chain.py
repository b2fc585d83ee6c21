"""The digest that chains audit entries; pure, used when writing and when verifying."""

import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec

from tracker.audit.types import AuditEntry

GENESIS = b"\0" * 32


def digest_of(*, previous: bytes, content: dict[str, Any]) -> bytes:
    """Return SHA-256 over the previous digest and the entry's canonical JSON."""
    return hashlib.sha256(previous + msgspec.json.encode(content, order="sorted")).digest()


def content_of(entry: AuditEntry) -> dict[str, Any]:
    """Return the fields of an entry that its digest covers."""
    return {
        name: getattr(entry, name)
        for name in ("seq", "at_ms", "actor", "action", "object_id", "reason", "before", "after")
    }


def first_broken(entries: Iterable[AuditEntry]) -> int | None:
    """Return the sequence number of the first entry that does not fit the chain, or None.

    Entries: all of them, in order from number 1.
    """
    previous = GENESIS
    for expected, entry in enumerate(entries, start=1):
        fits = entry.seq == expected and entry.previous_digest == previous
        if not fits or entry.digest != digest_of(previous=previous, content=content_of(entry)):
            return entry.seq
        previous = entry.digest
    return None
