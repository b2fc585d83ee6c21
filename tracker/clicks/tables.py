"""Tables of clicks: the append-only inbox, the projected clicks and what is derived from them."""

from sqlalchemy import Column, ForeignKey, Index, PrimaryKeyConstraint, UniqueConstraint

from tracker.db.columns import Blob, Flag, Id, Int64, Json, Str
from tracker.db.metadata import append_only, table

inbox = table(
    "inbox",
    "Acknowledged clicks as received, in order; no secondary index, so that appending stays cheap.",
    Column("seq", Int64, primary_key=True, autoincrement=True),
    Column("received_at_ms", Int64, nullable=False),
    Column("body", Str, nullable=False),
)
# Retention empties the inbox, yet a sequence number must never come back.
inbox.dialect_options["sqlite"]["autoincrement"] = True

cursors = table(
    "cursors",
    "How far each projection has read.",
    Column("name", Str, primary_key=True),
    Column("seq", Int64, nullable=False),
)

agents = table(
    "agents",
    "Each distinct user agent once, with what was read from it.",
    Column("agent_id", Int64, primary_key=True, autoincrement=True),
    Column("digest", Blob, nullable=False, unique=True),
    Column("text", Str, nullable=False),
    Column("agent_key", Str, nullable=False),
    Column("device", Str, nullable=False),
    Column("os", Str, nullable=False),
    Column("browser", Str, nullable=False),
    Column("is_bot", Flag, nullable=False),
    Column("bot_reason", Str),
)

clicks = append_only(
    "clicks",
    "Referral visits; one row a click id and program.",
    Column("seq", Int64, primary_key=True, autoincrement=False),
    Column("program_id", Id("prg"), ForeignKey("programs.program_id"), nullable=False),
    Column("click_id", Str, nullable=False),
    Column("enrollment_id", Id("enr"), ForeignKey("enrollments.enrollment_id"), nullable=False),
    Column("visitor_id", Str, nullable=False),
    Column("livemode", Flag, nullable=False),
    Column("source", Str, nullable=False),
    Column("occurred_at_ms", Int64, nullable=False),
    Column("received_at_ms", Int64, nullable=False),
    Column("agent_id", Int64, ForeignKey("agents.agent_id"), nullable=False),
    Column("is_bot", Flag, nullable=False),
    Column("host_key", Blob),
    Column("net_key", Blob),
    Column("masked_ip", Str),
    Column("country", Str),
    Column("page_url", Str),
    Column("http_referer", Str),
    Column("details", Json, nullable=False),
    UniqueConstraint("program_id", "click_id"),
    # Query: touches of a visitor (attribution).
    Index("ix_clicks_visitor", "program_id", "visitor_id", "occurred_at_ms"),
    # Query: a partner's latest clicks (admin, API).
    Index("ix_clicks_enrollment", "enrollment_id", "seq"),
)

identity_links = table(
    "identity_links",
    "Which browser visitor was seen with which customer.",
    Column("program_id", Id("prg"), ForeignKey("programs.program_id"), nullable=False),
    Column("visitor_id", Str, nullable=False),
    Column("customer_id", Id("cus"), nullable=False),
    Column("at_ms", Int64, nullable=False),
    PrimaryKeyConstraint("program_id", "visitor_id", "customer_id"),
    # Query: visitors of a customer (attribution).
    Index("ix_identity_links_customer", "customer_id"),
)

click_days = table(
    "click_days",
    "Clicks per enrollment and UTC day, kept by the projector.",
    Column("enrollment_id", Id("enr"), ForeignKey("enrollments.enrollment_id"), nullable=False),
    Column("day", Int64, nullable=False),
    Column("livemode", Flag, nullable=False),
    Column("clicks", Int64, nullable=False),
    Column("bots", Int64, nullable=False),
    PrimaryKeyConstraint("enrollment_id", "day", "livemode"),
)

drop_counts = table(
    "drop_counts",
    "How many events the edge dropped, per reason and UTC day.",
    Column("day", Int64, nullable=False),
    Column("reason", Str, nullable=False),
    Column("events", Int64, nullable=False),
    PrimaryKeyConstraint("day", "reason"),
)
