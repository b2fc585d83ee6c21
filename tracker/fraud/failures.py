"""Fraud rules that could not judge: logged with what they judged, and counted by day for `molva doctor` and metrics."""

from collections.abc import Iterable

import msgspec
import structlog
from sqlalchemy import Connection, func, select

from fraud_rules.engine import RuleFailure
from tracker.clicks.store import upsert
from tracker.fraud.tables import rule_failures
from tracker.instants import DAY_MS

ERROR_MAX = 300  # characters of an error that are kept
RULES_MAX = 200  # rules that are told of

log = structlog.get_logger()


class FailingRule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that failed, how often, and the error of the newest day."""

    rule: str
    failures: int
    error: str


def note(conn: Connection, errors: Iterable[RuleFailure], *, subject_id: str, now_ms: int) -> None:
    """Log and count failures of rules that judged a conversion or partner."""
    for failure in errors:
        log.error("fraud_rule_failed", subject_id=subject_id, rule=failure.rule, error=failure.error)
        statement = upsert(conn, rule_failures).values(
            rule=failure.rule, day=now_ms // DAY_MS, failures=1, error=failure.error[:ERROR_MAX]
        )
        changed = {"failures": rule_failures.c.failures + 1, "error": statement.excluded.error}
        conn.execute(statement.on_conflict_do_update(index_elements=["rule", "day"], set_=changed))


def failing_rules(conn: Connection, *, since_ms: int) -> list[FailingRule]:
    """Return the rules that failed since the day of an instant, those that failed most first."""
    table = rule_failures.c
    counted = (
        select(table.rule, func.sum(table.failures).label("failures"), func.max(table.day).label("day"))
        .where(table.day >= since_ms // DAY_MS)
        .group_by(table.rule)
        .subquery()
    )
    query = (
        select(counted.c.rule, counted.c.failures, table.error)
        .join(rule_failures, (table.rule == counted.c.rule) & (table.day == counted.c.day))
        .order_by(counted.c.failures.desc(), counted.c.rule)
        .limit(RULES_MAX)
    )
    return [FailingRule(rule=row.rule, failures=int(row.failures), error=row.error) for row in conn.execute(query)]
