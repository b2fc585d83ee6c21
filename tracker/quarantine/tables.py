"""Table of events that were refused but belong to a known key: kept, never lost silently."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index

from tracker.db.columns import Blob, Flag, Id, Int64, Str
from tracker.db.metadata import table

quarantined_events = table(
    "quarantined_events",
    "Refused reports with their cause, so that a person can mend and send them again.",
    Column("event_id", Id("evt"), primary_key=True),
    Column("program_id", Id("prg"), ForeignKey("programs.program_id"), nullable=False),
    Column("livemode", Flag, nullable=False),
    Column("received_at_ms", Int64, nullable=False),
    # The route's name: "track_sale", "browser_event".
    Column("source", Str, nullable=False),
    Column("code", Str, nullable=False),
    Column("cause", Str, nullable=False),
    Column("payload", Blob, nullable=False),
    Column(
        "verdict",
        Str,
        CheckConstraint("verdict IN ('quarantined', 'accepted', 'discarded')", name="verdict_known"),
        nullable=False,
    ),
    # Query: newest refused events of a program.
    Index("ix_quarantined_events_program", "program_id", "received_at_ms"),
)
