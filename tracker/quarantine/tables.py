"""Tables of events that were refused but belong to a known key: kept, never lost silently."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, PrimaryKeyConstraint, text

from tracker.db.columns import Blob, Flag, Id, Int64, Json, Str
from tracker.db.metadata import table

quarantined_events = table(
    "quarantined_events",
    "Refused reports with their cause, so that a person can mend and send them again.",
    Column("event_id", Id("evt"), primary_key=True),
    Column("program_id", Id("prg"), ForeignKey("programs.program_id"), nullable=False),
    Column("livemode", Flag, nullable=False),
    Column("received_at_ms", Int64, nullable=False),
    # The door's name: "track_sale", "browser_event".
    Column("source", Str, nullable=False),
    # Why it is refused: at the door first, then as the newest attempt to take it again left it.
    Column("code", Str, nullable=False),
    Column("cause", Str, nullable=False),
    # As sent, cut at PAYLOAD_MAX; payload_bytes is the size before.
    Column("payload", Blob, nullable=False),
    Column(
        "verdict",
        Str,
        CheckConstraint("verdict IN ('quarantined', 'accepted', 'discarded')", name="verdict_known"),
        nullable=False,
    ),
    Column("payload_bytes", Int64, nullable=False),
    # Headers and the test clock, as the door needs them again.
    Column("circumstances", Json),
    # What a person made of the payload; null while nobody changed it.
    Column("corrected", Blob),
    Column("judged_at_ms", Int64),
    Column("judged_by", Str),
    # Why it was discarded.
    Column("judge_reason", Str),
    # What it became when it was taken: a conversion, a click, an event.
    Column("result_id", Str),
    # The number of the order or lead it was about, as far as it could be read.
    Column("external_id", Str),
    # Query: how many rows and bytes a door holds, and its oldest row of a cause.
    Index(
        "ix_quarantined_events_door",
        "program_id",
        "livemode",
        "source",
        "verdict",
        "code",
        "event_id",
        "payload_bytes",
    ),
    # Query: the newest events of a verdict; ids begin with their instant, so they sort by it.
    Index("ix_quarantined_events_verdict", "livemode", "verdict", "event_id"),
    # Query: what was refused about one order or lead (fraud facts).
    Index(
        "ix_quarantined_events_external_id",
        "program_id",
        "livemode",
        "external_id",
        sqlite_where=text("external_id IS NOT NULL"),
        postgresql_where=text("external_id IS NOT NULL"),
    ),
    # Query: events whose days are over.
    Index("ix_quarantined_events_received_at_ms", "received_at_ms"),
)

quarantine_losses = table(
    "quarantine_losses",
    "How many refused events made room for newer ones, by door and cause; nothing goes uncounted.",
    Column("program_id", Id("prg"), ForeignKey("programs.program_id"), nullable=False),
    Column("livemode", Flag, nullable=False),
    Column("source", Str, nullable=False),
    Column("code", Str, nullable=False),
    Column("events", Int64, nullable=False),
    Column("newest_at_ms", Int64, nullable=False),
    PrimaryKeyConstraint("program_id", "livemode", "source", "code"),
)
