"""`POST /r/e`: clicks, leads and sales that a browser reports.

A click goes through named steps, each of which lets it pass or says why not; what passes waits for the group commit.
Leads and sales are claims unless their body is signed: they are recorded at once and never wait in the inbox.
"""

import hashlib
import json
import re
import time
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from ingest.conversions import ConversionReport, CustomerReport, Trust
from ingest.cookie import cookie_domain, cookie_value, read_cookie, set_cookie
from ingest.directory import Referral, Site
from ingest.drops import DropReason
from ingest.events import STATE_FRAMED, STATE_GPC, BrowserEvent, InboxClick, encode_click
from ingest.http import Answer, Headers, headers_of, read_body, require_identity
from ingest.problems import FieldError, ProblemError, invalid
from ingest.setup import EdgeSetup
from ingest.signatures import is_signed, signed_content
from ingest.strict_json import loads
from ingest.wire import decode_event

QUEUED_AGE_MAX_MS = 7 * 86_400_000  # the retry queue keeps events for 7 days; older ages are made up
AGENT_MAX = 512

_KEY_IN_BODY = re.compile(rb'"k"\s*:\s*"(pk_[A-Za-z0-9_]{1,120})"')
_NOTED_HEADERS = (b"accept-language", b"sec-ch-ua-platform", b"sec-fetch-site", b"sec-fetch-mode", b"sec-fetch-dest")

T = TypeVar("T")

RequestHeaders = dict[bytes, bytes]
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
CONVERSION_STEPS: tuple[Step, ...] = (check_origin, check_gpc)


async def take_event(setup: EdgeSetup, scope: dict[str, Any], receive: Any) -> Answer:
    """Answer one POST; a refused body of a known key is kept in quarantine."""
    headers = headers_of(scope)
    require_identity(headers)
    body = await read_body(receive, headers.get(b"content-length"))
    try:
        event = decode_event(body)
        site = setup.directory.site(event.key)
        if site is None:
            return _dropped(setup, None, headers, DropReason.UNKNOWN_KEY)
        if event.kind == "click":
            return await _take_click(setup, event, site, headers, scope)
        return await _take_conversion(setup, event, site, headers, scope, body=body)
    except ProblemError as problem:
        await _quarantine(setup, body, problem)
        raise


async def _take_click(
    setup: EdgeSetup, event: BrowserEvent, site: Site, headers: RequestHeaders, scope: dict[str, Any]
) -> Answer:
    click_id, code = _need(event.click_id, "c"), _need(event.code, "r")
    for step in CLICK_STEPS:
        reason = step(event, site, headers)
        if reason is not None:
            return _dropped(setup, site, headers, reason)
    referral = setup.directory.referral(site.program_id, code)
    if referral is None:
        return _dropped(setup, site, headers, DropReason.UNKNOWN_CODE, body=b'{"void":true}')
    now_ms = setup.now_ms()
    click = InboxClick(
        program_id=site.program_id,
        livemode=site.livemode,
        enrollment_id=referral.enrollment_id,
        click_id=click_id,
        visitor_id=event.visitor_id or click_id,
        source="snippet",
        code=referral.code,
        age_ms=min(event.age_ms, QUEUED_AGE_MAX_MS),
        address=setup.client_address(scope, headers),
        user_agent=_text(headers.get(b"user-agent"))[:AGENT_MAX],
        page_url=event.page_url,
        http_referer=event.http_referer,
        parameter=event.parameter,
        # What gets here either did not object or belongs to a program that ignores objections.
        state=event.state & ~STATE_GPC,
        event_id=event.event_id,
        headers={name.decode(): _text(headers[name])[:200] for name in _NOTED_HEADERS if name in headers},
        details=event.metadata,
    )
    await setup.buffer.put(now_ms, encode_click(click))
    return _taken(setup, event, site, headers, referral=referral, now_ms=now_ms)


async def _take_conversion(
    setup: EdgeSetup,
    event: BrowserEvent,
    site: Site,
    headers: RequestHeaders,
    scope: dict[str, Any],
    *,
    body: bytes,
) -> Answer:
    for step in CONVERSION_STEPS:
        reason = step(event, site, headers)
        if reason is not None:
            return _dropped(setup, site, headers, reason)
    trust = _trust_of(event, site, headers, body)
    now_ms = setup.now_ms()
    report = ConversionReport(
        program_id=site.program_id,
        livemode=site.livemode,
        kind="lead" if event.kind == "lead" else "sale",
        trust=trust,
        external_id=_external_id(event),
        request_digest=hashlib.sha256(msgspec.json.encode(_claimed(event), order="sorted")).digest(),
        occurred_at_ms=now_ms - min(event.age_ms, QUEUED_AGE_MAX_MS),
        received_at_ms=now_ms,
        amount=_need(event.amount_minor, "m") if event.kind == "sale" else event.amount_minor,
        currency=_currency(setup, event),
        customer=CustomerReport(external_id=event.customer_id, email=event.email),
        email_sha256=event.email_sha256,
        click_id=event.click_id,
        visitor_id=event.visitor_id or event.click_id,
        promo_code=event.coupon,
        partner_code=event.code,
        metadata=event.metadata or {},
        address=setup.client_address(scope, headers),
        user_agent=_text(headers.get(b"user-agent"))[:AGENT_MAX],
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
    return _taken(setup, event, site, headers, referral=None, now_ms=now_ms, extra=extra)


def _currency(setup: EdgeSetup, event: BrowserEvent) -> str | None:
    if event.currency is None and event.amount_minor is None:
        return None
    return setup.check_currency(_need(event.currency, "y"), "y")


def _external_id(event: BrowserEvent) -> str:
    if event.kind == "lead" and event.order_id is None and event.event_id is not None:
        return event.event_id
    return _need(event.order_id, "o")


def _claimed(event: BrowserEvent) -> dict[str, Any]:
    """Return what makes two reports the same: their content, not when and how they were sent."""
    fields: dict[str, Any] = msgspec.to_builtins(event)
    ways = {"i", "a", "z", "s", "n", "webhook-id", "webhook-timestamp", "webhook-signature"}
    return {name: value for name, value in fields.items() if name not in ways and value is not None}


def _trust_of(event: BrowserEvent, site: Site, headers: RequestHeaders, body: bytes) -> Trust:
    """Return verified for a signed body, unverified for an unsigned one; a wrong signature raises 401."""
    in_headers = headers.get(b"webhook-signature")
    if in_headers is not None:
        message_id, timestamp = _text(headers.get(b"webhook-id")), _text(headers.get(b"webhook-timestamp"))
        signature, content = _text(in_headers), body
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


def _taken(
    setup: EdgeSetup,
    event: BrowserEvent,
    site: Site,
    headers: RequestHeaders,
    *,
    referral: Referral | None,
    now_ms: int,
    extra: dict[str, Any] | None = None,
) -> Answer:
    """Return the 200 with what the snippet needs, and the cookie where it will be kept."""
    answer: dict[str, Any] = {"c": event.click_id, "r": referral.code if referral else event.code}
    answer["ttl"] = site.cookie_days * 86400
    if referral is not None:
        answer["partner"] = {"name": referral.partner_name}
    if extra:
        answer |= extra
    out = _cors(site, headers)
    cookie = _cookie(setup, event, site, headers, referral=referral, now_ms=now_ms)
    if cookie is not None:
        out.append((b"set-cookie", cookie.encode()))
    return Answer(200, out, msgspec.json.encode(answer))


def _cookie(
    setup: EdgeSetup,
    event: BrowserEvent,
    site: Site,
    headers: RequestHeaders,
    *,
    referral: Referral | None,
    now_ms: int,
) -> str | None:
    """Return Set-Cookie for a same-site request, so that the browser counts the cookie as the server's."""
    if headers.get(b"sec-fetch-site") not in (b"same-origin", b"same-site"):
        return None
    value = read_cookie(_text(headers.get(b"cookie")), setup.cookie_name)
    if value is None:
        if referral is None or event.click_id is None:
            return None
        value = cookie_value(click_id=event.click_id, code=referral.code, at_ms=now_ms, previous=None)
    host = _text(headers.get(b"host")).rsplit(":", 1)[0].lower()
    return set_cookie(
        name=setup.cookie_name,
        value=value,
        days=site.cookie_days,
        domain=cookie_domain(event.cookie_domain, host),
        secure=setup.is_secure,
    )


def _dropped(
    setup: EdgeSetup, site: Site | None, headers: RequestHeaders, reason: DropReason, *, body: bytes = b"{}"
) -> Answer:
    setup.sink.count_drop(reason.value)
    shown = [(b"x-molva-drop", reason.value.encode()), (b"access-control-expose-headers", b"X-Molva-Drop")]
    return Answer(200, [*_cors(site, headers), *shown], body)


def _cors(site: Site | None, headers: RequestHeaders) -> Headers:
    """Return the CORS headers: any origin may read, credentials only for the program's own."""
    origin = headers.get(b"origin")
    out: Headers = [(b"content-type", b"application/json")]
    if site is not None and origin is not None and origin.decode("latin-1") in site.origins:
        return [*out, (b"access-control-allow-origin", origin), (b"access-control-allow-credentials", b"true")]
    return [*out, (b"access-control-allow-origin", b"*")]


def answer_preflight(setup: EdgeSetup, scope: dict[str, Any]) -> Answer:
    """Answer OPTIONS: signed bodies carry headers that need asking for."""
    out: Headers = [
        (b"access-control-allow-methods", b"POST"),
        (b"access-control-allow-headers", b"content-type, webhook-id, webhook-timestamp, webhook-signature"),
        (b"access-control-max-age", b"86400"),
        *shared_with(setup, headers_of(scope).get(b"origin")),
    ]
    return Answer(204, out, b"")


def shared_with(setup: EdgeSetup, origin: bytes | None) -> Headers:
    """Return the CORS headers of an answer that belongs to no key: credentials for any program's origin."""
    if origin is None or not setup.directory.is_known_origin(origin.decode("latin-1")):
        return [(b"vary", b"Origin"), (b"access-control-allow-origin", b"*")]
    return [
        (b"vary", b"Origin"),
        (b"access-control-allow-origin", origin),
        (b"access-control-allow-credentials", b"true"),
    ]


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


def _text(value: bytes | None) -> str:
    return "" if value is None else value.decode("latin-1")
