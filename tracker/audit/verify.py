"""Verification of the audit trail: the whole chain is walked once; nothing is changed.

`molva audit verify`, backups and restores call it; what fits is decided in `chain.py`.
"""

from collections.abc import Iterator

from sqlalchemy import Connection

from tracker.audit.chain import first_broken
from tracker.audit.store import entries_after
from tracker.audit.types import AuditEntry

CHUNK = 200  # entries read at once


def verify_chain(conn: Connection) -> tuple[str, ...]:
    """Return what does not hold, naming the first entry that was changed or removed; empty when all fits."""
    broken = first_broken(_all_entries(conn))
    return () if broken is None else (f"Entry {broken} does not fit the chain: it was changed or removed.",)


def _all_entries(conn: Connection) -> Iterator[AuditEntry]:
    last = 0
    while chunk := entries_after(conn, last, CHUNK):
        yield from chunk
        last = chunk[-1].seq
