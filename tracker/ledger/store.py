"""Queries of the ledger: posting and freezing, commissions with their computed status, statements, balances and debts.

The first half runs inside the transaction that makes a decision, the second answers pages and the API. Rows are only
ever added. A reversal shares availability, freezes and status of its accrual, so that sums by status agree with lists.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, case, exists, func, insert, or_, select

from tracker.conversions.tables import conversions
from tracker.db.rows import as_struct
from tracker.db.sequences import next_seq
from tracker.ledger.holds import frozen_by
from tracker.ledger.status import commission_status
from tracker.ledger.tables import entries, holds, transfers
from tracker.ledger.types import (
    Balance,
    Commission,
    CommissionFilter,
    Debt,
    Hold,
    NewTransfer,
    PostedLine,
    PublicText,
    StatementLine,
)
from tracker.partners.tables import enrollments
from tracker.programs.tables import programs

# Columns of a PostedLine: the transfer and its one partner leg.
LINE_COLUMNS = (*transfers.c, entries.c.currency, entries.c.amount_minor, entries.c.available_at_ms)
LINE_JOIN = transfers.join(
    entries,
    and_(entries.c.transfer_id == transfers.c.transfer_id, entries.c.account == "partner_payable"),
)
PAGE_MAX = 101  # lines a list gives at most: a page of 100 and one that tells of the next
IDS_MAX = 500  # ids in one IN list; SQLite allows 32 766 parameters, plans stay readable far below


class LedgerError(Exception):
    """A posting would break a law of the ledger; it is a bug of the caller, and nothing was written."""


def post(conn: Connection, new: Sequence[NewTransfer]) -> None:
    """Append the transfers in their order; raises LedgerError when one does not balance or takes back too much."""
    for transfer in new:
        _check_balanced(transfer)
        values = {name: getattr(transfer, name) for name in _TRANSFER_FIELDS}
        conn.execute(insert(transfers), values | {"seq": next_seq(conn, "transfers")})
        conn.execute(insert(entries), [_entry_values(transfer, line) for line in range(len(transfer.legs))])
    _check_reversed(conn, {transfer.reverses_id for transfer in new if transfer.reverses_id is not None})


def save_holds(conn: Connection, new: Sequence[Hold]) -> None:
    """Append freezes and releases in their order."""
    for hold in new:
        values = {name: getattr(hold, name) for name in Hold.__struct_fields__ if name != "seq"}
        conn.execute(insert(holds), values | {"seq": next_seq(conn, "holds")})


def lines_of_conversion(conn: Connection, conversion_id: str) -> list[PostedLine]:
    """Return every line posted for a conversion, oldest first."""
    return lines_of_conversions(conn, [conversion_id])


def lines_of_conversions(conn: Connection, conversion_ids: Iterable[str]) -> list[PostedLine]:
    """Return every line posted for the conversions, oldest first."""
    lines: list[PostedLine] = []
    for ids in chunks(conversion_ids):
        lines += [line_of(row) for row in conn.execute(_lines().where(transfers.c.conversion_id.in_(ids)))]
    return sorted(lines, key=lambda line: line.seq)


def holds_of_accruals(conn: Connection, accrual_ids: Iterable[str]) -> list[Hold]:
    """Return every freeze and release of the accruals by any case, oldest first."""
    found: list[Hold] = []
    for ids in chunks(accrual_ids):
        query = select(holds).where(holds.c.transfer_id.in_(ids))
        found += [hold_of(row) for row in conn.execute(query)]
    return sorted(found, key=lambda hold: hold.seq)


def holds_of_case(conn: Connection, case_id: str) -> list[Hold]:
    """Return every freeze and release by the case, oldest first."""
    query = select(holds).where(holds.c.case_id == case_id).order_by(holds.c.seq)
    return [hold_of(row) for row in conn.execute(query)]


def chunks(ids: Iterable[str]) -> Iterable[list[str]]:
    """Return the distinct ids in lists of at most IDS_MAX, for one IN list each."""
    distinct = list(dict.fromkeys(ids))
    return (distinct[start : start + IDS_MAX] for start in range(0, len(distinct), IDS_MAX))


def line_of(row: Row[Any]) -> PostedLine:
    """Return the row of a query over LINE_COLUMNS as a record."""
    values = {name: getattr(row, name) for name in PostedLine.__struct_fields__ if name != "public_text"}
    return PostedLine(**values, public_text=PublicText(**row.public_text))


def hold_of(row: Row[Any]) -> Hold:
    """Return a row of holds as a record."""
    return as_struct(Hold, row)


def commissions(
    conn: Connection,
    chosen: CommissionFilter,
    *,
    now_ms: int,
    before_seq: int | None = None,
    limit: int = PAGE_MAX,
) -> list[Commission]:
    """Return the lines that fit the filter, newest first, at most PAGE_MAX; `before_seq` is the page before's last."""
    query = _commissions(now_ms).where(*_conditions(chosen, now_ms)).order_by(transfers.c.seq.desc())
    if before_seq is not None:
        query = query.where(transfers.c.seq < before_seq)
    rows = conn.execute(query.limit(max(1, min(limit, PAGE_MAX)))).all()
    return _commission_views(conn, rows, now_ms)


def commissions_of_conversions(conn: Connection, conversion_ids: Iterable[str], *, now_ms: int) -> list[Commission]:
    """Return every line of the conversions with its status, oldest first."""
    found: list[Commission] = []
    for ids in chunks(conversion_ids):
        rows = conn.execute(_commissions(now_ms).where(transfers.c.conversion_id.in_(ids))).all()
        found += _commission_views(conn, rows, now_ms)
    return sorted(found, key=lambda commission: commission.line.seq)


def get_commission(conn: Connection, transfer_id: str, *, now_ms: int) -> Commission | None:
    """Return one line with its status, or None."""
    rows = conn.execute(_commissions(now_ms).where(transfers.c.transfer_id == transfer_id)).all()
    return next(iter(_commission_views(conn, rows, now_ms)), None)


def statement(
    conn: Connection,
    enrollment_id: str,
    *,
    livemode: bool,
    now_ms: int,
    before_seq: int | None = None,
    limit: int = PAGE_MAX,
) -> list[StatementLine]:
    """Return an enrollment's lines, newest first, each with the balance of its currency after it."""
    running = (
        select(
            transfers.c.transfer_id,
            func.sum(entries.c.amount_minor)
            .over(partition_by=entries.c.currency, order_by=transfers.c.seq)
            .label("balance_minor"),
        )
        .select_from(LINE_JOIN)
        .where(transfers.c.enrollment_id == enrollment_id, transfers.c.livemode == livemode)
        .cte("running")
    )
    query = (
        _commissions(now_ms)
        .add_columns(
            running.c.balance_minor,
            conversions.c.kind.label("conversion_kind"),
            conversions.c.external_id.label("conversion_external_id"),
        )
        .join(running, running.c.transfer_id == transfers.c.transfer_id)
        .join(conversions, conversions.c.conversion_id == transfers.c.conversion_id)
        .order_by(transfers.c.seq.desc())
        .limit(max(1, min(limit, PAGE_MAX)))
    )
    if before_seq is not None:
        query = query.where(transfers.c.seq < before_seq)
    rows = conn.execute(query).all()
    return [
        StatementLine(
            commission=commission,
            conversion_kind=row.conversion_kind,
            conversion_external_id=row.conversion_external_id,
            balance_minor=int(row.balance_minor),
        )
        for row, commission in zip(rows, _commission_views(conn, rows, now_ms), strict=True)
    ]


def balances(conn: Connection, enrollment_id: str, *, livemode: bool, now_ms: int) -> list[Balance]:
    """Return what an enrollment is owed, one balance a currency, in the order of currencies."""
    condition = and_(transfers.c.enrollment_id == enrollment_id, transfers.c.livemode == livemode)
    rows = conn.execute(_sums(entries.c.currency, condition=condition, now_ms=now_ms))
    return [_balance(row) for row in rows]


def balances_of_program(conn: Connection, program_id: str, *, livemode: bool, now_ms: int) -> dict[str, list[Balance]]:
    """Return what each enrollment of a program is owed, by enrollment id."""
    condition = and_(transfers.c.program_id == program_id, transfers.c.livemode == livemode)
    query = _sums(transfers.c.enrollment_id, entries.c.currency, condition=condition, now_ms=now_ms)
    found: dict[str, list[Balance]] = {}
    for row in conn.execute(query):
        found.setdefault(row.enrollment_id, []).append(_balance(row))
    return found


def debts(conn: Connection, *, livemode: bool, now_ms: int, program_id: str | None = None) -> list[Debt]:
    """Return what each program (or one) owes its partners, one row a program and currency."""
    condition = transfers.c.livemode == livemode
    if program_id is not None:
        condition = and_(condition, transfers.c.program_id == program_id)
    query = _sums(transfers.c.program_id, entries.c.currency, condition=condition, now_ms=now_ms)
    return [Debt(program_id=row.program_id, balance=_balance(row)) for row in conn.execute(query)]


_TRANSFER_FIELDS = tuple(column.name for column in transfers.c if column.name != "seq")


def _lines() -> Select[Any]:
    return select(*LINE_COLUMNS).select_from(LINE_JOIN)


def _entry_values(transfer: NewTransfer, line: int) -> dict[str, Any]:
    leg = transfer.legs[line]
    return {
        "transfer_id": transfer.transfer_id,
        "line": line + 1,
        "account": leg.account,
        "enrollment_id": transfer.enrollment_id,
        "currency": leg.currency,
        "amount_minor": leg.amount_minor,
        "available_at_ms": leg.available_at_ms,
    }


def _check_balanced(transfer: NewTransfer) -> None:
    total = sum(leg.amount_minor for leg in transfer.legs)
    currencies = {leg.currency for leg in transfer.legs}
    if total != 0 or len(currencies) != 1:
        message = (
            f"Transfer {transfer.transfer_id} sums to {total} in {sorted(currencies)}; a transfer has one currency "
            "and its legs sum to zero."
        )
        raise LedgerError(message)


def _check_reversed(conn: Connection, accrual_ids: set[str]) -> None:
    """Look after the write, so that whoever posts sees what all others posted before."""
    for ids in chunks(sorted(accrual_ids)):
        left = (
            select(_ACCRUAL_ID.label("accrual_id"), func.sum(entries.c.amount_minor).label("left_minor"))
            .select_from(LINE_JOIN)
            .where(or_(transfers.c.transfer_id.in_(ids), transfers.c.reverses_id.in_(ids)))
            .group_by(_ACCRUAL_ID)
        )
        for row in conn.execute(left):
            if row.left_minor < 0:
                message = f"Reversals of {row.accrual_id} exceed it by {-int(row.left_minor)} minor units."
                raise LedgerError(message)


# The accrual behind a line: itself, or what it takes back from.
_ACCRUAL_ID = func.coalesce(transfers.c.reverses_id, transfers.c.transfer_id)


def _frozen() -> ColumnElement[bool]:
    """Tell whether the newest hold row of any case freezes the line's accrual now."""
    freeze, newer = holds.alias("freeze"), holds.alias("newer")
    released = exists().where(
        newer.c.transfer_id == freeze.c.transfer_id,
        newer.c.case_id == freeze.c.case_id,
        newer.c.seq > freeze.c.seq,
    )
    return exists().where(freeze.c.transfer_id == _ACCRUAL_ID, freeze.c.kind == "freeze", ~released)


def _remaining() -> ColumnElement[int]:
    """Return what reversals left of the line's accrual, in minor units."""
    accrued, back, taken = entries.alias("accrued"), transfers.alias("back"), entries.alias("taken")
    original = (
        select(accrued.c.amount_minor)
        .where(accrued.c.transfer_id == _ACCRUAL_ID, accrued.c.account == "partner_payable")
        .scalar_subquery()
    )
    reversed_minor = (
        select(func.coalesce(func.sum(taken.c.amount_minor), 0))
        .select_from(back.join(taken, taken.c.transfer_id == back.c.transfer_id))
        .where(back.c.reverses_id == _ACCRUAL_ID, taken.c.account == "partner_payable")
        .scalar_subquery()
    )
    return original + reversed_minor


def _status(now_ms: int) -> ColumnElement[str]:
    """Return the rule of status.py in SQL, for filters and sums; a test holds the two against each other."""
    return case(
        (_remaining() == 0, "void"),
        (_frozen(), "frozen"),
        (entries.c.available_at_ms > now_ms, "pending"),
        else_="payable",
    )


def _commissions(now_ms: int) -> Select[Any]:
    return (
        select(
            *LINE_COLUMNS,
            enrollments.c.partner_id,
            programs.c.time_zone,
            _remaining().label("remaining_minor"),
            _status(now_ms).label("status"),
        )
        .select_from(LINE_JOIN)
        .join(enrollments, enrollments.c.enrollment_id == transfers.c.enrollment_id)
        .join(programs, programs.c.program_id == transfers.c.program_id)
    )


def _conditions(chosen: CommissionFilter, now_ms: int) -> list[ColumnElement[bool]]:
    conditions = [transfers.c.livemode == chosen.livemode]
    if chosen.program_id is not None:
        conditions.append(transfers.c.program_id == chosen.program_id)
    if chosen.enrollment_id is not None:
        conditions.append(transfers.c.enrollment_id == chosen.enrollment_id)
    if chosen.partner_id is not None:
        conditions.append(enrollments.c.partner_id == chosen.partner_id)
    if chosen.conversion_id is not None:
        conditions.append(transfers.c.conversion_id == chosen.conversion_id)
    if chosen.created_from_ms is not None:
        conditions.append(transfers.c.created_at_ms >= chosen.created_from_ms)
    if chosen.created_to_ms is not None:
        conditions.append(transfers.c.created_at_ms <= chosen.created_to_ms)
    if chosen.status is not None:
        conditions.append(_status(now_ms) == chosen.status)
    return conditions


def _commission_views(conn: Connection, rows: Sequence[Row[Any]], now_ms: int) -> list[Commission]:
    accrual_ids = [row.reverses_id or row.transfer_id for row in rows]
    frozen = frozen_by(holds_of_accruals(conn, accrual_ids))
    return [
        Commission(
            line=line_of(row),
            partner_id=row.partner_id,
            remaining_minor=int(row.remaining_minor),
            view=commission_status(
                remaining_minor=int(row.remaining_minor),
                available_at_ms=row.available_at_ms,
                frozen_by=frozen.get(accrual_id, ()),
                now_ms=now_ms,
                time_zone=row.time_zone,
            ),
        )
        for row, accrual_id in zip(rows, accrual_ids, strict=True)
    ]


def _sums(*group: ColumnElement[Any], condition: ColumnElement[bool], now_ms: int) -> Select[Any]:
    status = _status(now_ms).label("status")
    lines = (
        select(transfers.c.program_id, transfers.c.enrollment_id, entries.c.currency, entries.c.amount_minor)
        .add_columns(entries.c.available_at_ms, status)
        .select_from(LINE_JOIN)
        .where(condition)
        .cte("lines")
    )
    columns = [lines.c[column.name] for column in group]
    parts = [
        func.sum(case((lines.c.status == name, lines.c.amount_minor), else_=0)).label(f"{name}_minor")
        for name in ("pending", "payable", "frozen")
    ]
    next_available = func.min(case((lines.c.status == "pending", lines.c.available_at_ms)))
    return select(*columns, *parts, next_available.label("next_available_at_ms")).group_by(*columns).order_by(*columns)


def _balance(row: Row[Any]) -> Balance:
    return Balance(
        currency=row.currency,
        pending_minor=int(row.pending_minor),
        payable_minor=int(row.payable_minor),
        frozen_minor=int(row.frozen_minor),
        next_available_at_ms=row.next_available_at_ms,
    )
