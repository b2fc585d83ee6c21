"""Records of partners, their enrollments in programs, links and promo codes."""

from typing import Literal, get_args

import msgspec

EnrollmentStatus = Literal["invited", "applied", "active", "paused", "banned", "left", "declined", "rejected"]
STATUSES: tuple[EnrollmentStatus, ...] = get_args(EnrollmentStatus)

# Why a status changed, as statements and the partner's page say it.
ReasonCode = Literal["joined", "requested", "inactive", "quality", "terms", "fraud", "mistake", "other"]
REASONS: tuple[ReasonCode, ...] = get_args(ReasonCode)


class Partner(msgspec.Struct, frozen=True, kw_only=True):
    """Who refers: a person or company, in however many programs."""

    partner_id: str
    name: str
    email: str
    payout_email: str | None
    phone: str | None
    created_at_ms: int


class Enrollment(msgspec.Struct, frozen=True, kw_only=True):
    """A partner in a program; `rate_bps` overrides the program's percentage when set."""

    enrollment_id: str
    program_id: str
    partner_id: str
    status: EnrollmentStatus
    code: str
    rate_bps: int | None
    allow_own_purchases: bool
    created_at_ms: int
    payment_key: str | None = None


class StatusChange(msgspec.Struct, frozen=True, kw_only=True):
    """A status an enrollment had, from when, by whom and why."""

    enrollment_id: str
    status: EnrollmentStatus
    effective_from_ms: int
    reason_code: str
    actor: str


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A referral link: `BASE/r/to/SLUG` leads to the destination."""

    link_id: str
    enrollment_id: str
    slug: str
    destination: str
    created_at_ms: int


class PromoCode(msgspec.Struct, frozen=True, kw_only=True):
    """A code a buyer types; valid up to and including `valid_to_ms`, for ever when None."""

    code_id: str
    program_id: str
    enrollment_id: str
    code: str
    valid_to_ms: int | None
    created_at_ms: int


class NewPartner(msgspec.Struct, frozen=True, kw_only=True):
    """What adding a partner made; `slug` is that of the first link."""

    partner_id: str
    enrollment_id: str
    code: str
    slug: str


class PartnerRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the list of partners: a partner in one program."""

    enrollment_id: str
    partner_id: str
    program_id: str
    name: str
    email: str
    status: EnrollmentStatus
    code: str
    created_at_ms: int


class LinkRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the list of links."""

    link_id: str
    slug: str
    destination: str
    partner_id: str
    partner_name: str
    program_id: str
    status: EnrollmentStatus
    created_at_ms: int


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """One sign-in of a partner to the private page: keyed address and browser."""

    at_ms: int
    host_key: bytes
    next_host_key: bytes | None = None
    agent_key: str | None
