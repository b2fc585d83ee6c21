"""What a program's verdicts taught of its fraud rules: lessons, records, weights in force.

Judging asks `scales_for`, the pages of rules `records_of`. Learning is per program: another program has other
customers, and its verdicts say nothing about these. Test cases teach nothing. Nothing is switched off here.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, func, select, update

from fraud_rules.learning import HALF_LIFE_MS, Lesson, RuleRecord, learn, scales_of
from fraud_rules.rule import Rule, RuleConfig
from tracker.cases.decide import rulings
from tracker.cases.partner_store import findings_of_partner_cases
from tracker.cases.tables import case_conversions, cases, findings, verdicts
from tracker.cases.types import VerdictRow
from tracker.clicks.store import upsert
from tracker.db.rows import as_struct
from tracker.fraud.lessons.tables import learned_weights
from tracker.fraud.rules import configs_for, rules_in_force
from tracker.instants import DAY_MS
from tracker.ledger.store import chunks
from tracker.programs import store as programs
from tracker.programs.tables import program_versions
from tracker.programs.types import Program

LIVE = True  # test cases teach nothing
CONFIRMING = frozenset({"fraud", "policy"})
SAYING_NOTHING = frozenset({"unsure"})
UNWEIGHED_PPM = 500_000  # a rule without a weight of its own starts between yes and no
HORIZON_MS = 6 * HALF_LIFE_MS  # a verdict counts a sixty-fourth by then
_NO_DAY = -1
CASES_MAX = 20_000  # newest decided cases that are looked at


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """A decided case as it teaches: the verdicts that stood, oldest first, and what each rule weighed in it.

    `factors` are the largest of each rule; `decisive` is the rule whose finding decided.
    """

    case_id: str
    verdicts: tuple[str, ...]
    decided_at_ms: int
    factors: Mapping[str, int]
    decisive: str | None


class Appealed(msgspec.Struct, frozen=True, kw_only=True):
    """How many verdicts against a partner a rule had a part in, and how many of them were overturned later."""

    against: int = 0
    overturned: int = 0


class Learned(msgspec.Struct, frozen=True, kw_only=True):
    """What the pages show: the record and the appeals of each rule, by id."""

    records: dict[str, RuleRecord]
    appeals: dict[str, Appealed]


def scales_for(conn: Connection, program_id: str, *, livemode: bool, now_ms: int) -> dict[str, int]:
    """Return what the weights of a program's rules are multiplied with, in ppm, by rule id.

    Computed anew when a live case was decided since, when other terms are in force, and on a new day: then it writes.
    A test conversion lives on another clock and takes what is stored.
    """
    known, version, decided_at_ms = _known(conn, program_id)
    day = now_ms // DAY_MS
    if known is not None and (
        not livemode or (known.version, known.decided_at_ms, known.day) == (version, decided_at_ms, day)
    ):
        scales: dict[str, int] = known.scales
        return scales
    program = programs.get_program(conn, program_id)
    if not livemode or program is None or (known is None and decided_at_ms is None):
        return {}
    records = records_of(conn, program, now_ms=now_ms).records
    values = {
        "version": program.version,
        "day": day,
        "decided_at_ms": decided_at_ms,
        "scales": scales_of(records),
        "suggested_off": sorted(rule for rule, record in records.items() if record.suggests_off),
    }
    statement = upsert(conn, learned_weights).values(program_id=program_id, **values)
    conn.execute(statement.on_conflict_do_update(index_elements=["program_id"], set_=values))
    return scales_of(records)


def scales_of_program(conn: Connection, program: Program, *, now_ms: int) -> dict[str, int]:
    """Return the same computed anew, for a reader that may not write."""
    return scales_of(records_of(conn, program, now_ms=now_ms).records)


def records_of(conn: Connection, program: Program, *, now_ms: int) -> Learned:
    """Return what verdicts said of each rule in force up to now."""
    judged = judged_cases(conn, program.program_id, now_ms=now_ms)
    return Learned(
        records=learn(lessons_of(judged), prior_ppm=weights_of(program), now_ms=now_ms), appeals=_appeals(judged)
    )


def outdate(conn: Connection, program_id: str) -> None:
    """Have a program's weights computed anew at the next judgement: a verdict they may rest on was taken back."""
    mine = learned_weights.c.program_id == program_id
    conn.execute(update(learned_weights).where(mine).values(day=_NO_DAY))


def suggested_off(conn: Connection) -> dict[str, list[str]]:
    """Return the rules a person should be asked to switch off, by program, as of the last computation."""
    query = select(learned_weights.c.program_id, learned_weights.c.suggested_off)
    return {row.program_id: row.suggested_off for row in conn.execute(query) if row.suggested_off}


def weights_of(program: Program) -> dict[str, int]:
    """Return the weight each rule has by the program's terms; what verdicts teach starts from it."""
    configs = configs_for(program.settings.fraud_rules)
    return {rule.id: weight_of(rule, configs[rule.id]) for rule in rules_in_force()}


def weight_of(rule: Rule[Any], config: RuleConfig) -> int:
    """Return a rule's weight by its settings; one without starts at a half."""
    return int(getattr(config, "weight_ppm", getattr(rule.config, "weight_ppm", UNWEIGHED_PPM)))


def lessons_of(judged: Iterable[Judged]) -> list[Lesson]:
    """Return what decided cases teach: the verdict that stands says yes or no to every rule that had a part in it."""
    return [
        Lesson(
            rule=rule,
            at_ms=case.decided_at_ms,
            confirmed=case.verdicts[-1] in CONFIRMING,
            was_decisive=rule == case.decisive,
        )
        for case in judged
        if case.verdicts[-1] not in SAYING_NOTHING
        for rule in sorted({*case.factors, *([case.decisive] if case.decisive else ())})
    ]


def judged_cases(conn: Connection, program_id: str, *, now_ms: int) -> list[Judged]:
    """Return the live cases of a program that are decided, newest first."""
    query = (
        select(cases.c.case_id, cases.c.decided_at_ms)
        .where(
            cases.c.program_id == program_id,
            cases.c.livemode == LIVE,
            cases.c.status == "decided",
            cases.c.decided_at_ms >= now_ms - HORIZON_MS,
        )
        .order_by(cases.c.decided_at_ms.desc(), cases.c.case_id)
        .limit(CASES_MAX)
    )
    decided = {row.case_id: row.decided_at_ms for row in conn.execute(query)}
    given = _verdicts(conn, decided)
    factors = _factors(conn, decided)
    deciding = _rules_of(conn, [row.deciding_finding for rows in given.values() for row in rows])
    found = []
    for case_id, decided_at_ms in decided.items():
        rows = given.get(case_id)
        if not rows:
            continue
        weighed = factors.get(case_id, {})
        found.append(
            Judged(
                case_id=case_id,
                verdicts=tuple(row.verdict for row in rows),
                decided_at_ms=decided_at_ms,
                factors=weighed,
                decisive=deciding.get(rows[-1].deciding_finding) or _weightiest(weighed),
            )
        )
    return found


def _known(conn: Connection, program_id: str) -> tuple[Any, int, int | None]:
    """Return what is stored, and what it must have been computed with to stand: terms and the newest verdict."""
    newest = select(func.max(cases.c.decided_at_ms)).where(cases.c.program_id == program_id, cases.c.livemode == LIVE)
    version = select(func.max(program_versions.c.version)).where(program_versions.c.program_id == program_id)
    row = conn.execute(select(newest.scalar_subquery(), version.scalar_subquery())).one()
    stored = select(learned_weights).where(learned_weights.c.program_id == program_id)
    return conn.execute(stored).first(), int(row[1] or 0), row[0]


def _verdicts(conn: Connection, case_ids: Iterable[str]) -> dict[str, list[VerdictRow]]:
    """Return the verdicts that decided, oldest first, by case: what was taken back is not among them."""
    found: dict[str, list[VerdictRow]] = defaultdict(list)
    for ids in chunks(case_ids):
        query = select(verdicts).where(verdicts.c.case_id.in_(ids))
        for row in conn.execute(query.order_by(verdicts.c.at_ms, verdicts.c.verdict_id)):
            found[row.case_id].append(as_struct(VerdictRow, row))
    return {case_id: rulings(rows) for case_id, rows in found.items()}


def _factors(conn: Connection, case_ids: Iterable[str]) -> dict[str, dict[str, int]]:
    """Return what each rule weighed most in each case; what was forgiven or silenced weighs nothing and is left out.

    A case over a partner as a whole has what was found about the partner beside what was about its conversions.
    """
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for case_id, rows in findings_of_partner_cases(conn, case_ids).items():
        for finding in (each.finding for each in rows if each.finding.factor_ppm > 0):
            weighed = found[case_id]
            weighed[finding.rule] = max(weighed.get(finding.rule, 0), finding.factor_ppm)
    for ids in chunks(case_ids):
        query = (
            select(case_conversions.c.case_id, findings.c.rule, func.max(findings.c.factor_ppm).label("factor_ppm"))
            .join(findings, findings.c.conversion_id == case_conversions.c.conversion_id)
            .where(case_conversions.c.case_id.in_(ids), findings.c.factor_ppm > 0)
            .group_by(case_conversions.c.case_id, findings.c.rule)
        )
        for row in conn.execute(query):
            weighed = found[row.case_id]
            weighed[row.rule] = max(weighed.get(row.rule, 0), int(row.factor_ppm))
    return found


def _rules_of(conn: Connection, finding_ids: Sequence[str | None]) -> dict[str | None, str]:
    found: dict[str | None, str] = {}
    for ids in chunks(each for each in finding_ids if each is not None):
        query = select(findings.c.finding_id, findings.c.rule).where(findings.c.finding_id.in_(ids))
        found |= {row.finding_id: row.rule for row in conn.execute(query)}
    return found


def _weightiest(factors: Mapping[str, int]) -> str | None:
    """Return the rule that stands for the deciding one where the reviewer named none, as the replay does."""
    return min(factors, key=lambda rule: (-factors[rule], rule), default=None)


def _appeals(judged: Iterable[Judged]) -> dict[str, Appealed]:
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for case in judged:
        if not any(verdict in CONFIRMING for verdict in case.verdicts):
            continue
        for rule in case.factors:
            counts[rule][0] += 1
            counts[rule][1] += case.verdicts[-1] == "legitimate"
    return {rule: Appealed(against=against, overturned=overturned) for rule, (against, overturned) in counts.items()}
