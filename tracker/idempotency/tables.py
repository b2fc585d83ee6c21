"""Table of answers already given, so that a repeated request gets the same one."""

from sqlalchemy import Column, ForeignKey, Index, PrimaryKeyConstraint

from tracker.db.columns import Blob, Flag, Id, Int64, Str
from tracker.db.metadata import table

idempotent_answers = table(
    "idempotent_answers",
    "Answers of writes that carried an Idempotency-Key, kept 30 days.",
    Column("program_id", Id("prg"), ForeignKey("programs.program_id"), nullable=False),
    Column("livemode", Flag, nullable=False),
    Column("idempotency_key", Str, nullable=False),
    Column("request_digest", Blob, nullable=False),
    Column("status_code", Int64, nullable=False),
    Column("body", Blob, nullable=False),
    Column("created_at_ms", Int64, nullable=False),
    PrimaryKeyConstraint("program_id", "livemode", "idempotency_key"),
    # Query: purge of answers older than 30 days.
    Index("ix_idempotent_answers_created", "created_at_ms"),
)
