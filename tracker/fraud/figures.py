"""How busy each rule was: findings that fired and cases they led to, counted over a span. Pages of rules ask here."""

from collections import Counter
from typing import NamedTuple

from sqlalchemy import Connection, func, or_, select

from tracker.cases.partner_store import findings_of_partner_cases
from tracker.cases.tables import case_conversions, cases, findings
from tracker.conversions.tables import conversions
from tracker.partners.tables import enrollments

LIVE = True  # test conversions are in no figure


class RuleFigures(NamedTuple):
    """Findings of a rule that counted, and the cases that cover the conversions they are about."""

    findings: int
    cases: int


class CaseFigures(NamedTuple):
    """Cases the rules opened in a span, and those decided among them."""

    opened: int
    decided: int


def rule_figures(conn: Connection, program_id: str, *, since_ms: int) -> dict[str, RuleFigures]:
    """Return the figures of each rule that fired about a live conversion that happened since an instant.

    What it found about a partner as a whole since then counts too.
    """
    about = (
        conversions.c.program_id == program_id,
        conversions.c.livemode == LIVE,
        conversions.c.occurred_at_ms >= since_ms,
        findings.c.factor_ppm > 0,
    )
    joined = findings.join(conversions, conversions.c.conversion_id == findings.c.conversion_id)
    counted = (
        select(findings.c.rule, func.count().label("total")).select_from(joined).where(*about).group_by(findings.c.rule)
    )
    led_to = (
        select(findings.c.rule, case_conversions.c.case_id)
        .distinct()
        .select_from(joined)
        .join(case_conversions, case_conversions.c.conversion_id == findings.c.conversion_id)
        .join(cases, cases.c.case_id == case_conversions.c.case_id)
        .where(*about, cases.c.kind == "risk")
    )
    fired = Counter({row.rule: int(row.total) for row in conn.execute(counted)})
    fired.update(_about_partners(conn, program_id, since_ms=since_ms))
    # A rule may speak in one case of the partner and of its conversions.
    opened = {(row.rule, row.case_id) for row in conn.execute(led_to)}
    opened |= _partner_cases(conn, program_id, since_ms=since_ms)
    led = Counter(rule for rule, _ in opened)
    return {rule: RuleFigures(total, led[rule]) for rule, total in fired.items()}


def _about_partners(conn: Connection, program_id: str, *, since_ms: int) -> dict[str, int]:
    """Return how often each rule fired about a partner as a whole since an instant."""
    query = (
        select(findings.c.rule, func.count().label("total"))
        .join(enrollments, enrollments.c.enrollment_id == findings.c.enrollment_id)
        .where(
            enrollments.c.program_id == program_id,
            findings.c.livemode == LIVE,
            findings.c.created_at_ms >= since_ms,
            findings.c.factor_ppm > 0,
        )
        .group_by(findings.c.rule)
    )
    return {row.rule: int(row.total) for row in conn.execute(query)}


def _partner_cases(conn: Connection, program_id: str, *, since_ms: int) -> set[tuple[str, str]]:
    """Return which rules speak of the partner in cases over one as a whole, undecided or decided since."""
    lately = or_(cases.c.status != "decided", cases.c.decided_at_ms >= since_ms)
    query = select(cases.c.case_id).where(
        cases.c.program_id == program_id, cases.c.livemode == LIVE, cases.c.kind == "risk", lately
    )
    spoken = findings_of_partner_cases(conn, conn.execute(query).scalars())
    return {
        (row.finding.rule, case_id)
        for case_id, rows in spoken.items()
        for row in rows
        if row.created_at_ms >= since_ms and row.finding.factor_ppm > 0
    }


def case_figures(conn: Connection, program_id: str, *, since_ms: int) -> CaseFigures:
    """Return how many live cases the rules opened since an instant, and how many of them are decided."""
    opened = (
        select(cases.c.status, func.count().label("total"))
        .where(
            cases.c.program_id == program_id,
            cases.c.livemode == LIVE,
            cases.c.kind == "risk",
            cases.c.opened_at_ms >= since_ms,
        )
        .group_by(cases.c.status)
    )
    counts = {row.status: int(row.total) for row in conn.execute(opened)}
    return CaseFigures(sum(counts.values()), counts.get("decided", 0))
