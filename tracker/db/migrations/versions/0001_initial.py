"""The first schema.

Revision: 0001, after: nothing
"""

import sqlalchemy as sa
from alembic import op

from tracker.db.triggers import guard

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

INT64 = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
FLAG = sa.SmallInteger().with_variant(sa.Integer(), "sqlite")
ID = sa.LargeBinary(16)

APPEND_ONLY = (
    "audit_entries",
    "findings",
    "verdicts",
    "clicks",
    "decisions",
    "credits",
    "transfers",
    "entries",
    "holds",
    "enrollment_statuses",
    "program_versions",
)


def upgrade() -> None:
    _create_tables()
    _create_indexes()
    for table in APPEND_ONLY:
        guard(op.get_bind(), table)


def _create_tables() -> None:
    op.create_table(
        "agents",
        sa.Column("agent_id", INT64, nullable=False, autoincrement=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("agent_key", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("os", sa.Text(), nullable=False),
        sa.Column("browser", sa.Text(), nullable=False),
        sa.Column("is_bot", FLAG, nullable=False),
        sa.Column("bot_reason", sa.Text()),
        sa.PrimaryKeyConstraint("agent_id", name=op.f("pk_agents")),
        sa.UniqueConstraint("digest", name=op.f("uq_agents_digest")),
        comment="Each distinct user agent once, with what was read from it.",
        sqlite_strict=True,
    )
    op.create_table(
        "audit_entries",
        sa.Column("seq", INT64, nullable=False),
        sa.Column("at_ms", INT64, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("object_id", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("before", sa.Text()),
        sa.Column("after", sa.Text()),
        sa.Column("previous_digest", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_entries")),
        comment="Every change to settings, people, cases and money, each row chained to the one before by SHA-256.",
        sqlite_strict=True,
    )
    op.create_table(
        "cursors",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("seq", INT64, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_cursors")),
        comment="How far each projection has read.",
        sqlite_strict=True,
    )
    op.create_table(
        "drop_counts",
        sa.Column("day", INT64, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("events", INT64, nullable=False),
        sa.PrimaryKeyConstraint("day", "reason", name=op.f("pk_drop_counts")),
        comment="How many events the edge dropped, per reason and UTC day.",
        sqlite_strict=True,
    )
    op.create_table(
        "inbox",
        sa.Column("seq", INT64, nullable=False, autoincrement=True),
        sa.Column("received_at_ms", INT64, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_inbox")),
        comment="Acknowledged clicks as received, in order; no secondary index, so that appending stays cheap.",
        sqlite_strict=True,
        sqlite_autoincrement=True,
    )
    op.create_table(
        "jobs",
        sa.Column("seq", INT64, nullable=False, autoincrement=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Text(), nullable=False),
        sa.Column("run_at_ms", INT64, nullable=False),
        sa.Column("leased_until_ms", INT64, nullable=False),
        sa.Column("attempts", INT64, nullable=False),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_jobs")),
        sa.UniqueConstraint("kind", "subject_id", name=op.f("uq_jobs_kind_subject_id")),
        comment="Work that must happen: a conversion to decide, a refund to book.",
        sqlite_strict=True,
    )
    op.create_table(
        "login_failures",
        sa.Column("seq", INT64, nullable=False, autoincrement=True),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("at_ms", INT64, nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_login_failures")),
        comment="Failed sign-ins, counted per account and per network; rows older than the window are purged.",
        sqlite_strict=True,
    )
    op.create_table(
        "partners",
        sa.Column("partner_id", ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("payout_email", sa.Text()),
        sa.Column("phone", sa.Text()),
        sa.Column("created_at_ms", INT64, nullable=False),
        sa.PrimaryKeyConstraint("partner_id", name=op.f("pk_partners")),
        sa.UniqueConstraint("email", name=op.f("uq_partners_email")),
        comment="Who refers: one row a person or company, in however many programs.",
        sqlite_strict=True,
    )
    op.create_table(
        "programs",
        sa.Column("program_id", ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("created_at_ms", INT64, nullable=False),
        sa.CheckConstraint("length(currency) = 3", name=op.f("ck_programs_currency_iso")),
        sa.PrimaryKeyConstraint("program_id", name=op.f("pk_programs")),
        comment="What is offered to partners; its terms are in program_versions.",
        sqlite_strict=True,
    )
    op.create_table(
        "sequences",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", INT64, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_sequences")),
        comment="The last number given out per name; the row's lock keeps two transactions from sharing one.",
        sqlite_strict=True,
    )
    op.create_table(
        "users",
        sa.Column("user_id", ID, nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("created_at_ms", INT64, nullable=False),
        sa.Column("disabled_at_ms", INT64),
        sa.CheckConstraint(
            "role IN ('owner', 'admin', 'manager', 'reviewer', 'finance', 'viewer')", name=op.f("ck_users_role_known")
        ),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_users")),
        sa.UniqueConstraint("email", name=op.f("uq_users_email")),
        comment="Staff who sign in to the admin pages.",
        sqlite_strict=True,
    )
    op.create_table(
        "api_keys",
        sa.Column("key_id", ID, nullable=False),
        sa.Column("program_id", ID, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("livemode", FLAG, nullable=False),
        sa.Column("public_value", sa.Text()),
        sa.Column("digest", sa.LargeBinary()),
        sa.Column("last4", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("created_at_ms", INT64, nullable=False),
        sa.Column("revoked_at_ms", INT64),
        sa.Column("last_used_at_ms", INT64),
        sa.CheckConstraint(
            "kind IN ('publishable', 'secret', 'signing', 'postback')", name=op.f("ck_api_keys_kind_known")
        ),
        sa.ForeignKeyConstraint(["program_id"], ["programs.program_id"], name=op.f("fk_api_keys_program_id_programs")),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("digest", name=op.f("uq_api_keys_digest")),
        sa.UniqueConstraint("public_value", name=op.f("uq_api_keys_public_value")),
        comment="Keys of a program: publishable (browser), secret (server), signing (signed bodies).",
        sqlite_strict=True,
    )
    op.create_table(
        "customers",
        sa.Column("customer_id", ID, nullable=False),
        sa.Column("program_id", ID, nullable=False),
        sa.Column("livemode", FLAG, nullable=False),
        sa.Column("external_id", sa.Text()),
        sa.Column("email", sa.Text()),
        sa.Column("email_canonical", sa.Text()),
        sa.Column("phone", sa.Text()),
        sa.Column("name", sa.Text()),
        sa.Column("country", sa.Text()),
        sa.Column("created_at_ms", INT64, nullable=False),
        sa.ForeignKeyConstraint(["program_id"], ["programs.program_id"], name=op.f("fk_customers_program_id_programs")),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_customers")),
        sa.UniqueConstraint(
            "program_id", "livemode", "external_id", name=op.f("uq_customers_program_id_livemode_external_id")
        ),
        comment="People at the shop as it names them, one row a program, mode and external id (or e-mail when there is none).",
        sqlite_strict=True,
    )
    op.create_table(
        "enrollments",
        sa.Column("enrollment_id", ID, nullable=False),
        sa.Column("program_id", ID, nullable=False),
        sa.Column("partner_id", ID, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("rate_bps", INT64),
        sa.Column("allow_own_purchases", FLAG, nullable=False),
        sa.Column("created_at_ms", INT64, nullable=False),
        sa.CheckConstraint("rate_bps BETWEEN 0 AND 10000", name=op.f("ck_enrollments_rate_range")),
        sa.CheckConstraint(
            "status IN ('invited', 'applied', 'active', 'paused', 'banned', 'left', 'declined', 'rejected')",
            name=op.f("ck_enrollments_status_known"),
        ),
        sa.ForeignKeyConstraint(
            ["partner_id"], ["partners.partner_id"], name=op.f("fk_enrollments_partner_id_partners")
        ),
        sa.ForeignKeyConstraint(
            ["program_id"], ["programs.program_id"], name=op.f("fk_enrollments_program_id_programs")
        ),
        sa.PrimaryKeyConstraint("enrollment_id", name=op.f("pk_enrollments")),
        sa.UniqueConstraint("program_id", "code", name=op.f("uq_enrollments_program_id_code")),
        sa.UniqueConstraint("program_id", "partner_id", name=op.f("uq_enrollments_program_id_partner_id")),
        comment="A partner in a program: status, code and rate override live here.",
        sqlite_strict=True,
    )
    op.create_table(
        "idempotent_answers",
        sa.Column("program_id", ID, nullable=False),
        sa.Column("livemode", FLAG, nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("request_digest", sa.LargeBinary(), nullable=False),
        sa.Column("status_code", INT64, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("created_at_ms", INT64, nullable=False),
        sa.ForeignKeyConstraint(
            ["program_id"], ["programs.program_id"], name=op.f("fk_idempotent_answers_program_id_programs")
        ),
        sa.PrimaryKeyConstraint("program_id", "livemode", "idempotency_key", name=op.f("pk_idempotent_answers")),
        comment="Answers of writes that carried an Idempotency-Key, kept 30 days.",
        sqlite_strict=True,
    )
    op.create_table(
        "identity_links",
        sa.Column("program_id", ID, nullable=False),
        sa.Column("visitor_id", sa.Text(), nullable=False),
        sa.Column("customer_id", ID, nullable=False),
        sa.Column("at_ms", INT64, nullable=False),
        sa.ForeignKeyConstraint(
            ["program_id"], ["programs.program_id"], name=op.f("fk_identity_links_program_id_programs")
        ),
        sa.PrimaryKeyConstraint("program_id", "visitor_id", "customer_id", name=op.f("pk_identity_links")),
        comment="Which browser visitor was seen with which customer.",
        sqlite_strict=True,
    )
    op.create_table(
        "partner_logins",
        sa.Column("seq", INT64, nullable=False, autoincrement=True),
        sa.Column("partner_id", ID, nullable=False),
        sa.Column("at_ms", INT64, nullable=False),
        sa.Column("host_key", sa.LargeBinary()),
        sa.Column("agent_key", sa.Text()),
        sa.ForeignKeyConstraint(
            ["partner_id"], ["partners.partner_id"], name=op.f("fk_partner_logins_partner_id_partners")
        ),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_partner_logins")),
        comment="When, from which (keyed) address and browser a partner opened the private page; for self_network.",
        sqlite_strict=True,
    )
    op.create_table(
        "program_sites",
        sa.Column("program_id", ID, nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("created_at_ms", INT64, nullable=False),
        sa.ForeignKeyConstraint(
            ["program_id"], ["programs.program_id"], name=op.f("fk_program_sites_program_id_programs")
        ),
        sa.PrimaryKeyConstraint("program_id", "origin", name=op.f("pk_program_sites")),
        comment="Origins (scheme, host, port) whose pages may carry the program's tag and be linked to.",
        sqlite_strict=True,
    )
    op.create_table(
        "program_versions",
        sa.Column("program_id", ID, nullable=False),
        sa.Column("version", INT64, nullable=False),
        sa.Column("effective_from_ms", INT64, nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("published_by", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.CheckConstraint("version >= 1", name=op.f("ck_program_versions_version_positive")),
        sa.ForeignKeyConstraint(
            ["program_id"], ["programs.program_id"], name=op.f("fk_program_versions_program_id_programs")
        ),
        sa.PrimaryKeyConstraint("program_id", "version", name=op.f("pk_program_versions")),
        comment="The terms of a program from an instant on; a change is a new row.",
        sqlite_strict=True,
    )
    op.create_table(
        "quarantined_events",
        sa.Column("event_id", ID, nullable=False),
        sa.Column("program_id", ID, nullable=False),
        sa.Column("livemode", FLAG, nullable=False),
        sa.Column("received_at_ms", INT64, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "verdict IN ('quarantined', 'accepted', 'discarded')", name=op.f("ck_quarantined_events_verdict_known")
        ),
        sa.ForeignKeyConstraint(
            ["program_id"], ["programs.program_id"], name=op.f("fk_quarantined_events_program_id_programs")
        ),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_quarantined_events")),
        comment="Refused reports with their cause, so that a person can mend and send them again.",
        sqlite_strict=True,
    )
    op.create_table(
        "sessions",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("csrf_token", sa.Text(), nullable=False),
        sa.Column("created_at_ms", INT64, nullable=False),
        sa.Column("seen_at_ms", INT64, nullable=False),
        sa.Column("masked_ip", sa.Text(), nullable=False),
        sa.Column("user_agent", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name=op.f("fk_sessions_user_id_users")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_sessions")),
        comment="Signed-in browsers of staff; the cookie's SHA-256, so that a copy of the table opens nothing.",
        sqlite_strict=True,
    )
    op.create_table(
        "test_clocks",
        sa.Column("program_id", ID, nullable=False),
        sa.Column("offset_ms", INT64, nullable=False),
        sa.CheckConstraint("offset_ms >= 0", name=op.f("ck_test_clocks_forward_only")),
        sa.ForeignKeyConstraint(
            ["program_id"], ["programs.program_id"], name=op.f("fk_test_clocks_program_id_programs")
        ),
        sa.PrimaryKeyConstraint("program_id", name=op.f("pk_test_clocks")),
        comment="How far ahead of real time a program's test objects live.",
        sqlite_strict=True,
    )
    op.create_table(
        "cases",
        sa.Column("case_id", ID, nullable=False),
        sa.Column("program_id", ID, nullable=False),
        sa.Column("enrollment_id", ID, nullable=False),
        sa.Column("livemode", FLAG, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("cluster_key", sa.Text(), nullable=False),
        sa.Column("score", INT64, nullable=False),
        sa.Column("claimed_by", sa.Text()),
        sa.Column("opened_at_ms", INT64, nullable=False),
        sa.Column("due_at_ms", INT64, nullable=False),
        sa.Column("decided_at_ms", INT64),
        sa.CheckConstraint("kind IN ('risk')", name=op.f("ck_cases_kind_known")),
        sa.CheckConstraint("score BETWEEN 0 AND 100", name=op.f("ck_cases_score_range")),
        sa.CheckConstraint(
            "status IN ('open', 'claimed', 'waiting_partner', 'decided', 'appealed')",
            name=op.f("ck_cases_status_known"),
        ),
        sa.ForeignKeyConstraint(
            ["enrollment_id"], ["enrollments.enrollment_id"], name=op.f("fk_cases_enrollment_id_enrollments")
        ),
        sa.ForeignKeyConstraint(["program_id"], ["programs.program_id"], name=op.f("fk_cases_program_id_programs")),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_cases")),
        comment="What a person judges: one a program, partner and shared fact.",
        sqlite_strict=True,
    )
    op.create_table(
        "click_days",
        sa.Column("enrollment_id", ID, nullable=False),
        sa.Column("day", INT64, nullable=False),
        sa.Column("livemode", FLAG, nullable=False),
        sa.Column("clicks", INT64, nullable=False),
        sa.Column("bots", INT64, nullable=False),
        sa.ForeignKeyConstraint(
            ["enrollment_id"], ["enrollments.enrollment_id"], name=op.f("fk_click_days_enrollment_id_enrollments")
        ),
        sa.PrimaryKeyConstraint("enrollment_id", "day", "livemode", name=op.f("pk_click_days")),
        comment="Clicks per enrollment and UTC day, kept by the projector.",
        sqlite_strict=True,
    )
    op.create_table(
        "clicks",
        sa.Column("seq", INT64, nullable=False),
        sa.Column("program_id", ID, nullable=False),
        sa.Column("click_id", sa.Text(), nullable=False),
        sa.Column("enrollment_id", ID, nullable=False),
        sa.Column("visitor_id", sa.Text(), nullable=False),
        sa.Column("livemode", FLAG, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("occurred_at_ms", INT64, nullable=False),
        sa.Column("received_at_ms", INT64, nullable=False),
        sa.Column("agent_id", INT64, nullable=False),
        sa.Column("is_bot", FLAG, nullable=False),
        sa.Column("host_key", sa.LargeBinary()),
        sa.Column("net_key", sa.LargeBinary()),
        sa.Column("masked_ip", sa.Text()),
        sa.Column("country", sa.Text()),
        sa.Column("page_url", sa.Text()),
        sa.Column("http_referer", sa.Text()),
        sa.Column("details", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.agent_id"], name=op.f("fk_clicks_agent_id_agents")),
        sa.ForeignKeyConstraint(
            ["enrollment_id"], ["enrollments.enrollment_id"], name=op.f("fk_clicks_enrollment_id_enrollments")
        ),
        sa.ForeignKeyConstraint(["program_id"], ["programs.program_id"], name=op.f("fk_clicks_program_id_programs")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_clicks")),
        sa.UniqueConstraint("program_id", "click_id", name=op.f("uq_clicks_program_id_click_id")),
        comment="Referral visits; one row a click id and program.",
        sqlite_strict=True,
    )
    op.create_table(
        "conversions",
        sa.Column("conversion_id", ID, nullable=False),
        sa.Column("seq", INT64, nullable=False),
        sa.Column("program_id", ID, nullable=False),
        sa.Column("livemode", FLAG, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("trust", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("request_digest", sa.LargeBinary(), nullable=False),
        sa.Column("amount_minor", INT64),
        sa.Column("currency", sa.Text()),
        sa.Column("customer_id", ID),
        sa.Column("visitor_id", sa.Text()),
        sa.Column("click_id", sa.Text()),
        sa.Column("promo_code", sa.Text()),
        sa.Column("partner_code", sa.Text()),
        sa.Column("lead_id", sa.Text()),
        sa.Column("refund_of", sa.Text()),
        sa.Column("occurred_at_ms", INT64, nullable=False),
        sa.Column("received_at_ms", INT64, nullable=False),
        sa.Column("agent_id", INT64),
        sa.Column("host_key", sa.LargeBinary()),
        sa.Column("net_key", sa.LargeBinary()),
        sa.Column("masked_ip", sa.Text()),
        sa.Column("country", sa.Text()),
        sa.Column("enrollment_id", ID),
        sa.Column("click_at_ms", INT64),
        sa.Column("report", sa.Text(), nullable=False),
        sa.CheckConstraint("amount_minor BETWEEN 0 AND 10000000000000", name=op.f("ck_conversions_amount_range")),
        sa.CheckConstraint("kind IN ('lead', 'sale', 'refund')", name=op.f("ck_conversions_kind_known")),
        sa.CheckConstraint(
            "status IN ('received', 'attributed', 'unattributed', 'in_review', 'accepted', 'rejected', 'part_refunded', 'refunded')",
            name=op.f("ck_conversions_status_known"),
        ),
        sa.CheckConstraint("trust IN ('verified', 'unverified')", name=op.f("ck_conversions_trust_known")),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.agent_id"], name=op.f("fk_conversions_agent_id_agents")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.customer_id"], name=op.f("fk_conversions_customer_id_customers")
        ),
        sa.ForeignKeyConstraint(
            ["enrollment_id"], ["enrollments.enrollment_id"], name=op.f("fk_conversions_enrollment_id_enrollments")
        ),
        sa.ForeignKeyConstraint(
            ["program_id"], ["programs.program_id"], name=op.f("fk_conversions_program_id_programs")
        ),
        sa.PrimaryKeyConstraint("conversion_id", name=op.f("pk_conversions")),
        sa.UniqueConstraint(
            "program_id",
            "livemode",
            "kind",
            "external_id",
            name=op.f("uq_conversions_program_id_livemode_kind_external_id"),
        ),
        sa.UniqueConstraint("seq", name=op.f("uq_conversions_seq")),
        comment="Leads, sales and refunds reported to us; the newest decision about each is in decisions.",
        sqlite_strict=True,
    )
    op.create_table(
        "enrollment_statuses",
        sa.Column("seq", INT64, nullable=False, autoincrement=True),
        sa.Column("enrollment_id", ID, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("effective_from_ms", INT64, nullable=False),
        sa.Column("reason_code", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["enrollment_id"],
            ["enrollments.enrollment_id"],
            name=op.f("fk_enrollment_statuses_enrollment_id_enrollments"),
        ),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_enrollment_statuses")),
        comment="Every status an enrollment had, from when, by whom and why; attribution reads it as of the conversion.",
        sqlite_strict=True,
    )
    op.create_table(
        "links",
        sa.Column("link_id", ID, nullable=False),
        sa.Column("enrollment_id", ID, nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("created_at_ms", INT64, nullable=False),
        sa.ForeignKeyConstraint(
            ["enrollment_id"], ["enrollments.enrollment_id"], name=op.f("fk_links_enrollment_id_enrollments")
        ),
        sa.PrimaryKeyConstraint("link_id", name=op.f("pk_links")),
        sa.UniqueConstraint("slug", name=op.f("uq_links_slug")),
        comment="A partner's referral links; a slug is never given to another partner.",
        sqlite_strict=True,
    )
    op.create_table(
        "promo_codes",
        sa.Column("code_id", ID, nullable=False),
        sa.Column("program_id", ID, nullable=False),
        sa.Column("enrollment_id", ID, nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("valid_to_ms", INT64),
        sa.Column("created_at_ms", INT64, nullable=False),
        sa.ForeignKeyConstraint(
            ["enrollment_id"], ["enrollments.enrollment_id"], name=op.f("fk_promo_codes_enrollment_id_enrollments")
        ),
        sa.ForeignKeyConstraint(
            ["program_id"], ["programs.program_id"], name=op.f("fk_promo_codes_program_id_programs")
        ),
        sa.PrimaryKeyConstraint("code_id", name=op.f("pk_promo_codes")),
        sa.UniqueConstraint("program_id", "code", name=op.f("uq_promo_codes_program_id_code")),
        comment="Codes a buyer types; each belongs to one partner for ever.",
        sqlite_strict=True,
    )
    op.create_table(
        "bindings",
        sa.Column("program_id", ID, nullable=False),
        sa.Column("customer_id", ID, nullable=False),
        sa.Column("enrollment_id", ID, nullable=False),
        sa.Column("since_ms", INT64, nullable=False),
        sa.Column("conversion_id", ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["conversion_id"], ["conversions.conversion_id"], name=op.f("fk_bindings_conversion_id_conversions")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.customer_id"], name=op.f("fk_bindings_customer_id_customers")
        ),
        sa.ForeignKeyConstraint(
            ["enrollment_id"], ["enrollments.enrollment_id"], name=op.f("fk_bindings_enrollment_id_enrollments")
        ),
        sa.ForeignKeyConstraint(["program_id"], ["programs.program_id"], name=op.f("fk_bindings_program_id_programs")),
        sa.PrimaryKeyConstraint("program_id", "customer_id", name=op.f("pk_bindings")),
        comment="Which partner a customer belongs to since the first attributed conversion.",
        sqlite_strict=True,
    )
    op.create_table(
        "case_conversions",
        sa.Column("case_id", ID, nullable=False),
        sa.Column("conversion_id", ID, nullable=False),
        sa.Column("added_at_ms", INT64, nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.case_id"], name=op.f("fk_case_conversions_case_id_cases")),
        sa.ForeignKeyConstraint(
            ["conversion_id"], ["conversions.conversion_id"], name=op.f("fk_case_conversions_conversion_id_conversions")
        ),
        sa.PrimaryKeyConstraint("case_id", "conversion_id", name=op.f("pk_case_conversions")),
        comment="Which conversions a case covers; their commissions are frozen while it is open.",
        sqlite_strict=True,
    )
    op.create_table(
        "decisions",
        sa.Column("decision_id", ID, nullable=False),
        sa.Column("conversion_id", ID, nullable=False),
        sa.Column("version", INT64, nullable=False),
        sa.Column("decided_at_ms", INT64, nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("via", sa.Text()),
        sa.Column("settings_version", INT64, nullable=False),
        sa.Column("input_digest", sa.LargeBinary(), nullable=False),
        sa.Column("explanation", sa.Text(), nullable=False),
        sa.CheckConstraint("version >= 1", name=op.f("ck_decisions_version_positive")),
        sa.ForeignKeyConstraint(
            ["conversion_id"], ["conversions.conversion_id"], name=op.f("fk_decisions_conversion_id_conversions")
        ),
        sa.PrimaryKeyConstraint("decision_id", name=op.f("pk_decisions")),
        sa.UniqueConstraint("conversion_id", "version", name=op.f("uq_decisions_conversion_id_version")),
        comment="Whose merit a conversion is and why; the highest version counts.",
        sqlite_strict=True,
    )
    op.create_table(
        "findings",
        sa.Column("finding_id", ID, nullable=False),
        sa.Column("conversion_id", ID, nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("rule_version", INT64, nullable=False),
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("fired", FLAG, nullable=False),
        sa.Column("strength_ppm", INT64, nullable=False),
        sa.Column("weight_ppm", INT64, nullable=False),
        sa.Column("damping_ppm", INT64, nullable=False),
        sa.Column("factor_ppm", INT64, nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("message_plural", sa.Text()),
        sa.Column("params", sa.Text(), nullable=False),
        sa.Column("translated", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("config", sa.Text(), nullable=False),
        sa.Column("compared", sa.Text(), nullable=False),
        sa.Column("allowed_by", sa.Text()),
        sa.Column("clears_when", sa.Text(), nullable=False),
        sa.Column("cluster_key", sa.Text()),
        sa.Column("evidence_digest", sa.Text(), nullable=False),
        sa.Column("created_at_ms", INT64, nullable=False),
        sa.ForeignKeyConstraint(
            ["conversion_id"], ["conversions.conversion_id"], name=op.f("fk_findings_conversion_id_conversions")
        ),
        sa.PrimaryKeyConstraint("finding_id", name=op.f("pk_findings")),
        sa.UniqueConstraint(
            "conversion_id", "rule", "evidence_digest", name=op.f("uq_findings_conversion_id_rule_evidence_digest")
        ),
        comment="A fraud rule fired on a conversion; text is stored as message id and parameters.",
        sqlite_strict=True,
    )
    op.create_table(
        "verdicts",
        sa.Column("verdict_id", ID, nullable=False),
        sa.Column("case_id", ID, nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("reason_code", sa.Text(), nullable=False),
        sa.Column("public_text", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("deciding_finding", ID),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at_ms", INT64, nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.case_id"], name=op.f("fk_verdicts_case_id_cases")),
        sa.PrimaryKeyConstraint("verdict_id", name=op.f("pk_verdicts")),
        comment="What a person decided about a case, with the text the partner may read.",
        sqlite_strict=True,
    )
    op.create_table(
        "credits",
        sa.Column("decision_id", ID, nullable=False),
        sa.Column("position", INT64, nullable=False),
        sa.Column("enrollment_id", ID, nullable=False),
        sa.Column("touch", sa.Text()),
        sa.Column("weight", sa.Text(), nullable=False),
        sa.Column("amount_minor", INT64, nullable=False),
        sa.ForeignKeyConstraint(
            ["decision_id"], ["decisions.decision_id"], name=op.f("fk_credits_decision_id_decisions")
        ),
        sa.ForeignKeyConstraint(
            ["enrollment_id"], ["enrollments.enrollment_id"], name=op.f("fk_credits_enrollment_id_enrollments")
        ),
        sa.PrimaryKeyConstraint("decision_id", "position", name=op.f("pk_credits")),
        comment="The parts of a decision: which touch earned which exact share.",
        sqlite_strict=True,
    )
    op.create_table(
        "transfers",
        sa.Column("transfer_id", ID, nullable=False),
        sa.Column("seq", INT64, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("livemode", FLAG, nullable=False),
        sa.Column("program_id", ID, nullable=False),
        sa.Column("enrollment_id", ID, nullable=False),
        sa.Column("conversion_id", ID, nullable=False),
        sa.Column("decision_id", ID, nullable=False),
        sa.Column("reverses_id", ID),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("reward_id", sa.Text(), nullable=False),
        sa.Column("created_at_ms", INT64, nullable=False),
        sa.Column("reason_code", sa.Text(), nullable=False),
        sa.Column("public_text", sa.Text(), nullable=False),
        sa.Column("calculation", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.CheckConstraint("kind IN ('accrual', 'reversal')", name=op.f("ck_transfers_kind_known")),
        sa.CheckConstraint(
            "(kind = 'accrual') = (reverses_id IS NULL)", name=op.f("ck_transfers_reversal_names_accrual")
        ),
        sa.ForeignKeyConstraint(
            ["conversion_id"], ["conversions.conversion_id"], name=op.f("fk_transfers_conversion_id_conversions")
        ),
        sa.ForeignKeyConstraint(
            ["decision_id"], ["decisions.decision_id"], name=op.f("fk_transfers_decision_id_decisions")
        ),
        sa.ForeignKeyConstraint(
            ["enrollment_id"], ["enrollments.enrollment_id"], name=op.f("fk_transfers_enrollment_id_enrollments")
        ),
        sa.ForeignKeyConstraint(["program_id"], ["programs.program_id"], name=op.f("fk_transfers_program_id_programs")),
        sa.ForeignKeyConstraint(
            ["reverses_id"], ["transfers.transfer_id"], name=op.f("fk_transfers_reverses_id_transfers")
        ),
        sa.PrimaryKeyConstraint("transfer_id", name=op.f("pk_transfers")),
        sa.UniqueConstraint("seq", name=op.f("uq_transfers_seq")),
        comment="One movement of money with its reason; its entries sum to zero per currency.",
        sqlite_strict=True,
    )
    op.create_table(
        "entries",
        sa.Column("transfer_id", ID, nullable=False),
        sa.Column("line", INT64, nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("enrollment_id", ID, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("amount_minor", INT64, nullable=False),
        sa.Column("available_at_ms", INT64, nullable=False),
        sa.CheckConstraint("account IN ('program_expense', 'partner_payable')", name=op.f("ck_entries_account_known")),
        sa.CheckConstraint("amount_minor <> 0", name=op.f("ck_entries_amount_not_zero")),
        sa.CheckConstraint("length(currency) = 3", name=op.f("ck_entries_currency_iso")),
        sa.ForeignKeyConstraint(
            ["enrollment_id"], ["enrollments.enrollment_id"], name=op.f("fk_entries_enrollment_id_enrollments")
        ),
        sa.ForeignKeyConstraint(
            ["transfer_id"], ["transfers.transfer_id"], name=op.f("fk_entries_transfer_id_transfers")
        ),
        sa.PrimaryKeyConstraint("transfer_id", "line", name=op.f("pk_entries")),
        comment="The legs of a transfer; positive is owed to the account's owner.",
        sqlite_strict=True,
    )
    op.create_table(
        "holds",
        sa.Column("hold_id", ID, nullable=False),
        sa.Column("seq", INT64, nullable=False),
        sa.Column("transfer_id", ID, nullable=False),
        sa.Column("case_id", ID, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at_ms", INT64, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason_code", sa.Text(), nullable=False),
        sa.CheckConstraint("kind IN ('freeze', 'release')", name=op.f("ck_holds_kind_known")),
        sa.ForeignKeyConstraint(
            ["transfer_id"], ["transfers.transfer_id"], name=op.f("fk_holds_transfer_id_transfers")
        ),
        sa.PrimaryKeyConstraint("hold_id", name=op.f("pk_holds")),
        sa.UniqueConstraint("seq", name=op.f("uq_holds_seq")),
        comment="Freezes of an accrual by a case, and their releases; the newest row of a (accrual, case) pair counts.",
        sqlite_strict=True,
    )


def _create_indexes() -> None:
    op.create_index("ix_audit_entries_object", "audit_entries", ["object_id", "seq"])
    op.create_index("ix_jobs_due", "jobs", ["run_at_ms", "seq"])
    op.create_index("ix_login_failures_scope", "login_failures", ["scope", "at_ms"])
    op.create_index("ix_api_keys_program_id", "api_keys", ["program_id"])
    op.create_index("ix_customers_email_canonical", "customers", ["program_id", "livemode", "email_canonical"])
    op.create_index("ix_enrollments_partner_id", "enrollments", ["partner_id"])
    op.create_index("ix_idempotent_answers_created", "idempotent_answers", ["created_at_ms"])
    op.create_index("ix_identity_links_customer", "identity_links", ["customer_id"])
    op.create_index("ix_partner_logins_partner_at", "partner_logins", ["partner_id", "at_ms"])
    op.create_index("ix_quarantined_events_program", "quarantined_events", ["program_id", "received_at_ms"])
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])
    op.create_index("ix_cases_queue", "cases", ["livemode", "status", "score"])
    op.create_index(
        "uq_cases_open_cluster",
        "cases",
        ["enrollment_id", "livemode", "cluster_key"],
        unique=True,
        sqlite_where=sa.text("status <> 'decided'"),
        postgresql_where=sa.text("status <> 'decided'"),
    )
    op.create_index("ix_clicks_enrollment", "clicks", ["enrollment_id", "seq"])
    op.create_index("ix_clicks_visitor", "clicks", ["program_id", "visitor_id", "occurred_at_ms"])
    op.create_index("ix_conversions_customer", "conversions", ["customer_id", "occurred_at_ms"])
    op.create_index("ix_conversions_host", "conversions", ["program_id", "host_key", "received_at_ms"])
    op.create_index("ix_conversions_program_seq", "conversions", ["program_id", "livemode", "seq"])
    op.create_index(
        "ix_conversions_refund_of",
        "conversions",
        ["program_id", "livemode", "refund_of"],
        sqlite_where=sa.text("refund_of IS NOT NULL"),
    )
    op.create_index("ix_enrollment_statuses_enrollment_id", "enrollment_statuses", ["enrollment_id"])
    op.create_index("ix_links_enrollment_id", "links", ["enrollment_id"])
    op.create_index("ix_promo_codes_enrollment_id", "promo_codes", ["enrollment_id"])
    op.create_index("ix_case_conversions_conversion_id", "case_conversions", ["conversion_id"])
    op.create_index("ix_verdicts_case_id", "verdicts", ["case_id"])
    op.create_index("ix_credits_enrollment_id", "credits", ["enrollment_id"])
    op.create_index("ix_transfers_conversion", "transfers", ["conversion_id"])
    op.create_index("ix_transfers_enrollment", "transfers", ["enrollment_id", "seq"])
    op.create_index("ix_transfers_reverses", "transfers", ["reverses_id"])
    op.create_index("ix_entries_balance", "entries", ["enrollment_id", "account", "currency"])
    op.create_index("ix_holds_case", "holds", ["case_id"])
    op.create_index("ix_holds_transfer", "holds", ["transfer_id", "case_id", "seq"])
