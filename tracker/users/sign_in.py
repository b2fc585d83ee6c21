"""Signing in: load, verify, save. The login page calls `sign_in`; nothing else makes sessions.

Unknown addresses, wrong passwords and disabled people get one answer in the same time.
"""

from typing import Literal

import msgspec
from sqlalchemy import Connection

from tracker.db.database import Database
from tracker.users import store
from tracker.users.limits import WINDOW_MS, Scopes, is_exhausted, scopes_of
from tracker.users.passwords import verify_password
from tracker.users.sessions import network_of, new_session
from tracker.users.types import User

Refused = Literal["wrong", "too_many"]


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """What a person gave, and from where."""

    email: str
    password: str
    address: str
    user_agent: str


class SignedIn(msgspec.Struct, frozen=True, kw_only=True):
    """A new session: the cookie's value, and whose it is."""

    token: str
    user: User


class _Counted(msgspec.Struct, frozen=True, kw_only=True):
    user: User | None
    scopes: Scopes
    ticket: tuple[int, ...]
    is_exhausted: bool = False


async def sign_in(
    db: Database, attempt: Attempt, *, secret: bytes, is_limited: bool = True, now_ms: int
) -> SignedIn | Refused:
    """Return a new session, or why there is none. Unlimited attempts are for installations behind a limiter.

    Every attempt makes a new session: old cookies never come back.
    """
    counted = await db.write(lambda conn: _count(conn, attempt, secret=secret, now_ms=now_ms))
    if counted.is_exhausted and is_limited:
        return "too_many"
    user = counted.user
    is_right = await verify_password(attempt.password, user.password_hash if user else None)
    if user is None or not is_right or user.disabled_at_ms is not None:
        return "wrong"
    token, session = new_session(
        user_id=user.user_id, address=attempt.address, user_agent=attempt.user_agent, now_ms=now_ms
    )

    def save(conn: Connection) -> None:
        store.take_back_attempts(conn, counted.ticket)
        store.add_session(conn, session, known_network=counted.scopes.known_network)

    await db.write(save)
    return SignedIn(token=token, user=user)


def _count(conn: Connection, attempt: Attempt, *, secret: bytes, now_ms: int) -> _Counted:
    """Count the attempt before its password is looked at, so that parallel guesses cannot slip through."""
    user = store.user_by_email(conn, attempt.email)
    known = store.known_networks(conn, user.user_id) if user else frozenset()
    scopes = scopes_of(secret=secret, email=attempt.email, network=network_of(attempt.address), known_networks=known)
    since_ms = now_ms - WINDOW_MS
    store.forget_attempts(conn, before_ms=since_ms)
    used_account = store.count_attempts(conn, scopes.account, since_ms=since_ms)
    used_network = store.count_attempts(conn, scopes.network, since_ms=since_ms)
    if is_exhausted(account_attempts=used_account, network_attempts=used_network):
        return _Counted(user=user, scopes=scopes, ticket=(), is_exhausted=True)
    ticket = tuple(store.add_attempt(conn, scope, now_ms) for scope in (scopes.account, scopes.network))
    return _Counted(user=user, scopes=scopes, ticket=ticket)
