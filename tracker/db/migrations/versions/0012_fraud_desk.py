"""The allow list, what verdicts taught, and cases that are random checks.

Revision: 0012, after: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

INT64 = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
ID = sa.LargeBinary(16)

OLD_KINDS, NEW_KINDS = "kind IN ('risk')", "kind IN ('risk', 'audit')"


def upgrade() -> None:
    _let_cases_be_checks(op.get_bind())
    op.create_index("ix_cases_decided", "cases", ["program_id", "livemode", "decided_at_ms"])
    op.create_index("ix_entries_available", "entries", ["account", "available_at_ms"])
    _create_allow_entries()
    op.create_table(
        "learned_weights",
        sa.Column("program_id", ID, nullable=False),
        sa.Column("version", INT64, nullable=False),
        sa.Column("day", INT64, nullable=False),
        sa.Column("decided_at_ms", INT64),
        sa.Column("scales", sa.Text(), nullable=False),
        sa.Column("suggested_off", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["program_id"], ["programs.program_id"], name=op.f("fk_learned_weights_program_id_programs")
        ),
        sa.PrimaryKeyConstraint("program_id", name=op.f("pk_learned_weights")),
        comment="What a program's verdicts taught of its fraud rules; computed anew when there is a new verdict, and "
        "every day.",
        sqlite_strict=True,
    )


def _let_cases_be_checks(conn: sa.Connection) -> None:
    if conn.dialect.name != "sqlite":
        op.drop_constraint(op.f("ck_cases_kind_known"), "cases", type_="check")
        op.create_check_constraint(op.f("ck_cases_kind_known"), "cases", NEW_KINDS)
        return
    # Other tables refer to cases, so it cannot be dropped and made anew in a transaction. A wider CHECK changes nothing
    # of what is stored: this is the way SQLite's manual gives for that (Making Other Kinds Of Table Schema Changes).
    version = conn.exec_driver_sql("PRAGMA schema_version").scalar_one()
    conn.exec_driver_sql("PRAGMA writable_schema=ON")
    conn.execute(
        sa.text(
            "UPDATE sqlite_master SET sql = replace(sql, :old, :new) WHERE type = 'table' AND name = 'cases'"
        ),
        {"old": OLD_KINDS, "new": NEW_KINDS},
    )
    conn.exec_driver_sql(f"PRAGMA schema_version={int(version) + 1}")
    conn.exec_driver_sql("PRAGMA writable_schema=RESET")


def _create_allow_entries() -> None:
    op.create_table(
        "allow_entries",
        sa.Column("allow_id", ID, nullable=False),
        sa.Column("program_id", ID, nullable=False),
        sa.Column("rules", sa.Text(), nullable=False),
        sa.Column("enrollment_id", ID),
        sa.Column("network_keys", sa.Text()),
        sa.Column("network_scope", sa.Text()),
        sa.Column("network_text", sa.Text()),
        sa.Column("email_domain", sa.Text()),
        sa.Column("visitor_id", sa.Text()),
        sa.Column("starts_at_ms", INT64),
        sa.Column("ends_at_ms", INT64),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("case_id", ID),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("created_at_ms", INT64, nullable=False),
        sa.Column("expires_at_ms", INT64),
        sa.Column("revoked_at_ms", INT64),
        sa.Column("revoked_by", sa.Text()),
        sa.CheckConstraint(
            "network_scope IN ('host', 'net')", name=op.f("ck_allow_entries_network_scope_known")
        ),
        sa.CheckConstraint(
            "(revoked_at_ms IS NULL) = (revoked_by IS NULL)", name=op.f("ck_allow_entries_revoked_by_somebody")
        ),
        sa.CheckConstraint(
            "(network_keys IS NULL) = (network_scope IS NULL)", name=op.f("ck_allow_entries_network_has_scope")
        ),
        sa.CheckConstraint(
            "enrollment_id IS NOT NULL OR network_keys IS NOT NULL OR email_domain IS NOT NULL OR visitor_id IS NOT"
            " NULL OR starts_at_ms IS NOT NULL OR ends_at_ms IS NOT NULL",
            name=op.f("ck_allow_entries_covers_somebody"),
        ),
        sa.ForeignKeyConstraint(
            ["program_id"], ["programs.program_id"], name=op.f("fk_allow_entries_program_id_programs")
        ),
        sa.ForeignKeyConstraint(
            ["enrollment_id"], ["enrollments.enrollment_id"], name=op.f("fk_allow_entries_enrollment_id_enrollments")
        ),
        sa.ForeignKeyConstraint(["case_id"], ["cases.case_id"], name=op.f("fk_allow_entries_case_id_cases")),
        sa.PrimaryKeyConstraint("allow_id", name=op.f("pk_allow_entries")),
        comment="Whom named fraud rules leave alone; an entry ends by its day or by being revoked and is never deleted.",
        sqlite_strict=True,
    )
    op.create_index("ix_allow_entries_program", "allow_entries", ["program_id", "revoked_at_ms"])
