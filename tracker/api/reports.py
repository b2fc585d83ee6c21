"""Reports on the API: what every attribution model would give each partner."""

import msgspec
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from attribution.compare import ModelFigures, PartnerFigures
from ingest.problems import FieldError, invalid
from tracker.api.access import Caller, check_caller, services_of
from tracker.api.answers import json_answer
from tracker.api.lists import read_filters
from tracker.api.operation import Operation
from tracker.api.times import parse_instant
from tracker.instants import DAY_MS, show_instant
from tracker.programs import store as programs
from tracker.programs.types import Program
from tracker.reports import store
from tracker.reports.models import compare_models
from tracker.reports.types import DAYS_MAX, Asked, ModelReport

DAYS = 90  # days compared when none are asked for
PARTNERS_MAX = 1000  # partners of one model, those with most; the CSV file on the staff pages has all
_FROM, _TO = "occurred_at[gte]", "occurred_at[lte]"


class ShownShare(msgspec.Struct, frozen=True, kw_only=True):
    """What a model gives one partner and how that differs from what is in force; no partner: the folded ones."""

    partner_id: str | None
    conversions_ppb: int
    amount: int
    conversions_change_ppb: int
    amount_change: int


class ShownModel(msgspec.Struct, frozen=True, kw_only=True):
    """One model's table; `pays` is false for models that only report, `shared` where shares sum to the totals."""

    model: str
    pays: bool
    shared: bool
    partners: list[ShownShare]
    partners_truncated: bool
    unattributed_conversions: int
    unattributed_amount: int


class ShownComparison(msgspec.Struct, frozen=True, kw_only=True):
    """All models beside what is in force, for the conversions of a period in one currency."""

    livemode: bool
    currency: str
    occurred_from: str
    occurred_to: str
    conversions: int
    amount: int
    truncated: bool
    lost_journeys: int
    lost_truncated: bool
    in_force: ShownModel
    models: list[ShownModel]


async def get_models(request: Request) -> Response:
    """Answer GET /v1/reports/models."""
    caller = await check_caller(request)
    currency = read_filters(request)["currency"]
    since_ms, until_ms = _period(request, caller)

    def load(conn: Connection) -> tuple[Program, list[str]]:
        program = programs.get_program(conn, caller.program_id)
        assert program is not None, "a key belongs to a program"
        return program, store.currencies_of(conn, program, livemode=caller.livemode)

    services = services_of(request)
    # What is acknowledged is projected first: a click counts at once here, too.
    await services.project()
    program, currencies = await services.db.read(load)
    if currency is not None and currency not in currencies:
        listed = ", ".join(currencies)
        raise invalid(FieldError(field="filter[currency]", message=f'"{currency[:40]}" is none of {listed}.'))
    asked = Asked(
        program_id=caller.program_id,
        livemode=caller.livemode,
        currency=currency or program.currency,
        since_ms=since_ms,
        until_ms=until_ms + 1,
    )
    return json_answer(_show(await compare_models(services.db, program, asked)))


def _period(request: Request, caller: Caller) -> tuple[int, int]:
    """Return the first and the last instant asked for; raises ProblemError 422."""
    given_from, given_to = request.query_params.get(_FROM), request.query_params.get(_TO)
    to_ms = caller.now_ms if given_to is None else parse_instant(given_to, _TO)
    from_ms = to_ms - DAYS * DAY_MS if given_from is None else parse_instant(given_from, _FROM)
    if not 0 <= to_ms - from_ms <= DAYS_MAX * DAY_MS:
        message = f"Give an instant behind {_FROM}, at most {DAYS_MAX} days in all."
        raise invalid(FieldError(field=_TO, message=message))
    return from_ms, to_ms


def _show(report: ModelReport) -> ShownComparison:
    comparison, asked = report.comparison, report.asked
    return ShownComparison(
        livemode=asked.livemode,
        currency=asked.currency,
        occurred_from=show_instant(asked.since_ms),
        occurred_to=show_instant(asked.until_ms - 1),
        conversions=report.conversions,
        amount=comparison.amount_minor,
        truncated=report.is_cut,
        lost_journeys=report.lost,
        lost_truncated=report.is_lost_cut,
        in_force=_show_model(comparison.in_force),
        models=list(map(_show_model, comparison.models)),
    )


def _show_model(figures: ModelFigures) -> ShownModel:
    most_first = sorted(
        figures.partners, key=lambda each: (-each.amount_minor, -each.conversions_ppb, each.partner_id or "")
    )
    return ShownModel(
        model=figures.model,
        pays=figures.pays,
        shared=figures.is_shared,
        partners=list(map(_show_share, most_first[:PARTNERS_MAX])),
        partners_truncated=len(most_first) > PARTNERS_MAX,
        unattributed_conversions=figures.unattributed_conversions,
        unattributed_amount=figures.unattributed_amount_minor,
    )


def _show_share(share: PartnerFigures) -> ShownShare:
    return ShownShare(
        partner_id=share.partner_id,
        conversions_ppb=share.conversions_ppb,
        amount=share.amount_minor,
        conversions_change_ppb=share.conversions_change_ppb,
        amount_change=share.amount_change_minor,
    )


OPERATIONS = (
    Operation(
        method="GET",
        path="/v1/reports/models",
        endpoint=get_models,
        name="reports_models",
        summary="Compare what every attribution model would give each partner with what is in force.",
        scope="read",
        answers={200: ShownComparison},
        filters={"currency": str},
        has_occurred=True,
    ),
)
