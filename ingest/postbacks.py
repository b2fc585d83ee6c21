"""`GET|POST /r/pb/{key}`: what other trackers report of a click: leads, sales and what became of them.

The key in the address is secret, so a postback is verified. It is idempotent by click, transaction and status. A
refused one is kept with its cause; the roof records what passed.
"""

import hashlib
import re
from typing import Any

import msgspec

from ingest.amounts import minor_units
from ingest.browser_events import AGENT_MAX
from ingest.conversions import ConversionReport
from ingest.directory import Circumstances, PostbackOutcome, PostbackTarget
from ingest.http import NO_STORE, Answer, headers_of, read_body, require_identity
from ingest.postback_fields import (
    AMOUNT_NAMES,
    CLICK_NAMES,
    SUBS,
    TXID_NAMES,
    PostbackStatus,
    decimal_of,
    one_of,
    read_json,
    read_payload,
    read_query,
    status_of,
)
from ingest.problems import FieldError, ProblemError, invalid, too_many
from ingest.setup import EdgeSetup

SOURCE = "postback"
TXID_MAX = 118  # characters; with the status behind it, a refund's number still has 128
QUERY_MAX = 8 * 1024  # bytes of a postback's query

_CLICK_ID = re.compile(r"(?:clk_)?[A-Za-z0-9_-]{1,64}\Z")


async def take_postback(setup: EdgeSetup, scope: dict[str, Any], receive: Any, key: str) -> Answer:
    """Answer one postback: 200 `{id, status}`; raises ProblemError 404 for an unknown key."""
    target = setup.directory.postback(key)
    if target is None:
        raise ProblemError(404, "not_found", "There is no such postback address; copy it from the program's page.")
    allowance = setup.limits.call(target.key_id) if setup.limits is not None else None
    if allowance is not None and allowance.wait_s > 0:
        raise too_many(allowance.wait_s)
    headers = headers_of(scope)
    require_identity(headers)
    query = scope.get("query_string", b"")
    body = await read_body(receive, headers.get(b"content-length")) if scope["method"] == "POST" else b""
    payload = query + b"&" + body if query and body else query or body
    try:
        fields = _read_address(query) | _read_body(body, headers.get(b"content-type", b""))
        if query and body:
            payload = msgspec.json.encode(fields)
        outcome = await record_fields(setup, target, fields, now_ms=setup.now_ms())
    except ProblemError as problem:
        await _quarantine(setup, target, headers, code=problem.code, cause=problem.detail, payload=payload)
        raise
    if outcome.is_changed:
        cause = "amount: this click, transaction and status came before with another amount; the first one counts."
        await _quarantine(setup, target, headers, code="changed", cause=cause, payload=payload)
    shown = msgspec.json.encode({"id": outcome.conversion_id, "status": "received"})
    return Answer(200, [(b"content-type", b"application/json"), NO_STORE], shown)


async def record_payload(setup: EdgeSetup, target: PostbackTarget, payload: bytes, *, now_ms: int) -> PostbackOutcome:
    """Record a postback that was kept, as it is or corrected, as if it came at an instant. Raises ProblemError."""
    return await record_fields(setup, target, read_payload(payload), now_ms=now_ms)


async def record_fields(
    setup: EdgeSetup, target: PostbackTarget, fields: dict[str, str], *, now_ms: int
) -> PostbackOutcome:
    """Record a postback's fields; raises ProblemError 409 (taken number) or 422 (a wrong field)."""
    report = read_report(setup, target, fields, now_ms=now_ms)
    outcome = await setup.sink.record_postback(report)
    if outcome.is_conflict:
        name, _ = one_of(fields, TXID_NAMES)
        message = f'"{report.refund_of or report.external_id}" was reported before with other content.'
        raise ProblemError(409, "conflict", f"{name}: {message}", errors=(FieldError(field=name, message=message),))
    return outcome


def read_report(setup: EdgeSetup, target: PostbackTarget, fields: dict[str, str], *, now_ms: int) -> ConversionReport:
    """Return the report a postback makes; raises ProblemError 422 naming the field.

    A refund without an amount takes back all that is left; the roof, which knows the sale, fills it in.
    """
    status = status_of(fields)
    click_name, click_id = one_of(fields, CLICK_NAMES)
    if click_id is not None and not _CLICK_ID.match(click_id):
        message = f'"{click_id[:40]}" is no click id: 1 to 64 of A-Z a-z 0-9 _ -, with or without clk_ before it.'
        raise invalid(FieldError(field=click_name, message=message))
    txid_name, txid = one_of(fields, TXID_NAMES)
    if txid is not None and len(txid) > TXID_MAX:
        raise invalid(FieldError(field=txid_name, message=f"A transaction id has at most {TXID_MAX} characters."))
    click = None if click_id is None else click_id.removeprefix("clk_") or click_id
    if click is None and (txid is None or status in ("lead", "sale")):
        raise invalid(FieldError(field=click_name, message="Required: the click this belongs to."))
    number = txid or click or ""
    amount, currency = _amount(setup, target, fields, status)
    is_back = status in ("rejected", "refund")
    return ConversionReport(
        program_id=target.program_id,
        livemode=target.livemode,
        kind="refund" if is_back else "lead" if status == "lead" else "sale",
        trust="verified",
        external_id=f"{number}:{status}" if is_back else number,
        request_digest=hashlib.sha256(msgspec.json.encode([click, txid, status])).digest(),
        occurred_at_ms=now_ms,
        received_at_ms=now_ms,
        amount=amount,
        currency=currency,
        click_id=click_id,
        refund_of=number if is_back else None,
        subs={name: fields[name] for name in SUBS if name in fields},
        source=SOURCE,
    )


def _amount(
    setup: EdgeSetup, target: PostbackTarget, fields: dict[str, str], status: PostbackStatus
) -> tuple[int | None, str | None]:
    """Return the amount in minor units and its currency, the program's where none is named.

    A rejected transaction loses everything, whatever amount the tracker sends with it.
    """
    name, text = one_of(fields, AMOUNT_NAMES)
    currency = fields.get("currency", target.currency).upper()
    decimals = setup.decimals_of(currency, "currency")
    if text is None:
        if status == "sale":
            raise invalid(FieldError(field=name, message="A sale needs its amount, like 19.99."))
        return None, None
    minor = minor_units(decimal_of(name, text), currency=currency, decimals=decimals, field=name)
    return (None, None) if status == "rejected" else (minor, currency)


def _read_address(query: bytes) -> dict[str, str]:
    if len(query) > QUERY_MAX:
        raise ProblemError(414, "address_too_long", f"A query has at most {QUERY_MAX} bytes; send a form.")
    return read_query(query)


def _read_body(body: bytes, content_type: bytes) -> dict[str, str]:
    if not body:
        return {}
    kind = content_type.split(b";")[0].strip().lower()
    if kind == b"application/json":
        return read_json(body)
    if kind in (b"application/x-www-form-urlencoded", b""):
        return read_query(body)
    raise ProblemError(
        415, "unsupported_media_type", "Send the fields in the query, as a form, or as JSON (application/json)."
    )


async def _quarantine(
    setup: EdgeSetup, target: PostbackTarget, headers: dict[bytes, bytes], *, code: str, cause: str, payload: bytes
) -> None:
    agent = headers.get(b"user-agent", b"").decode("latin-1")[:AGENT_MAX]
    await setup.sink.quarantine(
        program_id=target.program_id,
        livemode=target.livemode,
        source=SOURCE,
        code=code,
        cause=cause,
        payload=payload,
        circumstances=Circumstances(headers={"user-agent": agent} if agent else {}),
    )
