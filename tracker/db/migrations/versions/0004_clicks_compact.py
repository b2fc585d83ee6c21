"""Clicks in fewer bytes.

The address hashes of before are not carried over: they were made under the root secret, and what comes is hashed under
keys that live for an epoch (see 0005), so the two could never be compared.

Revision: 0004, after: 0003
"""

import hashlib
import json
from typing import Any

import sqlalchemy as sa
from alembic import op

from tracker.clicks.encoding import pack_browser_id, pack_masked, split_page
from tracker.db.triggers import guard

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

INT64 = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
FLAG = sa.SmallInteger().with_variant(sa.Integer(), "sqlite")
ID = sa.LargeBinary(16)
CARRIED_AT_ONCE = 1000  # rows read into memory together

OLD = sa.table(
    "clicks_old",
    sa.column("seq", INT64),
    sa.column("program_id", ID),
    sa.column("click_id", sa.Text()),
    sa.column("enrollment_id", ID),
    sa.column("visitor_id", sa.Text()),
    sa.column("livemode", FLAG),
    sa.column("source", sa.Text()),
    sa.column("occurred_at_ms", INT64),
    sa.column("received_at_ms", INT64),
    sa.column("agent_id", INT64),
    sa.column("is_bot", FLAG),
    sa.column("masked_ip", sa.Text()),
    sa.column("country", sa.Text()),
    sa.column("page_url", sa.Text()),
    sa.column("http_referer", sa.Text()),
    sa.column("details", sa.Text()),
)


def upgrade() -> None:
    _put_aside()
    numbers = _create_numbers()
    texts, clicks = _create_texts(), _create_clicks()
    _carry_clicks(op.get_bind(), texts, clicks, numbers)
    op.drop_table("clicks_old")
    guard(op.get_bind(), "clicks")
    _carry_days()


def _put_aside() -> None:
    op.drop_index("ix_clicks_enrollment", "clicks")
    op.drop_index("ix_clicks_visitor", "clicks")
    op.rename_table("clicks", "clicks_old")
    op.rename_table("click_days", "click_days_old")
    if op.get_bind().dialect.name == "postgresql":
        # There the indexes of constraints have names of the whole schema.
        op.execute("ALTER INDEX pk_clicks RENAME TO pk_clicks_old")
        op.execute("ALTER INDEX uq_clicks_program_id_click_id RENAME TO uq_clicks_old")
        op.execute("ALTER INDEX pk_click_days RENAME TO pk_click_days_old")


def _create_numbers() -> dict[str, dict[bytes, int]]:
    """Create the numbers of programs and enrollments that have clicks and return them by id."""
    made = {}
    for what in ("program", "enrollment"):
        table = op.create_table(
            f"click_{what}s",
            sa.Column(f"{what}_number", INT64, nullable=False, autoincrement=True),
            sa.Column(f"{what}_id", ID, nullable=False),
            sa.ForeignKeyConstraint(
                [f"{what}_id"],
                [f"{what}s.{what}_id"],
                name=op.f(f"fk_click_{what}s_{what}_id_{what}s"),
            ),
            sa.PrimaryKeyConstraint(f"{what}_number", name=op.f(f"pk_click_{what}s")),
            sa.UniqueConstraint(f"{what}_id", name=op.f(f"uq_click_{what}s_{what}_id")),
            comment=f"A small number for each {what} that has clicks.",
            sqlite_strict=True,
        )
        days = " UNION SELECT enrollment_id FROM click_days_old" if what == "enrollment" else ""
        op.execute(
            f"INSERT INTO click_{what}s ({what}_id) SELECT {what}_id FROM"  # noqa: S608  # Two words, both above.
            f" (SELECT {what}_id FROM clicks_old{days}) AS seen GROUP BY {what}_id ORDER BY {what}_id"
        )
        rows = op.get_bind().execute(sa.select(table.c[f"{what}_id"], table.c[f"{what}_number"]))
        made[what] = {bytes(row[0]): row[1] for row in rows}
    return made


def _create_texts() -> sa.Table:
    return op.create_table(
        "click_texts",
        sa.Column("text_id", INT64, nullable=False, autoincrement=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("text_id", name=op.f("pk_click_texts")),
        sa.UniqueConstraint("digest", name=op.f("uq_click_texts_digest")),
        comment="Each distinct text of the clicks once: pages, referrers, codes, headers.",
        sqlite_strict=True,
    )


def _create_clicks() -> sa.Table:
    table = op.create_table(
        "clicks",
        sa.Column("seq", INT64, nullable=False),
        sa.Column("program_number", INT64, nullable=False),
        sa.Column("enrollment_number", INT64, nullable=False),
        sa.Column("click_key", sa.LargeBinary(), nullable=False),
        sa.Column("visitor_key", sa.LargeBinary()),
        sa.Column("livemode", FLAG, nullable=False),
        sa.Column("source_id", INT64, nullable=False),
        sa.Column("received_at_ms", INT64, nullable=False),
        sa.Column("age_ms", INT64, nullable=False),
        sa.Column("agent_id", INT64, nullable=False),
        sa.Column("is_bot", FLAG, nullable=False),
        sa.Column("host_key", sa.LargeBinary()),
        sa.Column("net_key", sa.LargeBinary()),
        sa.Column("next_host_key", sa.LargeBinary()),
        sa.Column("next_net_key", sa.LargeBinary()),
        sa.Column("masked_ip", sa.LargeBinary()),
        sa.Column("country", sa.Text()),
        sa.Column("asn", INT64),
        sa.Column("network_class_id", INT64),
        sa.Column("page_id", INT64),
        sa.Column("page_tail", sa.Text()),
        sa.Column("http_referer_id", INT64),
        sa.Column("context_id", INT64),
        sa.Column("code_id", INT64),
        sa.Column("details", sa.Text()),
        sa.ForeignKeyConstraint(["agent_id"], ["agents.agent_id"], name=op.f("fk_clicks_agent_id_agents")),
        sa.ForeignKeyConstraint(
            ["enrollment_number"],
            ["click_enrollments.enrollment_number"],
            name=op.f("fk_clicks_enrollment_number_click_enrollments"),
        ),
        sa.ForeignKeyConstraint(
            ["program_number"], ["click_programs.program_number"], name=op.f("fk_clicks_program_number_click_programs")
        ),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_clicks")),
        sa.UniqueConstraint("click_key", "program_number", name=op.f("uq_clicks_click_key_program_number")),
        comment="Referral visits; one row a click id and program. Its values are packed: tracker/clicks/store.py reads "
        "them.",
        sqlite_strict=True,
    )
    later = sa.text("visitor_key IS NOT NULL")
    op.create_index("ix_clicks_visitor", "clicks", ["visitor_key"], sqlite_where=later, postgresql_where=later)
    # SQLite keeps the row's number, which is `seq`, in every index; named again it would be stored twice.
    latest = ["enrollment_number"] if op.get_bind().dialect.name == "sqlite" else ["enrollment_number", "seq"]
    op.create_index("ix_clicks_enrollment", "clicks", latest)
    return table


def _carry_clicks(conn: sa.Connection, texts: sa.Table, clicks: sa.Table, numbers: dict[str, dict[bytes, int]]) -> None:
    known: dict[str, int] = {}

    def text_id(value: str | None) -> int | None:
        if value is None:
            return None
        if value not in known:
            digest = hashlib.blake2b(value.encode(), digest_size=16).digest()
            made = conn.execute(sa.insert(texts).values(digest=digest, text=value).returning(texts.c.text_id))
            known[value] = made.scalar_one()
        return known[value]

    last = -1
    while rows := conn.execute(sa.select(OLD).where(OLD.c.seq > last).order_by(OLD.c.seq).limit(CARRIED_AT_ONCE)).all():
        conn.execute(sa.insert(clicks), [_compact(row, numbers, text_id) for row in rows])
        last = rows[-1].seq


def _compact(row: sa.Row[Any], numbers: dict[str, dict[bytes, int]], text_id: Any) -> dict[str, Any]:
    details = json.loads(row.details)
    context = {name: details.pop(name) for name in ("headers", "parameter") if name in details}
    code = details.pop("code", None)
    page, tail = (None, None) if row.page_url is None else split_page(row.page_url)
    return {
        "seq": row.seq,
        "program_number": numbers["program"][bytes(row.program_id)],
        "enrollment_number": numbers["enrollment"][bytes(row.enrollment_id)],
        "click_key": pack_browser_id(row.click_id),
        "visitor_key": None if row.visitor_id == row.click_id else pack_browser_id(row.visitor_id),
        "livemode": row.livemode,
        "source_id": text_id(row.source),
        "received_at_ms": row.received_at_ms,
        "age_ms": row.received_at_ms - row.occurred_at_ms,
        "agent_id": row.agent_id,
        "is_bot": row.is_bot,
        "masked_ip": None if row.masked_ip is None else pack_masked(row.masked_ip),
        "country": row.country,
        "page_id": text_id(page),
        "page_tail": tail,
        "http_referer_id": text_id(row.http_referer),
        "context_id": text_id(_json(context) if context else None),
        "code_id": text_id(code),
        "details": _json(details) if details else None,
    }


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _carry_days() -> None:
    op.create_table(
        "click_days",
        sa.Column("enrollment_number", INT64, nullable=False),
        sa.Column("day", INT64, nullable=False),
        sa.Column("livemode", FLAG, nullable=False),
        sa.Column("clicks", INT64, nullable=False),
        sa.Column("bots", INT64, nullable=False),
        sa.ForeignKeyConstraint(
            ["enrollment_number"],
            ["click_enrollments.enrollment_number"],
            name=op.f("fk_click_days_enrollment_number_click_enrollments"),
        ),
        sa.PrimaryKeyConstraint("enrollment_number", "day", "livemode", name=op.f("pk_click_days")),
        comment="Clicks per enrollment and UTC day, kept by the projector.",
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO click_days (enrollment_number, day, livemode, clicks, bots)"
        " SELECT number.enrollment_number, old.day, old.livemode, old.clicks, old.bots FROM click_days_old AS old"
        " JOIN click_enrollments AS number ON number.enrollment_id = old.enrollment_id"
    )
    op.drop_table("click_days_old")
