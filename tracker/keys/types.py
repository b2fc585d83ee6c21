"""Records of API keys."""

from typing import Literal, get_args

import msgspec

KeyKind = Literal["publishable", "secret", "signing", "postback"]
KINDS: tuple[KeyKind, ...] = get_args(KeyKind)

Scope = Literal["track", "read", "manage", "payouts", "cases"]
# track: report clicks, leads, sales, refunds; read: every list; manage: programs, partners, links, codes;
# payouts: request them; cases: give verdicts.
SCOPES: tuple[Scope, ...] = get_args(Scope)


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """One key of a program. `public_value` is there for publishable keys alone.

    Of the others nobody keeps the value.
    """

    key_id: str
    program_id: str
    kind: KeyKind
    livemode: bool
    public_value: str | None
    last4: str
    scopes: tuple[Scope, ...]
    created_at_ms: int
    revoked_at_ms: int | None
    last_used_at_ms: int | None


class CreatedKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key just made; `value` is shown once and kept by nobody (a publishable one stays readable)."""

    key_id: str
    value: str
