"""Table of background work: rows with leases, claimed by the worker."""

from sqlalchemy import Column, Index, UniqueConstraint

from tracker.db.columns import Int64, Str
from tracker.db.metadata import table

jobs = table(
    "jobs",
    "Work that must happen: a conversion to decide, a refund to book.",
    Column("seq", Int64, primary_key=True, autoincrement=True),
    Column("kind", Str, nullable=False),
    Column("subject_id", Str, nullable=False),
    Column("run_at_ms", Int64, nullable=False),
    Column("leased_until_ms", Int64, nullable=False),
    Column("attempts", Int64, nullable=False),
    Column("last_error", Str, nullable=False),
    # What asked for it; null: the thing itself.
    Column("cause", Str),
    UniqueConstraint("kind", "subject_id"),
    # Query: the next job that is due.
    Index("ix_jobs_due", "run_at_ms", "seq"),
)
