"""The wire contract: what a browser sends to `/r/e`, and the click as the inbox keeps it.

Keys on the wire are one letter (docs/snippet.md lists them); fields here have their full names. Nothing in this module
knows partners, money or SQL.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from ingest.whereabouts import Whereabouts

WIRE_MAX = 8 * 1024  # bytes of one browser event; a typical one has 400
METADATA_KEYS_MAX = 20
METADATA_BYTES_MAX = 1024

# \Z, because $ also matches before a line break at the end; see test_line_break_at_the_end_is_no_id.
BrowserId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}\Z")]
# Where the snippet knows none it may send an empty text: its bytes are dearer than ours.
OptionalId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{0,64}\Z")]
AMOUNT_MAX = 10**13  # minor units; a hundred thousand million in most currencies
MinorAmount = Annotated[int, Meta(ge=0, le=AMOUNT_MAX)]
# Major units as a person writes them ("19.99"); ingest/amounts.py turns them into minor units.
DecimalAmount = Annotated[str, Meta(pattern=r"^[0-9]{1,14}(?:\.[0-9]{1,20})?\Z")]
CurrencyCode = Annotated[str, Meta(pattern=r"^[A-Za-z]{3}\Z")]  # taken in capitals
NormalCurrency = Annotated[str, Meta(pattern=r"^[A-Z]{3}\Z")]
ExternalId = Annotated[str, Meta(min_length=1, max_length=128)]
ExternalNumber = Annotated[int, Meta(ge=0, le=2**53)]  # taken as its digits
ReferralCode = Annotated[str, Meta(min_length=1, max_length=64)]
PAGE_URL_MAX = 2048  # characters that are kept of an address
Milliseconds = Annotated[int, Meta(ge=0, le=2**53)]
# A clock that was set back makes an event older than its sending; such an age counts as nothing.
Age = Annotated[int, Meta(ge=-(2**53), le=2**53)]
# SHA-256 in hexadecimal, or in Base64 with either alphabet.
Sha256 = Annotated[str, Meta(pattern=r"^(?:[0-9a-f]{64}|[A-Za-z0-9+/_-]{43}=?)\Z")]
NormalSha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]

ClickSource = Literal["snippet", "redirect", "pixel", "server"]

# Bits of `s`, set by the snippet.
STATE_FRAMED = 1 << 3
STATE_WEBDRIVER = 1 << 6
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
    "amount": "m",
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


class WireEvent(msgspec.Struct, frozen=True, kw_only=True, rename=_WIRE_KEYS):
    """One event in any spelling the wire takes; unknown keys are ignored so that newer snippets meet older servers."""

    key: Annotated[str, Meta(min_length=1, max_length=128)]
    # "click", "lead", "sale", or the name of a custom event; ingest/wire.py refuses other texts.
    kind: Annotated[str, Meta(min_length=1, max_length=32)]
    schema: Annotated[int, Meta(ge=1, le=1)] = 1
    event_id: BrowserId | None = None
    click_id: OptionalId | None = None
    visitor_id: OptionalId | None = None
    # Empty: the snippet found that the cookie belongs to this host alone; None: it does not know.
    cookie_domain: Annotated[str, Meta(max_length=253)] | None = None
    code: ReferralCode | None = None
    parameter: Annotated[str, Meta(max_length=64)] | None = None
    page_url: str | None = None
    http_referer: str | None = None
    age_ms: Age = 0
    sent_at_ms: Milliseconds | None = None
    state: Annotated[int, Meta(ge=0, le=0xFFFF)] = 0
    order_id: ExternalId | ExternalNumber | None = None
    amount: MinorAmount | DecimalAmount | None = None
    currency: CurrencyCode | None = None
    customer_id: ExternalId | ExternalNumber | None = None
    email_sha256: Sha256 | None = None
    email: Annotated[str, Meta(max_length=254)] | None = None
    coupon: ReferralCode | None = None
    metadata: Annotated[dict[str, Any], Meta(max_length=METADATA_KEYS_MAX)] | None = None
    build: Annotated[str, Meta(max_length=32)] | None = None
    webhook_id: Annotated[str, Meta(max_length=128)] | None = None
    webhook_timestamp: Annotated[str, Meta(max_length=20)] | Milliseconds | None = None
    webhook_signature: Annotated[str, Meta(max_length=512)] | None = None


class BrowserEvent(WireEvent, frozen=True, kw_only=True):
    """The event in its one normal spelling, which `ingest.wire.decode_event` brings every other into."""

    click_id: BrowserId | None = None
    visitor_id: BrowserId | None = None
    order_id: ExternalId | None = None
    currency: NormalCurrency | None = None
    customer_id: ExternalId | None = None
    email_sha256: NormalSha256 | None = None


class CustomEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event with a name of the site's own, kept as it came. Times in Unix ms."""

    program_id: str
    livemode: bool
    name: str
    trust: Literal["verified", "unverified"]
    # The browser's id of the event (`i`): the same again is a duplicate. None: it cannot be told.
    browser_event_id: str | None
    click_id: str | None
    visitor_id: str | None
    occurred_at_ms: int
    received_at_ms: int
    payload: bytes


class KeptEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Under which id a custom event is kept, and whether it had not been before."""

    event_id: str
    is_new: bool


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
    source: ClickSource
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
    # What was doubtful about the browser's times; see ingest/client_clock.py.
    warnings: tuple[str, ...] = ()
    # In the address's place ("") where no raw address may be stored.
    whereabouts: Whereabouts | None = None


_INBOX_ENCODER = msgspec.json.Encoder()
_INBOX_DECODER = msgspec.json.Decoder(InboxClick)


def encode_click(click: InboxClick) -> str:
    """Return the inbox form of a click."""
    return _INBOX_ENCODER.encode(click).decode()


def decode_click(body: str) -> InboxClick:
    """Return the click an inbox row holds."""
    return _INBOX_DECODER.decode(body)
