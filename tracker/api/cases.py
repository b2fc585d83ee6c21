"""Cases and verdicts on the API: what a reviewer can do on the page, a program can do here."""

from gettext import NullTranslations
from typing import Annotated, Any, get_args

import msgspec
from msgspec import Meta
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fraud_rules.sentences import write_sentence
from ingest.problems import FieldError, ProblemError, invalid
from tracker.api.access import Caller, check_caller, services_of
from tracker.api.answers import json_answer, not_found, page_answer, page_limit
from tracker.api.bodies import convert, decode_object, read_body
from tracker.api.idempotent import idempotent
from tracker.api.lists import check_filters, checked_id, choice_filter
from tracker.cases import store
from tracker.cases.decide import CaseConflictError, VerdictRefusedError
from tracker.cases.review import CaseNotFoundError, give_verdict
from tracker.cases.types import CaseRow, CaseStatus, CaseView, FindingRow
from tracker.instants import show_instant

_STATUSES: tuple[CaseStatus, ...] = get_args(CaseStatus)
_ENGLISH = NullTranslations()  # the API speaks English; pages speak the reader's language


class VerdictBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of a verdict; closed lists are checked by the review itself."""

    verdict: Annotated[str, Meta(max_length=40)]
    action: Annotated[str, Meta(max_length=40)]
    reason_code: Annotated[str, Meta(max_length=40)]
    public_text: Annotated[str, Meta(max_length=1000)]
    deciding_finding: Annotated[str, Meta(max_length=80)] | None = None
    note: Annotated[str, Meta(max_length=1000)] = ""


async def list_cases(request: Request) -> Response:
    """Answer GET /v1/cases: the queue, highest score first."""
    caller = await check_caller(request, "read")
    check_filters(request, "status")
    limit = page_limit(request)
    wanted = choice_filter(request, "status", _STATUSES)
    statuses = _STATUSES if wanted is None else (wanted,)
    after = request.query_params.get("starting_after")

    def load(conn: Connection) -> list[dict[str, Any]]:
        before = None
        if after is not None:
            last = _own_case(conn, caller, after)
            before = (last.score, last.case_id)
        rows = store.queue(
            conn,
            livemode=caller.livemode,
            statuses=statuses,
            program_id=caller.program_id,
            limit=limit + 1,
            before=before,
        )
        return [_show_case(row.case, row.partner_id) for row in rows]

    return page_answer(await services_of(request).db.read(load), limit)


async def get_case(request: Request) -> Response:
    """Answer GET /v1/cases/{id}: findings, covered conversions, commissions, verdicts."""
    caller = await check_caller(request, "read")
    given = request.path_params["id"]

    def load(conn: Connection) -> CaseView | None:
        return store.get_case(conn, _own_case(conn, caller, given).case_id, now_ms=caller.now_ms)

    view = await services_of(request).db.read(load)
    if view is None:
        raise not_found("case", given)
    return json_answer(_show_view(view))


async def post_verdict(request: Request) -> Response:
    """Answer POST /v1/cases/{id}/verdict."""
    caller = await check_caller(request, "cases")
    services = services_of(request)
    given = request.path_params["id"]
    case = await services.db.read(lambda conn: _own_case(conn, caller, given))
    body = await read_body(request)
    fields = convert(decode_object(body), VerdictBody)

    async def act() -> Response:
        try:
            result = await give_verdict(
                services.db,
                case_id=case.case_id,
                verdict=fields.verdict,
                action=fields.action,
                reason_code=fields.reason_code,
                public_text=fields.public_text,
                note=fields.note,
                deciding_finding=fields.deciding_finding,
                actor=caller.actor,
                now_ms=caller.now_ms,
            )
        except CaseConflictError as error:
            raise ProblemError(409, "case_conflict", str(error)) from error
        except CaseNotFoundError as error:
            raise not_found("case", given) from error
        except VerdictRefusedError as error:
            raise invalid(FieldError(field=error.field, message=str(error))) from error
        return json_answer(
            {
                "id": result.case.case_id,
                "status": result.case.status,
                "verdict_id": result.verdict.verdict_id,
                "conversions": result.statuses,
                "transfers": [transfer.transfer_id for transfer in result.transfers],
                "released": result.released,
            }
        )

    return await idempotent(request, caller, body, act)


def _own_case(conn: Connection, caller: Caller, given: str) -> CaseRow:
    case = store.case_row(conn, checked_id("cas", given))
    if case is None or (case.program_id, case.livemode) != (caller.program_id, caller.livemode):
        raise not_found("case", given)
    return case


def _show_case(case: CaseRow, partner_id: str) -> dict[str, Any]:
    return {
        "id": case.case_id,
        "kind": case.kind,
        "status": case.status,
        "score": case.score,
        "partner_id": partner_id,
        "enrollment_id": case.enrollment_id,
        "claimed_by": case.claimed_by,
        "livemode": case.livemode,
        "opened_at": show_instant(case.opened_at_ms),
        "due_at": show_instant(case.due_at_ms),
        "decided_at": None if case.decided_at_ms is None else show_instant(case.decided_at_ms),
    }


def _show_view(view: CaseView) -> dict[str, Any]:
    return _show_case(view.case, view.partner_id) | {
        "findings": [_show_finding(row) for row in view.findings],
        "conversions": [
            {"id": covered.conversion_id, "external_id": covered.external_id, "status": covered.status}
            for covered in view.conversions
        ],
        "commissions": [
            {
                "id": each.line.transfer_id,
                "conversion_id": each.line.conversion_id,
                "amount": each.line.amount_minor,
                "currency": each.line.currency,
                "status": each.view.status,
            }
            for each in view.commissions
        ],
        "verdicts": [
            {
                "id": row.verdict_id,
                "verdict": row.verdict,
                "action": row.action,
                "reason_code": row.reason_code,
                "public_text": row.public_text,
                "at": show_instant(row.at_ms),
            }
            for row in view.verdicts
        ],
    }


def _show_finding(row: FindingRow) -> dict[str, Any]:
    finding = row.finding
    return {
        "id": row.finding_id,
        "conversion_id": row.conversion_id,
        "rule": finding.rule,
        "family": finding.family,
        "fired": finding.fired,
        "factor_ppm": finding.factor_ppm,
        "evidence": finding.evidence,
        "sentence": write_sentence(finding, _ENGLISH),
    }


ROUTES = [
    Route("/v1/cases", list_cases, methods=["GET"], name="cases_list"),
    Route("/v1/cases/{id}", get_case, methods=["GET"], name="cases_get"),
    Route("/v1/cases/{id}/verdict", post_verdict, methods=["POST"], name="cases_verdict"),
]
