"""Pages that publish a program's new terms: the form, and what the change would have done before it is published.

The form leads over the look back whenever attribution changes. Nothing typed is lost on the way there and back, and
what is published is exactly what was looked at.
"""

from fractions import Fraction
from typing import Any, NamedTuple

from starlette.responses import Response

from tracker.admin.forms import Form
from tracker.admin.policy import action, page
from tracker.admin.program_terms import REWARD_ROWS, form_of, read_settings
from tracker.admin.programs import program_of
from tracker.admin.render import render
from tracker.admin.visit import Visit
from tracker.i18n.messages import InputError, msg
from tracker.partners import store as partners
from tracker.programs import store
from tracker.programs.check import check_change
from tracker.programs.compare import changes_between
from tracker.programs.types import Program, ProgramSettings
from tracker.recompute.preview import Preview, preview_settings
from tracker.recompute.types import Money, Summary
from tracker.recompute.worth import PartnerSum

PARTNERS_SHOWN = 100  # partners of a look back told one by one; the sums are over all
# Fields of the two pages that are no terms; they are not carried on.
_STEPS = ("csrf_token", "step", "version")


class Part(NamedTuple):
    """What one partner has of a conversion: the share as text ("2/5"; "0" without one), the amount, the commissions."""

    enrollment_id: str
    weight: str
    amount_minor: int
    commissions: list[Money]


async def terms_page(visit: Visit) -> Response:
    """Show the form that publishes new terms."""
    program = await program_of(visit)
    form = form_of(program.settings, currency=program.currency, speech=visit.speech)
    return _form_page(visit, program, form)


async def terms_publish(visit: Visit) -> Response:
    """Publish new terms, in force from now on, or show first what they would have done."""
    program, form = await program_of(visit), visit.form
    step = form.get("step")
    if step == "edit":
        return _form_page(visit, program, form)
    settings = read_settings(form, current=program.settings, currency=program.currency, speech=visit.speech)
    if settings is None:
        return _form_page(visit, program, form, status=422)
    try:
        terms = check_change(program, settings)
    except InputError as error:
        return _form_page(visit, program, form.refuse(error), status=422)
    has_moved = bool(form.get("version")) and form.get("version") != str(program.version + 1)
    asks_first = terms.attribution != program.settings.attribution and step != "publish"
    if step == "preview" or asks_first or has_moved:
        return await _preview_page(visit, program, terms, has_moved=has_moved)
    return await _publish(visit, program, terms)


async def _publish(visit: Visit, program: Program, terms: ProgramSettings) -> Response:
    form = visit.form
    try:
        version = await visit.db.write(
            lambda conn: store.publish_version(
                conn,
                program_id=program.program_id,
                settings=terms,
                note=form.get("note"),
                actor=visit.actor,
                now_ms=visit.now_ms,
            )
        )
    except InputError as error:
        return _form_page(visit, program, form.refuse(error), status=422)
    await visit.services.refresh()
    notice = msg(
        "Version %(version)s is in force. Earlier conversions keep the terms they came under.", version=version.version
    )
    return visit.redirect(f"/admin/programs/{program.program_id}", notice)


async def _preview_page(visit: Visit, program: Program, terms: ProgramSettings, *, has_moved: bool) -> Response:
    told = await preview_settings(visit.db, program.program_id, terms, now_ms=visit.now_ms)
    assert told is not None  # The program was read a moment ago, and programs are never deleted.
    shown = told.partners[:PARTNERS_SHOWN]
    wanted = {one.enrollment_id for one in shown} | _enrollments_in(told)
    people = await visit.db.read(lambda conn: partners.people_of(conn, sorted(wanted)))
    return render(
        visit,
        "programs_preview.html",
        program=program,
        told=told,
        shown=shown,
        sums=_sums(told.partners),
        examples=[(each, _parts_of(each.before), _parts_of(each.after)) for each in told.examples],
        people=people,
        changes=changes_between(program.settings, terms),
        version=program.version + 1,
        has_moved=has_moved,
        sent=visit.form.sent(without=_STEPS),
    )


def _enrollments_in(told: Preview) -> set[str]:
    """Return the enrollments that the examples name."""
    summaries = [summary for example in told.examples for summary in (example.before, example.after)]
    credited = {credit.partner_id for summary in summaries for credit in summary.credits}
    return credited | {money.enrollment_id for summary in summaries for money in summary.commissions}


def _parts_of(summary: Summary) -> list[Part]:
    """Return what each partner has of a conversion, in the order of touches; several touches of one are one part."""
    weights: dict[str, Fraction] = {}
    amounts: dict[str, int] = {}
    for credit in summary.credits:
        weights[credit.partner_id] = weights.get(credit.partner_id, Fraction(0)) + Fraction(credit.weight)
        amounts[credit.partner_id] = amounts.get(credit.partner_id, 0) + credit.amount_minor
    # Who has a commission without credit is told, too.
    concerned = dict.fromkeys((*weights, *(money.enrollment_id for money in summary.commissions)))
    return [
        Part(
            enrollment_id=enrollment_id,
            weight=str(weights.get(enrollment_id, 0)),
            amount_minor=amounts.get(enrollment_id, 0),
            commissions=[money for money in summary.commissions if money.enrollment_id == enrollment_id],
        )
        for enrollment_id in concerned
    ]


def _sums(all_partners: tuple[PartnerSum, ...]) -> list[dict[str, Any]]:
    """Return the sums over all partners, one row a currency."""
    names = ("amount_before_minor", "amount_after_minor", "commission_before_minor", "commission_after_minor")
    rows: dict[str, dict[str, Any]] = {}
    for one in all_partners:
        row = rows.setdefault(one.currency, {"currency": one.currency, **dict.fromkeys(names, 0)})
        for name in names:
            row[name] += getattr(one, name)
    return [rows[currency] for currency in sorted(rows)]


def _form_page(visit: Visit, program: Program, form: Form, *, status: int = 200) -> Response:
    return render(
        visit, "programs_terms.html", status=status, program=program, form=form, reward_rows=range(REWARD_ROWS)
    )


ROUTES = (
    page("/admin/programs/{program_id}/terms", terms_page, permission="programs.edit"),
    action("/admin/programs/{program_id}/terms", terms_publish, permission="programs.edit"),
)
