"""Pages of partners: the list, a new one, one partner with enrollments, links, codes and history."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection
from starlette.exceptions import HTTPException
from starlette.responses import Response

from tracker.admin.evidence import headline
from tracker.admin.forms import Form
from tracker.admin.paging import PAGE_SIZE, Pager, pager_of
from tracker.admin.policy import action, page
from tracker.admin.render import render
from tracker.admin.visit import Visit
from tracker.audit.store import list_entries
from tracker.cases import store as case_store
from tracker.cases import talk_store
from tracker.cases.partner_store import findings_of_partner_cases
from tracker.db.ids import IdError, canonical_id
from tracker.i18n.messages import InputError, msg
from tracker.instants import DAY_MS
from tracker.links import store as links
from tracker.partners import store
from tracker.partners.moves import moves_for
from tracker.partners.types import REASONS, STATUSES, Enrollment, PartnerRow
from tracker.portal.links import private_link
from tracker.programs import store as programs
from tracker.programs.types import Program
from tracker.users import store as users

HISTORY_MAX = 30  # entries of the trail shown per object


async def partners_list(visit: Visit) -> Response:
    """List partners in programs, newest first, filtered by text, status and program."""
    search, status = visit.query("q"), visit.query("status")
    program_id = visit.query_id("program", "prg")
    before = visit.query_id("before", "enr")

    def load(conn: Connection) -> tuple[list[PartnerRow], list[Program]]:
        rows = store.list_partners(
            conn,
            search=search,
            status=status if status in STATUSES else None,
            program_id=program_id,
            before=before,
            limit=PAGE_SIZE + 1,
        )
        return rows, programs.list_programs(conn)

    rows, known = await visit.db.read(load)
    pager: Pager[PartnerRow] = pager_of(rows, visit, key=lambda row: row.enrollment_id)
    names = {program.program_id: program.name for program in known}
    return render(
        visit,
        "partners_list.html",
        pager=pager,
        programs=known,
        program_names=names,
        statuses=STATUSES,
        is_filtered=bool(search or status or program_id or before),
        search=search,
        chosen_status=status,
        program_id=program_id,
    )


async def partners_new(visit: Visit) -> Response:
    """Show the form of a new partner."""
    return await _new_page(visit, Form([("program_id", visit.query("program"))]))


async def partners_create(visit: Visit) -> Response:
    """Add a partner to a program and show the partner's page with the first link."""
    form = visit.form
    try:
        new = await visit.db.write(
            lambda conn: store.add_partner(
                conn,
                program_id=_program_id(form),
                name=form.get("name"),
                email=form.get("email"),
                code=form.get("code") or None,
                destination=form.get("destination") or None,
                actor=visit.actor,
                now_ms=visit.now_ms,
            )
        )
    except InputError as error:
        return await _new_page(visit, form.refuse(error), status=422)
    await visit.services.refresh()
    notice = msg("Added with the code %(code)s. Send the link below to the partner.", code=new.code)
    return visit.redirect(f"/admin/partners/{new.partner_id}", notice)


async def partner_page(visit: Visit) -> Response:
    """Show one partner."""
    return await show_partner(visit, visit.path_id("partner_id", "prt"))


async def status_change(visit: Visit) -> Response:
    """Move an enrollment to another status, with a reason."""
    enrollment = await _enrollment(visit)
    form = visit.form
    try:
        changed = await visit.db.write(
            lambda conn: store.change_status(
                conn,
                enrollment_id=enrollment.enrollment_id,
                status=form.get("status"),
                reason_code=form.get("reason_code"),
                reason=form.get("reason"),
                role=visit.user.role,
                actor=visit.actor,
                now_ms=visit.now_ms,
            )
        )
    except InputError as error:
        return await _refused(visit, enrollment, "status", error)
    await visit.services.refresh()
    notices = {
        "active": msg("Active again: clicks and codes earn from now on."),
        "paused": msg("Paused: clicks and codes earn nothing until the partner is resumed."),
        "banned": msg("Banned: clicks and codes earn nothing from now on. Cleared money stays the partner's."),
    }
    notice = notices.get(changed.status, msg("The status is changed."))
    return visit.redirect(f"/admin/partners/{enrollment.partner_id}", notice)


async def terms_change(visit: Visit) -> Response:
    """Give an enrollment its own percentage."""
    enrollment = await _enrollment(visit)
    form = visit.form
    try:
        typed = form.get("rate")
        rate_bps = visit.speech.parse_share(typed, field="rate") if typed else None
        await visit.db.write(
            lambda conn: store.set_terms(
                conn,
                enrollment_id=enrollment.enrollment_id,
                rate_bps=rate_bps,
                allow_own_purchases=form.is_on("allow_own_purchases"),
                actor=visit.actor,
                now_ms=visit.now_ms,
            )
        )
    except InputError as error:
        return await _refused(visit, enrollment, "terms", error)
    await visit.services.refresh()
    return visit.redirect(f"/admin/partners/{enrollment.partner_id}", msg("The personal terms are saved."))


async def link_add(visit: Visit) -> Response:
    """Give an enrollment one more link."""
    enrollment = await _enrollment(visit)
    form = visit.form
    try:
        link = await visit.db.write(
            lambda conn: links.add_link(
                conn,
                enrollment_id=enrollment.enrollment_id,
                destination=form.get("destination"),
                slug=form.get("slug") or None,
                actor=visit.actor,
                now_ms=visit.now_ms,
            )
        )
    except InputError as error:
        return await _refused(visit, enrollment, "link", error)
    await visit.services.refresh()
    notice = msg('The link "%(slug)s" is ready to be shared.', slug=link.slug)
    return visit.redirect(f"/admin/partners/{enrollment.partner_id}", notice)


async def promo_code_add(visit: Visit) -> Response:
    """Give an enrollment a code buyers type."""
    enrollment = await _enrollment(visit)
    form = visit.form
    try:
        valid_to_ms = _end_of_day(form.get("valid_to"), field="valid_to")
        promo = await visit.db.write(
            lambda conn: links.add_promo_code(
                conn,
                enrollment_id=enrollment.enrollment_id,
                code=form.get("code"),
                valid_to_ms=valid_to_ms,
                actor=visit.actor,
                now_ms=visit.now_ms,
            )
        )
    except InputError as error:
        return await _refused(visit, enrollment, "code", error)
    await visit.services.refresh()
    notice = msg('The promo code "%(code)s" is in force.', code=promo.code)
    return visit.redirect(f"/admin/partners/{enrollment.partner_id}", notice)


async def show_partner(
    visit: Visit, partner_id: str, *, refused: tuple[str, str] | None = None, status: int = 200
) -> Response:
    """Show a partner; `refused` names the enrollment and the form whose refusals `visit.form` holds."""
    facts = await visit.db.read(lambda conn: _load_facts(conn, partner_id))
    if facts is None:
        raise HTTPException(404)
    settings = visit.services.settings
    return render(
        visit,
        "partners_one.html",
        status=status,
        **facts,
        link_base=f"{settings.base_url}{settings.public_prefix}/to/",
        moves={
            each["enrollment"].enrollment_id: moves_for(each["enrollment"].status, visit.user.role)
            for each in facts["enrollments"]
        },
        reasons=[reason for reason in REASONS if reason != "joined"],
        refused=refused,
        empty_form=Form(),
        headline=lambda row: headline(row, visit.speech),
        private_link=private_link(
            settings.base_url, secret=visit.services.secret, partner_id=partner_id, now_ms=visit.now_ms
        )
        if visit.may("partners.edit")
        else "",
    )


def _load_facts(conn: Connection, partner_id: str) -> dict[str, Any] | None:
    partner = store.get_partner(conn, partner_id)
    if partner is None:
        return None
    enrollments = [_enrollment_facts(conn, each) for each in store.enrollments_of(conn, partner_id)]
    trail = list_entries(conn, object_id=partner_id, limit=HISTORY_MAX)
    for each in enrollments:
        trail += list_entries(conn, object_id=each["enrollment"].enrollment_id, limit=HISTORY_MAX)
    newest = sorted(trail, key=lambda entry: -entry.seq)[:HISTORY_MAX]
    people = {entry.actor.removeprefix("user:") for entry in newest if entry.actor.startswith("user:")}
    return {
        "partner": partner,
        "enrollments": enrollments,
        "trail": newest,
        "people": users.emails_of(conn, people),
    }


def _enrollment_facts(conn: Connection, enrollment: Enrollment) -> dict[str, Any]:
    return {
        "enrollment": enrollment,
        "program": programs.get_program(conn, enrollment.program_id),
        "sites": programs.sites_of(conn, enrollment.program_id),
        "links": links.links_of(conn, enrollment.enrollment_id),
        "promo_codes": links.promo_codes_of(conn, enrollment.enrollment_id),
        "reviews": _reviews(conn, enrollment),
    }


def _reviews(conn: Connection, enrollment: Enrollment) -> list[dict[str, Any]]:
    """Return the undecided live cases about the enrollment; a random check suspects nobody and is none of them."""
    ids = [
        case.case_id
        for case in talk_store.newest_cases_of(conn, enrollment.enrollment_id, livemode=True)
        if case.status != "decided" and case.kind != "audit"
    ]
    whole = findings_of_partner_cases(conn, ids)
    return [{"row": row, "is_whole": row.case.case_id in whole} for row in case_store.queue_rows_of(conn, ids)]


async def _enrollment(visit: Visit) -> Enrollment:
    enrollment_id = visit.path_id("enrollment_id", "enr")
    enrollment = await visit.db.read(lambda conn: store.get_enrollment(conn, enrollment_id))
    if enrollment is None:
        raise HTTPException(404)
    return enrollment


async def _refused(visit: Visit, enrollment: Enrollment, form_name: str, error: InputError) -> Response:
    visit.form.refuse(error)
    refused = (enrollment.enrollment_id, form_name)
    return await show_partner(visit, enrollment.partner_id, refused=refused, status=422)


async def _new_page(visit: Visit, form: Form, *, status: int = 200) -> Response:
    known = await visit.db.read(programs.list_programs)
    return render(visit, "partners_new.html", status=status, form=form, programs=known)


def _program_id(form: Form) -> str:
    """Return the chosen program; refuses what is no id before the database sees it."""
    try:
        return canonical_id("prg", form.get("program_id"))
    except IdError as error:
        raise InputError("program_id", msg("Choose a program.")) from error


def _end_of_day(text: str, *, field: str) -> int | None:
    """Return the last millisecond of a day (UTC) given as YYYY-MM-DD, None for no day."""
    if not text:
        return None
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise InputError(field, msg("Give a day as YYYY-MM-DD.")) from error
    return int(day.timestamp() * 1000) + DAY_MS - 1


ROUTES = (
    page("/admin/partners", partners_list, permission="partners.view"),
    page("/admin/partners/new", partners_new, permission="partners.edit"),
    action("/admin/partners", partners_create, permission="partners.edit"),
    page("/admin/partners/{partner_id}", partner_page, permission="partners.view"),
    action("/admin/enrollments/{enrollment_id}/status", status_change, permission="partners.edit"),
    action("/admin/enrollments/{enrollment_id}/terms", terms_change, permission="partners.edit"),
    action("/admin/enrollments/{enrollment_id}/links", link_add, permission="partners.edit"),
    action("/admin/enrollments/{enrollment_id}/promo-codes", promo_code_add, permission="partners.edit"),
)
