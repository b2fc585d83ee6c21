"""Findings about partners as a whole, nightly judging, and what conversions and customers are compared by.

Keyed hashes of payments are not made here: the root secret is not at hand. tracker/fraud/payments.py makes them for
what was stored before.

Revision: 0011, after: 0010
"""

import json
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from alembic import op

from fraud_rules.domains import registrable_domain
from fraud_rules.identity import phone_digits
from tracker.db.ids import id_to_bytes
from tracker.db.triggers import guard
from tracker.privacy.lifting import lifted
from tracker.programs.regions import region_of

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

INT64 = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
FLAG = sa.SmallInteger().with_variant(sa.Integer(), "sqlite")
ID = sa.LargeBinary(16)
BATCH = 1000  # rows carried over at once
COMMENT = "A fraud rule spoke of a conversion or of a partner as a whole; text is stored as message id and parameters."
ONE_SUBJECT = "(conversion_id IS NULL) <> (enrollment_id IS NULL)"
PARTNER_HAS_MODE = "(enrollment_id IS NULL) = (livemode IS NULL)"


def upgrade() -> None:
    conn = op.get_bind()
    _add_columns()
    if conn.dialect.name == "sqlite":
        _rebuild_findings()
    else:
        _alter_findings()
    _create_compared(conn)
    _create_nights()
    _fill_customers(conn)
    _fill_sources(conn)
    _fill_refused(conn)
    # Behind this number everything gets its key when it is stored.
    op.execute("INSERT INTO cursors (name, seq) SELECT 'payment_keys', coalesce(max(seq), 0) FROM conversions")


def _add_columns() -> None:
    for table, columns in (
        ("customers", (sa.Column("phone_key", sa.Text()), sa.Column("email_domain", sa.Text()))),
        (
            "conversions",
            (sa.Column("payment_key", sa.Text()), sa.Column("source", sa.Text()), sa.Column("signs", sa.Text())),
        ),
        ("enrollments", (sa.Column("payment_key", sa.Text()),)),
        ("quarantined_events", (sa.Column("external_id", sa.Text()),)),
    ):
        for column in columns:
            op.add_column(table, column)
    _index("ix_customers_phone_key", "customers", "program_id", "livemode", "phone_key", known="phone_key")
    domains = ("program_id", "livemode", "email_domain", "email_canonical")
    _index("ix_customers_email_domain", "customers", *domains, known="email_domain")
    op.create_index("ix_customers_program", "customers", ["program_id", "livemode", "customer_id"])
    counted = ("enrollment_id", "livemode", "occurred_at_ms", "kind", "trust", "lead_id", "seq")
    told_apart = ("conversion_id", "customer_id", "visitor_id", "host_key", "agent_id", "source")
    _index("ix_conversions_enrollment", "conversions", *counted, *told_apart, known="enrollment_id")
    _index("ix_conversions_payment", "conversions", "program_id", "livemode", "payment_key", known="payment_key")
    coded = ("program_id", "livemode", "promo_code", "occurred_at_ms", "kind", "trust", "seq", "click_at_ms")
    _index("ix_conversions_promo_code", "conversions", *coded, "conversion_id", known="promo_code")
    _index("ix_enrollments_payment", "enrollments", "program_id", "payment_key", known="payment_key")
    _index("ix_custom_events_visitor", "custom_events", "visitor_id", "occurred_at_ms", known="visitor_id")
    refused = ("program_id", "livemode", "external_id")
    _index("ix_quarantined_events_external_id", "quarantined_events", *refused, known="external_id")


def _index(name: str, table: str, *columns: str, known: str) -> None:
    condition = sa.text(f"{known} IS NOT NULL")
    op.create_index(name, table, list(columns), sqlite_where=condition, postgresql_where=condition)


def _rebuild_findings() -> None:
    """Make the table anew: SQLite cannot let a column be null that could not."""
    op.create_table(
        "findings_new",
        sa.Column("finding_id", ID, nullable=False),
        sa.Column("conversion_id", ID),
        sa.Column("enrollment_id", ID),
        sa.Column("livemode", FLAG),
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
        sa.Column("holds_compared", FLAG, nullable=False),
        sa.Column("holds_partner", FLAG, nullable=False),
        sa.Column("allowed_by", sa.Text()),
        sa.Column("clears_when", sa.Text(), nullable=False),
        sa.Column("cluster_key", sa.Text()),
        sa.Column("evidence_digest", sa.Text(), nullable=False),
        sa.Column("created_at_ms", INT64, nullable=False),
        sa.CheckConstraint(ONE_SUBJECT, name=op.f("ck_findings_one_subject")),
        sa.CheckConstraint(PARTNER_HAS_MODE, name=op.f("ck_findings_partner_has_mode")),
        sa.ForeignKeyConstraint(
            ["conversion_id"], ["conversions.conversion_id"], name=op.f("fk_findings_conversion_id_conversions")
        ),
        sa.ForeignKeyConstraint(
            ["enrollment_id"], ["enrollments.enrollment_id"], name=op.f("fk_findings_enrollment_id_enrollments")
        ),
        sa.PrimaryKeyConstraint("finding_id", name=op.f("pk_findings")),
        sa.UniqueConstraint(
            "conversion_id", "rule", "evidence_digest", name=op.f("uq_findings_conversion_id_rule_evidence_digest")
        ),
        sa.UniqueConstraint(
            "enrollment_id",
            "livemode",
            "rule",
            "evidence_digest",
            name=op.f("uq_findings_enrollment_id_livemode_rule_evidence_digest"),
        ),
        comment=COMMENT,
        sqlite_strict=True,
    )
    kept = (
        "finding_id, conversion_id, rule, rule_version, family, fired, strength_ppm, weight_ppm, damping_ppm,"
        " factor_ppm, message, message_plural, params, translated, evidence, config, compared, allowed_by,"
        " clears_when, cluster_key, evidence_digest, created_at_ms"
    )
    op.execute(
        f"INSERT INTO findings_new ({kept}, holds_compared, holds_partner)"  # noqa: S608  # Our own names.
        f" SELECT {kept}, rule = 'same_ip_leads', 0 FROM findings"
    )
    op.drop_table("findings")
    op.rename_table("findings_new", "findings")
    guard(op.get_bind(), "findings")


def _alter_findings() -> None:
    with lifted(op.get_bind(), "findings"):
        op.alter_column("findings", "conversion_id", nullable=True)
        op.add_column("findings", sa.Column("enrollment_id", ID))
        op.add_column("findings", sa.Column("livemode", FLAG))
        for name in ("holds_compared", "holds_partner"):
            op.add_column("findings", sa.Column(name, FLAG, nullable=False, server_default="0"))
            op.alter_column("findings", name, server_default=None)
        op.execute("UPDATE findings SET holds_compared = 1 WHERE rule = 'same_ip_leads'")
        op.create_check_constraint(op.f("ck_findings_one_subject"), "findings", ONE_SUBJECT)
        op.create_check_constraint(op.f("ck_findings_partner_has_mode"), "findings", PARTNER_HAS_MODE)
        op.create_foreign_key(
            op.f("fk_findings_enrollment_id_enrollments"),
            "findings",
            "enrollments",
            ["enrollment_id"],
            ["enrollment_id"],
        )
        op.create_unique_constraint(
            op.f("uq_findings_enrollment_id_livemode_rule_evidence_digest"),
            "findings",
            ["enrollment_id", "livemode", "rule", "evidence_digest"],
        )
        op.create_table_comment("findings", COMMENT)


def _create_compared(conn: sa.Connection) -> None:
    op.create_table(
        "findings_compared",
        sa.Column("conversion_id", ID, nullable=False),
        sa.Column("finding_id", ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["conversion_id"],
            ["conversions.conversion_id"],
            name=op.f("fk_findings_compared_conversion_id_conversions"),
        ),
        sa.ForeignKeyConstraint(
            ["finding_id"], ["findings.finding_id"], name=op.f("fk_findings_compared_finding_id_findings")
        ),
        sa.PrimaryKeyConstraint("conversion_id", "finding_id", name=op.f("pk_findings_compared")),
        comment="Other conversions a finding speaks of, as long as it is found: it counts into their scores, too.",
        sqlite_strict=True,
    )
    op.create_index("ix_findings_compared_finding", "findings_compared", ["finding_id"])
    crowds = conn.execute(
        sa.text("SELECT finding_id, compared FROM findings WHERE holds_compared = 1 AND factor_ppm > 0")
    )
    for row in crowds.all():
        for each in json.loads(row.compared):
            conn.execute(
                sa.text(
                    "INSERT INTO findings_compared (conversion_id, finding_id) SELECT conversion_id, :finding"
                    " FROM conversions WHERE conversion_id = :conversion"
                ),
                {"finding": row.finding_id, "conversion": id_to_bytes("cnv", each)},
            )


def _create_nights() -> None:
    op.create_table(
        "fraud_nights",
        sa.Column("program_id", ID, nullable=False),
        sa.Column("livemode", FLAG, nullable=False),
        sa.Column("day", INT64, nullable=False),
        sa.Column("started_at_ms", INT64, nullable=False),
        sa.Column("position", ID),
        sa.Column("partners", INT64, nullable=False),
        sa.Column("findings", INT64, nullable=False),
        sa.Column("failures", INT64, nullable=False),
        sa.Column("took_ms", INT64, nullable=False),
        sa.Column("finished_at_ms", INT64),
        sa.ForeignKeyConstraint(
            ["program_id"], ["programs.program_id"], name=op.f("fk_fraud_nights_program_id_programs")
        ),
        sa.PrimaryKeyConstraint("program_id", "livemode", name=op.f("pk_fraud_nights")),
        comment="The newest nightly judging of a program's partners: how far it came and what came out.",
        sqlite_strict=True,
    )
    op.create_table(
        "rule_failures",
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("day", INT64, nullable=False),
        sa.Column("failures", INT64, nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("rule", "day", name=op.f("pk_rule_failures")),
        comment="Fraud rules that could not judge, by rule and UTC day; the error names a kind and a place, never a "
        "value.",
        sqlite_strict=True,
    )


def _fill_customers(conn: sa.Connection) -> None:
    """Give customers the keys of their phones and domains."""
    zones = conn.execute(sa.text("SELECT program_id, time_zone FROM programs"))
    regions = {bytes(row.program_id): region_of(row.time_zone) for row in zones}

    def values_of(row: Any) -> dict[str, Any] | None:
        domain = None if row.email_canonical is None else row.email_canonical.rpartition("@")[2]
        values = {
            "phone_key": phone_digits(row.phone, region=regions.get(bytes(row.program_id))),
            "email_domain": registrable_domain(domain),
        }
        return values if any(values.values()) else None

    _carry(conn, "customers", "customer_id", "program_id, phone, email_canonical", values_of)


def _fill_sources(conn: sa.Connection) -> None:
    """Take out of verified reports whether a person of the shop typed or imported them."""

    def values_of(row: Any) -> dict[str, Any] | None:
        source = (json.loads(row.report).get("metadata") or {}).get("source") if row.trust == "verified" else None
        return {"source": source[:64]} if isinstance(source, str) else None

    _carry(conn, "conversions", "conversion_id", "trust, report", values_of)


def _fill_refused(conn: sa.Connection) -> None:
    """Note which order or lead refused events were about."""

    def values_of(row: Any) -> dict[str, Any] | None:
        try:
            fields = json.loads(bytes(row.payload))
        except ValueError:
            return None
        number = (fields.get("external_id") or fields.get("o")) if isinstance(fields, dict) else None
        return {"external_id": number[:128]} if isinstance(number, str) and "\0" not in number else None

    _carry(conn, "quarantined_events", "event_id", "payload", values_of)


def _carry(
    conn: sa.Connection, table: str, key: str, columns: str, values_of: Callable[[Any], dict[str, Any] | None]
) -> None:
    """Set what `values_of` makes of each row, batch by batch in the order of the key."""
    last = b""
    page = sa.text(f"SELECT {key} AS id, {columns} FROM {table} WHERE {key} > :last ORDER BY {key} LIMIT {BATCH}")  # noqa: S608
    while rows := conn.execute(page, {"last": last}).all():
        last = bytes(rows[-1].id)
        changed: dict[tuple[str, ...], list[dict[str, Any]]] = {}
        for row in rows:
            values = values_of(row)
            if values is not None:
                changed.setdefault(tuple(values), []).append(values | {"id": row.id})
        for names, each in changed.items():
            assigned = ", ".join(f"{name} = :{name}" for name in names)
            conn.execute(sa.text(f"UPDATE {table} SET {assigned} WHERE {key} = :id"), each)  # noqa: S608
