"""The wire contract: what a browser sends to `/r/e`, and the click as the inbox keeps it.

Keys on the wire are one letter (docs/snippet.md lists them); fields here have their full names. Nothing in this module
knows partners, money or SQL.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

WIRE_MAX = 8 * 1024  # bytes of one browser event; a typical one has 400
METADATA_KEYS_MAX = 20
METADATA_BYTES_MAX = 1024

# \Z, because $ also matches before a line break at the end; see test_line_break_at_the_end_is_no_id.
BrowserId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}\Z")]
MinorAmount = Annotated[int, Meta(ge=0, le=10**13)]
CurrencyCode = Annotated[str, Meta(pattern=r"^[A-Z]{3}\Z")]
ExternalId = Annotated[str, Meta(min_length=1, max_length=128)]
ReferralCode = Annotated[str, Meta(min_length=1, max_length=64)]
PageUrl = Annotated[str, Meta(max_length=2048)]
Milliseconds = Annotated[int, Meta(ge=0, le=2**53)]

# Bits of `s`, set by the snippet.
STATE_FRAMED = 1 << 3
STATE_GPC = 1 << 7

_WIRE_KEYS = {
    "schema": "v",
    "key": "k",
    "kind": "t",
    "event_id": "i",
    "click_id": "c",
    "visitor_id": "w",
    "cookie_domain": "g",
    "code": "r",
    "parameter": "p",
    "page_url": "u",
    "http_referer": "f",
    "age_ms": "a",
    "sent_at_ms": "z",
    "state": "s",
    "order_id": "o",
    "amount_minor": "m",
    "currency": "y",
    "customer_id": "x",
    "email_sha256": "h",
    "email": "e",
    "coupon": "q",
    "metadata": "d",
    "build": "n",
    "webhook_id": "webhook-id",
    "webhook_timestamp": "webhook-timestamp",
    "webhook_signature": "webhook-signature",
}


class BrowserEvent(msgspec.Struct, frozen=True, kw_only=True, rename=_WIRE_KEYS):
    """One event from the snippet; unknown keys are ignored so that newer snippets meet older servers."""

    key: Annotated[str, Meta(min_length=1, max_length=128)]
    kind: Literal["click", "lead", "sale"]
    schema: Annotated[int, Meta(ge=1, le=1)] = 1
    event_id: BrowserId | None = None
    click_id: BrowserId | None = None
    visitor_id: BrowserId | None = None
    cookie_domain: Annotated[str, Meta(max_length=253)] | None = None
    code: ReferralCode | None = None
    parameter: Annotated[str, Meta(max_length=64)] | None = None
    page_url: PageUrl | None = None
    http_referer: PageUrl | None = None
    age_ms: Milliseconds = 0
    sent_at_ms: Milliseconds | None = None
    state: Annotated[int, Meta(ge=0, le=0xFFFF)] = 0
    order_id: ExternalId | None = None
    amount_minor: MinorAmount | None = None
    currency: CurrencyCode | None = None
    customer_id: ExternalId | None = None
    email_sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")] | None = None
    email: Annotated[str, Meta(max_length=254)] | None = None
    coupon: ReferralCode | None = None
    metadata: Annotated[dict[str, Any], Meta(max_length=METADATA_KEYS_MAX)] | None = None
    build: Annotated[str, Meta(max_length=32)] | None = None
    webhook_id: Annotated[str, Meta(max_length=128)] | None = None
    webhook_timestamp: Annotated[str, Meta(max_length=20)] | Milliseconds | None = None
    webhook_signature: Annotated[str, Meta(max_length=512)] | None = None


class InboxClick(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A click as acknowledged: what was sent and what the server saw. Times in Unix ms.

    Encoded as a JSON array (field order is the format: append only), because names would double the row.
    """

    format: Literal[1] = 1
    program_id: str
    livemode: bool
    enrollment_id: str
    click_id: str
    visitor_id: str
    source: Literal["snippet", "redirect"]
    code: str
    age_ms: int
    address: str
    user_agent: str
    page_url: str | None
    http_referer: str | None
    parameter: str | None
    state: int
    event_id: str | None
    headers: dict[str, str]
    details: dict[str, Any] | None


_INBOX_ENCODER = msgspec.json.Encoder()
_INBOX_DECODER = msgspec.json.Decoder(InboxClick)


def encode_click(click: InboxClick) -> str:
    """Return the inbox form of a click."""
    return _INBOX_ENCODER.encode(click).decode()


def decode_click(body: str) -> InboxClick:
    """Return the click an inbox row holds."""
    return _INBOX_DECODER.decode(body)
