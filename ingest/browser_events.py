"""`POST /r/e`: clicks, leads, sales and custom events that a browser reports.

A click goes through named steps, each of which lets it pass or says why not; what passes waits for the group commit.
Leads and sales are claims unless their body is signed: they are recorded at once and never wait in the inbox. Events
with a name of the site's own are kept as they came and move nothing.
"""

import base64
import hashlib
import json
import re
import time
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from ingest.amounts import minor_units
from ingest.answers import RequestHeaders, as_dropped, drop_reason, dropped, taken, text_of
from ingest.conversions import ConversionReport, CustomerReport, Trust
from ingest.directory import Site
from ingest.drops import DropReason
from ingest.events import PAGE_URL_MAX, STATE_FRAMED, STATE_GPC, BrowserEvent, CustomEvent, InboxClick, encode_click
from ingest.http import Answer, headers_of, read_body, require_identity
from ingest.install_check import is_check_code, sighting_of
from ingest.problems import FieldError, ProblemError, invalid
from ingest.setup import EdgeSetup
from ingest.signatures import is_signed, signed_content
from ingest.strict_json import loads
from ingest.wire import decode_event

QUEUED_AGE_MAX_MS = 7 * 86_400_000  # the retry queue keeps events for 7 days; older ages are made up
AGENT_MAX = 512
SHA256_HEX = 64  # characters

_KEY_IN_BODY = re.compile(rb'"k"\s*:\s*"(pk_[A-Za-z0-9_]{1,120})"')
_NOTED_HEADERS = (b"accept-language", b"sec-ch-ua-platform", b"sec-fetch-site", b"sec-fetch-mode", b"sec-fetch-dest")

T = TypeVar("T")

Step = Callable[[BrowserEvent, Site, RequestHeaders], DropReason | None]


def check_origin(_event: BrowserEvent, site: Site, headers: RequestHeaders) -> DropReason | None:
    """Pass events from the program's own pages; hygiene, not authentication."""
    origin = headers.get(b"origin")
    if origin is None or not site.origins or origin.decode("latin-1") in site.origins:
        return None
    return DropReason.ORIGIN_NOT_ALLOWED


def check_prefetch(_event: BrowserEvent, _site: Site, headers: RequestHeaders) -> DropReason | None:
    """Pass what a person asked for."""
    return DropReason.PREFETCH if b"prefetch" in headers.get(b"sec-purpose", b"") else None


def check_frame(event: BrowserEvent, _site: Site, _headers: RequestHeaders) -> DropReason | None:
    """Pass events of pages that are not framed by another site."""
    return DropReason.FRAMED if event.state & STATE_FRAMED else None


def check_gpc(event: BrowserEvent, site: Site, headers: RequestHeaders) -> DropReason | None:
    """Pass browsers that did not object to being tracked (Global Privacy Control)."""
    objects = headers.get(b"sec-gpc") == b"1" or bool(event.state & STATE_GPC)
    return DropReason.GPC if objects and site.gpc == "honor" else None


CLICK_STEPS: tuple[Step, ...] = (check_origin, check_prefetch, check_frame, check_gpc)
REPORT_STEPS: tuple[Step, ...] = (check_origin, check_gpc)


async def take_event(setup: EdgeSetup, scope: dict[str, Any], receive: Any) -> Answer:
    """Answer one POST; a refused body of a known key is kept in quarantine."""
    headers = headers_of(scope)
    require_identity(headers)
    body = await read_body(receive, headers.get(b"content-length"))
    try:
        event = decode_event(body)
        answer = await _answer(setup, event, headers, scope, body=body)
    except ProblemError as problem:
        await _quarantine(setup, body, problem)
        raise
    if event.kind == "click" and event.code is not None and is_check_code(event.code):
        await setup.sink.note_check(event.code, sighting_of(event, headers, drop_reason(answer)))
    return answer


async def _answer(
    setup: EdgeSetup, event: BrowserEvent, headers: RequestHeaders, scope: dict[str, Any], *, body: bytes
) -> Answer:
    site = setup.directory.site(event.key)
    if site is None:
        return dropped(setup, None, headers, DropReason.UNKNOWN_KEY)
    if event.kind == "click":
        return await _take_click(setup, event, site, headers, scope)
    reason = next((reason for step in REPORT_STEPS if (reason := step(event, site, headers))), None)
    if reason is not None:
        return dropped(setup, site, headers, reason)
    if event.kind in ("lead", "sale"):
        return await _take_conversion(setup, event, site, headers, scope, body=body)
    return await _take_custom(setup, event, site, headers, body=body)


async def _take_click(
    setup: EdgeSetup, event: BrowserEvent, site: Site, headers: RequestHeaders, scope: dict[str, Any]
) -> Answer:
    click_id, code = _need(event.click_id or None, "c"), _need(event.code, "r")
    for step in CLICK_STEPS:
        reason = step(event, site, headers)
        if reason is not None:
            return dropped(setup, site, headers, reason)
    referral = setup.directory.referral(site.program_id, code)
    if referral is None:
        return dropped(setup, site, headers, DropReason.UNKNOWN_CODE, body=b'{"void":true}')
    now_ms = setup.now_ms()
    click = InboxClick(
        program_id=site.program_id,
        livemode=site.livemode,
        enrollment_id=referral.enrollment_id,
        click_id=click_id,
        visitor_id=event.visitor_id or click_id,
        source="snippet",
        code=referral.code,
        age_ms=_age_ms(event),
        address=setup.client_address(scope, headers),
        user_agent=text_of(headers.get(b"user-agent"))[:AGENT_MAX],
        page_url=_shortened(event.page_url),
        http_referer=_shortened(event.http_referer),
        parameter=event.parameter,
        # What gets here either did not object or belongs to a program that ignores objections.
        state=event.state & ~STATE_GPC,
        event_id=event.event_id,
        headers={name.decode(): text_of(headers[name])[:200] for name in _NOTED_HEADERS if name in headers},
        details=event.metadata,
    )
    await setup.buffer.put(now_ms, encode_click(click))
    return taken(setup, event, site, headers, referral=referral, now_ms=now_ms)


async def _take_conversion(
    setup: EdgeSetup,
    event: BrowserEvent,
    site: Site,
    headers: RequestHeaders,
    scope: dict[str, Any],
    *,
    body: bytes,
) -> Answer:
    trust = _trust_of(event, site, headers, body)
    now_ms = setup.now_ms()
    amount = _amount(setup, event)
    report = ConversionReport(
        program_id=site.program_id,
        livemode=site.livemode,
        kind="lead" if event.kind == "lead" else "sale",
        trust=trust,
        external_id=_external_id(event),
        request_digest=hashlib.sha256(msgspec.json.encode(_claimed(event, amount), order="sorted")).digest(),
        occurred_at_ms=now_ms - _age_ms(event),
        received_at_ms=now_ms,
        amount=amount,
        currency=event.currency.upper() if event.currency else None,
        customer=CustomerReport(external_id=_text(event.customer_id), email=event.email),
        email_sha256=_as_hex(event.email_sha256),
        click_id=event.click_id or None,
        visitor_id=event.visitor_id or event.click_id or None,
        promo_code=event.coupon,
        partner_code=event.code,
        metadata=event.metadata or {},
        address=setup.client_address(scope, headers),
        user_agent=text_of(headers.get(b"user-agent"))[:AGENT_MAX],
        source="browser",
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


async def _take_custom(
    setup: EdgeSetup, event: BrowserEvent, site: Site, headers: RequestHeaders, *, body: bytes
) -> Answer:
    trust = _trust_of(event, site, headers, body)
    now_ms = setup.now_ms()
    custom = CustomEvent(
        program_id=site.program_id,
        livemode=site.livemode,
        name=event.kind,
        trust=trust,
        browser_event_id=event.event_id,
        click_id=event.click_id or None,
        visitor_id=event.visitor_id or event.click_id or None,
        occurred_at_ms=now_ms - _age_ms(event),
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
    currency = _need(event.currency, "y").upper()
    decimals = setup.decimals_of(currency, "y")
    return None if event.amount is None else minor_units(event.amount, currency=currency, decimals=decimals)


def _external_id(event: BrowserEvent) -> str:
    if event.kind == "lead" and event.order_id is None and event.event_id is not None:
        return event.event_id
    return str(_need(event.order_id, "o"))


def _text(number: str | int | None) -> str | None:
    """Return a shop's number as text; pages often hold it as a number."""
    return None if number is None else str(number)


def _age_ms(event: BrowserEvent) -> int:
    return max(0, min(event.age_ms, QUEUED_AGE_MAX_MS))


def _shortened(url: str | None) -> str | None:
    return url[:PAGE_URL_MAX] if url else url


def _as_hex(digest: str | None) -> str | None:
    """Return a SHA-256 in hexadecimal; browsers make Base64 with fewer bytes of script."""
    if digest is None or len(digest) == SHA256_HEX:
        return digest
    return base64.urlsafe_b64decode(digest.rstrip("=").replace("+", "-").replace("/", "_") + "=").hex()


def _claimed(event: BrowserEvent, amount: int | None) -> dict[str, Any]:
    """Return what makes two reports the same: their content, not when, how and in which spelling it was sent."""
    texts = {"o": _text(event.order_id), "x": _text(event.customer_id), "h": _as_hex(event.email_sha256)}
    texts |= {
        "y": event.currency and event.currency.upper(),
        "c": event.click_id or None,
        "w": event.visitor_id or None,
    }
    fields: dict[str, Any] = msgspec.to_builtins(event) | texts | {"m": amount}
    ways = {"i", "a", "z", "s", "n", "webhook-id", "webhook-timestamp", "webhook-signature"}
    return {name: value for name, value in fields.items() if name not in ways and value is not None}


def _trust_of(event: BrowserEvent, site: Site, headers: RequestHeaders, body: bytes) -> Trust:
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
        now_s=int(time.time()),
    ):
        return "verified"
    raise ProblemError(
        401,
        "bad_signature",
        "The signature does not fit this body, or its timestamp is more than 300 s off; sign the exact body again.",
    )


async def _quarantine(setup: EdgeSetup, body: bytes, problem: ProblemError) -> None:
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
    )


def _need(value: T | None, wire_key: str) -> T:
    if value is None:
        raise invalid(FieldError(field=wire_key, message="Required for this kind of event."))
    return value
