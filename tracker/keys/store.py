"""Queries of API keys.

The admin pages, the command line, the API's door and the public edge call them. A value other than a
publishable one is returned by `create_key` once and never again.
"""

import hmac
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from tracker.audit.store import record
from tracker.db.ids import new_id
from tracker.i18n.messages import InputError, msg
from tracker.keys.make import digest_of, is_well_formed, new_value, signing_value
from tracker.keys.tables import api_keys
from tracker.keys.types import KINDS, SCOPES, ApiKey, CreatedKey, KeyKind, Scope

KEYS_MAX = 200  # keys of one program, revoked ones included
LIVE_KEYS_MAX = 20  # keys of one kind in force at once; rotation needs two
ALL_KEYS_MAX = 10_000  # keys in force in the whole installation


def create_key(
    conn: Connection,
    *,
    program_id: str,
    kind: str,
    livemode: bool,
    scopes: Sequence[str],
    secret: bytes,
    actor: str,
    now_ms: int,
) -> CreatedKey:
    """Make a key and return its value, shown once. `secret` is the root secret signing keys derive from.

    Empty `scopes` give a secret key all of them; other kinds have none. Refuses unknown kinds and scopes, and
    more than 20 keys of a kind in force.
    """
    known_kind = _check_kind(kind)
    granted = _check_scopes(known_kind, scopes)
    alive = [key for key in list_keys(conn, program_id) if key.kind == kind and key.revoked_at_ms is None]
    if len(alive) >= LIVE_KEYS_MAX:
        raise InputError(
            "kind", msg("%(limit)s keys of this kind are in force; revoke one first.", limit=LIVE_KEYS_MAX)
        )
    key_id = new_id("key", now_ms)
    is_signing = known_kind == "signing"
    value = signing_value(secret=secret, key_id=key_id) if is_signing else new_value(known_kind, livemode=livemode)
    is_public = known_kind == "publishable"
    conn.execute(
        insert(api_keys).values(
            key_id=key_id,
            program_id=program_id,
            kind=known_kind,
            livemode=livemode,
            public_value=value if is_public else None,
            digest=None if is_public else digest_of(value),
            last4=value[-4:],
            scopes=list(granted),
            created_at_ms=now_ms,
        )
    )
    after = {"program_id": program_id, "kind": known_kind, "livemode": livemode, "scopes": list(granted)}
    record(conn, at_ms=now_ms, actor=actor, action="key.created", object_id=key_id, after=after)
    return CreatedKey(key_id=key_id, value=value)


def find_by_value(conn: Connection, value: str) -> ApiKey | None:
    """Return the key in force that has this value, or None.

    Signing keys are found by program, never by value.
    """
    if not is_well_formed(value):
        return None
    digest = digest_of(value)
    is_public = value.startswith("pk_")
    match = api_keys.c.public_value == value if is_public else api_keys.c.digest == digest
    row = conn.execute(select(api_keys).where(match, api_keys.c.revoked_at_ms.is_(None))).first()
    if row is None:
        return None
    stored = digest_of(row.public_value) if is_public else bytes(row.digest)
    return _key(row) if hmac.compare_digest(stored, digest) else None


def get_key(conn: Connection, key_id: str) -> ApiKey | None:
    """Return one key, revoked or not."""
    row = conn.execute(select(api_keys).where(api_keys.c.key_id == key_id)).first()
    return None if row is None else _key(row)


def list_keys(conn: Connection, program_id: str) -> list[ApiKey]:
    """Return a program's keys, those in force first, then the newest."""
    query = select(api_keys).where(api_keys.c.program_id == program_id)
    ordered = query.order_by(api_keys.c.revoked_at_ms.is_not(None), api_keys.c.key_id.desc())
    return [_key(row) for row in conn.execute(ordered.limit(KEYS_MAX))]


def keys_in_force(conn: Connection) -> list[ApiKey]:
    """Return every key that is not revoked, for the public edge's snapshot."""
    query = select(api_keys).where(api_keys.c.revoked_at_ms.is_(None)).order_by(api_keys.c.key_id)
    return [_key(row) for row in conn.execute(query.limit(ALL_KEYS_MAX))]


def keys_by_digest(conn: Connection, kind: KeyKind) -> dict[bytes, ApiKey]:
    """Return the secret or postback keys that are not revoked by their digest, for the snapshot."""
    query = select(api_keys).where(api_keys.c.kind == kind, api_keys.c.revoked_at_ms.is_(None))
    rows = conn.execute(query.order_by(api_keys.c.key_id).limit(ALL_KEYS_MAX))
    return {bytes(row.digest): _key(row) for row in rows}


def revoke_key(conn: Connection, *, key_id: str, actor: str, now_ms: int) -> ApiKey:
    """End a key at once and for ever; twice changes nothing. Refuses an unknown one."""
    key = get_key(conn, key_id)
    if key is None:
        raise InputError("key_id", msg("There is no such key; look it up in the program's list of keys."))
    if key.revoked_at_ms is None:
        conn.execute(update(api_keys).where(api_keys.c.key_id == key_id).values(revoked_at_ms=now_ms))
        before = {"kind": key.kind, "last4": key.last4}
        record(conn, at_ms=now_ms, actor=actor, action="key.revoked", object_id=key_id, before=before)
    return key


def delete_test_key(conn: Connection, *, key_id: str, actor: str, now_ms: int) -> None:
    """Remove a key for test objects; only the audit trail tells of it. Live keys are revoked, never removed."""
    removed = delete(api_keys).where(api_keys.c.key_id == key_id, api_keys.c.livemode.is_(False))
    if conn.execute(removed).rowcount:
        record(conn, at_ms=now_ms, actor=actor, action="key.deleted", object_id=key_id)


def note_use(conn: Connection, *, key_id: str, now_ms: int) -> None:
    """Note when a key was last used; callers do so at most once a minute."""
    conn.execute(update(api_keys).where(api_keys.c.key_id == key_id).values(last_used_at_ms=now_ms))


def _check_kind(kind: str) -> KeyKind:
    if kind in KINDS:
        return kind
    known = ", ".join(KINDS)
    raise InputError(
        "kind", msg('"%(kind)s" is not a kind of key; choose one of %(known)s.', kind=kind[:40], known=known)
    )


def _check_scopes(kind: KeyKind, scopes: Sequence[str]) -> tuple[Scope, ...]:
    if kind != "secret":
        return ()
    unknown = next((scope for scope in scopes if scope not in SCOPES), None)
    if unknown is not None:
        known = ", ".join(SCOPES)
        raise InputError(
            "scopes",
            msg('"%(scope)s" is not a scope; choose from %(known)s.', scope=unknown[:40], known=known),
        )
    return tuple(scope for scope in SCOPES if scope in scopes) or SCOPES


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        key_id=row.key_id,
        program_id=row.program_id,
        kind=row.kind,
        livemode=row.livemode,
        public_value=row.public_value,
        last4=row.last4,
        scopes=tuple(row.scopes),
        created_at_ms=row.created_at_ms,
        revoked_at_ms=row.revoked_at_ms,
        last_used_at_ms=row.last_used_at_ms,
    )
