"""The report of a lead, sale or refund, whichever door it came through.

The API and the browser door build a `ConversionReport`; the roof stores it. Field names are those of the server API.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from ingest.events import BrowserId, CurrencyCode, ExternalId, MinorAmount, ReferralCode

ConversionKind = Literal["lead", "sale", "refund"]
Trust = Literal["verified", "unverified"]


class CustomerReport(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The person at the shop, as far as the shop tells."""

    external_id: ExternalId | None = None
    email: Annotated[str, Meta(max_length=254)] | None = None
    phone: Annotated[str, Meta(max_length=40)] | None = None
    name: Annotated[str, Meta(max_length=200)] | None = None
    country: Annotated[str, Meta(pattern=r"^[A-Z]{2}\Z")] | None = None
    is_new: bool | None = None


class ItemReport(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One line of an order."""

    sku: Annotated[str, Meta(max_length=128)] | None = None
    category: Annotated[str, Meta(max_length=128)] | None = None
    quantity: Annotated[int, Meta(ge=0, le=10**9)] | None = None
    amount: MinorAmount | None = None


class BrowserSigns(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the sending browser said of itself beside its agent; None is not known.

    `platform` is its client hint (Sec-CH-UA-Platform, unquoted). Behind a proxy the HTTP version is the proxy's own and
    not known.
    """

    has_language: bool | None = None
    platform: str | None = None
    http_version: str | None = None


class ConversionReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A lead, sale or refund as reported, with what the server saw. Amounts in minor units, times in Unix ms."""

    program_id: str
    livemode: bool
    kind: ConversionKind
    trust: Trust
    external_id: ExternalId
    request_digest: bytes
    occurred_at_ms: int
    received_at_ms: int
    amount: int | None = None
    currency: CurrencyCode | None = None
    tax: int = 0
    shipping: int = 0
    discount: int = 0
    customer: CustomerReport | None = None
    email_sha256: str | None = None
    click_id: BrowserId | None = None
    visitor_id: BrowserId | None = None
    promo_code: ReferralCode | None = None
    partner_code: ReferralCode | None = None
    lead_id: str | None = None
    refund_of: str | None = None
    items: tuple[ItemReport, ...] = ()
    subs: dict[str, str] = {}
    metadata: dict[str, Any] = {}
    address: str | None = None
    user_agent: str | None = None
    # "api", "browser", "postback": leads no browser sent (an import) must not be judged as if one had.
    source: str = "api"
    # None for what no browser sent itself.
    signs: BrowserSigns | None = None
    # What was doubtful about the browser's times; see ingest/client_clock.py.
    warnings: tuple[str, ...] = ()


class RecordOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a report.

    `created`: stored. `replayed`: the same report was here before. `conflict`: the id is taken by another report.
    `confirmed`: a verified report of what a browser had claimed. `ignored`: a browser's claim about a known id.
    """

    conversion_id: str
    status: Literal["created", "replayed", "conflict", "confirmed", "ignored"]
