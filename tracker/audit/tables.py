"""Table of the audit trail: who changed what, chained so that a changed row shows."""

from sqlalchemy import Column, Index

from tracker.db.columns import Blob, Int64, Json, Str
from tracker.db.metadata import append_only

audit_entries = append_only(
    "audit_entries",
    "Every change to settings, people, cases and money, each row chained to the one before by SHA-256.",
    Column("seq", Int64, primary_key=True, autoincrement=False),
    Column("at_ms", Int64, nullable=False),
    # "user:usr_…", "key:key_…", "system:projector", "cli".
    Column("actor", Str, nullable=False),
    # "case.decided", "program.published": object and past action.
    Column("action", Str, nullable=False),
    Column("object_id", Str, nullable=False),
    Column("reason", Str, nullable=False),
    Column("before", Json),
    Column("after", Json),
    Column("previous_digest", Blob, nullable=False),
    Column("digest", Blob, nullable=False),
    # Query: history of one object.
    Index("ix_audit_entries_object", "object_id", "seq"),
)
