"""Queries of partners, their enrollments and sign-ins.

The admin pages, the command line, the API and the shells of attribution call them. Codes are unique in a
program over enrollments and promo codes together; the program's row is locked while one is given out.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select, func, insert, select, update

from tracker.audit.store import record
from tracker.conversions.late import after_code, after_terms
from tracker.db.ids import new_id
from tracker.db.rows import as_struct, fields_of, text_found
from tracker.i18n.messages import InputError, msg
from tracker.i18n.text import clean_line, fits_storage
from tracker.links.store import free_code, insert_link, locked_enrollment
from tracker.partners.moves import check_move
from tracker.partners.tables import (
    enrollment_statuses,
    enrollments,
    partner_logins,
    partners,
)
from tracker.partners.types import (
    REASONS,
    STATUSES,
    Enrollment,
    EnrollmentStatus,
    Login,
    NewPartner,
    Partner,
    PartnerRow,
    ReasonCode,
    StatusChange,
)
from tracker.programs.origins import check_destination
from tracker.programs.store import lock_program, sites_of
from tracker.users.store import check_email
from tracker.users.types import Role

NAME_MAX = 120
REASON_MAX = 500
PAGE_MAX = 100  # lines of a list on one page
ENROLLMENTS_MAX = 200  # programs one partner is in
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
    given = free_code(conn, program_id, code, name=partner.name)
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
    after_code(conn, program_id, code=given, now_ms=now_ms, cause=f"code:{enrollment_id}")
    link = insert_link(conn, enrollment_id=enrollment_id, code=given, destination=target, actor=actor, now_ms=now_ms)
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
    enrollment = locked_enrollment(conn, enrollment_id)
    wanted = next((known for known in STATUSES if known == status), None)
    if wanted is None:
        raise InputError("status", msg('"%(status)s" is not a status; choose one of the list.', status=status[:40]))
    if reason_code not in REASONS:
        raise InputError("reason_code", msg("Choose a reason from the list."))
    needs_text = enrollment.status == "banned" or status in {"banned", "rejected"} or reason_code == "other"
    text = clean_line(reason, field="reason", longest=REASON_MAX, shortest=int(needs_text))
    check_move(enrollment.status, wanted, role=role)
    return _move(conn, enrollment, wanted, reason_code=reason_code, reason=text, actor=actor, now_ms=now_ms)


def follow_verdict(
    conn: Connection,
    *,
    enrollment_id: str,
    status: EnrollmentStatus,
    reason_code: ReasonCode,
    reason: str,
    actor: str,
    now_ms: int,
) -> None:
    """Move an enrollment as the verdict on a case says, or back when it is undone.

    The review has checked who may; `reason` is the verdict's text, which the partner reads.
    """
    enrollment = locked_enrollment(conn, enrollment_id)
    if enrollment.status == "banned" and status == "paused":
        # Taken back along the moves there are.
        enrollment = _move(
            conn, enrollment, "active", reason_code=reason_code, reason=reason, actor=actor, now_ms=now_ms
        )
    if enrollment.status != status:
        check_move(enrollment.status, status, role="owner")
        _move(conn, enrollment, status, reason_code=reason_code, reason=reason, actor=actor, now_ms=now_ms)


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
    enrollment = locked_enrollment(conn, enrollment_id)
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


def get_partner(conn: Connection, partner_id: str) -> Partner | None:
    """Return one partner."""
    row = conn.execute(select(partners).where(partners.c.partner_id == partner_id)).first()
    return None if row is None else as_struct(Partner, row)


def partner_by_email(conn: Connection, email: str) -> Partner | None:
    """Return the partner with an address in its normal form."""
    row = conn.execute(select(partners).where(partners.c.email == email)).first()
    return None if row is None else as_struct(Partner, row)


def get_enrollment(conn: Connection, enrollment_id: str) -> Enrollment | None:
    """Return one enrollment."""
    row = conn.execute(select(enrollments).where(enrollments.c.enrollment_id == enrollment_id)).first()
    return None if row is None else as_struct(Enrollment, row)


def enrollment_of(conn: Connection, *, program_id: str, partner_id: str) -> Enrollment | None:
    """Return a partner's enrollment in a program."""
    match = (enrollments.c.program_id == program_id) & (enrollments.c.partner_id == partner_id)
    row = conn.execute(select(enrollments).where(match)).first()
    return None if row is None else as_struct(Enrollment, row)


def enrollment_by_code(conn: Connection, program_id: str, code: str) -> Enrollment | None:
    """Return the enrollment that has a code in a program, in any case."""
    query = select(enrollments).where(enrollments.c.program_id == program_id, enrollments.c.code == code.upper())
    row = conn.execute(query).first()
    return None if row is None else as_struct(Enrollment, row)


def enrollments_of(conn: Connection, partner_id: str) -> list[Enrollment]:
    """Return every enrollment of a partner, oldest first."""
    query = select(enrollments).where(enrollments.c.partner_id == partner_id)
    ordered = query.order_by(enrollments.c.enrollment_id).limit(ENROLLMENTS_MAX)
    return [as_struct(Enrollment, row) for row in conn.execute(ordered)]


def statuses_of(conn: Connection, enrollment_id: str) -> list[StatusChange]:
    """Return every status an enrollment had, oldest first."""
    query = select(enrollment_statuses).where(enrollment_statuses.c.enrollment_id == enrollment_id)
    ordered = query.order_by(enrollment_statuses.c.seq).limit(SNAPSHOT_MAX)
    return [as_struct(StatusChange, row) for row in conn.execute(ordered)]


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
        query = query.where(text_found(search, partners.c.name, partners.c.email, enrollments.c.code))
    if status is not None:
        query = query.where(enrollments.c.status == status)
    if program_id is not None:
        query = query.where(enrollments.c.program_id == program_id)
    if before is not None:
        query = query.where(enrollments.c.enrollment_id < before)
    return [as_struct(PartnerRow, row) for row in conn.execute(query)]


def count_partners(conn: Connection, program_id: str) -> dict[str, int]:
    """Return how many enrollments a program has in each status."""
    counts: dict[str, int] = {}
    query = select(enrollments.c.status).where(enrollments.c.program_id == program_id).limit(SNAPSHOT_MAX)
    for row in conn.execute(query):
        counts[row.status] = counts.get(row.status, 0) + 1
    return counts


def all_enrollments(conn: Connection) -> list[Enrollment]:
    """Return every enrollment, for the public edge's snapshot."""
    query = select(enrollments).order_by(enrollments.c.enrollment_id).limit(SNAPSHOT_MAX)
    return [as_struct(Enrollment, row) for row in conn.execute(query)]


def _move(
    conn: Connection,
    enrollment: Enrollment,
    status: EnrollmentStatus,
    *,
    reason_code: str,
    reason: str,
    actor: str,
    now_ms: int,
) -> Enrollment:
    """Store a move that was checked; conversions that happened since are decided again."""
    enrollment_id = enrollment.enrollment_id
    conn.execute(update(enrollments).where(enrollments.c.enrollment_id == enrollment_id).values(status=status))
    _insert_status(conn, enrollment_id, status=status, reason_code=reason_code, actor=actor, now_ms=now_ms)
    record(
        conn,
        at_ms=now_ms,
        actor=actor,
        action=f"enrollment.{status}",
        object_id=enrollment_id,
        reason=reason,
        before={"status": enrollment.status},
        after={"status": status, "reason_code": reason_code},
    )
    after_terms(conn, enrollment.program_id, effective_from_ms=now_ms, cause=f"status:{enrollment_id}")
    changed = get_enrollment(conn, enrollment_id)
    assert changed is not None
    return changed


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
    enrolled = [as_struct(Enrollment, row) for row in rows]
    ids = sorted({one.partner_id for one in enrolled})
    found = conn.execute(select(partners).where(partners.c.partner_id.in_(ids)))
    known = {row.partner_id: as_struct(Partner, row) for row in found}
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
        Login(at_ms=row.at_ms, host_key=row.host_key, next_host_key=row.next_host_key, agent_key=row.agent_key)
        for row in conn.execute(query)
        if row.host_key is not None
    ]


def note_login(conn: Connection, partner_id: str, login: Login) -> None:
    """Note that a partner opened the private page."""
    conn.execute(insert(partner_logins).values(partner_id=partner_id, **fields_of(login)))


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
