"""Refused events can be judged, are bounded, and age; custom events age too.

Revision: 0006, after: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

INT64 = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
FLAG = sa.SmallInteger().with_variant(sa.Integer(), "sqlite")
ID = sa.LargeBinary(16)


def upgrade() -> None:
    for column in (
        sa.Column("payload_bytes", INT64, nullable=False, server_default="0"),
        sa.Column("circumstances", sa.Text()),
        sa.Column("corrected", sa.LargeBinary()),
        sa.Column("judged_at_ms", INT64),
        sa.Column("judged_by", sa.Text()),
        sa.Column("judge_reason", sa.Text()),
        sa.Column("result_id", sa.Text()),
    ):
        op.add_column("quarantined_events", column)
    # Longer ones were cut without a note of their size.
    op.execute("UPDATE quarantined_events SET payload_bytes = length(payload)")
    op.create_index(
        "ix_quarantined_events_door",
        "quarantined_events",
        ["program_id", "livemode", "source", "verdict", "code", "event_id", "payload_bytes"],
    )
    op.create_index("ix_quarantined_events_verdict", "quarantined_events", ["livemode", "verdict", "event_id"])
    op.create_index("ix_quarantined_events_received_at_ms", "quarantined_events", ["received_at_ms"])
    op.drop_index("ix_quarantined_events_program", "quarantined_events")
    op.create_table(
        "quarantine_losses",
        sa.Column("program_id", ID, nullable=False),
        sa.Column("livemode", FLAG, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("events", INT64, nullable=False),
        sa.Column("newest_at_ms", INT64, nullable=False),
        sa.ForeignKeyConstraint(
            ["program_id"], ["programs.program_id"], name=op.f("fk_quarantine_losses_program_id_programs")
        ),
        sa.PrimaryKeyConstraint("program_id", "livemode", "source", "code", name=op.f("pk_quarantine_losses")),
        comment="How many refused events made room for newer ones, by door and cause; nothing goes uncounted.",
        sqlite_strict=True,
    )
    _let_custom_events_age()


def _let_custom_events_age() -> None:
    """Let rows go when their days are over; they still never change."""
    refusal = "rows of custom_events are never changed; they go when their days are over"
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER IF EXISTS custom_events_no_delete")
        op.execute("DROP TRIGGER IF EXISTS custom_events_no_update")
        op.execute(
            "CREATE TRIGGER custom_events_no_update BEFORE UPDATE ON custom_events BEGIN "
            f"SELECT RAISE(ABORT, '{refusal}'); END"
        )
        return
    op.execute("DROP TRIGGER IF EXISTS custom_events_append_only ON custom_events")
    op.execute(
        "CREATE TRIGGER custom_events_no_update BEFORE UPDATE ON custom_events "
        "FOR EACH STATEMENT EXECUTE FUNCTION molva_append_only()"
    )
