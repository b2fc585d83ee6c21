"""Runs that decide again, what they changed, and why a decision was made; indexes of deciding.

Revision: 0009, after: 0008
"""

import sqlalchemy as sa
from alembic import op

from tracker.db.triggers import guard

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

INT64 = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
FLAG = sa.SmallInteger().with_variant(sa.Integer(), "sqlite")
ID = sa.LargeBinary(16)


def upgrade() -> None:
    _create_runs()
    _create_changes()
    op.add_column("decisions", sa.Column("run_id", ID))
    op.add_column("jobs", sa.Column("cause", sa.Text()))
    is_known = sa.text("run_id IS NOT NULL")
    op.create_index("ix_decisions_run", "decisions", ["run_id"], sqlite_where=is_known, postgresql_where=is_known)
    op.create_index("ix_enrollments_code", "enrollments", ["code"])
    op.create_index("ix_promo_codes_code", "promo_codes", ["code"])
    op.create_index("ix_conversions_occurred", "conversions", ["program_id", "occurred_at_ms"])
    is_clicked = sa.text("click_at_ms IS NOT NULL")
    op.create_index(
        "ix_conversions_delays",
        "conversions",
        ["program_id", "livemode", "kind", "status", "seq", "occurred_at_ms", "click_at_ms"],
        sqlite_where=is_clicked,
        postgresql_where=is_clicked,
    )


def _create_runs() -> None:
    op.create_table(
        "attribution_runs",
        sa.Column("run_id", ID, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("is_dry_run", FLAG, nullable=False),
        sa.Column("engine", sa.Text(), nullable=False),
        sa.Column("engine_version", INT64, nullable=False),
        sa.Column("program_id", ID),
        sa.Column("since_ms", INT64),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("click_watermark", INT64, nullable=False),
        sa.Column("conversion_watermark", INT64, nullable=False),
        sa.Column("position", INT64, nullable=False),
        sa.Column("conversions", INT64, nullable=False),
        sa.Column("decided", INT64, nullable=False),
        sa.Column("digest_sum", sa.LargeBinary(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("started_at_ms", INT64, nullable=False),
        sa.Column("moved_at_ms", INT64, nullable=False),
        sa.Column("finished_at_ms", INT64),
        sa.CheckConstraint("kind IN ('backfill', 'what_if')", name=op.f("ck_attribution_runs_kind_known")),
        sa.CheckConstraint("state IN ('running', 'done')", name=op.f("ck_attribution_runs_state_known")),
        sa.ForeignKeyConstraint(
            ["program_id"], ["programs.program_id"], name=op.f("fk_attribution_runs_program_id_programs")
        ),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_attribution_runs")),
        comment="One computation of many decisions: what was looked at, with which engine, how far it came, what came "
        "out.",
        sqlite_strict=True,
    )


def _create_changes() -> None:
    op.create_table(
        "attribution_changes",
        sa.Column("run_id", ID, nullable=False),
        sa.Column("conversion_id", ID, nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("locked_by", sa.Text()),
        sa.Column("decision_id", ID),
        sa.ForeignKeyConstraint(
            ["conversion_id"],
            ["conversions.conversion_id"],
            name=op.f("fk_attribution_changes_conversion_id_conversions"),
        ),
        sa.ForeignKeyConstraint(
            ["decision_id"], ["decisions.decision_id"], name=op.f("fk_attribution_changes_decision_id_decisions")
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["attribution_runs.run_id"], name=op.f("fk_attribution_changes_run_id_attribution_runs")
        ),
        sa.PrimaryKeyConstraint("run_id", "conversion_id", name=op.f("pk_attribution_changes")),
        comment="What a run changed about a conversion, or would change where it was dry, a what-if, or came to a "
        "locked one.",
        sqlite_strict=True,
    )
    op.create_index("ix_attribution_changes_conversion", "attribution_changes", ["conversion_id"])
    guard(op.get_bind(), "attribution_changes")
