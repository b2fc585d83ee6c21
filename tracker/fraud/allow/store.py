"""Queries of the allow list: what is in force when a conversion is judged, the list itself, adding and revoking.

Judging (online and at night) and the admin pages call them. An entry is never deleted and never edited; what it did
stays readable beside the findings it silenced.
"""

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, Select, insert, or_, select, update

from fraud_rules.allow import AllowEntry
from tracker.audit.store import record
from tracker.db.ids import new_id
from tracker.db.rows import as_struct
from tracker.fraud.allow.tables import allow_entries
from tracker.fraud.allow.types import EntryRow, NewEntry
from tracker.i18n.messages import InputError, msg
from tracker.i18n.text import clean_line

ENTRIES_MAX = 500  # entries of a program in force: more would switch rules off under another name
RULES_MAX = 100
REASON_MAX = 500
LISTED_MAX = 500
_UNTOLD = frozenset({"network_keys", "visitor_id"})


def entries_in_force(conn: Connection, program_id: str, *, at_ms: int) -> tuple[AllowEntry, ...]:
    """Return the entries of a program for the engine; one that names a network gives one for each of its hashes.

    `at_ms` is when the subject was received: an entry that ended before is left out.
    """
    found = conn.execute(_in_force(program_id, at_ms=at_ms).limit(ENTRIES_MAX))
    return tuple(entry for row in found for entry in _engine_entries(as_struct(EntryRow, row)))


def list_entries(conn: Connection, *, program_id: str | None = None, limit: int = LISTED_MAX) -> list[EntryRow]:
    """Return entries, those in force first, then the newest."""
    query = select(allow_entries).order_by(allow_entries.c.revoked_at_ms.is_not(None), allow_entries.c.allow_id.desc())
    if program_id is not None:
        query = query.where(allow_entries.c.program_id == program_id)
    return [as_struct(EntryRow, row) for row in conn.execute(query.limit(min(limit, LISTED_MAX)))]


def get_entry(conn: Connection, allow_id: str) -> EntryRow | None:
    """Return one entry, or None."""
    row = conn.execute(select(allow_entries).where(allow_entries.c.allow_id == allow_id)).first()
    return None if row is None else as_struct(EntryRow, row)


def add_entry(conn: Connection, new: NewEntry, *, known_rules: Sequence[str], actor: str, now_ms: int) -> EntryRow:
    """Store an entry, in force from now on; refuses one without rules, conditions or reason, and spans that end early.

    `known_rules`: ids of the rules in force. An entry over a network ends with the keys of its hashes at the latest.
    """
    expires_at_ms = _checked_end(new, now_ms=now_ms)
    unknown = sorted(set(new.rules) - set(known_rules))
    if not new.rules or unknown or len(new.rules) > RULES_MAX:
        raise InputError("rules", msg("Choose the rules that are to stay silent; at least one of the list."))
    if not _has_condition(new):
        raise InputError("network", msg("Say whom it covers: at least one of partner, network, domain, device, days."))
    if new.starts_at_ms is not None and new.ends_at_ms is not None and new.ends_at_ms < new.starts_at_ms:
        raise InputError("ends", msg("The event ends before it begins; give a later day."))
    standing = len(conn.execute(_in_force(new.program_id, at_ms=now_ms).limit(ENTRIES_MAX)).all())
    if standing >= ENTRIES_MAX:
        raise InputError(
            "rules", msg("The program has %(most)s entries in force; revoke some first.", most=ENTRIES_MAX)
        )
    row = EntryRow(
        allow_id=new_id("alw", now_ms),
        program_id=new.program_id,
        rules=sorted(set(new.rules)),
        enrollment_id=new.enrollment_id,
        network_keys=None if new.network is None else list(new.network.keys),
        network_scope=None if new.network is None else new.network.scope,
        network_text=None if new.network is None else new.network.text,
        email_domain=new.email_domain,
        visitor_id=new.visitor_id,
        starts_at_ms=new.starts_at_ms,
        ends_at_ms=new.ends_at_ms,
        reason=clean_line(new.reason, field="reason", longest=REASON_MAX),
        case_id=new.case_id,
        author=actor,
        created_at_ms=now_ms,
        expires_at_ms=expires_at_ms,
        revoked_at_ms=None,
        revoked_by=None,
    )
    conn.execute(insert(allow_entries), msgspec.structs.asdict(row))
    record(
        conn,
        at_ms=now_ms,
        actor=actor,
        action="allow_entry.added",
        object_id=row.allow_id,
        reason=row.reason,
        after=_told(row),
    )
    return row


def revoke_entry(conn: Connection, allow_id: str, *, actor: str, now_ms: int) -> EntryRow | None:
    """End an entry now and return it; one that is revoked already stays as it is, None for an unknown one."""
    row = get_entry(conn, allow_id)
    if row is None or row.revoked_at_ms is not None:
        return row
    values = {"revoked_at_ms": now_ms, "revoked_by": actor}
    conn.execute(update(allow_entries).where(allow_entries.c.allow_id == allow_id).values(**values))
    record(
        conn,
        at_ms=now_ms,
        actor=actor,
        action="allow_entry.revoked",
        object_id=allow_id,
        before=_told(row),
        after=values,
    )
    return msgspec.structs.replace(row, **values)


def _in_force(program_id: str, *, at_ms: int) -> Select[tuple[object, ...]]:
    standing = or_(allow_entries.c.expires_at_ms.is_(None), allow_entries.c.expires_at_ms > at_ms)
    return (
        select(allow_entries)
        .where(allow_entries.c.program_id == program_id, allow_entries.c.revoked_at_ms.is_(None), standing)
        .order_by(allow_entries.c.allow_id)
    )


def _engine_entries(row: EntryRow) -> list[AllowEntry]:
    entry = AllowEntry(
        id=row.allow_id,
        rules=tuple(row.rules),
        # The rules know a partner by the enrollment: that is who earns.
        partner_id=row.enrollment_id,
        email_domain=row.email_domain,
        visitor_id=row.visitor_id,
        starts_at_ms=row.starts_at_ms,
        ends_at_ms=row.ends_at_ms,
        expires_at_ms=row.expires_at_ms,
    )
    if row.network_keys is None:
        return [entry]
    return [msgspec.structs.replace(entry, network_key=key) for key in row.network_keys]


def _checked_end(new: NewEntry, *, now_ms: int) -> int | None:
    ends = [each for each in (new.expires_at_ms, new.network.until_ms if new.network else None) if each is not None]
    end_ms = min(ends, default=None)
    if end_ms is not None and end_ms <= now_ms:
        raise InputError("expires", msg("It would have ended already; give a later day."))
    return end_ms


def _has_condition(new: NewEntry) -> bool:
    given = (new.enrollment_id, new.network, new.email_domain, new.visitor_id, new.starts_at_ms, new.ends_at_ms)
    return any(each is not None for each in given)


def _told(row: EntryRow) -> dict[str, object]:
    """Return what the audit trail keeps of an entry: hashes say nothing to a reader, and a device may be erased."""
    told = msgspec.to_builtins(row)
    return {name: value for name, value in told.items() if value is not None and name not in _UNTOLD}
