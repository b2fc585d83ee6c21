"""Queries of referral links and promo codes.

The admin pages, the command line, the API, attribution and the public edge's snapshot call them. A slug and a code
belong to one partner for ever; codes are unique in a program over enrollments and promo codes together.
"""

import secrets
from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, exists, insert, or_, select

from tracker.audit.store import record
from tracker.conversions.late import after_code
from tracker.db.ids import new_id
from tracker.db.rows import as_struct, fields_of, text_found
from tracker.i18n.messages import InputError, msg
from tracker.i18n.text import fits_storage
from tracker.partners.codes import candidates, normal_code
from tracker.partners.tables import enrollments, links, partners, promo_codes
from tracker.partners.types import Enrollment, Link, LinkRow, PromoCode
from tracker.programs.origins import check_destination
from tracker.programs.store import lock_program, sites_of

PAGE_MAX = 100  # lines of a list on one page
LINKS_MAX = 200  # links, or promo codes, of one enrollment
SNAPSHOT_MAX = 1_000_000  # rows the public edge loads at most


def add_link(
    conn: Connection, *, enrollment_id: str, destination: str, actor: str, now_ms: int, slug: str | None = None
) -> Link:
    """Give an enrollment one more link and return it; the destination must be on a site of its program."""
    enrollment = locked_enrollment(conn, enrollment_id)
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
    return insert_link(
        conn, enrollment_id=enrollment_id, code=enrollment.code, destination=target, actor=actor, now_ms=now_ms
    )


def add_promo_code(
    conn: Connection, *, enrollment_id: str, code: str, valid_to_ms: int | None, actor: str, now_ms: int
) -> PromoCode:
    """Give an enrollment a code buyers type and return it; refuses one taken in the program or already over."""
    enrollment = locked_enrollment(conn, enrollment_id)
    if valid_to_ms is not None and valid_to_ms <= now_ms:
        raise InputError("valid_to", msg("The code would be over already; give a later day."))
    if len(promo_codes_of(conn, enrollment_id)) >= LINKS_MAX:
        raise InputError("code", msg("A partner has at most %(most)s promo codes in a program.", most=LINKS_MAX))
    promo = PromoCode(
        code_id=new_id("cod", now_ms),
        program_id=enrollment.program_id,
        enrollment_id=enrollment_id,
        code=free_code(conn, enrollment.program_id, code, name=""),
        valid_to_ms=valid_to_ms,
        created_at_ms=now_ms,
    )
    values = fields_of(promo)
    conn.execute(insert(promo_codes).values(values))
    record(conn, at_ms=now_ms, actor=actor, action="promo_code.created", object_id=promo.code_id, after=values)
    after_code(conn, promo.program_id, code=promo.code, now_ms=now_ms, cause=f"code:{promo.code_id}")
    return promo


def links_of(conn: Connection, enrollment_id: str) -> list[Link]:
    """Return the links of an enrollment, oldest first."""
    query = select(links).where(links.c.enrollment_id == enrollment_id).order_by(links.c.link_id)
    return [as_struct(Link, row) for row in conn.execute(query.limit(LINKS_MAX))]


def promo_codes_of(conn: Connection, enrollment_id: str) -> list[PromoCode]:
    """Return the promo codes of an enrollment, oldest first."""
    query = select(promo_codes).where(promo_codes.c.enrollment_id == enrollment_id)
    return [as_struct(PromoCode, row) for row in conn.execute(query.order_by(promo_codes.c.code_id).limit(LINKS_MAX))]


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
        query = query.where(text_found(search, links.c.slug, links.c.destination, partners.c.name))
    if program_id is not None:
        query = query.where(enrollments.c.program_id == program_id)
    if before is not None:
        query = query.where(links.c.link_id < before)
    return [as_struct(LinkRow, row) for row in conn.execute(query)]


def all_links(conn: Connection) -> list[Link]:
    """Return every link, for the public edge's snapshot."""
    return [as_struct(Link, row) for row in conn.execute(select(links).order_by(links.c.link_id).limit(SNAPSHOT_MAX))]


def all_promo_codes(conn: Connection) -> list[PromoCode]:
    """Return every promo code, for the public edge's snapshot."""
    query = select(promo_codes).order_by(promo_codes.c.code_id).limit(SNAPSHOT_MAX)
    return [as_struct(PromoCode, row) for row in conn.execute(query)]


def codes_like(conn: Connection, sent: Sequence[str]) -> list[PromoCode]:
    """Return promo codes and partner codes of any program that equal one of the sent texts without case and blanks.

    A partner's own code comes back as a promo code without end.
    """
    wanted = sorted({text.strip().upper() for text in sent})
    if not wanted:
        return []
    promo = conn.execute(select(promo_codes).where(promo_codes.c.code.in_(wanted)).order_by(promo_codes.c.code_id))
    own = conn.execute(select(enrollments).where(enrollments.c.code.in_(wanted)).order_by(enrollments.c.enrollment_id))
    return [as_struct(PromoCode, row) for row in promo] + [
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


def locked_enrollment(conn: Connection, enrollment_id: str) -> Enrollment:
    """Return an enrollment and keep others from changing it until commit; refuses an unknown one."""
    row = conn.execute(
        select(enrollments).where(enrollments.c.enrollment_id == enrollment_id).with_for_update()
    ).first()
    if row is None:
        raise InputError("enrollment_id", msg("There is no such enrollment; look it up on the partner's page."))
    lock_program(conn, row.program_id)
    return as_struct(Enrollment, row)


def code_is_free(conn: Connection, program_id: str, code: str) -> bool:
    """Tell whether no enrollment and no promo code of the program has the code."""
    own = exists().where(enrollments.c.program_id == program_id, enrollments.c.code == code)
    promo = exists().where(promo_codes.c.program_id == program_id, promo_codes.c.code == code)
    return not conn.execute(select(or_(own, promo))).scalar_one()


def insert_link(conn: Connection, *, enrollment_id: str, code: str, destination: str, actor: str, now_ms: int) -> Link:
    """Store a link with the nicest free slug for a code."""
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
    values = fields_of(link)
    conn.execute(insert(links).values(values))
    record(conn, at_ms=now_ms, actor=actor, action="link.created", object_id=link.link_id, after=values)
    return link


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


def free_code(conn: Connection, program_id: str, code: str | None, *, name: str) -> str:
    """Return the wanted code, or the nicest free one for a name. The caller holds the program's row."""
    if code:
        wanted = normal_code(code)
        if not code_is_free(conn, program_id, wanted):
            raise InputError("code", msg('"%(code)s" is taken in this program; choose another.', code=wanted))
        return wanted
    free = (each for each in candidates(name, random=_random_letters()) if code_is_free(conn, program_id, each))
    return next(free)
