"""Table of events with names of the site's own."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, text

from tracker.db.columns import Blob, Flag, Id, Int64, Str
from tracker.db.metadata import table

# Rows go when their days are over (setting `custom_event_days`); a trigger of the migrations refuses changes.
custom_events = table(
    "custom_events",
    "Events with names of the site's own, accepted and kept as they came.",
    Column("event_id", Id("evt"), primary_key=True),
    Column("program_id", Id("prg"), ForeignKey("programs.program_id"), nullable=False),
    Column("livemode", Flag, nullable=False),
    Column("name", Str, nullable=False),
    Column("trust", Str, CheckConstraint("trust IN ('verified', 'unverified')", name="trust_known"), nullable=False),
    # The browser's id; null where it sent none, and then nothing tells a repetition.
    Column("browser_event_id", Str),
    Column("click_id", Str),
    Column("visitor_id", Str),
    Column("occurred_at_ms", Int64, nullable=False),
    Column("received_at_ms", Int64, nullable=False),
    Column("payload", Blob, nullable=False),
    # Query: was this event kept before?
    Index("ix_custom_events_browser_event", "program_id", "livemode", "browser_event_id", unique=True),
    # Query: what a browser did before a click (fraud facts).
    Index(
        "ix_custom_events_visitor",
        "visitor_id",
        "occurred_at_ms",
        sqlite_where=text("visitor_id IS NOT NULL"),
        postgresql_where=text("visitor_id IS NOT NULL"),
    ),
    # Query: newest accepted events.
    Index("ix_custom_events_received", "received_at_ms", "event_id"),
)
