"""Tables of partners, their enrollments in programs, links, promo codes and sign-ins."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, UniqueConstraint, text

from tracker.db.columns import Blob, Flag, Id, Int64, Str
from tracker.db.metadata import append_only, table

partners = table(
    "partners",
    "Who refers: one row a person or company, in however many programs.",
    Column("partner_id", Id("prt"), primary_key=True),
    Column("name", Str, nullable=False),
    Column("email", Str, nullable=False, unique=True),
    Column("payout_email", Str),
    Column("phone", Str),
    Column("created_at_ms", Int64, nullable=False),
)

enrollments = table(
    "enrollments",
    "A partner in a program: status, code and rate override live here.",
    Column("enrollment_id", Id("enr"), primary_key=True),
    Column("program_id", Id("prg"), ForeignKey("programs.program_id"), nullable=False),
    Column("partner_id", Id("prt"), ForeignKey("partners.partner_id"), nullable=False, index=True),
    Column(
        "status",
        Str,
        CheckConstraint(
            "status IN ('invited', 'applied', 'active', 'paused', 'banned', 'left', 'declined', 'rejected')",
            name="status_known",
        ),
        nullable=False,
    ),
    # Upper case ASCII; unique in the program together with promo_codes (kept by the store).
    Column("code", Str, nullable=False),
    Column("rate_bps", Int64, CheckConstraint("rate_bps BETWEEN 0 AND 10000", name="rate_range")),
    Column("allow_own_purchases", Flag, nullable=False),
    Column("created_at_ms", Int64, nullable=False),
    # Keyed hash of where the partner is paid to, in one name space with a sale's; see tracker/fraud/payments.py.
    Column("payment_key", Str),
    UniqueConstraint("program_id", "partner_id"),
    UniqueConstraint("program_id", "code"),
    # Query: whose code a report named, in any program (attribution).
    Index("ix_enrollments_code", "code"),
    # Query: partners paid to one account (fraud facts).
    Index(
        "ix_enrollments_payment",
        "program_id",
        "payment_key",
        sqlite_where=text("payment_key IS NOT NULL"),
        postgresql_where=text("payment_key IS NOT NULL"),
    ),
)

enrollment_statuses = append_only(
    "enrollment_statuses",
    "Every status an enrollment had, from when, by whom and why; attribution reads it as of the conversion.",
    Column("seq", Int64, primary_key=True, autoincrement=True),
    Column("enrollment_id", Id("enr"), ForeignKey("enrollments.enrollment_id"), nullable=False, index=True),
    Column("status", Str, nullable=False),
    Column("effective_from_ms", Int64, nullable=False),
    Column("reason_code", Str, nullable=False),
    Column("actor", Str, nullable=False),
)

links = table(
    "links",
    "A partner's referral links; a slug is never given to another partner.",
    Column("link_id", Id("lnk"), primary_key=True),
    Column("enrollment_id", Id("enr"), ForeignKey("enrollments.enrollment_id"), nullable=False, index=True),
    Column("slug", Str, nullable=False, unique=True),
    Column("destination", Str, nullable=False),
    Column("created_at_ms", Int64, nullable=False),
)

promo_codes = table(
    "promo_codes",
    "Codes a buyer types; each belongs to one partner for ever.",
    Column("code_id", Id("cod"), primary_key=True),
    Column("program_id", Id("prg"), ForeignKey("programs.program_id"), nullable=False),
    Column("enrollment_id", Id("enr"), ForeignKey("enrollments.enrollment_id"), nullable=False, index=True),
    Column("code", Str, nullable=False),
    Column("valid_to_ms", Int64),
    Column("created_at_ms", Int64, nullable=False),
    UniqueConstraint("program_id", "code"),
    # Query: whose code a report named, in any program (attribution).
    Index("ix_promo_codes_code", "code"),
)

partner_logins = table(
    "partner_logins",
    "When, from which (keyed) address and browser a partner opened the private page; for self_network.",
    Column("seq", Int64, primary_key=True, autoincrement=True),
    Column("partner_id", Id("prt"), ForeignKey("partners.partner_id"), nullable=False),
    Column("at_ms", Int64, nullable=False),
    Column("host_key", Blob),
    # The same under the key of the next epoch, near the end of one.
    Column("next_host_key", Blob),
    Column("agent_key", Str),
    # Query: sign-ins of a partner around a lead (fraud facts).
    Index("ix_partner_logins_partner_at", "partner_id", "at_ms"),
)
