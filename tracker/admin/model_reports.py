"""The page that compares models partner by partner, and the same as a CSV file."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection
from starlette.exceptions import HTTPException
from starlette.responses import Response

from attribution.compare import ModelFigures, PartnerFigures
from tracker.admin import labels, review_labels
from tracker.admin.forms import Form
from tracker.admin.mode import instant_of, is_live
from tracker.admin.policy import page
from tracker.admin.render import render
from tracker.admin.visit import Visit
from tracker.i18n.currencies import EXPONENTS
from tracker.i18n.messages import msg
from tracker.partners import store as partners
from tracker.programs import store as programs
from tracker.programs.types import Program
from tracker.reports import store
from tracker.reports.models import compare_models
from tracker.reports.types import DAYS_MAX, Asked, ModelReport

DAYS = 90  # days shown when none are asked for
PARTNERS_SHOWN = 100  # rows of the page; the file has all
CHARTED = 10  # partners drawn, those with most in force
BESIDE = "linear"  # drawn beside what is in force until another model is chosen
# Beginnings that spreadsheets take for a formula (OWASP, CSV Injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Choice(NamedTuple):
    """What the filters of the page say; `asked` is None where they are refused."""

    program: Program
    form: Form
    currencies: list[str]
    asked: Asked | None


class Row(NamedTuple):
    """One partner's figures: in force, and by model in the order of the columns. None stands for the folded ones."""

    partner_id: str | None
    in_force: PartnerFigures
    by_model: list[PartnerFigures | None]


async def models_page(visit: Visit) -> Response:
    """Show what every model would give each partner."""
    known = await visit.db.read(programs.list_programs)
    if not known:
        return render(visit, "reports_models.html", programs=[], program=None, livemode=is_live(visit))
    choice = await _choose(visit, known)
    report: ModelReport | None = None
    names: dict[str, str] = {}
    if choice.asked is not None:
        report, names = await _report(visit, choice.program, choice.asked)
    return render(
        visit,
        "reports_models.html",
        status=200 if choice.asked else 422,
        programs=known,
        livemode=is_live(visit),
        program=choice.program,
        program_id=choice.program.program_id,
        form=choice.form,
        currencies=choice.currencies,
        model_name=lambda model: model_name(model, visit),
        conversions_text=lambda ppb: _decimal_text(ppb, visit),
        names=names,
        **_facts(visit, report),
        report=report,
    )


async def models_file(visit: Visit) -> Response:
    """Give the same figures as a file, one line a partner and model."""
    known = await visit.db.read(programs.list_programs)
    if not known:
        raise HTTPException(404)
    choice = await _choose(visit, known)
    if choice.asked is None:
        raise HTTPException(404)
    report, names = await _report(visit, choice.program, choice.asked)
    name = f"molva-models-{choice.form.get('from')}-{choice.form.get('to')}-{choice.asked.currency}.csv"
    return Response(
        write_csv(report, names),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


async def _choose(visit: Visit, known: Sequence[Program]) -> Choice:
    """Return what the filters say, the defaults where they say nothing."""
    wanted = visit.query_id("program", "prg")
    program = next((each for each in known if each.program_id == wanted), known[0])
    livemode = is_live(visit)

    def load(conn: Connection) -> tuple[list[str], int]:
        now_ms = instant_of(conn, program.program_id, livemode=livemode, now_ms=visit.now_ms)
        return store.currencies_of(conn, program, livemode=livemode), now_ms

    currencies, now_ms = await visit.db.read(load)
    zone = ZoneInfo(program.time_zone)
    today = datetime.fromtimestamp(now_ms / 1000, zone).date()
    given = visit.query("currency")
    form = Form(
        {
            "from": visit.query("from") or (today - timedelta(days=DAYS - 1)).isoformat(),
            "to": visit.query("to") or today.isoformat(),
            "currency": given if given in currencies else program.currency,
        }.items()
    )
    first, last = _day(form, "from"), _day(form, "to")
    if first and last and not first <= last < first + timedelta(days=DAYS_MAX):
        form.errors["to"] = msg("Give a day behind the first one, at most %(days)s days in all.", days=DAYS_MAX)
    if form.errors or first is None or last is None:
        return Choice(program, form, currencies, None)
    asked = Asked(
        program_id=program.program_id,
        livemode=livemode,
        currency=form.get("currency"),
        since_ms=_begin(first, zone),
        until_ms=_begin(last + timedelta(days=1), zone),
    )
    return Choice(program, form, currencies, asked)


def _day(form: Form, field: str) -> date | None:
    try:
        day = date.fromisoformat(form.get(field))
    except ValueError:
        day = None
    # Years outside of these are no days of any program, and some have no instant.
    if day is None or not 2000 <= day.year <= 2200:
        form.errors[field] = msg("Give a day, such as 2026-03-31.")
        return None
    return day


def _begin(day: date, zone: ZoneInfo) -> int:
    """Return the instant a day begins in a zone."""
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()) * 1000


async def _report(visit: Visit, program: Program, asked: Asked) -> tuple[ModelReport, dict[str, str]]:
    report = await compare_models(visit.db, program, asked)
    wanted = sorted({each.partner_id for each in report.comparison.in_force.partners if each.partner_id})

    def load(conn: Connection) -> dict[str, str]:
        found: dict[str, str] = {}
        for start in range(0, len(wanted), store.PIECE):
            found |= partners.names_of(conn, wanted[start : start + store.PIECE])
        return found

    return report, await visit.db.read(load)


def _facts(visit: Visit, report: ModelReport | None) -> dict[str, Any]:
    """Return what the page shows of a report: two tables and what the chart draws."""
    if report is None:
        return {"tables": [], "chart": [], "beside": BESIDE, "models": [], "partners_count": 0}
    models = report.comparison.models
    in_force = report.comparison.in_force
    typed = visit.query("beside")
    fallback = BESIDE if in_force.model != BESIDE else "first_click"
    beside = next((each for each in models if each.model == typed), None) or next(
        each for each in models if each.model == fallback
    )
    paying, telling = [each for each in models if each.pays], [each for each in models if not each.pays]
    rows = _rows(in_force, [beside])[:CHARTED]
    return {
        "tables": [
            (True, paying, _rows(in_force, paying)[:PARTNERS_SHOWN]),
            (False, telling, _rows(in_force, telling)[:PARTNERS_SHOWN]),
        ],
        "chart": [
            (row.partner_id, row.in_force.amount_minor, row.by_model[0].amount_minor if row.by_model[0] else 0)
            for row in rows
        ],
        "plain": lambda amount_minor: _plain(amount_minor, report.asked.currency),
        "beside": beside.model,
        "models": [each.model for each in models],
        "partners_count": len(in_force.partners),
    }


def _rows(in_force: ModelFigures, models: Sequence[ModelFigures]) -> list[Row]:
    """Return each partner's figures, those with most in force first, the folded ones of a model last."""
    by_model = [{each.partner_id: each for each in model.partners} for model in models]
    rows = [
        Row(each.partner_id, each, [figures.get(each.partner_id) for figures in by_model])
        for each in sorted(
            in_force.partners, key=lambda each: (-each.amount_minor, -each.conversions_ppb, each.partner_id or "")
        )
    ]
    folded = [figures.get(None) for figures in by_model]
    if any(folded):
        nothing = PartnerFigures(
            partner_id=None, conversions_ppb=0, amount_minor=0, conversions_change_ppb=0, amount_change_minor=0
        )
        rows.append(Row(None, nothing, folded))
    return rows


def model_name(model: str, visit: Visit) -> str:
    """Return a model's name, be it one that pays or one that only reports."""
    words = labels.MODEL if model in labels.MODEL else review_labels.REPORT_MODEL
    return labels.named(words, model, visit.speech)


def write_csv(report: ModelReport, names: Mapping[str, str]) -> str:
    """Return the figures as text: what is in force, then every model, one line a partner."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(
        [
            "partner_id",
            "partner",
            "model",
            "pays",
            "conversions",
            "conversions_change",
            "amount",
            "amount_change",
            "currency",
        ]
    )
    in_force = report.comparison.in_force
    writer.writerows(_lines(in_force, "in_force", names, report.asked.currency))
    for model in report.comparison.models:
        writer.writerows(_lines(model, model.model, names, report.asked.currency))
    return out.getvalue()


def _lines(model: ModelFigures, name: str, names: Mapping[str, str], currency: str) -> Iterator[Iterable[str]]:
    for each in model.partners:
        shown = "(folded)" if each.partner_id is None else names.get(each.partner_id, "")
        yield (
            each.partner_id or "",
            f"'{shown}" if shown.startswith(_FORMULA) else shown,
            name,
            "yes" if model.pays else "no",
            str(Decimal(each.conversions_ppb).scaleb(-9).normalize().__format__("f")),
            str(Decimal(each.conversions_change_ppb).scaleb(-9).normalize().__format__("f")),
            _plain(each.amount_minor, currency),
            _plain(each.amount_change_minor, currency),
            currency,
        )


def _plain(amount_minor: int, currency: str) -> str:
    """Return an amount for programs: a point, no grouping."""
    exponent = EXPONENTS.get(currency, 2)
    return f"{Decimal(amount_minor).scaleb(-exponent):.{exponent}f}"


def _decimal_text(parts_per_billion: int, visit: Visit) -> str:
    """Return conversions with at most two decimals."""
    return visit.speech.decimal(Decimal(parts_per_billion).scaleb(-9))


ROUTES = (
    page("/admin/reports/models", models_page, permission="reports.view"),
    page("/admin/reports/models.csv", models_file, permission="reports.view"),
)
