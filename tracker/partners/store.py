"""Queries of partners, their enrollments, links and promo codes.

The admin pages, the command line, the API and the shells of attribution call them. Codes are unique in a
program over enrollments and promo codes together; the program's row is locked while one is given out.
"""

import secrets
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, Select, exists, func, insert, or_, select, update

from tracker.audit.store import record
from tracker.db.ids import new_id
from tracker.i18n.messages import InputError, msg
from tracker.i18n.text import clean_line, fits_storage
from tracker.partners.codes import candidates, normal_code
from tracker.partners.moves import check_move
from tracker.partners.tables import (
    enrollment_statuses,
    enrollments,
    links,
    partner_logins,
    partners,
    promo_codes,
)
from tracker.partners.types import (
    REASONS,
    STATUSES,
    Enrollment,
    Link,
    LinkRow,
    Login,
    NewPartner,
    Partner,
    PartnerRow,
    PromoCode,
    StatusChange,
)
from tracker.programs.origins import check_destination
from tracker.programs.store import lock_program, sites_of
from tracker.users.store import check_email
from tracker.users.types import Role

S = TypeVar("S", bound=msgspec.Struct)

NAME_MAX = 120
REASON_MAX = 500
PAGE_MAX = 100  # lines of a list on one page
LINKS_MAX = 200  # links, or promo codes, of one enrollment
ENROLLMENTS_MAX = 200  # programs one partner is in
SEARCH_MAX = 100  # characters of a search looked at
LOGINS_MAX = 200  # sign-ins of a partner a fraud rule looks at
SNAPSHOT_MAX = 1_000_000  # rows the public edge loads at most


def add_partner(
    conn: Connection,
    *,
    program_id: str,
    name: str,
    email: str,
    code: str | None,
    actor: str,
    now_ms: int,
    destination: str | None = None,
) -> NewPartner:
    """Put a partner into a program: active, with a code and a first link, and return what was made.

    A partner known by that address is enrolled and keeps the stored name. The link leads to `destination`, or
    else to the program's first site. Refuses a second enrollment, a taken code and a program without sites.
    """
    lock_program(conn, program_id)
    origins = sites_of(conn, program_id)
    if not origins:
        raise InputError("program_id", msg("The program has no site to link to; add a site first."))
    target = check_destination(destination or f"{origins[0]}/", origins=origins)
    partner = _partner_for(conn, name=name, email=email, actor=actor, now_ms=now_ms)
    if enrollment_of(conn, program_id=program_id, partner_id=partner.partner_id) is not None:
        raise InputError("email", msg("%(email)s is in this program already.", email=partner.email))
    given = _free_code(conn, program_id, code, name=partner.name)
    enrollment_id = new_id("enr", now_ms)
    conn.execute(
        insert(enrollments).values(
            enrollment_id=enrollment_id,
            program_id=program_id,
            partner_id=partner.partner_id,
            status="active",
            code=given,
            allow_own_purchases=False,
            created_at_ms=now_ms,
        )
    )
    _insert_status(conn, enrollment_id, status="active", reason_code="joined", actor=actor, now_ms=now_ms)
    after = {"program_id": program_id, "partner_id": partner.partner_id, "code": given, "status": "active"}
    record(conn, at_ms=now_ms, actor=actor, action="enrollment.created", object_id=enrollment_id, after=after)
    link = _insert_link(conn, enrollment_id=enrollment_id, code=given, destination=target, actor=actor, now_ms=now_ms)
    return NewPartner(partner_id=partner.partner_id, enrollment_id=enrollment_id, code=given, slug=link.slug)


def change_status(
    conn: Connection,
    *,
    enrollment_id: str,
    status: str,
    reason_code: str,
    reason: str,
    role: Role,
    actor: str,
    now_ms: int,
) -> Enrollment:
    """Move an enrollment along the state machine and return it as it is now.

    `reason` is read by the partner too. `role` is that of who acts: only an owner lifts a ban, and must say why.
    """
    enrollment = _locked_enrollment(conn, enrollment_id)
    if status not in STATUSES:
        raise InputError("status", msg('"%(status)s" is not a status; choose one of the list.', status=status[:40]))
    if reason_code not in REASONS:
        raise InputError("reason_code", msg("Choose a reason from the list."))
    needs_text = enrollment.status == "banned" or status in {"banned", "rejected"} or reason_code == "other"
    text = clean_line(reason, field="reason", longest=REASON_MAX, shortest=int(needs_text))
    check_move(enrollment.status, status, role=role)
    conn.execute(update(enrollments).where(enrollments.c.enrollment_id == enrollment_id).values(status=status))
    _insert_status(conn, enrollment_id, status=status, reason_code=reason_code, actor=actor, now_ms=now_ms)
    record(
        conn,
        at_ms=now_ms,
        actor=actor,
        action=f"enrollment.{status}",
        object_id=enrollment_id,
        reason=text,
        before={"status": enrollment.status},
        after={"status": status, "reason_code": reason_code},
    )
    changed = get_enrollment(conn, enrollment_id)
    assert changed is not None
    return changed


def set_terms(
    conn: Connection,
    *,
    enrollment_id: str,
    rate_bps: int | None,
    allow_own_purchases: bool,
    actor: str,
    now_ms: int,
) -> None:
    """Give an enrollment its own percentage (None takes the program's) and say whether own purchases are fine."""
    enrollment = _locked_enrollment(conn, enrollment_id)
    before = {"rate_bps": enrollment.rate_bps, "allow_own_purchases": enrollment.allow_own_purchases}
    after = {"rate_bps": rate_bps, "allow_own_purchases": allow_own_purchases}
    if before == after:
        return
    conn.execute(update(enrollments).where(enrollments.c.enrollment_id == enrollment_id).values(after))
    record(
        conn,
        at_ms=now_ms,
        actor=actor,
        action="enrollment.terms_changed",
        object_id=enrollment_id,
        before=before,
        after=after,
    )


def add_link(
    conn: Connection, *, enrollment_id: str, destination: str, actor: str, now_ms: int, slug: str | None = None
) -> Link:
    """Give an enrollment one more link and return it; the destination must be on a site of its program."""
    enrollment = _locked_enrollment(conn, enrollment_id)
    if len(links_of(conn, enrollment_id)) >= LINKS_MAX:
        raise InputError("destination", msg("A partner has at most %(most)s links in a program.", most=LINKS_MAX))
    target = check_destination(destination, origins=sites_of(conn, enrollment.program_id))
    if slug:
        wanted = normal_code(slug, field="slug").lower()
        if not _slug_is_free(conn, wanted):
            raise InputError("slug", msg('"%(slug)s" is taken; choose another.', slug=wanted))
        return _store_link(
            conn, enrollment_id=enrollment_id, slug=wanted, destination=target, actor=actor, now_ms=now_ms
        )
    return _insert_link(
        conn, enrollment_id=enrollment_id, code=enrollment.code, destination=target, actor=actor, now_ms=now_ms
    )


def add_promo_code(
    conn: Connection, *, enrollment_id: str, code: str, valid_to_ms: int | None, actor: str, now_ms: int
) -> PromoCode:
    """Give an enrollment a code buyers type and return it; refuses one taken in the program or already over."""
    enrollment = _locked_enrollment(conn, enrollment_id)
    if valid_to_ms is not None and valid_to_ms <= now_ms:
        raise InputError("valid_to", msg("The code would be over already; give a later day."))
    if len(promo_codes_of(conn, enrollment_id)) >= LINKS_MAX:
        raise InputError("code", msg("A partner has at most %(most)s promo codes in a program.", most=LINKS_MAX))
    promo = PromoCode(
        code_id=new_id("cod", now_ms),
        program_id=enrollment.program_id,
        enrollment_id=enrollment_id,
        code=_free_code(conn, enrollment.program_id, code, name=""),
        valid_to_ms=valid_to_ms,
        created_at_ms=now_ms,
    )
    values = {field: getattr(promo, field) for field in promo.__struct_fields__}
    conn.execute(insert(promo_codes).values(values))
    record(conn, at_ms=now_ms, actor=actor, action="promo_code.created", object_id=promo.code_id, after=values)
    return promo


def get_partner(conn: Connection, partner_id: str) -> Partner | None:
    """Return one partner."""
    row = conn.execute(select(partners).where(partners.c.partner_id == partner_id)).first()
    return None if row is None else _struct(Partner, row)


def partner_by_email(conn: Connection, email: str) -> Partner | None:
    """Return the partner with an address in its normal form."""
    row = conn.execute(select(partners).where(partners.c.email == email)).first()
    return None if row is None else _struct(Partner, row)


def get_enrollment(conn: Connection, enrollment_id: str) -> Enrollment | None:
    """Return one enrollment."""
    row = conn.execute(select(enrollments).where(enrollments.c.enrollment_id == enrollment_id)).first()
    return None if row is None else _struct(Enrollment, row)


def enrollment_of(conn: Connection, *, program_id: str, partner_id: str) -> Enrollment | None:
    """Return a partner's enrollment in a program."""
    match = (enrollments.c.program_id == program_id) & (enrollments.c.partner_id == partner_id)
    row = conn.execute(select(enrollments).where(match)).first()
    return None if row is None else _struct(Enrollment, row)


def enrollments_of(conn: Connection, partner_id: str) -> list[Enrollment]:
    """Return every enrollment of a partner, oldest first."""
    query = select(enrollments).where(enrollments.c.partner_id == partner_id)
    ordered = query.order_by(enrollments.c.enrollment_id).limit(ENROLLMENTS_MAX)
    return [_struct(Enrollment, row) for row in conn.execute(ordered)]


def statuses_of(conn: Connection, enrollment_id: str) -> list[StatusChange]:
    """Return every status an enrollment had, oldest first."""
    query = select(enrollment_statuses).where(enrollment_statuses.c.enrollment_id == enrollment_id)
    ordered = query.order_by(enrollment_statuses.c.seq).limit(SNAPSHOT_MAX)
    return [_struct(StatusChange, row) for row in conn.execute(ordered)]


def links_of(conn: Connection, enrollment_id: str) -> list[Link]:
    """Return the links of an enrollment, oldest first."""
    query = select(links).where(links.c.enrollment_id == enrollment_id).order_by(links.c.link_id)
    return [_struct(Link, row) for row in conn.execute(query.limit(LINKS_MAX))]


def promo_codes_of(conn: Connection, enrollment_id: str) -> list[PromoCode]:
    """Return the promo codes of an enrollment, oldest first."""
    query = select(promo_codes).where(promo_codes.c.enrollment_id == enrollment_id)
    return [_struct(PromoCode, row) for row in conn.execute(query.order_by(promo_codes.c.code_id).limit(LINKS_MAX))]


def list_partners(
    conn: Connection,
    *,
    search: str = "",
    status: str | None = None,
    program_id: str | None = None,
    before: str | None = None,
    limit: int = PAGE_MAX,
) -> list[PartnerRow]:
    """Return partners in programs, newest first, continuing before the enrollment named `before`.

    `search` looks into name, address and code, whatever the case. Ask for one more than a page to know of a next one.
    """
    query = _partner_rows().order_by(enrollments.c.enrollment_id.desc()).limit(min(limit, PAGE_MAX + 1))
    if search and fits_storage(search):
        query = query.where(_found(search, partners.c.name, partners.c.email, enrollments.c.code))
    if status is not None:
        query = query.where(enrollments.c.status == status)
    if program_id is not None:
        query = query.where(enrollments.c.program_id == program_id)
    if before is not None:
        query = query.where(enrollments.c.enrollment_id < before)
    return [_struct(PartnerRow, row) for row in conn.execute(query)]


def count_partners(conn: Connection, program_id: str) -> dict[str, int]:
    """Return how many enrollments a program has in each status."""
    counts: dict[str, int] = {}
    query = select(enrollments.c.status).where(enrollments.c.program_id == program_id).limit(SNAPSHOT_MAX)
    for row in conn.execute(query):
        counts[row.status] = counts.get(row.status, 0) + 1
    return counts


def list_links(
    conn: Connection,
    *,
    search: str = "",
    program_id: str | None = None,
    before: str | None = None,
    limit: int = PAGE_MAX,
) -> list[LinkRow]:
    """Return links, newest first, continuing before the link named `before`; `search` as in `list_partners`."""
    join = links.join(enrollments, links.c.enrollment_id == enrollments.c.enrollment_id).join(
        partners, enrollments.c.partner_id == partners.c.partner_id
    )
    query = select(
        links,
        partners.c.partner_id,
        partners.c.name.label("partner_name"),
        enrollments.c.program_id,
        enrollments.c.status,
    )
    query = query.select_from(join).order_by(links.c.link_id.desc()).limit(min(limit, PAGE_MAX + 1))
    if search and fits_storage(search):
        query = query.where(_found(search, links.c.slug, links.c.destination, partners.c.name))
    if program_id is not None:
        query = query.where(enrollments.c.program_id == program_id)
    if before is not None:
        query = query.where(links.c.link_id < before)
    return [_struct(LinkRow, row) for row in conn.execute(query)]


def all_enrollments(conn: Connection) -> list[Enrollment]:
    """Return every enrollment, for the public edge's snapshot."""
    query = select(enrollments).order_by(enrollments.c.enrollment_id).limit(SNAPSHOT_MAX)
    return [_struct(Enrollment, row) for row in conn.execute(query)]


def all_links(conn: Connection) -> list[Link]:
    """Return every link, for the public edge's snapshot."""
    return [_struct(Link, row) for row in conn.execute(select(links).order_by(links.c.link_id).limit(SNAPSHOT_MAX))]


def all_promo_codes(conn: Connection) -> list[PromoCode]:
    """Return every promo code, for the public edge's snapshot."""
    query = select(promo_codes).order_by(promo_codes.c.code_id).limit(SNAPSHOT_MAX)
    return [_struct(PromoCode, row) for row in conn.execute(query)]


def _partner_for(conn: Connection, *, name: str, email: str, actor: str, now_ms: int) -> Partner:
    """Return the partner with the address, adding one when there is none."""
    clean_name = clean_line(name, field="name", longest=NAME_MAX)
    address = check_email(email)
    known = partner_by_email(conn, address)
    if known is not None:
        return known
    partner_id = new_id("prt", now_ms)
    conn.execute(insert(partners).values(partner_id=partner_id, name=clean_name, email=address, created_at_ms=now_ms))
    # The trail outlives erasure, so it holds the id and not the person.
    record(conn, at_ms=now_ms, actor=actor, action="partner.created", object_id=partner_id)
    return Partner(
        partner_id=partner_id,
        name=clean_name,
        email=address,
        payout_email=None,
        phone=None,
        created_at_ms=now_ms,
    )


def _locked_enrollment(conn: Connection, enrollment_id: str) -> Enrollment:
    """Return an enrollment and keep others from changing it until commit; refuses an unknown one."""
    row = conn.execute(
        select(enrollments).where(enrollments.c.enrollment_id == enrollment_id).with_for_update()
    ).first()
    if row is None:
        raise InputError("enrollment_id", msg("There is no such enrollment; look it up on the partner's page."))
    lock_program(conn, row.program_id)
    return _struct(Enrollment, row)


def _free_code(conn: Connection, program_id: str, code: str | None, *, name: str) -> str:
    """Return the wanted code, or the nicest free one for a name. The caller holds the program's row."""
    if code:
        wanted = normal_code(code)
        if not _code_is_free(conn, program_id, wanted):
            raise InputError("code", msg('"%(code)s" is taken in this program; choose another.', code=wanted))
        return wanted
    free = (each for each in candidates(name, random=_random_letters()) if _code_is_free(conn, program_id, each))
    return next(free)


def _code_is_free(conn: Connection, program_id: str, code: str) -> bool:
    own = exists().where(enrollments.c.program_id == program_id, enrollments.c.code == code)
    promo = exists().where(promo_codes.c.program_id == program_id, promo_codes.c.code == code)
    return not conn.execute(select(or_(own, promo))).scalar_one()


def _slug_is_free(conn: Connection, slug: str) -> bool:
    return not conn.execute(select(exists().where(links.c.slug == slug))).scalar_one()


def _slugs(code: str) -> Iterator[str]:
    """Yield slugs for a code: the code itself, then with random letters behind it."""
    yield code.lower()
    while True:
        yield f"{code.lower()[:24]}-{_random_letters().lower()}"


def _random_letters() -> str:
    """Return six letters and digits without look-alikes: a billion, so a second draw is rare."""
    return "".join(secrets.choice("23456789ABCDEFGHJKMNPQRSTVWXYZ") for _ in range(6))


def _insert_link(conn: Connection, *, enrollment_id: str, code: str, destination: str, actor: str, now_ms: int) -> Link:
    slug = next(slug for slug in _slugs(code) if _slug_is_free(conn, slug))
    return _store_link(
        conn, enrollment_id=enrollment_id, slug=slug, destination=destination, actor=actor, now_ms=now_ms
    )


def _store_link(conn: Connection, *, enrollment_id: str, slug: str, destination: str, actor: str, now_ms: int) -> Link:
    link = Link(
        link_id=new_id("lnk", now_ms),
        enrollment_id=enrollment_id,
        slug=slug,
        destination=destination,
        created_at_ms=now_ms,
    )
    values = {field: getattr(link, field) for field in link.__struct_fields__}
    conn.execute(insert(links).values(values))
    record(conn, at_ms=now_ms, actor=actor, action="link.created", object_id=link.link_id, after=values)
    return link


def _insert_status(
    conn: Connection, enrollment_id: str, *, status: str, reason_code: str, actor: str, now_ms: int
) -> None:
    conn.execute(
        insert(enrollment_statuses).values(
            enrollment_id=enrollment_id,
            status=status,
            effective_from_ms=now_ms,
            reason_code=reason_code,
            actor=actor,
        )
    )


def _partner_rows() -> Select[Any]:
    join = enrollments.join(partners, enrollments.c.partner_id == partners.c.partner_id)
    return select(enrollments, partners.c.name, partners.c.email).select_from(join)


def _found(search: str, *columns: ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition that one of the columns holds the text.

    SQLite folds the case of ASCII alone, so the text is tried as typed, lower, upper and capitalised.
    """
    typed = search.strip()[:SEARCH_MAX]
    spellings = {typed, typed.lower(), typed.upper(), typed.title()}
    return or_(*(column.contains(spelling, autoescape=True) for column in columns for spelling in sorted(spellings)))


def _struct(kind: type[S], row: Row[Any]) -> S:
    """Return a row as a record; the columns carry the names of its fields."""
    return kind(**{field: getattr(row, field) for field in kind.__struct_fields__})


def codes_like(conn: Connection, sent: Sequence[str]) -> list[PromoCode]:
    """Return promo codes and partner codes of any program that equal one of the sent texts without case and blanks.

    A partner's own code comes back as a promo code without end.
    """
    wanted = sorted({text.strip().upper() for text in sent})
    if not wanted:
        return []
    promo = conn.execute(select(promo_codes).where(promo_codes.c.code.in_(wanted)).order_by(promo_codes.c.code_id))
    own = conn.execute(select(enrollments).where(enrollments.c.code.in_(wanted)).order_by(enrollments.c.enrollment_id))
    return [_struct(PromoCode, row) for row in promo] + [
        PromoCode(
            code_id=row.enrollment_id,
            program_id=row.program_id,
            enrollment_id=row.enrollment_id,
            code=row.code,
            valid_to_ms=None,
            created_at_ms=row.created_at_ms,
        )
        for row in own
    ]


def histories_of(conn: Connection, enrollment_ids: Sequence[str]) -> dict[str, list[tuple[int, str]]]:
    """Return the (effective_from_ms, status) history of each enrollment."""
    histories: dict[str, list[tuple[int, str]]] = {enrollment_id: [] for enrollment_id in enrollment_ids}
    if not histories:
        return {}
    query = (
        select(enrollment_statuses)
        .where(enrollment_statuses.c.enrollment_id.in_(list(histories)))
        .order_by(enrollment_statuses.c.seq)
    )
    for row in conn.execute(query):
        histories[row.enrollment_id].append((row.effective_from_ms, row.status))
    return histories


def people_of(conn: Connection, enrollment_ids: Sequence[str]) -> dict[str, tuple[Enrollment, Partner]]:
    """Return enrollment and partner by enrollment id, for lists and facts."""
    wanted = sorted(set(enrollment_ids))
    if not wanted:
        return {}
    rows = conn.execute(select(enrollments).where(enrollments.c.enrollment_id.in_(wanted)))
    enrolled = [_struct(Enrollment, row) for row in rows]
    ids = sorted({one.partner_id for one in enrolled})
    found = conn.execute(select(partners).where(partners.c.partner_id.in_(ids)))
    known = {row.partner_id: _struct(Partner, row) for row in found}
    return {one.enrollment_id: (one, known[one.partner_id]) for one in enrolled}


def logins_between(conn: Connection, *, partner_id: str, from_ms: int, to_ms: int) -> list[Login]:
    """Return a partner's sign-ins to the private page in a span, newest first."""
    query = (
        select(partner_logins)
        .where(
            partner_logins.c.partner_id == partner_id,
            partner_logins.c.at_ms >= from_ms,
            partner_logins.c.at_ms <= to_ms,
        )
        .order_by(partner_logins.c.at_ms.desc(), partner_logins.c.seq.desc())
        .limit(LOGINS_MAX)
    )
    return [
        Login(at_ms=row.at_ms, host_key=row.host_key, agent_key=row.agent_key)
        for row in conn.execute(query)
        if row.host_key is not None
    ]


def note_login(conn: Connection, *, partner_id: str, at_ms: int, host_key: bytes | None, agent_key: str | None) -> None:
    """Note that a partner opened the private page."""
    conn.execute(
        insert(partner_logins).values(partner_id=partner_id, at_ms=at_ms, host_key=host_key, agent_key=agent_key)
    )


def names_of_partners(conn: Connection) -> dict[str, str]:
    """Return every partner's name by id, for the public edge's snapshot."""
    query = select(partners.c.partner_id, partners.c.name).order_by(partners.c.partner_id).limit(SNAPSHOT_MAX)
    return {row.partner_id: row.name for row in conn.execute(query)}


def names_of(conn: Connection, partner_ids: Sequence[str]) -> dict[str, str]:
    """Return the names of partners by id, for explanations."""
    wanted = sorted(set(partner_ids))
    query = select(partners.c.partner_id, partners.c.name).where(partners.c.partner_id.in_(wanted))
    return {row.partner_id: row.name for row in conn.execute(query)} if wanted else {}


def count_applied(conn: Connection) -> int:
    """Return how many applications wait for an answer."""
    waiting = select(func.count()).select_from(enrollments).where(enrollments.c.status == "applied")
    return int(conn.execute(waiting).scalar_one())
