"""`POST /r/e`: clicks, leads, sales and custom events that a browser reports.

A click goes through named steps, each of which lets it pass or says why not; what passes waits for the group commit.
Leads and sales are claims unless their body is signed: they are recorded at once and never wait in the inbox. Events
with a name of the site's own are kept as they came and move nothing.
"""

import hashlib
import json
import re
from typing import Any, TypeVar

import msgspec

from ingest.amounts import minor_units
from ingest.answers import as_dropped, drop_reason, dropped, taken, text_of
from ingest.buffer import Pending
from ingest.click_pipeline import CLICK_STEPS, REPORT_STEPS, Arrival, RequestHeaders, first_refusal
from ingest.client_clock import read_client_time
from ingest.conversions import BrowserSigns, ConversionReport, CustomerReport, Trust
from ingest.directory import Circumstances, Referral, Site
from ingest.drops import DropReason
from ingest.events import PAGE_URL_MAX, STATE_GPC, BrowserEvent, CustomEvent, InboxClick, encode_click
from ingest.http import Answer, headers_of, read_body, require_identity
from ingest.install_check import is_check_code, sighting_of
from ingest.problems import TOO_MANY, FieldError, ProblemError, invalid, too_many
from ingest.setup import EdgeSetup
from ingest.signatures import is_signed, signed_content
from ingest.strict_json import loads
from ingest.wire import decode_event

AGENT_MAX = 512

_KEY_IN_BODY = re.compile(rb'"k"\s*:\s*"(pk_[A-Za-z0-9_]{1,120})"')
_NOTED_HEADERS = (b"accept-language", b"sec-ch-ua-platform", b"sec-fetch-site", b"sec-fetch-mode", b"sec-fetch-dest")
SIGNATURE_HEADERS = (b"webhook-id", b"webhook-timestamp", b"webhook-signature")
_REPLAY_HEADERS = (
    *(b"origin", b"user-agent", b"sec-gpc", b"sec-purpose"),
    *_NOTED_HEADERS,
    *SIGNATURE_HEADERS,
)

T = TypeVar("T")


async def take_event(setup: EdgeSetup, scope: dict[str, Any], receive: Any) -> Answer:
    """Answer one POST; a refused body of a known key is kept in quarantine."""
    headers = headers_of(scope)
    require_identity(headers)
    body = await read_body(receive, headers.get(b"content-length"))
    try:
        return await take_body(setup, body, headers, scope)
    except ProblemError as problem:
        if problem.status != TOO_MANY:
            await _quarantine(setup, body, headers, problem)
        raise


def begin_click(setup: EdgeSetup, body: bytes, scope: dict[str, Any]) -> Answer | Pending | None:
    """Return what a usual click comes to, before it is stored; None for everything else, which `take_event` takes.

    Raises ProblemError as `take_event` does.
    """
    headers = headers_of(scope)
    require_identity(headers)
    event = decode_event(body)
    if event.kind != "click" or (event.code is not None and is_check_code(event.code)):
        return None
    return _take_click(setup, event, setup.directory.site(event.key), headers, scope)


async def take_body(setup: EdgeSetup, body: bytes, headers: RequestHeaders, scope: dict[str, Any]) -> Answer:
    """Answer one event; a refused one comes this way again once a person has corrected it. Raises ProblemError."""
    event = decode_event(body)
    answer = await _answer(setup, event, headers, scope, body=body)
    if event.kind == "click" and event.code is not None and is_check_code(event.code):
        await setup.sink.note_check(event.code, sighting_of(event, headers, drop_reason(answer)))
    return answer


async def _answer(
    setup: EdgeSetup, event: BrowserEvent, headers: RequestHeaders, scope: dict[str, Any], *, body: bytes
) -> Answer:
    site = setup.directory.site(event.key)
    if event.kind == "click":
        return await setup.buffer.answer(_take_click(setup, event, site, headers, scope))
    if site is None:
        return dropped(setup, None, headers, DropReason.UNKNOWN_KEY)
    reason = first_refusal(REPORT_STEPS, _arrival(event, site, headers, referral=None))
    if reason is not None:
        return dropped(setup, site, headers, reason)
    if event.kind in ("lead", "sale"):
        return await _take_conversion(setup, event, site, headers, scope, body=body)
    return await _take_custom(setup, event, site, headers, scope, body=body)


def _arrival(event: BrowserEvent, site: Site, headers: RequestHeaders, *, referral: Referral | None) -> Arrival:
    origin = headers.get(b"origin")
    return Arrival(
        headers=headers,
        page_origin=None if origin is None else origin.decode("latin-1"),
        origins=site.origins,
        gpc=site.gpc,
        state=event.state,
        referral=referral,
    )


def _take_click(
    setup: EdgeSetup, event: BrowserEvent, site: Site | None, headers: RequestHeaders, scope: dict[str, Any]
) -> Answer | Pending:
    if site is None:
        return dropped(setup, None, headers, DropReason.UNKNOWN_KEY)
    click_id, code = _need(event.click_id, "c"), _need(event.code, "r")
    referral = setup.directory.referral(site.program_id, code)
    reason = first_refusal(CLICK_STEPS["snippet"], _arrival(event, site, headers, referral=referral))
    if reason is not None or referral is None:
        body = b'{"void":true}' if reason is DropReason.UNKNOWN_CODE else b"{}"
        return dropped(setup, site, headers, reason or DropReason.UNKNOWN_CODE, body=body)
    address = setup.client_address(scope, headers)
    if setup.limits is not None:
        _refuse_flood(setup, setup.limits.click(address))
    now_ms = setup.now_ms()
    age_ms, warnings = read_client_time(event, now_ms)
    click = InboxClick(
        program_id=site.program_id,
        livemode=site.livemode,
        enrollment_id=referral.enrollment_id,
        click_id=click_id,
        visitor_id=event.visitor_id or click_id,
        source="snippet",
        code=referral.code,
        age_ms=age_ms,
        address=address,
        user_agent=text_of(headers.get(b"user-agent"))[:AGENT_MAX],
        page_url=_shortened(event.page_url),
        http_referer=_shortened(event.http_referer),
        parameter=event.parameter,
        # What gets here either did not object or belongs to a program that ignores objections.
        state=event.state & ~STATE_GPC,
        event_id=event.event_id,
        headers={name.decode(): text_of(headers[name])[:200] for name in _NOTED_HEADERS if name in headers},
        details=event.metadata,
        warnings=warnings,
    )
    answer = taken(setup, event, site, headers, referral=referral, now_ms=now_ms)
    return Pending(now_ms, encode_click(click), answer)


async def _take_conversion(
    setup: EdgeSetup,
    event: BrowserEvent,
    site: Site,
    headers: RequestHeaders,
    scope: dict[str, Any],
    *,
    body: bytes,
) -> Answer:
    now_ms = setup.now_ms()
    trust = _trust_of(event, site, headers, body, now_ms=now_ms)
    amount = _amount(setup, event)
    external_id = _external_id(event)
    address = setup.client_address(scope, headers)
    _limit_claims(setup, trust, address)
    age_ms, warnings = read_client_time(event, now_ms)
    report = ConversionReport(
        program_id=site.program_id,
        livemode=site.livemode,
        kind="lead" if event.kind == "lead" else "sale",
        trust=trust,
        external_id=external_id,
        request_digest=hashlib.sha256(msgspec.json.encode(_claimed(event, amount), order="sorted")).digest(),
        occurred_at_ms=now_ms - age_ms,
        received_at_ms=now_ms,
        amount=amount,
        currency=event.currency,
        customer=CustomerReport(external_id=event.customer_id, email=event.email),
        email_sha256=event.email_sha256,
        click_id=event.click_id,
        visitor_id=event.visitor_id or event.click_id,
        promo_code=event.coupon,
        partner_code=event.code,
        metadata=event.metadata or {},
        address=address,
        user_agent=text_of(headers.get(b"user-agent"))[:AGENT_MAX],
        source="browser",
        signs=_signs(headers, scope),
        warnings=warnings,
    )
    outcome = await setup.sink.record_conversion(report)
    if outcome.status == "conflict":
        raise ProblemError(
            409,
            "conflict",
            f'o: "{report.external_id}" was reported before with other content; use a new id or send the same again.',
            errors=(FieldError(field="o", message="Already used by another report."),),
        )
    extra = {"id": outcome.conversion_id, "status": "received", "trust": trust}
    return taken(setup, event, site, headers, referral=None, now_ms=now_ms, extra=extra)


def _signs(headers: RequestHeaders, scope: dict[str, Any]) -> BrowserSigns:
    hint = headers.get(b"sec-ch-ua-platform")
    # A proxy speaks a version of its own, often 1.0.
    is_direct = not any(name in headers for name in (b"x-forwarded-for", b"forwarded", b"via"))
    version = str(scope.get("http_version") or "")[:8] if is_direct else ""
    return BrowserSigns(
        has_language=bool(headers.get(b"accept-language", b"").strip()),
        platform=None if hint is None else text_of(hint).strip(' "')[:40] or None,
        http_version=version or None,
    )


async def _take_custom(
    setup: EdgeSetup,
    event: BrowserEvent,
    site: Site,
    headers: RequestHeaders,
    scope: dict[str, Any],
    *,
    body: bytes,
) -> Answer:
    now_ms = setup.now_ms()
    trust = _trust_of(event, site, headers, body, now_ms=now_ms)
    _limit_claims(setup, trust, setup.client_address(scope, headers))
    custom = CustomEvent(
        program_id=site.program_id,
        livemode=site.livemode,
        name=event.kind,
        trust=trust,
        browser_event_id=event.event_id,
        click_id=event.click_id,
        visitor_id=event.visitor_id or event.click_id,
        occurred_at_ms=now_ms - read_client_time(event, now_ms).age_ms,
        received_at_ms=now_ms,
        payload=body,
    )
    kept = await setup.sink.keep_event(custom)
    answer = taken(setup, event, site, headers, referral=None, now_ms=now_ms, extra={"id": kept.event_id})
    return answer if kept.is_new else as_dropped(setup, answer, DropReason.DUPLICATE)


def _amount(setup: EdgeSetup, event: BrowserEvent) -> int | None:
    """Return the amount in minor units; a sale needs one, and an amount needs a known currency."""
    if event.kind == "sale":
        _need(event.amount, "m")
    if event.amount is None and event.currency is None:
        return None
    currency = _need(event.currency, "y")
    decimals = setup.decimals_of(currency, "y")
    return None if event.amount is None else minor_units(event.amount, currency=currency, decimals=decimals)


def _external_id(event: BrowserEvent) -> str:
    if event.kind == "lead" and event.order_id is None and event.event_id is not None:
        return event.event_id
    return _need(event.order_id, "o")


def _limit_claims(setup: EdgeSetup, trust: Trust, address: str) -> None:
    """Refuse floods of what anybody can send; what a shop signed is never too much."""
    if setup.limits is not None and trust == "unverified":
        _refuse_flood(setup, setup.limits.report(address))


def _refuse_flood(setup: EdgeSetup, wait_s: float) -> None:
    """Answer 429, after which the snippet's queue tries again: a drop would lose real events for good."""
    if wait_s > 0:
        setup.sink.count_drop(DropReason.RATE_LIMITED.value)
        raise too_many(wait_s, headers={"X-Molva-Drop": DropReason.RATE_LIMITED.value})


def _shortened(url: str | None) -> str | None:
    return url[:PAGE_URL_MAX] if url else url


def _claimed(event: BrowserEvent, amount: int | None) -> dict[str, Any]:
    """Return what makes two reports the same: their content, not when and how it was sent."""
    fields: dict[str, Any] = msgspec.to_builtins(event) | {"m": amount}
    ways = {"i", "a", "z", "s", "n", "webhook-id", "webhook-timestamp", "webhook-signature"}
    return {name: value for name, value in fields.items() if name not in ways and value is not None}


def _trust_of(event: BrowserEvent, site: Site, headers: RequestHeaders, body: bytes, *, now_ms: int) -> Trust:
    """Return verified for a signed body, unverified for an unsigned one; a wrong signature raises 401."""
    in_headers = headers.get(b"webhook-signature")
    if in_headers is not None:
        message_id, timestamp = text_of(headers.get(b"webhook-id")), text_of(headers.get(b"webhook-timestamp"))
        signature, content = text_of(in_headers), body
    elif event.webhook_signature is not None:
        message_id, timestamp = event.webhook_id or "", str(event.webhook_timestamp or "")
        loads(body)  # Refuses what no signer means; the signer's own spelling is what was signed.
        signature, content = event.webhook_signature, signed_content(json.loads(body))
    else:
        return "unverified"
    if is_signed(
        site.signing_secrets,
        message_id=message_id,
        timestamp=timestamp,
        signature=signature,
        content=content,
        now_s=now_ms // 1000,
    ):
        return "verified"
    raise ProblemError(
        401,
        "bad_signature",
        "The signature does not fit this body, or its timestamp is more than 300 s off; sign the exact body again.",
    )


async def _quarantine(setup: EdgeSetup, body: bytes, headers: RequestHeaders, problem: ProblemError) -> None:
    """Keep a refused event when the key in it is known."""
    match = _KEY_IN_BODY.search(body)
    site = setup.directory.site(match[1].decode()) if match else None
    if site is None:
        return
    await setup.sink.quarantine(
        program_id=site.program_id,
        livemode=site.livemode,
        source="browser_event",
        code=problem.code,
        cause=problem.detail,
        payload=body,
        circumstances=Circumstances(headers=_kept_headers(site, headers)),
    )


def _kept_headers(site: Site, headers: RequestHeaders) -> dict[str, str]:
    """Return the headers that taking a body again needs; who objects to being tracked leaves no browser's name."""
    objects = headers.get(b"sec-gpc") == b"1" and site.gpc == "honor"
    names = (b"origin", b"sec-gpc") if objects else _REPLAY_HEADERS
    return {name.decode(): text_of(headers[name])[:AGENT_MAX] for name in names if name in headers}


def _need(value: T | None, wire_key: str) -> T:
    if value is None:
        raise invalid(FieldError(field=wire_key, message="Required for this kind of event."))
    return value
