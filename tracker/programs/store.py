"""Queries of programs, their published terms and their sites.

The admin pages, the command line, the API and the shells that decide conversions call them. Terms are never
edited: a change is a new version, and a conversion is judged by the version of its instant.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, Select, delete, func, insert, select

from tracker.audit.store import record
from tracker.conversions.late import after_terms
from tracker.db.ids import new_id
from tracker.i18n.currencies import check_currency
from tracker.i18n.messages import InputError, msg
from tracker.i18n.text import clean_line
from tracker.programs.check import check_change, check_settings, check_time_zone, owned_settings
from tracker.programs.origins import normal_origin
from tracker.programs.regions import region_of
from tracker.programs.tables import program_sites, program_versions, programs, test_clocks
from tracker.programs.types import Program, ProgramSettings, ProgramVersion

NAME_MAX = 80
NOTE_MAX = 500
CLOCK_STEP_MAX_MS = 10 * 366 * 86_400_000  # ten years: every hold and window fits in
PROGRAMS_MAX = 200  # programs of one installation on a page
SITES_MAX = 50  # sites of one program
VERSIONS_MAX = 200  # versions shown of one program
_REGIONS = "molva_program_regions"


def create_program(
    conn: Connection,
    *,
    name: str,
    currency: str,
    time_zone: str,
    settings: ProgramSettings,
    sites: Sequence[str],
    actor: str,
    now_ms: int,
) -> Program:
    """Add a program with its first terms and sites. The attribution settings get the new program's id."""
    program_id = new_id("prg", now_ms)
    terms = check_settings(owned_settings(settings, program_id))
    values = {
        "program_id": program_id,
        "name": clean_line(name, field="name", longest=NAME_MAX),
        "currency": check_currency(currency),
        "time_zone": check_time_zone(time_zone),
        "created_at_ms": now_ms,
    }
    conn.execute(insert(programs).values(values))
    _insert_version(conn, program_id=program_id, version=1, settings=terms, actor=actor, note="", now_ms=now_ms)
    origins = list(dict.fromkeys(normal_origin(site, field="sites") for site in sites))[: SITES_MAX + 1]
    if len(origins) > SITES_MAX:
        raise InputError("sites", msg("A program has at most %(most)s sites; leave some out.", most=SITES_MAX))
    for origin in origins:
        conn.execute(insert(program_sites).values(program_id=program_id, origin=origin, created_at_ms=now_ms))
    after = {**values, "settings": msgspec.to_builtins(terms), "sites": origins}
    record(conn, at_ms=now_ms, actor=actor, action="program.created", object_id=program_id, after=after)
    return Program(**values, version=1, settings=terms)  # type: ignore[arg-type]


def publish_version(
    conn: Connection, *, program_id: str, settings: ProgramSettings, note: str, actor: str, now_ms: int
) -> ProgramVersion:
    """Put new terms in force from now on and return them; refuses terms equal to those in force."""
    current = lock_program(conn, program_id)
    terms = check_change(current, settings)
    published = _insert_version(
        conn,
        program_id=program_id,
        version=current.version + 1,
        settings=terms,
        actor=actor,
        note=clean_line(note, field="note", longest=NOTE_MAX, shortest=0),
        now_ms=now_ms,
    )
    record(
        conn,
        at_ms=now_ms,
        actor=actor,
        action="program.published",
        object_id=program_id,
        reason=published.note,
        before=msgspec.to_builtins(current.settings),
        after=msgspec.to_builtins(terms),
    )
    after_terms(conn, program_id, effective_from_ms=published.effective_from_ms, cause=f"terms:{published.version}")
    return published


def get_program(conn: Connection, program_id: str) -> Program | None:
    """Return a program with its newest terms."""
    row = conn.execute(_newest().where(programs.c.program_id == program_id)).first()
    return None if row is None else _program(row)


def lock_program(conn: Connection, program_id: str) -> Program:
    """Return a program and keep others from changing it until commit; refuses an unknown one."""
    conn.execute(select(programs.c.program_id).where(programs.c.program_id == program_id).with_for_update())
    program = get_program(conn, program_id)
    if program is None:
        raise InputError("program_id", msg("There is no such program; look it up in the list of programs."))
    return program


def program_as_of(conn: Connection, program_id: str, at_ms: int) -> Program | None:
    """Return a program with the terms in force at an instant; before the first version, with the first."""
    in_force = select(func.max(program_versions.c.version)).where(
        program_versions.c.program_id == program_id, program_versions.c.effective_from_ms <= at_ms
    )
    version = conn.execute(in_force).scalar_one() or 1
    query = _joined().where(programs.c.program_id == program_id, program_versions.c.version == version)
    row = conn.execute(query).first()
    return None if row is None else _program(row)


def region_of_program(conn: Connection, program_id: str) -> str | None:
    """Return the country whose national phone numbers the program's people type (ISO 3166), None when not known.

    A program's time zone never changes, so it is remembered with the connection.
    """
    known: dict[str, str | None] = conn.info.setdefault(_REGIONS, {})
    if program_id not in known:
        query = select(programs.c.time_zone).where(programs.c.program_id == program_id)
        known[program_id] = region_of(conn.execute(query).scalar_one())
    return known[program_id]


def list_programs(conn: Connection) -> list[Program]:
    """Return every program with its newest terms, by name."""
    query = _newest().order_by(programs.c.name, programs.c.program_id).limit(PROGRAMS_MAX)
    return [_program(row) for row in conn.execute(query)]


def list_versions(conn: Connection, program_id: str) -> list[ProgramVersion]:
    """Return a program's published terms, newest first."""
    query = select(program_versions).where(program_versions.c.program_id == program_id)
    newest = query.order_by(program_versions.c.version.desc()).limit(VERSIONS_MAX)
    return [_version(row) for row in conn.execute(newest)]


def sites_of(conn: Connection, program_id: str) -> list[str]:
    """Return the origins of a program, oldest first."""
    query = select(program_sites.c.origin).where(program_sites.c.program_id == program_id)
    ordered = query.order_by(program_sites.c.created_at_ms, program_sites.c.origin).limit(SITES_MAX)
    return [row.origin for row in conn.execute(ordered)]


def sites_by_program(conn: Connection) -> dict[str, list[str]]:
    """Return the origins of every program, for the public edge's snapshot and the list of programs."""
    query = select(program_sites).order_by(program_sites.c.created_at_ms, program_sites.c.origin)
    sites: dict[str, list[str]] = {}
    for row in conn.execute(query.limit(PROGRAMS_MAX * SITES_MAX)):
        sites.setdefault(row.program_id, []).append(row.origin)
    return sites


def add_site(conn: Connection, *, program_id: str, site: str, actor: str, now_ms: int) -> str:
    """Add an origin to a program and return it in its normal form.

    One that is there already changes nothing.
    """
    lock_program(conn, program_id)
    origin = normal_origin(site)
    present = sites_of(conn, program_id)
    if origin in present:
        return origin
    if len(present) >= SITES_MAX:
        raise InputError("site", msg("A program has at most %(most)s sites; leave some out.", most=SITES_MAX))
    conn.execute(insert(program_sites).values(program_id=program_id, origin=origin, created_at_ms=now_ms))
    after = {"origin": origin}
    record(conn, at_ms=now_ms, actor=actor, action="program.site_added", object_id=program_id, after=after)
    return origin


def remove_site(conn: Connection, *, program_id: str, site: str, actor: str, now_ms: int) -> None:
    """Take an origin from a program; one that is not there changes nothing.

    Links that lead to it stay as they are.
    """
    lock_program(conn, program_id)
    statement = delete(program_sites).where(program_sites.c.program_id == program_id, program_sites.c.origin == site)
    if conn.execute(statement).rowcount:
        before = {"origin": site}
        record(conn, at_ms=now_ms, actor=actor, action="program.site_removed", object_id=program_id, before=before)


def _insert_version(
    conn: Connection,
    *,
    program_id: str,
    version: int,
    settings: ProgramSettings,
    actor: str,
    note: str,
    now_ms: int,
) -> ProgramVersion:
    conn.execute(
        insert(program_versions).values(
            program_id=program_id,
            version=version,
            effective_from_ms=now_ms,
            settings=msgspec.to_builtins(settings),
            published_by=actor,
            note=note,
        )
    )
    return ProgramVersion(version=version, effective_from_ms=now_ms, settings=settings, published_by=actor, note=note)


def _joined() -> Select[Any]:
    join = programs.join(program_versions, programs.c.program_id == program_versions.c.program_id)
    return select(programs, program_versions.c.version, program_versions.c.settings).select_from(join)


def _newest() -> Select[Any]:
    other = program_versions.alias("newer")
    newest = select(func.max(other.c.version)).where(other.c.program_id == programs.c.program_id)
    return _joined().where(program_versions.c.version == newest.scalar_subquery())


def _program(row: Row[Any]) -> Program:
    return Program(
        program_id=row.program_id,
        name=row.name,
        currency=row.currency,
        time_zone=row.time_zone,
        created_at_ms=row.created_at_ms,
        version=row.version,
        settings=msgspec.convert(row.settings, ProgramSettings),
    )


def _version(row: Row[Any]) -> ProgramVersion:
    return ProgramVersion(
        version=row.version,
        effective_from_ms=row.effective_from_ms,
        settings=msgspec.convert(row.settings, ProgramSettings),
        published_by=row.published_by,
        note=row.note,
    )


def test_offset_ms(conn: Connection, program_id: str) -> int:
    """Return how far ahead of real time a program's test objects live."""
    query = select(test_clocks.c.offset_ms).where(test_clocks.c.program_id == program_id)
    return int(conn.execute(query).scalar_one_or_none() or 0)


def advance_test_clock(conn: Connection, *, program_id: str, by_ms: int, actor: str, now_ms: int) -> int:
    """Move the clock of a program's test objects forward and return the new offset; refuses going back."""
    if not 0 < by_ms <= CLOCK_STEP_MAX_MS:
        raise InputError("advance_seconds", msg("The test clock moves forward by 1 second to 10 years at a time."))
    before = test_offset_ms(conn, program_id)
    after = before + by_ms
    moved = test_clocks.update().where(test_clocks.c.program_id == program_id).values(offset_ms=after)
    if conn.execute(moved).rowcount == 0:
        conn.execute(insert(test_clocks).values(program_id=program_id, offset_ms=after))
    record(
        conn,
        at_ms=now_ms,
        actor=actor,
        action="program.test_clock_moved",
        object_id=program_id,
        before={"offset_ms": before},
        after={"offset_ms": after},
    )
    return after
