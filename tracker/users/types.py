"""Records of staff users and their signed-in browsers."""

from typing import Literal, get_args

import msgspec

Role = Literal["owner", "admin", "manager", "reviewer", "finance", "viewer"]
ROLES: tuple[Role, ...] = get_args(Role)


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A person of the company who signs in to the admin pages."""

    user_id: str
    email: str
    password_hash: str
    role: Role
    language: str
    created_at_ms: int
    disabled_at_ms: int | None


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A signed-in browser; `digest` is the SHA-256 of its cookie, which is kept nowhere else."""

    digest: bytes
    user_id: str
    csrf_token: str
    created_at_ms: int
    seen_at_ms: int
    masked_ip: str
    user_agent: str
