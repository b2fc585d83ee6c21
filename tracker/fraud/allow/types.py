"""Records of the allow list."""

from typing import Literal

import msgspec

NetworkScope = Literal["host", "net"]


class AllowedNetwork(msgspec.Struct, frozen=True, kw_only=True):
    """An address or its neighbourhood as it is kept.

    `keys` are its hashes (hexadecimal) under every key known; after `until_ms` nothing is hashed with them any more.
    """

    keys: tuple[str, ...]
    scope: NetworkScope
    text: str
    until_ms: int


class NewEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry to add: the rules, the conditions that must all hold, and why."""

    program_id: str
    rules: tuple[str, ...]
    reason: str
    enrollment_id: str | None = None
    network: AllowedNetwork | None = None
    email_domain: str | None = None
    visitor_id: str | None = None
    starts_at_ms: int | None = None
    ends_at_ms: int | None = None
    expires_at_ms: int | None = None
    case_id: str | None = None


class EntryRow(msgspec.Struct, frozen=True, kw_only=True):
    """A stored entry."""

    allow_id: str
    program_id: str
    rules: list[str]
    enrollment_id: str | None
    network_keys: list[str] | None
    network_scope: NetworkScope | None
    network_text: str | None
    email_domain: str | None
    visitor_id: str | None
    starts_at_ms: int | None
    ends_at_ms: int | None
    reason: str
    case_id: str | None
    author: str
    created_at_ms: int
    expires_at_ms: int | None
    revoked_at_ms: int | None
    revoked_by: str | None
