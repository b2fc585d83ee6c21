"""The table of the allow list: whom named fraud rules leave alone, since when, on whose word."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index

from tracker.db.columns import Id, Int64, Json, Str
from tracker.db.metadata import table

allow_entries = table(
    "allow_entries",
    "Whom named fraud rules leave alone; an entry ends by its day or by being revoked and is never deleted.",
    Column("allow_id", Id("alw"), primary_key=True),
    Column("program_id", Id("prg"), ForeignKey("programs.program_id"), nullable=False),
    # Ids of the rules that stay silent.
    Column("rules", Json, nullable=False),
    # The conditions; all that are set must hold.
    Column("enrollment_id", Id("enr"), ForeignKey("enrollments.enrollment_id")),
    # Hashes of the address or network under every epoch's key that was known (see ingest/address_keys.py).
    Column("network_keys", Json),
    Column("network_scope", Str, CheckConstraint("network_scope IN ('host', 'net')", name="network_scope_known")),
    # Its part that may be shown.
    Column("network_text", Str),
    Column("email_domain", Str),
    Column("visitor_id", Str),
    # When the conversion happened, both ends included.
    Column("starts_at_ms", Int64),
    Column("ends_at_ms", Int64),
    Column("reason", Str, nullable=False),
    # The case it was made from.
    Column("case_id", Id("cas"), ForeignKey("cases.case_id")),
    Column("author", Str, nullable=False),
    Column("created_at_ms", Int64, nullable=False),
    # The first instant of receipt it does not cover any more.
    Column("expires_at_ms", Int64),
    Column("revoked_at_ms", Int64),
    Column("revoked_by", Str),
    CheckConstraint("(revoked_at_ms IS NULL) = (revoked_by IS NULL)", name="revoked_by_somebody"),
    CheckConstraint("(network_keys IS NULL) = (network_scope IS NULL)", name="network_has_scope"),
    CheckConstraint(
        "enrollment_id IS NOT NULL OR network_keys IS NOT NULL OR email_domain IS NOT NULL OR visitor_id IS NOT NULL"
        " OR starts_at_ms IS NOT NULL OR ends_at_ms IS NOT NULL",
        name="covers_somebody",
    ),
    # Query: the entries in force of a program (judging).
    Index("ix_allow_entries_program", "program_id", "revoked_at_ms"),
)
