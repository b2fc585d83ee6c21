"""Judging cases: claims that end, undo, a second person, partners' answers and appeals, reminders.

Revision: 0010, after: 0009
"""

import sqlalchemy as sa
from alembic import op

from tracker.db.triggers import guard

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

INT64 = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
ID = sa.LargeBinary(16)


def upgrade() -> None:
    _extend_cases()
    for column in (
        sa.Column("days", INT64),
        sa.Column("undoes", ID),
        sa.Column("confirmed_by", sa.Text()),
        sa.Column("effects", sa.Text()),
    ):
        op.add_column("verdicts", column)
    _create_proposals()
    _create_messages()
    _index_linked()


def _extend_cases() -> None:
    for column in (
        sa.Column("claim_ends_at_ms", INT64),
        sa.Column("postponed_until_ms", INT64),
        sa.Column("appealed_at_ms", INT64),
        sa.Column("reminded_days", INT64, nullable=False, server_default="0"),
        sa.Column("proposal_id", ID),
    ):
        op.add_column("cases", column)
    # Claims made so far had no end; whoever still works on one takes it again.
    op.execute(sa.text("UPDATE cases SET claim_ends_at_ms = 0 WHERE claimed_by IS NOT NULL"))
    op.drop_index("uq_cases_open_cluster", "cases")
    is_open = sa.text("status <> 'decided' AND appealed_at_ms IS NULL")
    op.create_index(
        "uq_cases_open_cluster",
        "cases",
        ["enrollment_id", "livemode", "cluster_key"],
        unique=True,
        sqlite_where=is_open,
        postgresql_where=is_open,
    )


def _create_proposals() -> None:
    op.create_table(
        "verdict_proposals",
        sa.Column("proposal_id", ID, nullable=False),
        sa.Column("case_id", ID, nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("reason_code", sa.Text(), nullable=False),
        sa.Column("public_text", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("deciding_finding", ID),
        sa.Column("amounts", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at_ms", INT64, nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.case_id"], name=op.f("fk_verdict_proposals_case_id_cases")),
        sa.PrimaryKeyConstraint("proposal_id", name=op.f("pk_verdict_proposals")),
        comment="Verdicts over a program's limit, which a second person confirms or refuses; the case names the one "
        "that waits.",
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_verdict_proposals_case_id"), "verdict_proposals", ["case_id"])
    guard(op.get_bind(), "verdict_proposals")


def _create_messages() -> None:
    op.create_table(
        "partner_messages",
        sa.Column("message_id", ID, nullable=False),
        sa.Column("case_id", ID, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("verdict_id", ID, nullable=False),
        sa.Column("at_ms", INT64, nullable=False),
        sa.CheckConstraint("kind IN ('reply', 'appeal')", name=op.f("ck_partner_messages_kind_known")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.case_id"], name=op.f("fk_partner_messages_case_id_cases")),
        sa.ForeignKeyConstraint(
            ["verdict_id"], ["verdicts.verdict_id"], name=op.f("fk_partner_messages_verdict_id_verdicts")
        ),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_partner_messages")),
        comment="What partners wrote about their cases: answers to questions, and appeals.",
        sqlite_strict=True,
    )
    op.create_index(op.f("ix_partner_messages_case_id"), "partner_messages", ["case_id"])
    guard(op.get_bind(), "partner_messages")


def _index_linked() -> None:
    """Make the page of a case find what shares its network or phone without reading every row."""
    has_network = sa.text("net_key IS NOT NULL")
    op.create_index(
        "ix_conversions_net",
        "conversions",
        ["program_id", "net_key", "received_at_ms"],
        sqlite_where=has_network,
        postgresql_where=has_network,
    )
    has_phone = sa.text("phone IS NOT NULL")
    op.create_index(
        "ix_customers_phone",
        "customers",
        ["program_id", "livemode", "phone"],
        sqlite_where=has_phone,
        postgresql_where=has_phone,
    )
