"""Records of the audit trail."""

from typing import Any

import msgspec


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One change: who did what to which object, and why.

    `actor` is "user:usr_…", "key:key_…", "cli" or "system:<task>"; `action` is object and past action ("case.decided").
    """

    seq: int
    at_ms: int
    actor: str
    action: str
    object_id: str
    reason: str
    before: Any
    after: Any
    previous_digest: bytes
    digest: bytes
