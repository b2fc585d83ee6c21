"""The personal data of one customer or partner: give it out, or erase it. Owners and admins alone."""

from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection
from starlette.exceptions import HTTPException
from starlette.responses import Response

from tracker.admin.forms import Form
from tracker.admin.policy import action, page
from tracker.admin.render import render
from tracker.admin.visit import Visit
from tracker.conversions import store as conversions
from tracker.i18n.messages import InputError, msg
from tracker.partners import store as partners
from tracker.privacy.erase import erase_person
from tracker.privacy.export import export_person
from tracker.privacy.types import Asked


class Subject(NamedTuple):
    """Whose page it is: the question to ask, the name to show and whether nothing is left."""

    asked: Asked
    kind: str
    name: str
    is_erased: bool


async def person_page(visit: Visit) -> Response:
    """Show what can be done with a person's data."""
    return _show(visit, await _subject(visit), Form())


async def person_export(visit: Visit) -> Response:
    """Give the person's data as a file."""
    subject = await _subject(visit)
    content = msgspec.json.format(msgspec.json.encode(await export_person(visit.services, subject.asked)), indent=2)
    return Response(
        content,
        media_type="application/json",
        headers={"Content-Disposition": 'attachment; filename="personal-data.json"', "Cache-Control": "no-store"},
    )


async def person_erase(visit: Visit) -> Response:
    """Erase the person's data after a person has said so twice."""
    subject, form = await _subject(visit), visit.form
    if not form.is_on("sure"):
        form.errors["sure"] = msg("Tick this box: what is erased cannot be brought back.")
        return _show(visit, subject, form, status=422)
    try:
        await erase_person(visit.services, subject.asked, reason=form.get("reason"), actor=visit.actor)
    except InputError as error:
        form.refuse(error)
        return _show(visit, subject, form, status=422)
    return visit.redirect(visit.request.url.path.removesuffix("/erase"), msg("The personal data is erased."))


def _show(visit: Visit, subject: Subject, form: Form, *, status: int = 200) -> Response:
    subject_id = visit.request.path_params["subject_id"]
    return render(visit, "privacy_one.html", status=status, subject=subject, subject_id=subject_id, form=form)


async def _subject(visit: Visit) -> Subject:
    """Return whose page it is; an id of another kind, or of nobody, is a page that does not exist."""
    text = visit.request.path_params["subject_id"]
    prefix = "prt" if text.startswith("prt_") else "cus"
    subject_id = visit.path_id("subject_id", prefix)
    found = await visit.db.read(lambda conn: _load(conn, prefix, subject_id))
    if found is None:
        raise HTTPException(404)
    return found


def _load(conn: Connection, prefix: str, subject_id: str) -> Subject | None:
    row: Any
    if prefix == "prt":
        row = partners.get_partner(conn, subject_id)
        is_erased = row is not None and row.email.endswith("@erased.invalid")
        return row and Subject(Asked(partner=subject_id), "partner", row.name, is_erased)
    row = conversions.get_customer(conn, subject_id)
    name = row and (row.name or row.email or row.external_id or subject_id)
    return row and Subject(Asked(customer=subject_id), "customer", name, row.erased_at_ms is not None)


ROUTES = (
    page("/admin/privacy/{subject_id}", person_page, permission="privacy.edit"),
    page("/admin/privacy/{subject_id}/export", person_export, permission="privacy.edit"),
    action("/admin/privacy/{subject_id}/erase", person_erase, permission="privacy.edit"),
)
