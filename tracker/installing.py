"""`molva init`: a new installation in a new folder, ready to serve."""

import json
import shutil
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection

from tracker.db.migrating import migrate
from tracker.db.opening import open_database
from tracker.keys import store as keys
from tracker.programs import store as programs
from tracker.programs.defaults import default_settings
from tracker.services import Services
from tracker.settings import database_url, load_secret, load_settings, write_secret
from tracker.snippet_tag import install_tag
from tracker.users import store as users
from tracker.users.passwords import check_password, hash_password, new_password


class InstallError(Exception):
    """The installation cannot be made; the message says why and what to do."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator asked for."""

    data_dir: Path
    base_url: str
    admin_email: str
    admin_password: str | None
    program: str | None
    sites: tuple[str, ...]
    currency: str
    # Settings beside the base URL, as they stand in molva.toml; the names a browser sees.
    names: dict[str, str | list[str]] = {}


async def install(wanted: Wanted) -> dict[str, Any]:
    """Make the data folder with secret, settings, schema, owner and first program; raises InstallError."""
    if wanted.sites and wanted.program is None:
        raise InstallError("A site belongs to a program; name one with --program, or leave --site out.")
    try:
        wanted.data_dir.mkdir(parents=True, mode=0o700)
    except FileExistsError as error:
        raise InstallError(
            f'"{wanted.data_dir}" exists already and is not touched. Name a new folder with --data-dir, or remove it.'
        ) from error
    except OSError as error:
        raise InstallError(f'"{wanted.data_dir}" cannot be made ({error.strerror}); choose another folder.') from error
    try:
        return await _fill(wanted)
    except BaseException:
        shutil.rmtree(wanted.data_dir, ignore_errors=True)
        raise


async def _fill(wanted: Wanted) -> dict[str, Any]:
    password = check_password(wanted.admin_password) if wanted.admin_password is not None else new_password()
    hashed = await hash_password(password)
    write_secret(wanted.data_dir)
    values = {"base_url": wanted.base_url, **wanted.names}
    # A JSON text or list of texts is one of TOML too.
    lines = [f"{name} = {json.dumps(value)}\n" for name, value in values.items()]
    (wanted.data_dir / "molva.toml").write_text("".join(lines))
    settings = load_settings(wanted.data_dir)
    secret = load_secret(settings, wanted.data_dir)
    database = open_database(database_url(settings, wanted.data_dir))
    try:
        await migrate(database)
        services = Services(data_dir=wanted.data_dir, settings=settings, secret=secret, db=database)
        now_ms = services.now_ms()
        made = await database.write(lambda conn: _first_rows(conn, wanted, hashed, secret=secret, now_ms=now_ms))
    finally:
        await database.close()
    answer: dict[str, Any] = {"data_dir": str(wanted.data_dir), **made, "admin_email": wanted.admin_email}
    if wanted.names:
        answer["names"] = wanted.names
        if "publishable_key" in made:
            answer["tag"] = install_tag(settings, key=made["publishable_key"])
    return answer | ({"admin_password": password} if wanted.admin_password is None else {})


def _first_rows(conn: Connection, wanted: Wanted, hashed: str, *, secret: bytes, now_ms: int) -> dict[str, Any]:
    actor = "cli"
    users.add_user(
        conn,
        email=wanted.admin_email,
        role="owner",
        password_hash=hashed,
        language="en",
        now_ms=now_ms,
        actor=actor,
    )
    if wanted.program is None:
        return {}
    program = programs.create_program(
        conn,
        name=wanted.program,
        currency=wanted.currency,
        time_zone="UTC",
        settings=default_settings(),
        sites=wanted.sites,
        actor=actor,
        now_ms=now_ms,
    )
    made = {"program_id": program.program_id}
    for name, kind, livemode in (
        ("publishable_key", "publishable", True),
        ("secret_key", "secret", True),
        ("signing_secret", "signing", True),
        ("test_publishable_key", "publishable", False),
        ("test_secret_key", "secret", False),
        ("test_signing_secret", "signing", False),
    ):
        key = keys.create_key(
            conn,
            program_id=program.program_id,
            kind=kind,
            livemode=livemode,
            scopes=(),
            secret=secret,
            actor=actor,
            now_ms=now_ms,
        )
        made[name] = key.value
    return made
