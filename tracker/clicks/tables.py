"""Tables of projected clicks and what is derived from them; the inbox they come from is behind `Database.inbox`."""

from sqlalchemy import Column, ForeignKey, Index, PrimaryKeyConstraint, UniqueConstraint, text

from tracker.db.columns import Blob, Flag, Id, Int64, Str
from tracker.db.metadata import append_only, table

LATER_TOUCH = text("visitor_key IS NOT NULL")

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

click_programs = table(
    "click_programs",
    "A small number for each program that has clicks.",
    Column("program_number", Int64, primary_key=True, autoincrement=True),
    Column("program_id", Id("prg"), ForeignKey("programs.program_id"), nullable=False, unique=True),
)

click_enrollments = table(
    "click_enrollments",
    "A small number for each enrollment that has clicks.",
    Column("enrollment_number", Int64, primary_key=True, autoincrement=True),
    Column("enrollment_id", Id("enr"), ForeignKey("enrollments.enrollment_id"), nullable=False, unique=True),
)

click_texts = table(
    "click_texts",
    "Each distinct text of the clicks once: pages, referrers, codes, headers.",
    Column("text_id", Int64, primary_key=True, autoincrement=True),
    # The digest is indexed instead of the text, which may have 2,048 characters.
    Column("digest", Blob, nullable=False, unique=True),
    Column("text", Str, nullable=False),
)

# No foreign key leads from the clicks to click_texts: six look-ups a click cost a tenth of the insert, and texts go
# only together with the clicks that name them (see benchmarks/storage/README.md).
clicks = append_only(
    "clicks",
    "Referral visits; one row a click id and program. Its values are packed: tracker/clicks/store.py reads them.",
    Column("seq", Int64, primary_key=True, autoincrement=False),
    Column("program_number", Int64, ForeignKey("click_programs.program_number"), nullable=False),
    Column("enrollment_number", Int64, ForeignKey("click_enrollments.enrollment_number"), nullable=False),
    Column("click_key", Blob, nullable=False),
    # Null: the visitor is the click itself, the first touch of a browser.
    Column("visitor_key", Blob),
    Column("livemode", Flag, nullable=False),
    Column("source_id", Int64, nullable=False),
    Column("received_at_ms", Int64, nullable=False),
    Column("age_ms", Int64, nullable=False),
    Column("agent_id", Int64, ForeignKey("agents.agent_id"), nullable=False),
    Column("is_bot", Flag, nullable=False),
    Column("host_key", Blob),
    Column("net_key", Blob),
    # Under the next epoch's key, where the epoch ended soon (see ingest/address_keys.py).
    Column("next_host_key", Blob),
    Column("next_net_key", Blob),
    Column("masked_ip", Blob),
    Column("country", Str),
    Column("asn", Int64),
    Column("network_class_id", Int64),
    Column("page_id", Int64),
    # The end of the address from a long parameter value on: ad networks make one for each click.
    Column("page_tail", Str),
    Column("http_referer_id", Int64),
    Column("context_id", Int64),
    Column("code_id", Int64),
    Column("details", Str),
    # The key first: lists look a click or visitor up without naming the program.
    UniqueConstraint("click_key", "program_number"),
    # Query: touches of a visitor (attribution).
    Index("ix_clicks_visitor", "visitor_key", sqlite_where=LATER_TOUCH, postgresql_where=LATER_TOUCH),
    # Query: a partner's latest clicks (admin, API). SQLite keeps the row's number, which is `seq`, in every index;
    # named here it would be stored twice. On PostgreSQL the migration adds it.
    Index("ix_clicks_enrollment", "enrollment_number"),
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
    Column("enrollment_number", Int64, ForeignKey("click_enrollments.enrollment_number"), nullable=False),
    Column("day", Int64, nullable=False),
    Column("livemode", Flag, nullable=False),
    Column("clicks", Int64, nullable=False),
    Column("bots", Int64, nullable=False),
    PrimaryKeyConstraint("enrollment_number", "day", "livemode"),
)
# One tree instead of a table and its index: the sums read every row.
click_days.dialect_options["sqlite"]["with_rowid"] = False

drop_counts = table(
    "drop_counts",
    "How many events the edge dropped, per reason and UTC day.",
    Column("day", Int64, nullable=False),
    Column("reason", Str, nullable=False),
    Column("events", Int64, nullable=False),
    PrimaryKeyConstraint("day", "reason"),
)
