"""Records of conversions as stored and as shown."""

from typing import Any, Literal

import msgspec

from ingest.network_classes import NetworkClass

ConversionStatus = Literal[
    "received", "attributed", "unattributed", "in_review", "accepted", "rejected", "part_refunded", "refunded"
]


class ConversionRow(msgspec.Struct, frozen=True, kw_only=True):
    """A stored conversion; amounts in minor units, times in Unix ms."""

    conversion_id: str
    seq: int
    program_id: str
    livemode: bool
    kind: Literal["lead", "sale", "refund"]
    external_id: str
    trust: Literal["verified", "unverified"]
    status: ConversionStatus
    request_digest: bytes
    amount_minor: int | None
    currency: str | None
    customer_id: str | None
    visitor_id: str | None
    click_id: str | None
    promo_code: str | None
    partner_code: str | None
    lead_id: str | None
    refund_of: str | None
    occurred_at_ms: int
    received_at_ms: int
    agent_id: int | None
    host_key: bytes | None
    net_key: bytes | None
    next_host_key: bytes | None = None
    next_net_key: bytes | None = None
    masked_ip: str | None
    country: str | None
    asn: int | None = None
    network_class: NetworkClass | None = None
    enrollment_id: str | None = None
    click_at_ms: int | None = None
    payment_key: str | None = None
    source: str | None = None
    signs: dict[str, Any] | None = None
    report: dict[str, Any]


class Customer(msgspec.Struct, frozen=True, kw_only=True):
    """A person at the shop."""

    customer_id: str
    program_id: str
    livemode: bool
    external_id: str | None
    email: str | None
    email_canonical: str | None
    phone: str | None
    phone_key: str | None = None
    email_domain: str | None = None
    name: str | None
    country: str | None
    created_at_ms: int
    erased_at_ms: int | None = None


class StoredDecision(msgspec.Struct, frozen=True, kw_only=True):
    """The newest decision about a conversion; `explanation` is what every face shows."""

    decision_id: str
    conversion_id: str
    version: int
    decided_at_ms: int
    cause: str
    run_id: str | None = None
    status: str
    via: str | None
    settings_version: int
    input_digest: bytes
    explanation: dict[str, Any]


class StoredCredit(msgspec.Struct, frozen=True, kw_only=True):
    """One part of a decision."""

    enrollment_id: str
    touch: str | None
    weight: str
    amount_minor: int


class StoredBinding(msgspec.Struct, frozen=True, kw_only=True):
    """A customer bound to an enrollment since a conversion."""

    program_id: str
    customer_id: str
    enrollment_id: str
    since_ms: int
    conversion_id: str


class ConversionFilter(msgspec.Struct, frozen=True, kw_only=True):
    """What a list of conversions shows; None means any."""

    livemode: bool = True
    program_id: str | None = None
    kind: str | None = None
    status: str | None = None
    trust: str | None = None
    enrollment_id: str | None = None
    # Credited most, any of these.
    enrollment_ids: tuple[str, ...] | None = None
    external_id: str | None = None
    created_from_ms: int | None = None
    created_to_ms: int | None = None
