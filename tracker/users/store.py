"""Queries of staff users and their sessions.

Sign-in, the admin pages and the command line call them inside `db.read` and `db.write`. Every change is
audited in the same transaction; password hashes never are.
"""

from typing import Any

from email_validator import EmailNotValidError, validate_email
from sqlalchemy import Connection, Row, delete, func, insert, select, update

from tracker.audit.store import list_entries, record
from tracker.db.ids import new_id
from tracker.db.rows import fields_of
from tracker.i18n.languages import LANGUAGES
from tracker.i18n.messages import InputError, msg
from tracker.users.sessions import ABSOLUTE_MS
from tracker.users.tables import login_failures, sessions, users
from tracker.users.types import ROLES, Role, Session, User

USERS_MAX = 500  # people on one page; one company's staff
SESSIONS_MAX = 50  # signed-in browsers of one person shown
EMAIL_MAX = 254  # RFC 5321 4.5.3.1.3


def check_email(text: str, *, field: str = "email") -> str:
    """Return the address in its normal form, lower case; raises InputError. No mail server is asked."""
    try:
        return validate_email(text.strip()[: EMAIL_MAX + 1], check_deliverability=False).normalized.lower()
    except EmailNotValidError as error:
        shown = text.strip()[:60]
        raise InputError(
            field, msg('"%(value)s" is not an e-mail address; write it like name@example.com.', value=shown)
        ) from error


def add_user(
    conn: Connection, *, email: str, role: str, password_hash: str, language: str, now_ms: int, actor: str
) -> User:
    """Add a person and return the record; refuses bad or taken addresses, unknown roles and languages."""
    address = check_email(email)
    known_role = check_role(role)
    check_language(language)
    if user_by_email(conn, address) is not None:
        raise InputError("email", msg("%(email)s has an account already; change that one.", email=address))
    user = User(
        user_id=new_id("usr", now_ms),
        email=address,
        password_hash=password_hash,
        role=known_role,
        language=language,
        created_at_ms=now_ms,
        disabled_at_ms=None,
    )
    conn.execute(
        insert(users).values(
            user_id=user.user_id,
            email=address,
            password_hash=password_hash,
            role=known_role,
            language=language,
            created_at_ms=now_ms,
        )
    )
    after = {"email": address, "role": known_role, "language": language}
    record(conn, at_ms=now_ms, actor=actor, action="user.added", object_id=user.user_id, after=after)
    return user


def check_role(role: str) -> Role:
    """Return the role when it is one; raises InputError."""
    if role in ROLES:
        return role
    raise InputError(
        "role", msg('"%(role)s" is not a role; choose one of %(roles)s.', role=role[:40], roles=", ".join(ROLES))
    )


def check_language(language: str) -> str:
    """Return the language when Molva speaks it; raises InputError."""
    if language in LANGUAGES:
        return language
    known = ", ".join(LANGUAGES)
    raise InputError(
        "language",
        msg('"%(language)s" is not a language of Molva; choose %(known)s.', language=language[:20], known=known),
    )


def user_by_email(conn: Connection, email: str) -> User | None:
    """Return the person with an address, disabled or not."""
    row = conn.execute(select(users).where(users.c.email == email.strip().lower())).first()
    return None if row is None else _user(row)


def get_user(conn: Connection, user_id: str) -> User | None:
    """Return the person with an id, disabled or not."""
    row = conn.execute(select(users).where(users.c.user_id == user_id)).first()
    return None if row is None else _user(row)


def list_users(conn: Connection) -> list[User]:
    """Return everybody, active people first, then by address."""
    query = select(users).order_by(users.c.disabled_at_ms.is_not(None), users.c.email).limit(USERS_MAX)
    return [_user(row) for row in conn.execute(query)]


def emails_of(conn: Connection, user_ids: set[str]) -> dict[str, str]:
    """Return the addresses of people by id, for showing who did what."""
    query = select(users.c.user_id, users.c.email).where(users.c.user_id.in_(sorted(user_ids))).limit(USERS_MAX)
    return {row.user_id: row.email for row in conn.execute(query)}


def set_password(conn: Connection, *, user_id: str, password_hash: str, now_ms: int, actor: str) -> None:
    """Give a person a new password and end every session of theirs."""
    user = _known(conn, user_id)
    conn.execute(update(users).where(users.c.user_id == user.user_id).values(password_hash=password_hash))
    ended = end_sessions_of(conn, user.user_id)
    after = {"sessions_ended": ended}
    record(conn, at_ms=now_ms, actor=actor, action="user.password_changed", object_id=user.user_id, after=after)


def set_role(conn: Connection, *, user_id: str, role: str, now_ms: int, actor: str) -> None:
    """Give a person another role; refuses to take the last active owner's."""
    user = _known(conn, user_id)
    new_role = check_role(role)
    if new_role != "owner":
        _refuse_last_owner(conn, user, field="role")
    conn.execute(update(users).where(users.c.user_id == user.user_id).values(role=new_role))
    before, after = {"role": user.role}, {"role": new_role}
    record(conn, at_ms=now_ms, actor=actor, action="user.role_changed", object_id=user_id, before=before, after=after)


def set_language(conn: Connection, *, user_id: str, language: str, now_ms: int, actor: str) -> None:
    """Give a person another language for pages and messages."""
    user = _known(conn, user_id)
    check_language(language)
    conn.execute(update(users).where(users.c.user_id == user.user_id).values(language=language))
    before, after = {"language": user.language}, {"language": language}
    record(
        conn,
        at_ms=now_ms,
        actor=actor,
        action="user.language_changed",
        object_id=user_id,
        before=before,
        after=after,
    )


def disable_user(conn: Connection, *, user_id: str, now_ms: int, actor: str) -> None:
    """Lock a person out at once: no sign-in, no session. Refuses the last active owner.

    Twice changes nothing.
    """
    user = _known(conn, user_id)
    if user.disabled_at_ms is not None:
        return
    _refuse_last_owner(conn, user, field="user_id")
    conn.execute(update(users).where(users.c.user_id == user.user_id).values(disabled_at_ms=now_ms))
    end_sessions_of(conn, user.user_id)
    record(conn, at_ms=now_ms, actor=actor, action="user.disabled", object_id=user.user_id)


def enable_user(conn: Connection, *, user_id: str, now_ms: int, actor: str) -> None:
    """Let a disabled person sign in again."""
    user = _known(conn, user_id)
    if user.disabled_at_ms is None:
        return
    conn.execute(update(users).where(users.c.user_id == user.user_id).values(disabled_at_ms=None))
    record(conn, at_ms=now_ms, actor=actor, action="user.enabled", object_id=user.user_id)


def add_session(conn: Connection, session: Session, *, known_network: str) -> None:
    """Store a new session, forget those that are over, and write the sign-in down.

    `known_network` is a keyed digest of the network, by which later sign-ins recognise it.
    """
    conn.execute(delete(sessions).where(sessions.c.created_at_ms < session.created_at_ms - ABSOLUTE_MS))
    continue_session(conn, session)
    record(
        conn,
        at_ms=session.created_at_ms,
        actor=f"user:{session.user_id}",
        action="user.signed_in",
        object_id=session.user_id,
        after={"network": known_network},
    )


def continue_session(conn: Connection, session: Session) -> None:
    """Store a session that takes another one's place, as after a change of password."""
    values = fields_of(session)
    conn.execute(insert(sessions).values(values))


def session_with_user(conn: Connection, digest: bytes) -> tuple[Session, User] | None:
    """Return a session and its person, if there is one and the person is not disabled."""
    row = conn.execute(select(sessions).where(sessions.c.digest == digest)).first()
    if row is None:
        return None
    session = _session(row)
    user = get_user(conn, session.user_id)
    return None if user is None or user.disabled_at_ms is not None else (session, user)


def touch_session(conn: Connection, digest: bytes, now_ms: int) -> None:
    """Note that a session was used; it never moves back when the clock does."""
    statement = update(sessions).where(sessions.c.digest == digest, sessions.c.seen_at_ms < now_ms)
    conn.execute(statement.values(seen_at_ms=now_ms))


def list_sessions(conn: Connection, user_id: str) -> list[Session]:
    """Return a person's sessions, newest first."""
    query = select(sessions).where(sessions.c.user_id == user_id)
    newest = query.order_by(sessions.c.created_at_ms.desc(), sessions.c.digest).limit(SESSIONS_MAX)
    return [_session(row) for row in conn.execute(newest)]


def end_session(conn: Connection, *, digest: bytes, user_id: str, now_ms: int, actor: str) -> None:
    """End one session of a person; an unknown one changes nothing."""
    statement = delete(sessions).where(sessions.c.digest == digest, sessions.c.user_id == user_id)
    if conn.execute(statement).rowcount:
        record(conn, at_ms=now_ms, actor=actor, action="user.signed_out", object_id=user_id)


def end_sessions_of(conn: Connection, user_id: str) -> int:
    """End every session of a person and return how many there were."""
    return conn.execute(delete(sessions).where(sessions.c.user_id == user_id)).rowcount


def known_networks(conn: Connection, user_id: str) -> frozenset[str]:
    """Return the keyed digests of the networks of a person's last sign-ins, read from the audit trail."""
    entries = list_entries(conn, object_id=user_id)
    return frozenset(entry.after["network"] for entry in entries if entry.action == "user.signed_in")


def add_attempt(conn: Connection, scope: str, now_ms: int) -> int:
    """Count one sign-in attempt and return its number, by which it can be taken back."""
    statement = insert(login_failures).values(scope=scope, at_ms=now_ms).returning(login_failures.c.seq)
    return int(conn.execute(statement).scalar_one())


def take_back_attempts(conn: Connection, numbers: tuple[int, ...]) -> None:
    """Forget attempts that turned out right."""
    conn.execute(delete(login_failures).where(login_failures.c.seq.in_(numbers)))


def count_attempts(conn: Connection, scope: str, *, since_ms: int) -> int:
    """Return how many attempts a scope had since an instant."""
    query = select(func.count()).where(login_failures.c.scope == scope, login_failures.c.at_ms > since_ms)
    return int(conn.execute(query).scalar_one())


def forget_attempts(conn: Connection, *, before_ms: int) -> None:
    """Purge the attempts of every scope that no limit looks at any more."""
    conn.execute(delete(login_failures).where(login_failures.c.at_ms <= before_ms))


def _known(conn: Connection, user_id: str) -> User:
    user = get_user(conn, user_id)
    if user is None:
        raise InputError("user_id", msg("There is no such person; look them up in the list of people."))
    return user


def _refuse_last_owner(conn: Connection, user: User, *, field: str) -> None:
    if user.role != "owner" or user.disabled_at_ms is not None:
        return
    owners = select(func.count()).where(users.c.role == "owner", users.c.disabled_at_ms.is_(None))
    if conn.execute(owners).scalar_one() <= 1:
        raise InputError(
            field, msg("%(email)s is the last owner; make somebody else an owner first.", email=user.email)
        )


def _user(row: Row[Any]) -> User:
    return User(
        user_id=row.user_id,
        email=row.email,
        password_hash=row.password_hash,
        role=row.role,
        language=row.language,
        created_at_ms=row.created_at_ms,
        disabled_at_ms=row.disabled_at_ms,
    )


def _session(row: Row[Any]) -> Session:
    return Session(
        digest=bytes(row.digest),
        user_id=row.user_id,
        csrf_token=row.csrf_token,
        created_at_ms=row.created_at_ms,
        seen_at_ms=row.seen_at_ms,
        masked_ip=row.masked_ip,
        user_agent=row.user_agent,
    )
