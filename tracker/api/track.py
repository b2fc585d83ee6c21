"""`POST /v1/track/lead|sale|refund`: what a shop's server reports.

Checks the report, records it once and answers 202; with `?wait=true` it is decided first and the answer explains it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from ingest.client_address import normal_address
from ingest.conversions import ConversionKind, ConversionReport, CustomerReport, ItemReport, RecordOutcome
from ingest.events import BrowserId, CurrencyCode, ExternalId, MinorAmount, ReferralCode
from ingest.problems import FieldError, ProblemError, invalid
from tracker.api.access import Sender, check_caller, services_of
from tracker.api.answers import json_answer
from tracker.api.bodies import convert, decode_object, digest, read_body
from tracker.api.idempotent import idempotent
from tracker.api.operation import Operation
from tracker.api.refusals import RefusalsKept
from tracker.api.shapes import Links, Received
from tracker.api.times import parse_occurred
from tracker.conversions.process import process_conversion
from tracker.conversions.refunds import complete_refund
from tracker.conversions.show import ShownOutcome, show_outcome
from tracker.i18n.currencies import check_currency
from tracker.i18n.messages import InputError
from tracker.services import Services

WAIT_MAX_S = 5.0
METADATA_BYTES_MAX = 10_000
SUBS = ("sub1", "sub2", "sub3", "sub4", "sub5")

Sub = Annotated[str, Meta(max_length=255)]


class TrackBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of a lead or sale; see docs/api.md."""

    external_id: ExternalId
    amount: MinorAmount | None = None
    currency: CurrencyCode | None = None
    customer: CustomerReport | None = None
    click_id: BrowserId | None = None
    visitor_id: BrowserId | None = None
    promo_code: ReferralCode | None = None
    partner_code: ReferralCode | None = None
    lead_id: ExternalId | None = None
    items: Annotated[tuple[ItemReport, ...], Meta(max_length=200)] = ()
    discount: MinorAmount = 0
    tax: MinorAmount = 0
    shipping: MinorAmount = 0
    occurred_at: Annotated[str, Meta(max_length=40)] | None = None
    ip: Annotated[str, Meta(max_length=45)] | None = None
    user_agent: Annotated[str, Meta(max_length=4096)] | None = None
    sub1: Sub | None = None
    sub2: Sub | None = None
    sub3: Sub | None = None
    sub4: Sub | None = None
    sub5: Sub | None = None
    metadata: Annotated[dict[str, Any], Meta(max_length=50)] = {}


class RefundBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of a refund: of which sale, and how much of it."""

    external_id: ExternalId
    refund_of: ExternalId
    amount: MinorAmount
    currency: CurrencyCode
    occurred_at: Annotated[str, Meta(max_length=40)] | None = None
    metadata: Annotated[dict[str, Any], Meta(max_length=50)] = {}


def _track_as(kind: ConversionKind) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        return await track(request, kind)

    return endpoint


async def track(request: Request, kind: ConversionKind) -> Response:
    """Record one report; see the module."""
    caller = await check_caller(request)
    services = services_of(request)
    async with RefusalsKept(request, caller, source=f"track_{kind}"):
        body = await read_body(request)
        report = await read_report(services, kind, body, caller)
        return await idempotent(request, caller, body, lambda: _record(request, report))


async def read_report(services: Services, kind: ConversionKind, body: bytes, sender: Sender) -> ConversionReport:
    """Return the report in a body; raises ProblemError."""
    fields = decode_object(body)
    if kind == "refund":
        refund = _refund(fields, sender)
        return await services.db.read(lambda conn: complete_refund(conn, refund))
    return _conversion(kind, fields, sender)


async def record_report(services: Services, report: ConversionReport) -> RecordOutcome:
    """Store a report once and return what became of it; raises ProblemError 409 when its number is taken."""
    outcome = await services.sink.record_conversion(report)
    if outcome.status == "conflict":
        message = f'"{report.external_id}" was reported before with other content; use a new id or send the same again.'
        raise ProblemError(
            409, "conflict", f"external_id: {message}", errors=(FieldError(field="external_id", message=message),)
        )
    return outcome


async def _record(request: Request, report: ConversionReport) -> Response:
    services = services_of(request)
    outcome = await record_report(services, report)
    waits = bool(request.scope["query_string"]) and request.query_params.get("wait") == "true"
    if waits:
        try:
            async with asyncio.timeout(WAIT_MAX_S):
                await process_conversion(services, outcome.conversion_id)
        except TimeoutError:
            waits = False
    if waits or outcome.status == "replayed":
        now_ms = report.received_at_ms
        shown = await services.db.read(lambda conn: show_outcome(conn, outcome.conversion_id, now_ms=now_ms))
        return json_answer(shown)
    links = Links(self_=f"{services.settings.base_url}/v1/conversions/{outcome.conversion_id}")
    return json_answer(Received(id=outcome.conversion_id, livemode=report.livemode, links=links), 202)


def _conversion(kind: ConversionKind, fields: dict[str, Any], sender: Sender) -> ConversionReport:
    body = convert(fields, TrackBody)
    if kind == "sale" and body.amount is None:
        raise invalid(FieldError(field="amount", message="A sale needs its amount in minor units (cents)."))
    if body.amount is not None and body.currency is None:
        raise invalid(FieldError(field="currency", message="An amount needs its currency, like EUR."))
    if body.currency is not None:
        _known_currency(body.currency)
    if body.tax + body.shipping > (body.amount or 0):
        raise invalid(FieldError(field="tax", message="Tax and shipping are more than the amount that contains them."))
    return ConversionReport(
        program_id=sender.program_id,
        livemode=sender.livemode,
        kind=kind,
        trust="verified",
        external_id=body.external_id,
        request_digest=digest(fields),
        occurred_at_ms=parse_occurred(body.occurred_at, sender.now_ms),
        received_at_ms=sender.now_ms,
        amount=body.amount,
        currency=body.currency,
        tax=body.tax,
        shipping=body.shipping,
        discount=body.discount,
        customer=body.customer,
        click_id=body.click_id,
        visitor_id=body.visitor_id,
        promo_code=body.promo_code,
        partner_code=body.partner_code,
        lead_id=body.lead_id,
        items=body.items,
        subs={name: value for name in SUBS if (value := getattr(body, name)) is not None},
        metadata=bounded_metadata(body.metadata),
        address=checked_address(body.ip),
        user_agent=body.user_agent,
    )


def _refund(fields: dict[str, Any], sender: Sender) -> ConversionReport:
    body = convert(fields, RefundBody)
    _known_currency(body.currency)
    return ConversionReport(
        program_id=sender.program_id,
        livemode=sender.livemode,
        kind="refund",
        trust="verified",
        external_id=body.external_id,
        request_digest=digest(fields),
        occurred_at_ms=parse_occurred(body.occurred_at, sender.now_ms),
        received_at_ms=sender.now_ms,
        amount=body.amount,
        currency=body.currency,
        refund_of=body.refund_of,
        metadata=bounded_metadata(body.metadata),
    )


def _known_currency(code: str) -> None:
    try:
        check_currency(code)
    except InputError as error:
        raise invalid(FieldError(field=error.field, message=str(error))) from error


def bounded_metadata(metadata: dict[str, Any]) -> dict[str, Any]:
    """Return metadata that is not too large; raises ProblemError 422."""
    if len(msgspec.json.encode(metadata)) > METADATA_BYTES_MAX:
        raise invalid(FieldError(field="metadata", message=f"Metadata has at most {METADATA_BYTES_MAX} bytes of JSON."))
    return metadata


def checked_address(text: str | None) -> str | None:
    """Return an address in its normal form; raises ProblemError 422 for what is none."""
    if text is None:
        return None
    address = normal_address(text)
    if address is None:
        raise invalid(FieldError(field="ip", message=f'"{text[:45]}" is not an IP address; send the buyer\'s or none.'))
    return address


_ANSWERS = {200: ShownOutcome, 202: Received}

OPERATIONS = (
    Operation(
        method="POST",
        path="/v1/track/lead",
        endpoint=_track_as("lead"),
        name="track_lead",
        summary="Report a lead: somebody registered, asked, signed up.",
        scope="track",
        body=TrackBody,
        example={"external_id": "L-1001", "click_id": "Xb3vQ0", "customer": {"email": "buyer@mail.example"}},
        answers=_ANSWERS,
        can_wait=True,
    ),
    Operation(
        method="POST",
        path="/v1/track/sale",
        endpoint=_track_as("sale"),
        name="track_sale",
        summary="Report a sale.",
        scope="track",
        body=TrackBody,
        example={"external_id": "A-1001", "amount": 4990, "currency": "EUR", "click_id": "Xb3vQ0"},
        answers=_ANSWERS,
        can_wait=True,
    ),
    Operation(
        method="POST",
        path="/v1/track/refund",
        endpoint=_track_as("refund"),
        name="track_refund",
        summary="Report that money of a sale went back, in part or all of it.",
        scope="track",
        body=RefundBody,
        example={"external_id": "R-1001", "refund_of": "A-1001", "amount": 4990, "currency": "EUR"},
        answers=_ANSWERS,
        can_wait=True,
    ),
)
