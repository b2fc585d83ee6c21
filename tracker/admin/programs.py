"""Pages of programs: the list, a new one, one program with its tag, terms, sites and keys.

New terms are looked at and published in `publishing.py`.
"""

from typing import Any

import msgspec
from sqlalchemy import Connection
from starlette.exceptions import HTTPException
from starlette.responses import Response

from tracker.admin.forms import Form
from tracker.admin.labels import KEY_KIND, SCOPE
from tracker.admin.policy import action, page
from tracker.admin.program_terms import form_of, read_first_settings
from tracker.admin.render import render
from tracker.admin.visit import Visit
from tracker.i18n.currencies import EXPONENTS, check_currency
from tracker.i18n.messages import InputError, msg
from tracker.keys import store as keys
from tracker.keys.types import ApiKey, CreatedKey
from tracker.partners import store as partners
from tracker.programs import store
from tracker.programs.compare import changes_between, flatten
from tracker.programs.defaults import default_settings
from tracker.programs.types import Program, ProgramVersion
from tracker.snippet_tag import install_tag
from tracker.users import store as users

SITES_TEXT_MAX = 60  # lines of the sites field looked at


async def programs_list(visit: Visit) -> Response:
    """List the programs."""

    def load(conn: Connection) -> tuple[list[Program], dict[str, list[str]], dict[str, dict[str, int]]]:
        found = store.list_programs(conn)
        counts = {program.program_id: partners.count_partners(conn, program.program_id) for program in found}
        return found, store.sites_by_program(conn), counts

    programs, sites, counts = await visit.db.read(load)
    return render(visit, "programs_list.html", programs=programs, sites=sites, counts=counts)


async def programs_new(visit: Visit) -> Response:
    """Show the form of a new program."""
    form = form_of(default_settings(), currency="EUR", speech=visit.speech)
    return _new_page(visit, form)


async def programs_create(visit: Visit) -> Response:
    """Add a program with a publishable and a secret key, and show its page."""
    form = visit.form
    currency = form.get("currency").upper()
    try:
        check_currency(currency)
    except InputError as error:
        form.refuse(error)
    settings = read_first_settings(form, currency=currency, speech=visit.speech)
    if settings is None:
        return _new_page(visit, form, status=422)
    terms = settings

    def create(conn: Connection) -> tuple[Program, CreatedKey]:
        program = store.create_program(
            conn,
            name=form.get("name"),
            currency=currency,
            time_zone=form.get("time_zone"),
            settings=terms,
            sites=form.get("sites").split()[:SITES_TEXT_MAX],
            actor=visit.actor,
            now_ms=visit.now_ms,
        )
        made = [
            keys.create_key(
                conn,
                program_id=program.program_id,
                kind=kind,
                livemode=True,
                scopes=(),
                secret=visit.services.secret,
                actor=visit.actor,
                now_ms=visit.now_ms,
            )
            for kind in ("publishable", "secret")
        ]
        return program, made[1]

    try:
        program, secret_key = await visit.db.write(create)
    except InputError as error:
        return _new_page(visit, form.refuse(error), status=422)
    await visit.services.refresh()
    return await _program_page(visit, program.program_id, created=secret_key, status=201)


async def program_page(visit: Visit) -> Response:
    """Show one program."""
    return await _program_page(visit, visit.path_id("program_id", "prg"))


async def site_add(visit: Visit) -> Response:
    """Add a site to a program."""
    program = await program_of(visit)

    def add(conn: Connection) -> str:
        return store.add_site(
            conn,
            program_id=program.program_id,
            site=visit.form.get("site"),
            actor=visit.actor,
            now_ms=visit.now_ms,
        )

    try:
        origin = await visit.db.write(add)
    except InputError as error:
        return await _program_page(visit, program.program_id, site_form=visit.form.refuse(error), status=422)
    await visit.services.refresh()
    notice = msg("%(site)s is a site of this program now.", site=origin)
    return visit.redirect(f"/admin/programs/{program.program_id}#sites", notice)


async def site_remove(visit: Visit) -> Response:
    """Take a site from a program."""
    program = await program_of(visit)
    site = visit.form.get("site")

    def remove(conn: Connection) -> None:
        store.remove_site(conn, program_id=program.program_id, site=site, actor=visit.actor, now_ms=visit.now_ms)

    await visit.db.write(remove)
    await visit.services.refresh()
    notice = msg("%(site)s is no site of this program any more.", site=site[:200])
    return visit.redirect(f"/admin/programs/{program.program_id}#sites", notice)


async def key_create(visit: Visit) -> Response:
    """Make a key and show its value, this once."""
    program = await program_of(visit)
    form = visit.form

    def create(conn: Connection) -> CreatedKey:
        return keys.create_key(
            conn,
            program_id=program.program_id,
            kind=form.get("kind"),
            livemode=form.get("mode") != "test",
            scopes=form.all("scopes"),
            secret=visit.services.secret,
            actor=visit.actor,
            now_ms=visit.now_ms,
        )

    try:
        created = await visit.db.write(create)
    except InputError as error:
        return await _program_page(visit, program.program_id, key_form=form.refuse(error), status=422)
    await visit.services.refresh()
    return await _program_page(visit, program.program_id, created=created, status=201)


async def key_revoke(visit: Visit) -> Response:
    """Revoke a key."""
    program = await program_of(visit)
    key_id = visit.path_id("key_id", "key")

    def revoke(conn: Connection) -> ApiKey | None:
        key = keys.get_key(conn, key_id)
        if key is None or key.program_id != program.program_id:
            return None
        return keys.revoke_key(conn, key_id=key_id, actor=visit.actor, now_ms=visit.now_ms)

    key = await visit.db.write(revoke)
    if key is None:
        raise HTTPException(404)
    await visit.services.refresh()
    notice = msg("The key ending in %(last4)s is revoked; it opens nothing any more.", last4=key.last4)
    return visit.redirect(f"/admin/programs/{program.program_id}#keys", notice)


async def program_of(visit: Visit) -> Program:
    """Return the program in the path; one that does not exist is a page that does not."""
    program_id = visit.path_id("program_id", "prg")
    program = await visit.db.read(lambda conn: store.get_program(conn, program_id))
    if program is None:
        raise HTTPException(404)
    return program


def _new_page(visit: Visit, form: Form, *, status: int = 200) -> Response:
    return render(visit, "programs_new.html", status=status, form=form, currencies=sorted(EXPONENTS))


async def _program_page(
    visit: Visit,
    program_id: str,
    *,
    status: int = 200,
    created: CreatedKey | None = None,
    site_form: Form | None = None,
    key_form: Form | None = None,
) -> Response:
    """Show a program; with the value of a key just made, or a form that was refused."""
    facts = await visit.db.read(lambda conn: _load_facts(conn, program_id))
    if facts is None:
        raise HTTPException(404)
    settings = visit.services.settings
    live_tag_keys = [
        key for key in facts["keys"] if key.kind == "publishable" and key.revoked_at_ms is None and key.livemode
    ]
    return render(
        visit,
        "programs_one.html",
        status=status,
        **facts,
        terms=flatten(msgspec.to_builtins(facts["program"].settings)),
        history=_history(facts["versions"]),
        tag=install_tag(settings, key=live_tag_keys[0].public_value or "") if live_tag_keys else None,
        base_url=settings.base_url,
        created=created,
        site_form=site_form or Form(),
        key_form=key_form or Form(),
        key_kinds=tuple(KEY_KIND),
        scopes=tuple(SCOPE),
    )


def _load_facts(conn: Connection, program_id: str) -> dict[str, Any] | None:
    program = store.get_program(conn, program_id)
    if program is None:
        return None
    versions = store.list_versions(conn, program_id)
    people = {entry.published_by.removeprefix("user:") for entry in versions if entry.published_by.startswith("user:")}
    return {
        "program": program,
        "sites": store.sites_of(conn, program_id),
        "keys": keys.list_keys(conn, program_id),
        "versions": versions,
        "counts": partners.count_partners(conn, program_id),
        "people": users.emails_of(conn, people),
    }


def _history(versions: list[ProgramVersion]) -> list[tuple[ProgramVersion, list[Any]]]:
    """Return each version with what it changed against the one before; the first changed nothing."""
    older = [*versions[1:], None]
    return [
        (version, changes_between(previous.settings, version.settings) if previous else [])
        for version, previous in zip(versions, older, strict=True)
    ]


ROUTES = (
    page("/admin/programs", programs_list, permission="programs.view"),
    page("/admin/programs/new", programs_new, permission="programs.edit"),
    action("/admin/programs", programs_create, permission="programs.edit"),
    page("/admin/programs/{program_id}", program_page, permission="programs.view"),
    action("/admin/programs/{program_id}/sites", site_add, permission="programs.edit"),
    action("/admin/programs/{program_id}/sites/remove", site_remove, permission="programs.edit"),
    action("/admin/programs/{program_id}/keys", key_create, permission="keys.edit"),
    action("/admin/programs/{program_id}/keys/{key_id}/revoke", key_revoke, permission="keys.edit"),
)
