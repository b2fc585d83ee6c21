"""Queries of findings, cases, what they cover, and verdicts.

`opening.py` and `review.py` call the writing half inside their transaction, pages and the API the reading half. Only
where a case stands ever changes: status, assignee, score, dates; findings and verdicts are only added.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, insert, select, tuple_, update

from tracker.cases import talk_store
from tracker.cases.decide import ruling
from tracker.cases.finding_rows import as_finding, finding_values
from tracker.cases.standing_store import standing_on
from tracker.cases.tables import case_conversions, cases, findings, verdicts
from tracker.cases.types import (
    AGAINST,
    CaseRow,
    CaseStatus,
    CaseView,
    CoveredConversion,
    FindingRow,
    QueueRow,
    VerdictRow,
)
from tracker.conversions.tables import conversions
from tracker.db.rows import as_struct, fields_of, text_found
from tracker.ledger import store as ledger
from tracker.ledger.tables import entries, transfers
from tracker.partners.tables import enrollments, partners
from tracker.programs.tables import programs

PAGE_MAX = 100  # cases a page of the queue shows at most
HEADLINES = 2  # findings in a row of the queue: two facts are read at a glance

ESCALATED_DAYS = 30  # the age at which a case is the owners' business

_Position = tuple[int, str]  # score and id of the last case of a page
Narrow = Literal["", "escalated", "proposed"]


def save_findings(conn: Connection, new: Sequence[FindingRow]) -> list[str]:
    """Store the findings that are not there yet; return the ids of the new ones.

    Equal evidence (`evidence_digest`) of one rule about one conversion is one finding, however often it is judged;
    about a partner it is one in each mode.
    """
    known: set[tuple[Any, ...]] = set()
    for name in ("conversion_id", "enrollment_id"):
        columns = [findings.c[each] for each in (name, "livemode", "rule", "evidence_digest")]
        for ids in ledger.chunks(each for row in new if (each := getattr(row, name)) is not None):
            known |= {tuple(row) for row in conn.execute(select(*columns).where(findings.c[name].in_(ids)))}
    saved = []
    for row in new:
        key = (row.conversion_id or row.enrollment_id, row.livemode, row.finding.rule, row.evidence_digest)
        if key not in known:
            known.add(key)
            conn.execute(insert(findings), finding_values(row))
            saved.append(row.finding_id)
    return saved


def partner_cluster(enrollment_id: str) -> str:
    """Return the fact a case about a partner as a whole is over."""
    return f"partner:{enrollment_id}"


def partner_findings(conn: Connection, enrollment_id: str, *, livemode: bool) -> list[FindingRow]:
    """Return the findings about a partner as a whole, those that weigh most first."""
    query = select(findings).where(findings.c.enrollment_id == enrollment_id, findings.c.livemode == livemode)
    found = [as_finding(row) for row in conn.execute(query)]
    return sorted(found, key=lambda row: (-row.finding.factor_ppm, row.finding.rule, row.finding_id))


def findings_of(conn: Connection, conversion_ids: Iterable[str]) -> list[FindingRow]:
    """Return the findings about the conversions, those that weigh most first."""
    found: list[FindingRow] = []
    for ids in ledger.chunks(conversion_ids):
        query = select(findings).where(findings.c.conversion_id.in_(ids))
        found += [as_finding(row) for row in conn.execute(query)]
    return sorted(found, key=lambda row: (-row.finding.factor_ppm, row.finding.rule, row.finding_id))


def insert_case(conn: Connection, case: CaseRow) -> None:
    """Store a new case; a second undecided one over the same fact of one partner is refused by the database."""
    conn.execute(insert(cases), fields_of(case))


def case_row(conn: Connection, case_id: str) -> CaseRow | None:
    """Return one case, or None."""
    row = conn.execute(select(cases).where(cases.c.case_id == case_id)).first()
    return None if row is None else _case(row)


def cases_of_enrollment(conn: Connection, enrollment_id: str, *, livemode: bool) -> list[CaseRow]:
    """Return the enrollment's cases, oldest first, decided ones included."""
    query = select(cases).where(cases.c.enrollment_id == enrollment_id, cases.c.livemode == livemode)
    return [_case(row) for row in conn.execute(query.order_by(cases.c.case_id))]


def undecided_case(conn: Connection, enrollment_id: str, *, livemode: bool, cluster_key: str) -> CaseRow | None:
    """Return the enrollment's undecided case over a fact, of which there is one at most."""
    query = select(cases).where(
        cases.c.enrollment_id == enrollment_id,
        cases.c.livemode == livemode,
        cases.c.cluster_key == cluster_key,
        cases.c.status != "decided",
    )
    row = conn.execute(query).first()
    return None if row is None else _case(row)


def cases_of_conversion(conn: Connection, conversion_id: str) -> list[CaseRow]:
    """Return the cases that cover the conversion, undecided ones first, then the newest."""
    query = (
        select(cases)
        .join(case_conversions, case_conversions.c.case_id == cases.c.case_id)
        .where(case_conversions.c.conversion_id == conversion_id)
        .order_by(cases.c.status == "decided", cases.c.case_id.desc())
    )
    return [_case(row) for row in conn.execute(query)]


def cover(conn: Connection, case_id: str, conversion_ids: Iterable[str], *, at_ms: int) -> list[str]:
    """Let the case cover further conversions; return those it did not cover before.

    There is no limit: a conversion a full case could not take would be paid without anybody having looked.
    """
    known = set(covered_ids(conn, case_id))
    new = [each for each in dict.fromkeys(conversion_ids) if each not in known]
    for conversion_id in new:
        values = {"case_id": case_id, "conversion_id": conversion_id, "added_at_ms": at_ms}
        conn.execute(insert(case_conversions), values)
    return new


def covered_ids(conn: Connection, case_id: str) -> list[str]:
    """Return the ids of the conversions a case covers, in the order they were reported."""
    query = (
        select(case_conversions.c.conversion_id)
        .join(conversions, conversions.c.conversion_id == case_conversions.c.conversion_id)
        .where(case_conversions.c.case_id == case_id)
        .order_by(conversions.c.seq)
    )
    return list(conn.execute(query).scalars())


def covered_conversions(conn: Connection, case_id: str) -> list[CoveredConversion]:
    """Return the conversions a case covers, as they stand, in the order they were reported."""
    query = (
        select(*(conversions.c[name] for name in _COVERED_FIELDS), _refunded().label("refunded_minor"))
        .join(case_conversions, case_conversions.c.conversion_id == conversions.c.conversion_id)
        .where(case_conversions.c.case_id == case_id)
        .order_by(conversions.c.seq)
    )
    rows = conn.execute(query).all()
    others = _undecided_cases(conn, [row.conversion_id for row in rows])
    against = _cases_against(conn, case_id, [row.conversion_id for row in rows if row.status == "rejected"])
    return [
        CoveredConversion(
            **{name: getattr(row, name) for name in _COVERED_FIELDS},
            refunded_minor=int(row.refunded_minor),
            other_cases=tuple(each for each in others.get(row.conversion_id, ()) if each != case_id),
            other_rejections=tuple(against.get(row.conversion_id, ())),
        )
        for row in rows
    ]


def conversions_in(
    conn: Connection, conversion_ids: Iterable[str], *, program_id: str, livemode: bool
) -> dict[str, str]:
    """Return the statuses of those of the conversions that exist in the program and mode, by id."""
    found: dict[str, str] = {}
    for ids in ledger.chunks(conversion_ids):
        query = select(conversions.c.conversion_id, conversions.c.status).where(
            conversions.c.conversion_id.in_(ids),
            conversions.c.program_id == program_id,
            conversions.c.livemode == livemode,
        )
        found |= {row.conversion_id: row.status for row in conn.execute(query)}
    return found


def update_case(conn: Connection, case: CaseRow) -> None:
    """Store what may change of a case: everything but what it is about."""
    values = {name: getattr(case, name) for name in _CHANGING}
    conn.execute(update(cases).where(cases.c.case_id == case.case_id).values(**values))


def insert_verdict(conn: Connection, verdict: VerdictRow) -> None:
    """Store a verdict."""
    conn.execute(insert(verdicts), fields_of(verdict))


def verdicts_of(conn: Connection, case_id: str) -> list[VerdictRow]:
    """Return the verdicts on a case, oldest first."""
    query = select(verdicts).where(verdicts.c.case_id == case_id).order_by(verdicts.c.at_ms, verdicts.c.verdict_id)
    return [as_struct(VerdictRow, row) for row in conn.execute(query)]


def queue(
    conn: Connection,
    *,
    livemode: bool,
    statuses: Sequence[CaseStatus],
    program_id: str | None = None,
    narrow: Narrow = "",
    search: str = "",
    limit: int = PAGE_MAX,
    before: _Position | None = None,
) -> list[QueueRow]:
    """Return cases, the highest score first, then the newest; `before` is (score, id) of the last case seen.

    `narrow` keeps those the owners were told of, or those that wait for a second person; `search` looks into the
    partner's name.
    """
    query = (
        _named_cases()
        .where(cases.c.livemode == livemode, cases.c.status.in_(list(statuses)))
        .order_by(cases.c.score.desc(), cases.c.case_id.desc())
        .limit(max(1, min(limit, PAGE_MAX)))
    )
    if program_id is not None:
        query = query.where(cases.c.program_id == program_id)
    if narrow:
        query = query.where(_NARROWED[narrow])
    if search:
        query = query.where(text_found(search, partners.c.name))
    if before is not None:
        query = query.where(tuple_(cases.c.score, cases.c.case_id) < before)
    return _queue_rows(conn, conn.execute(query).all())


def queue_rows_of(conn: Connection, case_ids: Iterable[str]) -> list[QueueRow]:
    """Return the named cases as the queue shows them, the highest score first; unknown ids give nothing."""
    ids = list(dict.fromkeys(case_ids))[:PAGE_MAX]
    query = _named_cases().where(cases.c.case_id.in_(ids)).order_by(cases.c.score.desc(), cases.c.case_id.desc())
    return _queue_rows(conn, conn.execute(query.limit(PAGE_MAX)).all())


def count_cases(conn: Connection, *, livemode: bool, statuses: Sequence[CaseStatus], narrow: Narrow = "") -> int:
    """Return how many cases have one of the statuses; `narrow` as in `queue`."""
    query = select(func.count()).where(cases.c.livemode == livemode, cases.c.status.in_(list(statuses)))
    if narrow:
        query = query.where(_NARROWED[narrow])
    return int(conn.execute(query).scalar_one())


def get_case(conn: Connection, case_id: str, *, now_ms: int) -> CaseView | None:
    """Return everything on a case's page, or None; commission statuses as of `now_ms`."""
    row = conn.execute(_named_cases().where(cases.c.case_id == case_id)).first()
    if row is None:
        return None
    covered = covered_conversions(conn, case_id)
    ids = [conversion.conversion_id for conversion in covered]
    case = _case(row)
    return CaseView(
        case=case,
        program_name=row.program_name,
        partner_id=row.partner_id,
        partner_name=row.partner_name,
        findings=tuple(findings_of_case(conn, case, ids)),
        conversions=tuple(covered),
        commissions=tuple(ledger.commissions_of_conversions(conn, ids, now_ms=now_ms)),
        verdicts=tuple(verdicts_of(conn, case_id)),
        enrollment_status=row.enrollment_status,
        messages=tuple(talk_store.messages_of(conn, case_id)),
        proposal=None if row.proposal_id is None else talk_store.proposal_row(conn, row.proposal_id),
    )


def findings_of_case(conn: Connection, case: CaseRow, conversion_ids: Sequence[str]) -> list[FindingRow]:
    """Return what stands on the page of a case that covers these conversions; any of it may decide a verdict."""
    found = findings_of(conn, conversion_ids)
    shown = {each.finding_id for each in found}
    # What counts into the scores though it is about others.
    for rows in standing_on(conn, conversion_ids).values():
        found += [each for each in rows if each.enrollment_id is None and each.finding_id not in shown]
        shown |= {each.finding_id for each in rows}
    if case.cluster_key == partner_cluster(case.enrollment_id):
        found = partner_findings(conn, case.enrollment_id, livemode=case.livemode) + found
    return found


_NARROWED: dict[str, ColumnElement[bool]] = {
    "escalated": and_(cases.c.reminded_days >= ESCALATED_DAYS, cases.c.status != "decided"),
    "proposed": cases.c.proposal_id.is_not(None),
}
_COMPUTED = frozenset({"refunded_minor", "other_cases", "other_rejections"})
_COVERED_FIELDS = tuple(name for name in CoveredConversion.__struct_fields__ if name not in _COMPUTED)
_KEPT = frozenset({"case_id", "program_id", "enrollment_id", "livemode", "kind", "cluster_key", "opened_at_ms"})
_CHANGING = tuple(name for name in CaseRow.__struct_fields__ if name not in _KEPT)


def _refunded() -> ColumnElement[int]:
    """Sum the refunds booked for a conversion; one that waits or was rejected counts for nothing."""
    refunds = conversions.alias("refunds")
    return (
        select(func.coalesce(func.sum(refunds.c.amount_minor), 0))
        .where(
            refunds.c.program_id == conversions.c.program_id,
            refunds.c.livemode == conversions.c.livemode,
            refunds.c.refund_of == conversions.c.external_id,
            refunds.c.kind == "refund",
            refunds.c.status == "accepted",
            conversions.c.kind == "sale",
        )
        .scalar_subquery()
    )


def _undecided_cases(conn: Connection, conversion_ids: Sequence[str]) -> dict[str, list[str]]:
    """Return the undecided cases that hold the conversions; a random check holds nothing."""
    holding = and_(cases.c.case_id == case_conversions.c.case_id, cases.c.status != "decided", cases.c.kind != "audit")
    query = (
        select(case_conversions.c.conversion_id, case_conversions.c.case_id)
        .join(cases, holding)
        .where(case_conversions.c.conversion_id.in_(list(conversion_ids)))
        .order_by(case_conversions.c.case_id)
    )
    found: dict[str, list[str]] = {}
    for row in conn.execute(query):
        found.setdefault(row.conversion_id, []).append(row.case_id)
    return found


def _cases_against(conn: Connection, case_id: str, conversion_ids: Sequence[str]) -> dict[str, list[str]]:
    """Return, by conversion, the other cases whose verdict stands against it."""
    if not conversion_ids:
        return {}
    query = (
        select(case_conversions.c.conversion_id, case_conversions.c.case_id)
        .where(case_conversions.c.conversion_id.in_(list(conversion_ids)), case_conversions.c.case_id != case_id)
        .order_by(case_conversions.c.case_id)
    )
    covering = conn.execute(query).all()
    ruled = {each: ruling(verdicts_of(conn, each)) for each in {row.case_id for row in covering}}
    found: dict[str, list[str]] = {}
    for row in covering:
        verdict = ruled[row.case_id]
        if verdict is not None and verdict.action in AGAINST:
            found.setdefault(row.conversion_id, []).append(row.case_id)
    return found


def _queue_rows(conn: Connection, rows: Sequence[Row[Any]]) -> list[QueueRow]:
    case_ids = [row.case_id for row in rows]
    headlines = _headlines(conn, [_case(row) for row in rows])
    at_stake = _at_stake(conn, case_ids)
    return [
        QueueRow(
            case=_case(row),
            program_name=row.program_name,
            partner_id=row.partner_id,
            partner_name=row.partner_name,
            conversions=row.conversions,
            headline=tuple(headlines.get(row.case_id, ())),
            at_stake=tuple(at_stake.get(row.case_id, ())),
        )
        for row in rows
    ]


def _named_cases() -> Select[Any]:
    count = (
        select(func.count()).where(case_conversions.c.case_id == cases.c.case_id).scalar_subquery().label("conversions")
    )
    names: list[ColumnElement[Any]] = [
        programs.c.name.label("program_name"),
        partners.c.partner_id,
        partners.c.name.label("partner_name"),
        enrollments.c.status.label("enrollment_status"),
        count,
    ]
    return (
        select(cases, *names)
        .join(programs, programs.c.program_id == cases.c.program_id)
        .join(enrollments, enrollments.c.enrollment_id == cases.c.enrollment_id)
        .join(partners, partners.c.partner_id == enrollments.c.partner_id)
    )


def _headlines(conn: Connection, shown: Sequence[CaseRow]) -> dict[str, list[FindingRow]]:
    """Return the weightiest fired findings of each case, each rule once: about its conversions, or its partner."""
    per_rule = func.row_number().over(
        partition_by=(case_conversions.c.case_id, findings.c.rule),
        order_by=(findings.c.factor_ppm.desc(), findings.c.finding_id),
    )
    query = (
        select(findings, case_conversions.c.case_id, per_rule.label("place"))
        .join(case_conversions, case_conversions.c.conversion_id == findings.c.conversion_id)
        .where(case_conversions.c.case_id.in_([case.case_id for case in shown]), findings.c.factor_ppm > 0)
        .subquery()
    )
    found: dict[str, list[FindingRow]] = {}
    for row in conn.execute(select(query).where(query.c.place == 1)):
        found.setdefault(row.case_id, []).append(as_finding(row))
    for case in shown:
        if case.cluster_key == partner_cluster(case.enrollment_id):
            about = partner_findings(conn, case.enrollment_id, livemode=case.livemode)
            found.setdefault(case.case_id, []).extend(row for row in about if row.finding.factor_ppm > 0)
    return {case_id: _weightiest(rows) for case_id, rows in found.items()}


def _weightiest(rows: list[FindingRow]) -> list[FindingRow]:
    """Return the first few of the findings, the weightiest of each rule."""
    by_rule: dict[str, FindingRow] = {}
    for row in sorted(rows, key=lambda each: (-each.finding.factor_ppm, each.finding_id)):
        by_rule.setdefault(row.finding.rule, row)
    return list(by_rule.values())[:HEADLINES]


def _at_stake(conn: Connection, case_ids: Sequence[str]) -> dict[str, list[tuple[str, int]]]:
    """Return what is left of the commissions each undecided case covers, by currency."""
    total = func.sum(entries.c.amount_minor)
    query = (
        select(cases.c.case_id, entries.c.currency, total.label("total_minor"))
        .join(case_conversions, case_conversions.c.case_id == cases.c.case_id)
        .join(transfers, transfers.c.conversion_id == case_conversions.c.conversion_id)
        .join(entries, entries.c.transfer_id == transfers.c.transfer_id)
        .where(
            cases.c.case_id.in_(list(case_ids)),
            cases.c.status != "decided",
            entries.c.account == "partner_payable",
        )
        .group_by(cases.c.case_id, entries.c.currency)
        .having(total != 0)
        .order_by(entries.c.currency)
    )
    found: dict[str, list[tuple[str, int]]] = {}
    for row in conn.execute(query):
        found.setdefault(row.case_id, []).append((row.currency, int(row.total_minor)))
    return found


def _case(row: Row[Any]) -> CaseRow:
    return as_struct(CaseRow, row)


def count_overdue(conn: Connection, *, livemode: bool, now_ms: int) -> int:
    """Return how many undecided cases are past the day they were due."""
    late = (cases.c.livemode == livemode, cases.c.status != "decided", cases.c.due_at_ms < now_ms)
    return int(conn.execute(select(func.count()).select_from(cases).where(*late)).scalar_one())
