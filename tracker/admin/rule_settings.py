"""Changing a program's fraud rules: one rule's settings, or the line people read from; looked at before it counts.

Every change is a version of the program's terms and shows first what it would have done to the last days. What is
published is exactly what was looked at.
"""

import asyncio
from typing import Any

import msgspec
from sqlalchemy import Connection
from starlette.exceptions import HTTPException
from starlette.responses import Response

from fraud_rules.rule import Rule, read_config
from fraud_rules.scoring import REVIEW_FROM, REVIEW_FROM_MAX, REVIEW_FROM_MIN
from tracker.admin.forms import Form
from tracker.admin.policy import action, page
from tracker.admin.programs import program_of
from tracker.admin.render import render
from tracker.admin.rule_forms import fields_of, label_of, read_rule, values_of
from tracker.admin.rules import DAYS, rule_rows
from tracker.admin.visit import Visit
from tracker.fraud.allow.store import entries_in_force
from tracker.fraud.catalogue import FAMILIES
from tracker.fraud.figures import rule_figures
from tracker.fraud.lessons.store import records_of, scales_of_program
from tracker.fraud.rehearsal import Material, Rehearsal, Terms, line_for, load_material, rehearse
from tracker.fraud.rules import configs_for, rules_in_force
from tracker.i18n.messages import InputError, msg
from tracker.instants import DAY_MS
from tracker.programs import store
from tracker.programs.check import check_change
from tracker.programs.compare import changes_between
from tracker.programs.types import Program, ProgramSettings

WEEKLY_CASES_MAX = 10_000
# Fields of the two pages that are no settings; they are not carried on.
_STEPS = ("csrf_token", "step", "version")


async def rule_page(visit: Visit) -> Response:
    """Show one rule: what it catches, how right it was, its settings."""
    program, rule = await program_of(visit), rule_of(visit)
    config = read_config(rule, program.settings.fraud_rules.get(rule.id, {}))
    return await _rule_form(visit, program, rule, Form(values_of(fields_of(rule), config)))


async def rule_publish(visit: Visit) -> Response:
    """Publish one rule's settings, or show first what they would have done."""
    program, rule, form = await program_of(visit), rule_of(visit), visit.form
    if form.get("step") == "edit":
        return await _rule_form(visit, program, rule, form)
    raw = read_rule(form, rule)
    if raw is None:
        return await _rule_form(visit, program, rule, form, status=422)
    given = {name: each for name, each in program.settings.fraud_rules.items() if name != rule.id}
    settings = msgspec.structs.replace(program.settings, fraud_rules=given | ({rule.id: raw} if raw else {}))
    try:
        terms = check_change(program, settings)
    except InputError as error:
        return await _rule_form(visit, program, rule, _under(form, error, "settings"), status=422)
    return await _preview_or_publish(visit, program, terms, path=_rule_path(program, rule))


async def line_page(visit: Visit) -> Response:
    """Show from which score people read, and ask how many cases a week they can."""
    program = await program_of(visit)
    weekly = program.settings.weekly_cases
    values = {"review_from": str(program.settings.review_from), "weekly_cases": "" if weekly is None else str(weekly)}
    return _line_form(visit, program, Form(values.items()))


async def line_publish(visit: Visit) -> Response:
    """Publish the line, or show first what it, and every other, would have asked for and held."""
    program, form = await program_of(visit), visit.form
    if form.get("step") == "edit":
        return _line_form(visit, program, form)
    review_from = form.whole("review_from", low=REVIEW_FROM_MIN, high=REVIEW_FROM_MAX)
    weekly = form.whole("weekly_cases", low=1, high=WEEKLY_CASES_MAX) if form.get("weekly_cases") else None
    if form.errors:
        return _line_form(visit, program, form, status=422)
    settings = msgspec.structs.replace(program.settings, review_from=review_from, weekly_cases=weekly)
    if settings == program.settings and form.get("step") != "publish":
        # Nothing to publish yet: the table of lines is what was asked for.
        return await _preview_page(visit, program, settings, path=_line_path(program), has_moved=False)
    try:
        terms = check_change(program, settings)
    except InputError as error:
        return _line_form(visit, program, _under(form, error, "review_from"), status=422)
    return await _preview_or_publish(visit, program, terms, path=_line_path(program))


async def _preview_or_publish(visit: Visit, program: Program, terms: ProgramSettings, *, path: str) -> Response:
    form = visit.form
    has_moved = bool(form.get("version")) and form.get("version") != str(program.version + 1)
    if form.get("step") != "publish" or has_moved:
        return await _preview_page(visit, program, terms, path=path, has_moved=has_moved)
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
        form.refuse(error)
        return await _preview_page(visit, program, terms, path=path, has_moved=False, status=422)
    await visit.services.refresh()
    notice = msg("Version %(version)s is in force: conversions from now on are judged by it.", version=version.version)
    return visit.redirect(f"/admin/programs/{program.program_id}/fraud", notice)


async def _preview_page(
    visit: Visit, program: Program, terms: ProgramSettings, *, path: str, has_moved: bool, status: int = 200
) -> Response:
    told = await rehearse_terms(visit, program, terms)
    weekly = terms.weekly_cases
    return render(
        visit,
        "rules_preview.html",
        status=status,
        program=program,
        told=told,
        terms=terms,
        form=visit.form,
        form_path=path,
        changes=changes_between(_written_out(program.settings), _written_out(terms)),
        version=program.version + 1,
        has_moved=has_moved,
        sent=visit.form.sent(without=(*_STEPS, "note")),
        fitting=None if weekly is None else line_for(told.lines, weekly),
    )


async def rehearse_terms(visit: Visit, program: Program, terms: ProgramSettings) -> Rehearsal:
    """Return what terms would have done to the last days. Judging runs in a thread: it computes for seconds."""
    rules = rules_in_force()

    def load(conn: Connection) -> Material:
        return load_material(
            conn,
            program.program_id,
            allow=entries_in_force(conn, program.program_id, at_ms=visit.now_ms),
            scales=scales_of_program(conn, program, now_ms=visit.now_ms),
            now_ms=visit.now_ms,
        )

    material = await visit.db.read(load)
    return await asyncio.to_thread(rehearse, material, rules, before=_terms(program.settings), after=_terms(terms))


def rule_of(visit: Visit) -> Rule[Any]:
    """Return the rule in the path; one that is not in force is a page that does not exist."""
    wanted = visit.request.path_params["rule"]
    rule = next((each for each in rules_in_force() if each.id == wanted), None)
    if rule is None:
        raise HTTPException(404)
    return rule


def _terms(settings: ProgramSettings) -> Terms:
    return Terms(configs=configs_for(settings.fraud_rules), review_from=settings.review_from)


async def _rule_form(visit: Visit, program: Program, rule: Rule[Any], form: Form, *, status: int = 200) -> Response:
    since_ms = visit.now_ms - DAYS * DAY_MS
    learned, figures = await visit.db.read(
        lambda conn: (
            records_of(conn, program, now_ms=visit.now_ms),
            rule_figures(conn, program.program_id, since_ms=since_ms),
        )
    )
    rows = rule_rows(program, learned.records, appeals=learned.appeals, figures=figures)
    return render(
        visit,
        "rules_one.html",
        status=status,
        program=program,
        row=next(row for row in rows if row.rule.id == rule.id),
        family=FAMILIES[rule.family],
        fields=fields_of(rule),
        label_of=lambda name: label_of(name, visit.speech),
        form=form,
        days=DAYS,
    )


def _line_form(visit: Visit, program: Program, form: Form, *, status: int = 200) -> Response:
    return render(
        visit,
        "rules_line.html",
        status=status,
        program=program,
        form=form,
        usual=REVIEW_FROM,
        low=REVIEW_FROM_MIN,
        high=REVIEW_FROM_MAX,
    )


def _written_out(settings: ProgramSettings) -> ProgramSettings:
    """Return terms with every setting of every rule, for telling what a change is a change from."""
    configs = configs_for(settings.fraud_rules)
    full = {rule_id: msgspec.to_builtins(config) for rule_id, config in configs.items()}
    return msgspec.structs.replace(settings, fraud_rules=full)


def _under(form: Form, error: InputError, field: str) -> Form:
    """Note a refusal of the whole change under a field the page has."""
    form.errors[field] = error.message
    return form


def _rule_path(program: Program, rule: Rule[Any]) -> str:
    return f"/admin/programs/{program.program_id}/fraud/rules/{rule.id}"


def _line_path(program: Program) -> str:
    return f"/admin/programs/{program.program_id}/fraud/line"


ROUTES = (
    page("/admin/programs/{program_id}/fraud/line", line_page, permission="programs.edit"),
    action("/admin/programs/{program_id}/fraud/line", line_publish, permission="programs.edit"),
    page("/admin/programs/{program_id}/fraud/rules/{rule}", rule_page, permission="cases.view"),
    action("/admin/programs/{program_id}/fraud/rules/{rule}", rule_publish, permission="programs.edit"),
)
