"""Queries of cases about a partner as a whole, and of the findings that belong to them.

Pages, the queue and what verdicts teach ask here, so that a verdict teaches of what its reviewer saw. Nothing is
written here.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from tracker.cases.finding_rows import as_finding
from tracker.cases.tables import case_conversions, cases, findings
from tracker.cases.types import FindingRow
from tracker.ledger.store import chunks

_CLUSTER = "partner:"
_KINDS = ("kind", "pattern")  # what rules with several findings about one partner tell them apart by


def partner_cluster(enrollment_id: str) -> str:
    """Return the fact a case about a partner as a whole is over."""
    return f"{_CLUSTER}{enrollment_id}"


def partner_findings(conn: Connection, enrollment_id: str, *, livemode: bool) -> list[FindingRow]:
    """Return the findings about a partner as a whole, those that weigh most first."""
    query = select(findings).where(findings.c.enrollment_id == enrollment_id, findings.c.livemode == livemode)
    return _weightiest_first(as_finding(row) for row in conn.execute(query))


def findings_of_partner_cases(conn: Connection, case_ids: Iterable[str]) -> dict[str, list[FindingRow]]:
    """Return what was found about the partner as a whole in those of the cases that are over one, weightiest first.

    A finding belongs to a case when it speaks of a conversion the case covers, or of none by name, and was made before
    the case was decided. Of what a rule says of one thing night after night only the last counts.
    """
    whole: dict[str, Row[Any]] = {}
    for ids in chunks(case_ids):
        columns = [cases.c[name] for name in ("case_id", "enrollment_id", "livemode", "decided_at_ms", "cluster_key")]
        query = select(*columns).where(cases.c.case_id.in_(ids), cases.c.cluster_key.startswith(_CLUSTER))
        found = conn.execute(query).all()
        whole |= {row.case_id: row for row in found if row.cluster_key == partner_cluster(row.enrollment_id)}
    about = _about_partners(conn, {row.enrollment_id for row in whole.values()})
    covered = _covered(conn, [row.case_id for row in whole.values() if (row.enrollment_id, row.livemode) in about])
    return {
        case_id: mine
        for case_id, row in whole.items()
        if (
            mine := _belonging(
                about.get((row.enrollment_id, row.livemode), ()),
                covered=covered.get(case_id, set()),
                decided_at_ms=row.decided_at_ms,
            )
        )
    }


def _belonging(rows: Sequence[FindingRow], *, covered: set[str], decided_at_ms: int | None) -> list[FindingRow]:
    """Return those of the findings about a partner that a case over it rests on; they come oldest first."""
    newest: dict[tuple[str, str], FindingRow] = {}
    for row in rows:
        is_early = decided_at_ms is None or row.created_at_ms <= decided_at_ms
        if is_early and (not row.finding.compared or covered.intersection(row.finding.compared)):
            newest[row.finding.rule, _thing(row)] = row
    return _weightiest_first(newest.values())


def _thing(row: FindingRow) -> str:
    """Return what tells a rule's findings about one partner apart: the shared fact, the kind, else the sentence."""
    finding = row.finding
    kinds = [str(finding.evidence[name]) for name in _KINDS if name in finding.evidence]
    parts = [finding.cluster_key, *kinds]
    return "|".join(part for part in parts if part) or finding.message


def _about_partners(conn: Connection, enrollment_ids: Iterable[str]) -> dict[tuple[str | None, bool], list[FindingRow]]:
    """Return the findings about partners by partner and mode, oldest first."""
    found: dict[tuple[str | None, bool], list[FindingRow]] = {}
    for ids in chunks(sorted(enrollment_ids)):
        query = select(findings).where(findings.c.enrollment_id.in_(ids))
        for row in conn.execute(query.order_by(findings.c.created_at_ms, findings.c.finding_id)):
            found.setdefault((row.enrollment_id, row.livemode), []).append(as_finding(row))
    return found


def _covered(conn: Connection, case_ids: Sequence[str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for ids in chunks(case_ids):
        columns = (case_conversions.c.case_id, case_conversions.c.conversion_id)
        for row in conn.execute(select(*columns).where(case_conversions.c.case_id.in_(ids))):
            found.setdefault(row.case_id, set()).add(row.conversion_id)
    return found


def _weightiest_first(rows: Iterable[FindingRow]) -> list[FindingRow]:
    return sorted(rows, key=lambda row: (-row.finding.factor_ppm, row.finding.rule, row.finding_id))
