"""Queries of the audit trail."""

from typing import Any

from sqlalchemy import Connection, Row, insert, select

from tracker.audit.chain import GENESIS, digest_of
from tracker.audit.tables import audit_entries
from tracker.audit.types import AuditEntry
from tracker.db.sequences import next_seq

PAGE_MAX = 200  # rows a page of the trail shows at most


def record(
    conn: Connection,
    *,
    at_ms: int,
    actor: str,
    action: str,
    object_id: str,
    reason: str = "",
    before: Any = None,
    after: Any = None,
) -> None:
    """Append one entry, chained to the newest; call it in the transaction that makes the change."""
    seq = next_seq(conn, "audit")
    newest = select(audit_entries.c.digest).where(audit_entries.c.seq == seq - 1)
    previous = conn.execute(newest).scalar_one_or_none() or GENESIS
    content = {
        "seq": seq,
        "at_ms": at_ms,
        "actor": actor,
        "action": action,
        "object_id": object_id,
        "reason": reason,
        "before": before,
        "after": after,
    }
    digest = digest_of(previous=bytes(previous), content=content)
    conn.execute(insert(audit_entries), content | {"previous_digest": bytes(previous), "digest": digest})


def list_entries(
    conn: Connection, *, object_id: str | None = None, before_seq: int | None = None, limit: int = PAGE_MAX
) -> list[AuditEntry]:
    """Return entries, newest first, of one object or of all."""
    query = select(audit_entries).order_by(audit_entries.c.seq.desc()).limit(min(limit, PAGE_MAX))
    if object_id is not None:
        query = query.where(audit_entries.c.object_id == object_id)
    if before_seq is not None:
        query = query.where(audit_entries.c.seq < before_seq)
    return [_entry(row) for row in conn.execute(query)]


def entries_after(conn: Connection, seq: int, limit: int = PAGE_MAX) -> list[AuditEntry]:
    """Return the entries that follow the given number, oldest first, for verification."""
    query = select(audit_entries).where(audit_entries.c.seq > seq).order_by(audit_entries.c.seq).limit(limit)
    return [_entry(row) for row in conn.execute(query)]


def _entry(row: Row[Any]) -> AuditEntry:
    return AuditEntry(
        seq=row.seq,
        at_ms=row.at_ms,
        actor=row.actor,
        action=row.action,
        object_id=row.object_id,
        reason=row.reason,
        before=row.before,
        after=row.after,
        previous_digest=bytes(row.previous_digest),
        digest=bytes(row.digest),
    )
