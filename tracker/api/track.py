"""`POST /v1/track/lead|sale|refund`: what a shop's server reports.

Checks the report, records it once and answers 202; with `?wait=true` it is decided first and the answer explains it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ingest.client_address import normal_address
from ingest.conversions import ConversionKind, ConversionReport, CustomerReport, ItemReport
from ingest.events import BrowserId, CurrencyCode, ExternalId, MinorAmount, ReferralCode
from ingest.problems import FieldError, ProblemError, invalid
from tracker.api.access import Caller, check_caller, services_of
from tracker.api.answers import json_answer
from tracker.api.bodies import convert, decode_object, digest, read_body
from tracker.api.idempotent import idempotent
from tracker.api.times import parse_occurred
from tracker.conversions import store
from tracker.conversions.process import process_conversion
from tracker.conversions.show import show_outcome
from tracker.conversions.types import ConversionRow
from tracker.db.ids import IdError, canonical_id
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
    caller = await check_caller(request, "track")
    body = await read_body(request)
    try:
        fields = decode_object(body)
        report = _refund(fields, caller) if kind == "refund" else _conversion(kind, fields, caller)
        if kind == "refund":
            report = await _checked_refund(services_of(request), report)
        return await idempotent(request, caller, body, lambda: _record(request, report))
    except ProblemError as problem:
        await services_of(request).sink.quarantine(
            program_id=caller.program_id,
            livemode=caller.livemode,
            source=f"track_{kind}",
            code=problem.code,
            cause=problem.detail,
            payload=body,
        )
        raise


async def _record(request: Request, report: ConversionReport) -> Response:
    services = services_of(request)
    outcome = await services.sink.record_conversion(report)
    if outcome.status == "conflict":
        message = f'"{report.external_id}" was reported before with other content; use a new id or send the same again.'
        raise ProblemError(
            409, "conflict", f"external_id: {message}", errors=(FieldError(field="external_id", message=message),)
        )
    waits = request.query_params.get("wait") == "true"
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
    return json_answer(
        {
            "id": outcome.conversion_id,
            "status": "received",
            "livemode": report.livemode,
            "links": {"self": f"{services.settings.base_url}/v1/conversions/{outcome.conversion_id}"},
        },
        202,
    )


def _conversion(kind: ConversionKind, fields: dict[str, Any], caller: Caller) -> ConversionReport:
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
        program_id=caller.program_id,
        livemode=caller.livemode,
        kind=kind,
        trust="verified",
        external_id=body.external_id,
        request_digest=digest(fields),
        occurred_at_ms=parse_occurred(body.occurred_at, caller.now_ms),
        received_at_ms=caller.now_ms,
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
        metadata=_bounded(body.metadata),
        address=_address(body.ip),
        user_agent=body.user_agent,
    )


def _refund(fields: dict[str, Any], caller: Caller) -> ConversionReport:
    body = convert(fields, RefundBody)
    _known_currency(body.currency)
    return ConversionReport(
        program_id=caller.program_id,
        livemode=caller.livemode,
        kind="refund",
        trust="verified",
        external_id=body.external_id,
        request_digest=digest(fields),
        occurred_at_ms=parse_occurred(body.occurred_at, caller.now_ms),
        received_at_ms=caller.now_ms,
        amount=body.amount,
        currency=body.currency,
        refund_of=body.refund_of,
        metadata=_bounded(body.metadata),
    )


async def _checked_refund(services: Services, report: ConversionReport) -> ConversionReport:
    """Return the refund with the shop's own number of its sale; refuses what the sale, when it is here, contradicts."""
    sale = await services.db.read(lambda conn: _refunded_sale(conn, report))
    if sale is None:
        return report
    report = msgspec.structs.replace(report, refund_of=sale.external_id)
    if sale.trust != "verified":
        return report
    if sale.currency != report.currency:
        raise invalid(
            FieldError(field="currency", message=f"The sale was in {sale.currency}; refund it in the same currency.")
        )
    others = await services.db.read(lambda conn: store.refunds_of(conn, sale))
    given_back = sum(
        refund.amount_minor or 0
        for refund in others
        # One in another currency came before its sale and was rejected with it.
        if refund.external_id != report.external_id and refund.currency == sale.currency
    )
    left = (sale.amount_minor or 0) - given_back
    if (report.amount or 0) > left:
        raise invalid(
            FieldError(field="amount", message=f"{report.amount} is more than the {left} left of the sale; send less.")
        )
    return report


def _refunded_sale(conn: Connection, report: ConversionReport) -> ConversionRow | None:
    """Return the sale a refund names by the shop's number or by our id."""
    named = report.refund_of or ""
    sale = store.find_conversion(
        conn, program_id=report.program_id, livemode=report.livemode, kind="sale", external_id=named
    )
    if sale is not None:
        return sale
    try:
        sale = store.get_conversion(conn, canonical_id("cnv", named))
    except IdError:
        return None
    if sale is None or (sale.program_id, sale.livemode, sale.kind) != (report.program_id, report.livemode, "sale"):
        return None
    return sale


def _known_currency(code: str) -> None:
    try:
        check_currency(code)
    except InputError as error:
        raise invalid(FieldError(field=error.field, message=str(error))) from error


def _bounded(metadata: dict[str, Any]) -> dict[str, Any]:
    if len(msgspec.json.encode(metadata)) > METADATA_BYTES_MAX:
        raise invalid(FieldError(field="metadata", message=f"Metadata has at most {METADATA_BYTES_MAX} bytes of JSON."))
    return metadata


def _address(text: str | None) -> str | None:
    if text is None:
        return None
    address = normal_address(text)
    if address is None:
        raise invalid(FieldError(field="ip", message=f'"{text[:45]}" is not an IP address; send the buyer\'s or none.'))
    return address


ROUTES = [
    Route("/v1/track/lead", _track_as("lead"), methods=["POST"], name="track_lead"),
    Route("/v1/track/sale", _track_as("sale"), methods=["POST"], name="track_sale"),
    Route("/v1/track/refund", _track_as("refund"), methods=["POST"], name="track_refund"),
]
