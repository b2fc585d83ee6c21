"""Epochs of the address keys; findings and cases name a mailbox by its first customer.

Hashes made under the one key of before are dropped: it came from the root secret, so anyone with that could compute
them for every address there is. What was seen under it cannot be compared with what comes.

Revision: 0005, after: 0004
"""

import sqlalchemy as sa
from alembic import op

from tracker.db.ids import id_from_bytes
from tracker.privacy.lifting import lifted

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

INT64 = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    conn = op.get_bind()
    op.create_table(
        "address_epochs",
        sa.Column("starts_at_ms", INT64, autoincrement=False, nullable=False),
        sa.Column("ends_at_ms", INT64, nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("ends_at_ms > starts_at_ms", name=op.f("ck_address_epochs_span_positive")),
        sa.PrimaryKeyConstraint("starts_at_ms", name=op.f("pk_address_epochs")),
        comment="Salts of the address keys by epoch (PostgreSQL; SQLite has a file); a deleted row is a destroyed key.",
        sqlite_strict=True,
    )
    op.add_column("conversions", sa.Column("next_host_key", sa.LargeBinary()))
    op.add_column("conversions", sa.Column("next_net_key", sa.LargeBinary()))
    op.add_column("conversions", sa.Column("asn", INT64))
    op.add_column("conversions", sa.Column("network_class", sa.Text()))
    op.create_index(
        "ix_conversions_next_host",
        "conversions",
        ["program_id", "next_host_key", "received_at_ms"],
        sqlite_where=sa.text("next_host_key IS NOT NULL"),
        postgresql_where=sa.text("next_host_key IS NOT NULL"),
    )
    op.create_index(
        "ix_credits_touch",
        "credits",
        ["touch"],
        sqlite_where=sa.text("touch IS NOT NULL"),
        postgresql_where=sa.text("touch IS NOT NULL"),
    )
    op.add_column("customers", sa.Column("erased_at_ms", INT64))
    op.add_column("partner_logins", sa.Column("next_host_key", sa.LargeBinary()))
    conn.exec_driver_sql("UPDATE conversions SET host_key = NULL, net_key = NULL")
    conn.exec_driver_sql("UPDATE partner_logins SET host_key = NULL")
    with lifted(conn, "clicks"):
        conn.exec_driver_sql("UPDATE clicks SET host_key = NULL, net_key = NULL")
    _name_mailboxes(conn)


def _name_mailboxes(conn: sa.Connection) -> None:
    """Put the first customer of a mailbox in the place of its address, in findings and cases."""
    names = {
        (
            bytes(row.program_id),
            row.livemode,
            row.email_canonical,
        ): f"email:{id_from_bytes('cus', bytes(row.customer_id))}"
        for row in conn.execute(
            sa.text(
                "SELECT program_id, livemode, email_canonical, customer_id FROM customers "
                "WHERE email_canonical IS NOT NULL ORDER BY created_at_ms DESC, customer_id DESC"
            )
        )
    }
    cases = conn.execute(
        sa.text("SELECT case_id, program_id, livemode, cluster_key FROM cases WHERE cluster_key LIKE 'email:%'")
    )
    for row in cases.all():
        name = names.get((bytes(row.program_id), row.livemode, row.cluster_key.removeprefix("email:")))
        conn.execute(
            sa.text("UPDATE cases SET cluster_key = :name WHERE case_id = :id"),
            {"name": name or f"email:{bytes(row.case_id).hex()}", "id": row.case_id},
        )
    found = conn.execute(
        sa.text(
            "SELECT f.finding_id, f.cluster_key, c.program_id, c.livemode FROM findings f "
            "JOIN conversions c ON c.conversion_id = f.conversion_id WHERE f.cluster_key LIKE 'email:%'"
        )
    ).all()
    with lifted(conn, "findings"):
        for row in found:
            name = names.get((bytes(row.program_id), row.livemode, row.cluster_key.removeprefix("email:")))
            conn.execute(
                sa.text("UPDATE findings SET cluster_key = :name WHERE finding_id = :id"),
                {"name": name, "id": row.finding_id},
            )
