"""Checks of an installation.

Revision: 0003, after: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

INT64 = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
ID = sa.LargeBinary(16)


def upgrade() -> None:
    op.create_table(
        "install_checks",
        sa.Column("check_id", ID, nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("program_id", ID, nullable=False),
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("page_url", sa.Text(), nullable=False),
        sa.Column("started_at_ms", INT64, nullable=False),
        sa.Column("reading", sa.Text(), nullable=False),
        sa.Column("sighting", sa.Text()),
        sa.Column("seen_at_ms", INT64),
        sa.CheckConstraint(
            "(sighting IS NULL) = (seen_at_ms IS NULL)", name=op.f("ck_install_checks_seen_whole")
        ),
        sa.ForeignKeyConstraint(
            ["program_id"], ["programs.program_id"], name=op.f("fk_install_checks_program_id_programs")
        ),
        sa.PrimaryKeyConstraint("check_id", name=op.f("pk_install_checks")),
        sa.UniqueConstraint("code", name=op.f("uq_install_checks_code")),
        comment="Checks of an installation: what the server read of the page and the click that came back.",
        sqlite_strict=True,
    )
    op.create_index("ix_install_checks_started_at_ms", "install_checks", ["started_at_ms"])
