"""Queries of the verification: every transfer with what it refers to, every hold, and the database's own totals.

Only `verify.py` calls it, inside one reading transaction, so that all pages show the same instant.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, exists, func, select

from tracker.cases.tables import cases
from tracker.conversions import tables as reported
from tracker.db.rows import as_struct
from tracker.db.tables import sequences
from tracker.ledger.tables import entries, holds, transfers
from tracker.ledger.verification.types import CheckedEntry, CheckedHold, CheckedTransfer, StoredTotals
from tracker.partners.tables import enrollments

PAGE = 500  # transfers read at once; their legs fit one IN list


def all_transfers(conn: Connection) -> Iterator[CheckedTransfer]:
    """Give every transfer with its legs, in the order of numbers."""
    after = 0
    while rows := _page(conn, after):
        legs = _legs(conn, [row.transfer_id for row in rows])
        for row in rows:
            yield _checked(row, tuple(legs.get(row.transfer_id, ())))
        after = rows[-1].seq


def all_holds(conn: Connection) -> Iterator[CheckedHold]:
    """Give every hold in the order of numbers."""
    after = 0
    query = (
        select(
            *(holds.c[name] for name in ("hold_id", "seq", "transfer_id", "case_id", "kind")),
            transfers.c.kind.label("transfer_kind"),
            cases.c.status.label("case_status"),
        )
        .outerjoin(transfers, transfers.c.transfer_id == holds.c.transfer_id)
        .outerjoin(cases, cases.c.case_id == holds.c.case_id)
        .order_by(holds.c.seq)
        .limit(PAGE)
    )
    while rows := conn.execute(query.where(holds.c.seq > after)).all():
        for row in rows:
            yield as_struct(CheckedHold, row)
        after = rows[-1].seq


def stored_totals(conn: Connection) -> StoredTotals:
    """Return the sequence counters, the number of entries and their sum per currency."""
    names = ("transfers", "holds")
    counters = {
        row.name: row.value
        for row in conn.execute(select(sequences.c.name, sequences.c.value).where(sequences.c.name.in_(names)))
    }
    by_currency = select(
        entries.c.currency, func.count().label("entries"), func.sum(entries.c.amount_minor).label("total_minor")
    ).group_by(entries.c.currency)
    rows = conn.execute(by_currency).all()
    return StoredTotals(
        transfers_counter=counters.get("transfers", 0),
        holds_counter=counters.get("holds", 0),
        entries=sum(row.entries for row in rows),
        sums={row.currency: int(row.total_minor) for row in rows},
    )


def _page(conn: Connection, after: int) -> Sequence[Row[Any]]:
    is_credited = exists().where(
        reported.credits.c.decision_id == transfers.c.decision_id,
        reported.credits.c.enrollment_id == transfers.c.enrollment_id,
    )
    columns: list[ColumnElement[Any]] = [
        *(transfers.c[name] for name in _TRANSFER_FIELDS),
        enrollments.c.program_id.label("program_of_enrollment"),
        reported.conversions.c.program_id.label("program_of_conversion"),
        reported.conversions.c.livemode.label("livemode_of_conversion"),
        reported.decisions.c.conversion_id.label("conversion_of_decision"),
        is_credited.label("is_credited"),
    ]
    query = (
        select(*columns)
        .outerjoin(enrollments, enrollments.c.enrollment_id == transfers.c.enrollment_id)
        .outerjoin(reported.conversions, reported.conversions.c.conversion_id == transfers.c.conversion_id)
        .outerjoin(reported.decisions, reported.decisions.c.decision_id == transfers.c.decision_id)
        .where(transfers.c.seq > after)
        .order_by(transfers.c.seq)
        .limit(PAGE)
    )
    return conn.execute(query).all()


def _legs(conn: Connection, transfer_ids: list[str]) -> dict[str, list[CheckedEntry]]:
    query = (
        select(entries).where(entries.c.transfer_id.in_(transfer_ids)).order_by(entries.c.transfer_id, entries.c.line)
    )
    legs: dict[str, list[CheckedEntry]] = {}
    for row in conn.execute(query):
        legs.setdefault(row.transfer_id, []).append(as_struct(CheckedEntry, row))
    return legs


def _checked(row: Row[Any], legs: tuple[CheckedEntry, ...]) -> CheckedTransfer:
    values = dict(row._mapping)  # noqa: SLF001  # SQLAlchemy's documented way to a row as a mapping.
    values["is_credited"] = bool(values["is_credited"])
    return CheckedTransfer(**values, entries=legs)


_REFERENCES = {"entries", "is_credited"}
_TRANSFER_FIELDS = tuple(
    name for name in CheckedTransfer.__struct_fields__ if name not in _REFERENCES and "_of_" not in name
)
