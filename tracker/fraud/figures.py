"""How busy each rule was: findings that fired and cases they led to, counted over a span. Pages of rules ask here."""

from typing import NamedTuple

from sqlalchemy import Connection, func, select

from tracker.cases.tables import case_conversions, cases, findings
from tracker.conversions.tables import conversions

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
    """Return the figures of each rule that fired about a live conversion that happened since an instant."""
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
        select(findings.c.rule, func.count(case_conversions.c.case_id.distinct()).label("total"))
        .select_from(joined)
        .join(case_conversions, case_conversions.c.conversion_id == findings.c.conversion_id)
        .join(cases, cases.c.case_id == case_conversions.c.case_id)
        .where(*about, cases.c.kind == "risk")
        .group_by(findings.c.rule)
    )
    found = {row.rule: int(row.total) for row in conn.execute(led_to)}
    return {row.rule: RuleFigures(int(row.total), found.get(row.rule, 0)) for row in conn.execute(counted)}


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
