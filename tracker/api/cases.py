"""Cases and verdicts on the API: what a reviewer can do on the page, a program can do here."""

from gettext import NullTranslations
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from fraud_rules.sentences import write_sentence
from ingest.problems import FieldError, ProblemError, invalid
from tracker.api.access import Caller, check_caller, services_of
from tracker.api.answers import json_answer, not_found, page_answer, page_limit
from tracker.api.bodies import convert, decode_object, read_body
from tracker.api.idempotent import idempotent
from tracker.api.lists import checked_id, read_filters
from tracker.api.operation import Operation
from tracker.api.shapes import Page
from tracker.cases import store
from tracker.cases.claims import CaseNotFoundError
from tracker.cases.decide import WAIT_DAYS_MAX, CaseConflictError, VerdictRefusedError, as_of
from tracker.cases.review import give_verdict
from tracker.cases.types import (
    Action,
    CaseRow,
    CaseStatus,
    CaseView,
    Deed,
    FindingRow,
    MessageKind,
    ProposalRow,
    Proposed,
    ReviewResult,
    Verdict,
)
from tracker.instants import show_instant
from tracker.ledger.types import Status
from tracker.partners.types import EnrollmentStatus

_STATUSES: tuple[CaseStatus, ...] = get_args(CaseStatus)
SPOKEN_MAX = 100  # conversions a finding names; a habit of a partner rests on thousands
_ENGLISH = NullTranslations()  # the API speaks English; pages speak the reader's language


class VerdictBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of a verdict; closed lists are checked by the review itself."""

    verdict: Annotated[str, Meta(max_length=40)]
    action: Annotated[str, Meta(max_length=40)]
    reason_code: Annotated[str, Meta(max_length=40)]
    public_text: Annotated[str, Meta(max_length=1000)]
    deciding_finding: Annotated[str, Meta(max_length=80)] | None = None
    note: Annotated[str, Meta(max_length=1000)] = ""
    days: Annotated[int, Meta(ge=1, le=WAIT_DAYS_MAX)] | None = None


class ShownCase(msgspec.Struct, frozen=True, kw_only=True):
    """A case as the queue shows it; the score goes to 100, instants are ISO 8601 in UTC."""

    id: str
    kind: Literal["risk", "audit"]
    status: CaseStatus
    score: int
    partner_id: str
    enrollment_id: str
    claimed_by: str | None
    livemode: bool
    opened_at: str
    due_at: str
    decided_at: str | None
    postponed_until: str | None
    appealed_at: str | None


class ShownFinding(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule found, in numbers and as a sentence; without a conversion it speaks of the partner as a whole.

    `speaks_of`: further conversions it rests on, at most 100; `speaks_of_count` counts all of them.
    """

    id: str
    conversion_id: str | None
    rule: str
    family: str
    fired: bool
    factor_ppm: int
    evidence: dict[str, Any]
    sentence: str
    speaks_of: list[str]
    speaks_of_count: int


class CoveredLine(msgspec.Struct, frozen=True, kw_only=True):
    """A conversion that the case covers."""

    id: str
    external_id: str
    status: str


class FrozenLine(msgspec.Struct, frozen=True, kw_only=True):
    """A commission of the case; `amount` in minor units."""

    id: str
    conversion_id: str
    amount: int
    currency: str
    status: Status


class ShownVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict given before; an `undo` takes back the one it names."""

    id: str
    verdict: Verdict
    action: Deed
    reason_code: str
    public_text: str
    at: str
    undoes: str | None


class ShownMessage(msgspec.Struct, frozen=True, kw_only=True):
    """What the partner wrote: an answer to a question, or an appeal."""

    kind: MessageKind
    text: str
    at: str


class ShownProposal(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict that waits for a second person; `amounts` in minor units by currency."""

    id: str
    verdict: Verdict
    action: Action
    reason_code: str
    public_text: str
    amounts: dict[str, int]
    by: str
    at: str


class ShownView(ShownCase, frozen=True, kw_only=True):
    """A case with everything that speaks for and against it."""

    findings: list[ShownFinding]
    conversions: list[CoveredLine]
    commissions: list[FrozenLine]
    verdicts: list[ShownVerdict]
    messages: list[ShownMessage]
    proposal: ShownProposal | None


class ShownResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a verdict did: conversions' new statuses, transfers booked, how many commissions were released.

    `enrollment_status` is the partner's new one, null where it stays.
    """

    id: str
    status: CaseStatus
    due_at: str
    verdict_id: str
    conversions: dict[str, str]
    transfers: list[str]
    released: int
    enrollment_status: EnrollmentStatus | None


class ShownWait(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict over the program's limit: nothing has happened until a second person confirms it on the case's page."""

    id: str
    status: CaseStatus
    proposal: ShownProposal


async def list_cases(request: Request) -> Response:
    """Answer GET /v1/cases: the queue, highest score first."""
    caller = await check_caller(request)
    wanted = read_filters(request)["status"]
    limit = page_limit(request)
    statuses = _STATUSES if wanted is None else (wanted,)
    after = request.query_params.get("starting_after")

    def load(conn: Connection) -> list[ShownCase]:
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
        return [_show_case(as_of(row.case, caller.now_ms), row.partner_id) for row in rows]

    return page_answer(await services_of(request).db.read(load), limit)


async def get_case(request: Request) -> Response:
    """Answer GET /v1/cases/{id}: findings, covered conversions, commissions, verdicts."""
    caller = await check_caller(request)
    given = request.path_params["id"]

    def load(conn: Connection) -> CaseView | None:
        return store.get_case(conn, _own_case(conn, caller, given).case_id, now_ms=caller.now_ms)

    view = await services_of(request).db.read(load)
    if view is None:
        raise not_found("case", given)
    return json_answer(_show_view(msgspec.structs.replace(view, case=as_of(view.case, caller.now_ms))))


async def post_verdict(request: Request) -> Response:
    """Answer POST /v1/cases/{id}/verdict: 200 with what it did, 202 where a second person must confirm it."""
    caller = await check_caller(request)
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
                days=fields.days,
            )
        except CaseConflictError as error:
            raise ProblemError(409, "case_conflict", str(error)) from error
        except CaseNotFoundError as error:
            raise not_found("case", given) from error
        except VerdictRefusedError as error:
            raise invalid(FieldError(field=error.field, message=str(error))) from error
        if isinstance(result, Proposed):
            wait = ShownWait(
                id=result.case.case_id, status=result.case.status, proposal=_show_proposal(result.proposal)
            )
            return json_answer(wait, status=202)
        if result.enrollment_status is not None:
            await services.refresh()
        return json_answer(_show_result(result))

    return await idempotent(request, caller, body, act)


def _own_case(conn: Connection, caller: Caller, given: str) -> CaseRow:
    case = store.case_row(conn, checked_id("cas", given))
    if case is None or (case.program_id, case.livemode) != (caller.program_id, caller.livemode):
        raise not_found("case", given)
    return case


def _show_case(case: CaseRow, partner_id: str) -> ShownCase:
    return ShownCase(**_fields(case, partner_id))


def _fields(case: CaseRow, partner_id: str) -> dict[str, Any]:
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
        "decided_at": _shown_at(case.decided_at_ms),
        "postponed_until": _shown_at(case.postponed_until_ms),
        "appealed_at": _shown_at(case.appealed_at_ms),
    }


def _shown_at(at_ms: int | None) -> str | None:
    return None if at_ms is None else show_instant(at_ms)


def _show_result(result: ReviewResult) -> ShownResult:
    return ShownResult(
        id=result.case.case_id,
        status=result.case.status,
        due_at=show_instant(result.case.due_at_ms),
        verdict_id=result.verdict.verdict_id,
        conversions=result.statuses,
        transfers=[transfer.transfer_id for transfer in result.transfers],
        released=result.released,
        enrollment_status=result.enrollment_status,
    )


def _show_proposal(proposal: ProposalRow) -> ShownProposal:
    return ShownProposal(
        id=proposal.proposal_id,
        verdict=proposal.verdict,
        action=proposal.action,
        reason_code=proposal.reason_code,
        public_text=proposal.public_text,
        amounts=proposal.amounts,
        by=proposal.actor,
        at=show_instant(proposal.at_ms),
    )


def _show_view(view: CaseView) -> ShownView:
    return ShownView(
        **_fields(view.case, view.partner_id),
        findings=[_show_finding(row) for row in view.findings],
        conversions=[
            CoveredLine(id=covered.conversion_id, external_id=covered.external_id, status=covered.status)
            for covered in view.conversions
        ],
        commissions=[
            FrozenLine(
                id=each.line.transfer_id,
                conversion_id=each.line.conversion_id,
                amount=each.line.amount_minor,
                currency=each.line.currency,
                status=each.view.status,
            )
            for each in view.commissions
        ],
        verdicts=[
            ShownVerdict(
                id=row.verdict_id,
                verdict=row.verdict,
                action=row.action,
                reason_code=row.reason_code,
                public_text=row.public_text,
                at=show_instant(row.at_ms),
                undoes=row.undoes,
            )
            for row in view.verdicts
        ],
        messages=[ShownMessage(kind=row.kind, text=row.text, at=show_instant(row.at_ms)) for row in view.messages],
        proposal=None if view.proposal is None else _show_proposal(view.proposal),
    )


def _show_finding(row: FindingRow) -> ShownFinding:
    finding = row.finding
    return ShownFinding(
        id=row.finding_id,
        conversion_id=row.conversion_id,
        rule=finding.rule,
        family=finding.family,
        fired=finding.fired,
        factor_ppm=finding.factor_ppm,
        evidence=dict(finding.evidence),
        sentence=write_sentence(finding, _ENGLISH),
        speaks_of=list(finding.compared[:SPOKEN_MAX]),
        speaks_of_count=len(finding.compared),
    )


OPERATIONS = (
    Operation(
        method="GET",
        path="/v1/cases",
        endpoint=list_cases,
        name="cases_list",
        summary="List the queue for review, highest score first.",
        scope="read",
        answers={200: Page[ShownCase]},
        filters={"status": CaseStatus},
        is_list=True,
    ),
    Operation(
        method="GET",
        path="/v1/cases/{id}",
        endpoint=get_case,
        name="cases_get",
        summary="Read a case with its findings, conversions, commissions and verdicts.",
        scope="read",
        answers={200: ShownView},
    ),
    Operation(
        method="POST",
        path="/v1/cases/{id}/verdict",
        endpoint=post_verdict,
        name="cases_verdict",
        summary="Give a verdict on a case.",
        scope="cases",
        body=VerdictBody,
        example={
            "verdict": "legitimate",
            "action": "clear",
            "reason_code": "explained",
            "public_text": "Thank you for the explanation.",
        },
        answers={200: ShownResult, 202: ShownWait},
    ),
)
