"""Pages of the fraud rules: which judge in a program, how busy and how right each was, what random checks say.

Settings are changed in `rule_settings.py`. Nothing here changes anything: a rule that is mostly wrong is shown with the
way to its form, never switched off.
"""

from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Connection
from starlette.responses import Response

from fraud_rules.learning import RuleRecord
from fraud_rules.rule import Rule
from tracker.admin.policy import page
from tracker.admin.programs import program_of
from tracker.admin.render import render
from tracker.admin.visit import Visit
from tracker.cases import store as cases
from tracker.cases.types import CaseStatus
from tracker.fraud.catalogue import FAMILIES, MOMENTS, catches, moments
from tracker.fraud.checks.store import Tally, tally
from tracker.fraud.figures import RuleFigures, case_figures, rule_figures
from tracker.fraud.lessons.store import Appealed, records_of, suggested_off
from tracker.fraud.rules import configs_for, loaded_rules, rules_in_force
from tracker.instants import DAY_MS
from tracker.programs import store as programs
from tracker.programs.types import Program

DAYS = 90
CHECKS_DAYS = 365  # random checks are few
UNDECIDED: tuple[CaseStatus, ...] = ("open", "claimed", "waiting_partner", "appealed")


class RuleRow(NamedTuple):
    """One rule as the list shows it; weights in hundredths of a per cent."""

    rule: Rule[Any]
    catches: str
    when: list[str]
    is_on: bool
    record: RuleRecord
    weight_bps: int
    prior_bps: int
    figures: RuleFigures
    appeals: Appealed


async def fraud_page(visit: Visit) -> Response:
    """Lead to the rules of a program: there is one, or the person chooses."""

    def load(conn: Connection) -> tuple[list[Program], dict[str, int], dict[str, list[str]]]:
        known = programs.list_programs(conn)
        waiting = {
            each.program_id: len(
                cases.queue(conn, livemode=True, statuses=UNDECIDED, program_id=each.program_id, limit=cases.PAGE_MAX)
            )
            for each in known
        }
        return known, waiting, suggested_off(conn)

    known, waiting, suggested = await visit.db.read(load)
    if len(known) == 1:
        return visit.redirect(f"/admin/programs/{known[0].program_id}/fraud")
    return render(
        visit,
        "fraud_list.html",
        programs=known,
        waiting=waiting,
        waiting_max=cases.PAGE_MAX,
        suggested=suggested,
        rules=len(rules_in_force()),
        off={each.program_id: count_off(each) for each in known},
    )


async def rules_page(visit: Visit) -> Response:
    """Show every rule of a program with its weight, its record and its figures of ninety days."""
    program = await program_of(visit)
    now_ms, since_ms = visit.now_ms, visit.now_ms - DAYS * DAY_MS

    def load(conn: Connection) -> tuple[Any, ...]:
        return (
            records_of(conn, program, now_ms=now_ms),
            rule_figures(conn, program.program_id, since_ms=since_ms),
            case_figures(conn, program.program_id, since_ms=since_ms),
            tally(conn, program.program_id, since_ms=now_ms - CHECKS_DAYS * DAY_MS),
        )

    learned, figures, opened, checks = await visit.db.read(load)
    rows = rule_rows(program, learned.records, appeals=learned.appeals, figures=figures)
    return render(
        visit,
        "rules_list.html",
        program=program,
        families=[
            (title, [row for row in rows if row.rule.family == family])
            for family, title in FAMILIES.items()
            if any(row.rule.family == family for row in rows)
        ],
        suggested=[row for row in rows if row.is_on and row.record.suggests_off],
        off=count_off(program),
        rules=len(rows),
        days=DAYS,
        opened=opened,
        weekly=visit.speech.decimal(_weekly(opened.opened)),
        checks=checks,
        check_shares=shares_of(checks),
        troubles=loaded_rules().troubles,
    )


def rule_rows(
    program: Program,
    records: dict[str, RuleRecord],
    *,
    appeals: dict[str, Appealed],
    figures: dict[str, RuleFigures],
) -> list[RuleRow]:
    """Return a row for every rule in force, in the order of the registry."""
    rules = rules_in_force()
    configs = configs_for(program.settings.fraud_rules)
    return [
        RuleRow(
            rule=rule,
            catches=catches(rule),
            when=[MOMENTS[moment] for moment in moments(rule)],
            is_on=configs[rule.id].enabled,
            record=records[rule.id],
            weight_bps=records[rule.id].learned_ppm // 100,
            prior_bps=records[rule.id].prior_ppm // 100,
            figures=figures.get(rule.id, RuleFigures(0, 0)),
            appeals=appeals.get(rule.id, Appealed()),
        )
        for rule in rules
    ]


def count_off(program: Program) -> int:
    """Return how many rules a program has switched off."""
    return sum(raw.get("enabled") is False for raw in program.settings.fraud_rules.values())


def shares_of(checks: Tally) -> tuple[int, int, int]:
    """Return the share random checks found and its bounds, in hundredths of a per cent."""
    return checks.share_ppm // 100, checks.lower_ppm // 100, checks.upper_ppm // 100


def _weekly(count: int) -> Decimal:
    return (Decimal(count) * 7 / DAYS).quantize(Decimal("0.1"))


ROUTES = (
    page("/admin/fraud", fraud_page, permission="cases.view"),
    page("/admin/programs/{program_id}/fraud", rules_page, permission="cases.view"),
)
