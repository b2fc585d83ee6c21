"""Tables of conversions, the customers behind them and the decisions about whose merit they are."""

from typing import Any

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, PrimaryKeyConstraint, UniqueConstraint, text

from tracker.db.columns import Blob, Flag, Id, Int64, Json, Str
from tracker.db.metadata import append_only, table


def _known(column: str) -> dict[str, Any]:
    """Return what makes an index hold the rows alone where the column is set."""
    condition = text(f"{column} IS NOT NULL")
    return {"sqlite_where": condition, "postgresql_where": condition}


customers = table(
    "customers",
    "People at the shop as it names them, one row a program, mode and external id (or e-mail when there is none).",
    Column("customer_id", Id("cus"), primary_key=True),
    Column("program_id", Id("prg"), ForeignKey("programs.program_id"), nullable=False),
    Column("livemode", Flag, nullable=False),
    Column("external_id", Str),
    Column("email", Str),
    # Canonical mailbox (dots, tags and provider twins folded); see fraud_rules/identity.py.
    Column("email_canonical", Str),
    Column("phone", Str),
    # The phone as fraud_rules.identity.phone_digits reads it in the program's region, and the registrable domain of
    # the mailbox: what people are compared by.
    Column("phone_key", Str),
    Column("email_domain", Str),
    Column("name", Str),
    Column("country", Str),
    Column("created_at_ms", Int64, nullable=False),
    # When everything but the ids was taken away (tracker/privacy/erase.py).
    Column("erased_at_ms", Int64),
    UniqueConstraint("program_id", "livemode", "external_id"),
    # Query: people of a program with one mailbox (dup_person_email, customers without external id).
    Index("ix_customers_email_canonical", "program_id", "livemode", "email_canonical"),
    # Query: people of a program with one phone (page of a case).
    Index(
        "ix_customers_phone",
        "program_id",
        "livemode",
        "phone",
        sqlite_where=text("phone IS NOT NULL"),
        postgresql_where=text("phone IS NOT NULL"),
    ),
    # Query: other customers with one phone (fraud facts).
    Index("ix_customers_phone_key", "program_id", "livemode", "phone_key", **_known("phone_key")),
    # Query: how many people have their mailbox at one domain (fraud facts), counted from the index alone.
    Index(
        "ix_customers_email_domain",
        "program_id",
        "livemode",
        "email_domain",
        "email_canonical",
        **_known("email_domain"),
    ),
    # Query: the newest customers of a program, for how common a name is (fraud facts).
    Index("ix_customers_program", "program_id", "livemode", "customer_id"),
)

conversions = table(
    "conversions",
    "Leads, sales and refunds reported to us; the newest decision about each is in decisions.",
    Column("conversion_id", Id("cnv"), primary_key=True),
    Column("seq", Int64, nullable=False, unique=True),
    Column("program_id", Id("prg"), ForeignKey("programs.program_id"), nullable=False),
    Column("livemode", Flag, nullable=False),
    Column("kind", Str, CheckConstraint("kind IN ('lead', 'sale', 'refund')", name="kind_known"), nullable=False),
    Column("external_id", Str, nullable=False),
    Column("trust", Str, CheckConstraint("trust IN ('verified', 'unverified')", name="trust_known"), nullable=False),
    Column(
        "status",
        Str,
        CheckConstraint(
            "status IN ('received', 'attributed', 'unattributed', 'in_review', 'accepted', 'rejected',"
            " 'part_refunded', 'refunded')",
            name="status_known",
        ),
        nullable=False,
    ),
    Column("request_digest", Blob, nullable=False),
    Column("amount_minor", Int64, CheckConstraint("amount_minor BETWEEN 0 AND 10000000000000", name="amount_range")),
    Column("currency", Str),
    Column("customer_id", Id("cus"), ForeignKey("customers.customer_id")),
    Column("visitor_id", Str),
    Column("click_id", Str),
    Column("promo_code", Str),
    Column("partner_code", Str),
    Column("lead_id", Str),
    Column("refund_of", Str),
    Column("occurred_at_ms", Int64, nullable=False),
    Column("received_at_ms", Int64, nullable=False),
    Column("agent_id", Int64, ForeignKey("agents.agent_id")),
    Column("host_key", Blob),
    Column("net_key", Blob),
    # The same under the key of the next epoch, near the end of one (ingest/address_keys.py).
    Column("next_host_key", Blob),
    Column("next_net_key", Blob),
    Column("masked_ip", Str),
    Column("country", Str),
    # Number of the autonomous system and kind of network, as far as files told.
    Column("asn", Int64),
    Column("network_class", Str),
    # Set by the decision: who is credited most, and when the credited click was (for fraud facts and lists).
    Column("enrollment_id", Id("enr"), ForeignKey("enrollments.enrollment_id")),
    Column("click_at_ms", Int64),
    # Keyed hash of what paid (metadata.payment_fingerprint of a verified report); see tracker/fraud/payments.py.
    Column("payment_key", Str),
    # metadata.source of a verified report: "import" and "call-centre" mark what no browser sent.
    Column("source", Str),
    # What the sending browser said of itself beside its agent (ingest/conversions.py BrowserSigns).
    Column("signs", Json),
    # The report as sent, less the raw address.
    Column("report", Json, nullable=False),
    UniqueConstraint("program_id", "livemode", "kind", "external_id"),
    # Query: leads from one address (same_ip_leads).
    Index("ix_conversions_host", "program_id", "host_key", "received_at_ms"),
    # Query: the same across the boundary of an epoch.
    Index(
        "ix_conversions_next_host",
        "program_id",
        "next_host_key",
        "received_at_ms",
        sqlite_where=text("next_host_key IS NOT NULL"),
        postgresql_where=text("next_host_key IS NOT NULL"),
    ),
    # Query: conversions of one network (page of a case).
    Index(
        "ix_conversions_net",
        "program_id",
        "net_key",
        "received_at_ms",
        sqlite_where=text("net_key IS NOT NULL"),
        postgresql_where=text("net_key IS NOT NULL"),
    ),
    # Query: conversions of a person (binding, dup_person_email).
    Index("ix_conversions_customer", "customer_id", "occurred_at_ms"),
    # Query: conversions a click belongs to that arrived late (tracker/conversions/late.py).
    Index(
        "ix_conversions_click",
        "click_id",
        sqlite_where=text("click_id IS NOT NULL"),
        postgresql_where=text("click_id IS NOT NULL"),
    ),
    # Query: the same by its visitor.
    Index(
        "ix_conversions_visitor",
        "visitor_id",
        sqlite_where=text("visitor_id IS NOT NULL"),
        postgresql_where=text("visitor_id IS NOT NULL"),
    ),
    # Query: sales of a lead that is reported after them.
    Index(
        "ix_conversions_lead",
        "lead_id",
        sqlite_where=text("lead_id IS NOT NULL"),
        postgresql_where=text("lead_id IS NOT NULL"),
    ),
    # Query: refunds that wait for, or belong to, a sale.
    Index(
        "ix_conversions_refund_of", "program_id", "livemode", "refund_of", sqlite_where=text("refund_of IS NOT NULL")
    ),
    # Query: newest conversions of a program (admin, API).
    Index("ix_conversions_program_seq", "program_id", "livemode", "seq"),
    # Query: conversions of a program from an instant on (deciding again, previews of settings).
    Index("ix_conversions_occurred", "program_id", "occurred_at_ms"),
    # Query: leads a partner brought lately (fraud facts), counted and told apart from the index alone.
    Index(
        "ix_conversions_enrollment",
        "enrollment_id",
        "livemode",
        "occurred_at_ms",
        "kind",
        "trust",
        "lead_id",
        "seq",
        "conversion_id",
        "customer_id",
        "visitor_id",
        "host_key",
        "agent_id",
        "source",
        **_known("enrollment_id"),
    ),
    # Query: who else paid with the same (fraud facts).
    Index("ix_conversions_payment", "program_id", "livemode", "payment_key", **_known("payment_key")),
    # Query: uses of a promo code (fraud facts), counted from the index alone.
    Index(
        "ix_conversions_promo_code",
        "program_id",
        "livemode",
        "promo_code",
        "occurred_at_ms",
        "kind",
        "trust",
        "seq",
        "click_at_ms",
        "conversion_id",
        **_known("promo_code"),
    ),
    # Query: the newest delays from click to conversion (fraud facts), read from the index alone.
    Index(
        "ix_conversions_delays",
        "program_id",
        "livemode",
        "kind",
        "status",
        "seq",
        "occurred_at_ms",
        "click_at_ms",
        sqlite_where=text("click_at_ms IS NOT NULL"),
        postgresql_where=text("click_at_ms IS NOT NULL"),
    ),
)

decisions = append_only(
    "decisions",
    "Whose merit a conversion is and why; the highest version counts.",
    Column("decision_id", Id("dec"), primary_key=True),
    Column("conversion_id", Id("cnv"), ForeignKey("conversions.conversion_id"), nullable=False),
    Column("version", Int64, CheckConstraint("version >= 1", name="version_positive"), nullable=False),
    Column("decided_at_ms", Int64, nullable=False),
    # "reported", "confirmed", or the fact that came later: "late_click", "lead:cnv_…", "run:run_…"; see late.py.
    Column("cause", Str, nullable=False),
    # The run that made it; null: it was made as facts came in. No foreign key: SQLite adds none to a guarded table.
    Column("run_id", Id("run")),
    Column("status", Str, nullable=False),
    Column("via", Str),
    Column("settings_version", Int64, nullable=False),
    Column("input_digest", Blob, nullable=False),
    # The whole explanation: window, considered touches with reasons, precedence.
    Column("explanation", Json, nullable=False),
    UniqueConstraint("conversion_id", "version"),
    # Query: what a run decided.
    Index(
        "ix_decisions_run",
        "run_id",
        sqlite_where=text("run_id IS NOT NULL"),
        postgresql_where=text("run_id IS NOT NULL"),
    ),
)

credits = append_only(  # noqa: A001  # The table is called credits, as in the explanation.
    "credits",
    "The parts of a decision: which touch earned which exact share.",
    Column("decision_id", Id("dec"), ForeignKey("decisions.decision_id"), nullable=False),
    Column("position", Int64, nullable=False),
    Column("enrollment_id", Id("enr"), ForeignKey("enrollments.enrollment_id"), nullable=False, index=True),
    Column("touch", Str),
    # An exact rational as text ("2/5"); never a float.
    Column("weight", Str, nullable=False),
    Column("amount_minor", Int64, nullable=False),
    PrimaryKeyConstraint("decision_id", "position"),
    # Query: what was credited through a click (its page, the purge of clicks).
    Index(
        "ix_credits_touch", "touch", sqlite_where=text("touch IS NOT NULL"), postgresql_where=text("touch IS NOT NULL")
    ),
)

bindings = table(
    "bindings",
    "Which partner a customer belongs to since the first attributed conversion.",
    Column("program_id", Id("prg"), ForeignKey("programs.program_id"), nullable=False),
    Column("customer_id", Id("cus"), ForeignKey("customers.customer_id"), nullable=False),
    Column("enrollment_id", Id("enr"), ForeignKey("enrollments.enrollment_id"), nullable=False),
    Column("since_ms", Int64, nullable=False),
    Column("conversion_id", Id("cnv"), ForeignKey("conversions.conversion_id"), nullable=False),
    PrimaryKeyConstraint("program_id", "customer_id"),
)
