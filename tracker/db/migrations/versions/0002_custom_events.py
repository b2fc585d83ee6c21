"""Custom events.

Revision: 0002, after: 0001
"""

import sqlalchemy as sa
from alembic import op

from tracker.db.triggers import guard

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

INT64 = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
FLAG = sa.SmallInteger().with_variant(sa.Integer(), "sqlite")
ID = sa.LargeBinary(16)


def upgrade() -> None:
    op.create_table(
        "custom_events",
        sa.Column("event_id", ID, nullable=False),
        sa.Column("program_id", ID, nullable=False),
        sa.Column("livemode", FLAG, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("trust", sa.Text(), nullable=False),
        sa.Column("browser_event_id", sa.Text()),
        sa.Column("click_id", sa.Text()),
        sa.Column("visitor_id", sa.Text()),
        sa.Column("occurred_at_ms", INT64, nullable=False),
        sa.Column("received_at_ms", INT64, nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("trust IN ('verified', 'unverified')", name=op.f("ck_custom_events_trust_known")),
        sa.ForeignKeyConstraint(
            ["program_id"], ["programs.program_id"], name=op.f("fk_custom_events_program_id_programs")
        ),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_custom_events")),
        comment="Events with names of the site's own, accepted and kept as they came.",
        sqlite_strict=True,
    )
    op.create_index(
        "ix_custom_events_browser_event",
        "custom_events",
        ["program_id", "livemode", "browser_event_id"],
        unique=True,
    )
    op.create_index("ix_custom_events_received", "custom_events", ["received_at_ms", "event_id"])
    guard(op.get_bind(), "custom_events")
