"""What the command line does to an installation: one function a command, `(services, params) -> object`.

A running `serve` executes them for the command line over its control socket; without one the command line opens the
installation and calls them itself. So each is written once and never fights for the writer.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from sqlalchemy import Connection

from tracker.audit.verify import verify_chain
from tracker.db.ids import IdError, canonical_id
from tracker.db.migrating import current_revision, newest_revision
from tracker.event_commands import EVENT_COMMANDS
from tracker.i18n.messages import InputError, msg
from tracker.keys import store as keys
from tracker.keys.types import ApiKey, CreatedKey
from tracker.ledger.verify import verify_ledger
from tracker.operations.trial import TRIAL_COMMANDS
from tracker.partners import store as partners
from tracker.privacy.commands import PRIVACY_COMMANDS
from tracker.programs import store as programs
from tracker.recompute.commands import RUN_COMMANDS
from tracker.services import Services
from tracker.users import store as users
from tracker.users.passwords import check_password, hash_password, new_password
from tracker.users.types import User

Params = dict[str, Any]
Answer = dict[str, Any]
Command = Callable[[Services, Params], Awaitable[Answer]]

ACTOR = "cli"


async def add_partner(services: Services, params: Params) -> Answer:
    """Put a partner into a program and return the ids, the code and the link."""
    now_ms = services.now_ms()
    program_id = known_id("prg", params["program"], "program")
    made = await services.db.write(
        lambda conn: partners.add_partner(
            conn,
            program_id=program_id,
            name=params["name"],
            email=params["email"],
            code=params.get("code"),
            actor=ACTOR,
            now_ms=now_ms,
        )
    )
    await services.refresh()
    base = f"{services.settings.base_url}{services.settings.public_prefix}"
    return {
        "partner_id": made.partner_id,
        "enrollment_id": made.enrollment_id,
        "code": made.code,
        "link": f"{base}/to/{made.slug}",
    }


async def add_user(services: Services, params: Params) -> Answer:
    """Add a staff user; without a password a random one is made and returned."""
    password, is_new = _password(params)
    hashed = await hash_password(password)
    now_ms = services.now_ms()
    user = await services.db.write(
        lambda conn: users.add_user(
            conn,
            email=params["email"],
            role=params["role"],
            password_hash=hashed,
            language="en",
            now_ms=now_ms,
            actor=ACTOR,
        )
    )
    return _user(user) | ({"password": password} if is_new else {})


async def list_users(services: Services, _params: Params) -> Answer:
    """Return all staff users."""
    return {"data": [_user(user) for user in await services.db.read(users.list_users)]}


async def disable_user(services: Services, params: Params) -> Answer:
    """Close a user's account and end the user's sessions."""
    now_ms = services.now_ms()

    def disable(conn: Connection) -> User:
        user = _user_named(conn, params["email"])
        users.disable_user(conn, user_id=user.user_id, now_ms=now_ms, actor=ACTOR)
        return user

    user = await services.db.write(disable)
    return _user(user) | {"disabled": True}


async def reset_password(services: Services, params: Params) -> Answer:
    """Give a user another password and end the user's sessions."""
    password, is_new = _password(params)
    hashed = await hash_password(password)
    now_ms = services.now_ms()

    def reset(conn: Connection) -> User:
        user = _user_named(conn, params["email"])
        users.set_password(conn, user_id=user.user_id, password_hash=hashed, now_ms=now_ms, actor=ACTOR)
        users.end_sessions_of(conn, user.user_id)
        return user

    user = await services.db.write(reset)
    return _user(user) | ({"password": password} if is_new else {})


async def create_key(services: Services, params: Params) -> Answer:
    """Make a key and return its value, this once."""
    now_ms = services.now_ms()
    program_id = known_id("prg", params["program"], "program")

    def create(conn: Connection) -> CreatedKey:
        programs.lock_program(conn, program_id)
        return keys.create_key(
            conn,
            program_id=program_id,
            kind=params["kind"],
            livemode=not params.get("test", False),
            scopes=params.get("scope") or (),
            secret=services.secret,
            actor=ACTOR,
            now_ms=now_ms,
        )

    made = await services.db.write(create)
    await services.refresh()
    return {"key_id": made.key_id, "kind": params["kind"], "value": made.value}


async def list_keys(services: Services, params: Params) -> Answer:
    """Return a program's keys without their values."""
    program_id = known_id("prg", params["program"], "program")

    def load(conn: Connection) -> list[ApiKey]:
        if programs.get_program(conn, program_id) is None:
            raise InputError("program", msg("There is no such program; look it up in the list of programs."))
        return keys.list_keys(conn, program_id)

    found = await services.db.read(load)
    return {
        "data": [
            {
                "key_id": key.key_id,
                "kind": key.kind,
                "livemode": key.livemode,
                "last4": key.last4,
                "scopes": list(key.scopes),
                "value": key.public_value,
                "revoked": key.revoked_at_ms is not None,
            }
            for key in found
        ]
    }


async def revoke_key(services: Services, params: Params) -> Answer:
    """End a key."""
    now_ms = services.now_ms()
    key_id = known_id("key", params["key"], "key")
    key = await services.db.write(lambda conn: keys.revoke_key(conn, key_id=key_id, actor=ACTOR, now_ms=now_ms))
    await services.refresh()
    return {"key_id": key.key_id, "revoked": True}


async def migrate_schema(services: Services, _params: Params) -> Answer:
    """Return the schema's revision; opening the installation has brought it to the newest."""
    revision = await services.db.read(current_revision)
    return {"revision": revision, "newest": newest_revision(), "ok": revision == newest_revision()}


async def check_ledger(services: Services, _params: Params) -> Answer:
    """Hold every ledger row against every law."""
    answer: Answer = msgspec.to_builtins(await verify_ledger(services.db))
    return answer


async def check_audit(services: Services, _params: Params) -> Answer:
    """Walk the audit chain and name the first entry that does not fit."""
    problems = await services.db.read(verify_chain)
    return {"ok": not problems, "problems": list(problems)}


COMMANDS: dict[str, Command] = {
    "partner add": add_partner,
    "user add": add_user,
    "user list": list_users,
    "user disable": disable_user,
    "user reset-password": reset_password,
    "key create": create_key,
    "key list": list_keys,
    "key revoke": revoke_key,
    "migrate": migrate_schema,
    "ledger verify": check_ledger,
    "audit verify": check_audit,
    **TRIAL_COMMANDS,
    **EVENT_COMMANDS,
    **PRIVACY_COMMANDS,
    **RUN_COMMANDS,
}


def known_id(prefix: str, text: str, field: str) -> str:
    """Return the id given with or without prefix; refuses anything else."""
    try:
        return canonical_id(prefix, text)
    except IdError as error:
        raise InputError(field, msg("%(problem)s", problem=str(error))) from error


def _user_named(conn: Connection, email: str) -> User:
    user = users.user_by_email(conn, email)
    if user is None:
        raise InputError("email", msg("There is no user %(email)s; see: molva user list.", email=email))
    return user


def _user(user: User) -> Answer:
    return {
        "user_id": user.user_id,
        "email": user.email,
        "role": user.role,
        "disabled": user.disabled_at_ms is not None,
    }


def _password(params: Params) -> tuple[str, bool]:
    """Return the password given, or a new one; tell which."""
    given = params.get("password")
    return (new_password(), True) if given is None else (check_password(given), False)
