"""What a replay has found so far: findings, what they say of whom, cases, and what verdicts taught.

`run.py` writes here, `output.py` reads. The placing of cases is `fraud_rules.cases`; this is only its memory.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from fraud_rules.cases import OpenCase, cluster
from fraud_rules.engine import Judgement
from fraud_rules.scoring import REVIEW_FROM, Score, score
from fraud_rules.types import Finding, Subject


class Case(msgspec.Struct, kw_only=True):
    """A case as it grows; `subjects` in the order they joined."""

    case_id: str
    program_id: str
    partner_id: str
    cluster_key: str
    points: int = 0
    is_decided: bool = False
    opened_at_ms: int = 0
    subjects: dict[str, None] = {}
    rules: dict[str, None] = {}
    fingerprints: set[str] = set()


class Book:
    """Findings and cases of all programs of one replay; `review_from` is the score that asks for a case."""

    def __init__(self, *, review_from: int = REVIEW_FROM) -> None:
        self.review_from = review_from
        self.findings: dict[tuple[str, str, str | None], tuple[str, Finding]] = {}
        self.own: dict[str, tuple[Finding, ...]] = {}
        self.standing: dict[str, dict[tuple[str, str], Finding]] = defaultdict(dict)
        self.scores: dict[str, int] = {}
        self.cases: list[Case] = []
        self.open_by_partner: dict[tuple[str, str], list[Case]] = defaultdict(list)
        self.cases_of: dict[str, list[Case]] = defaultdict(list)
        self.judged: dict[str, frozenset[str]] = {}

    def note(self, subject_id: str, judgement: Judgement) -> None:
        """Keep what was found about a subject; found again, the newest words count."""
        self.own[subject_id] = judgement.findings
        for finding in judgement.findings:
            self.findings[subject_id, finding.rule, finding.cluster_key] = (subject_id, finding)

    def spread(self, subject_id: str, findings: Iterable[Finding]) -> list[str]:
        """Let findings that speak of others count for them; return those others."""
        touched: dict[str, None] = {}
        for finding in findings:
            if not finding.fired or not finding.holds_compared or finding.factor_ppm == 0:
                continue
            for other in finding.compared:
                known = self.standing[other].get((finding.rule, subject_id))
                if other != subject_id and (known is None or known.factor_ppm < finding.factor_ppm):
                    self.standing[other][finding.rule, subject_id] = finding
                    touched[other] = None
        return list(touched)

    def about(self, subject_id: str) -> list[Finding]:
        """Return everything that speaks of a subject, its own findings first."""
        return [*self.own.get(subject_id, ()), *self.standing.get(subject_id, {}).values()]

    def rescore(self, subject_id: str) -> Score:
        """Score a subject on everything that speaks of it."""
        result = score(self.about(subject_id), review_from=self.review_from)
        self.scores[subject_id] = result.points
        return result

    def place(self, subject: Subject, result: Score, *, at_ms: int) -> None:
        """Join or open the case this conversion belongs to."""
        partner_id = subject.partner_id
        if partner_id is None:
            return
        about = self.about(subject.conversion_id)
        known = self.judged.get(subject.conversion_id)
        if known is not None and {finding.rule for finding in about if finding.fired} <= known:
            return
        here = self.open_by_partner[subject.program_id, partner_id]
        placement = cluster(subject, about, score=result, open_cases=[_as_open(case) for case in here])
        if placement is None:
            return
        case = next((each for each in here if each.case_id == placement.case_id), None)
        if case is None:
            case = self._open(subject.program_id, partner_id, placement.cluster_key, at_ms=at_ms)
        self._cover(case, placement.conversion_ids)
        case.points = max(case.points, result.points)
        case.rules.update(dict.fromkeys(finding.rule for finding in about if finding.fired and finding.factor_ppm))
        case.fingerprints.update(exhibit.fingerprint for exhibit in placement.exhibits)

    def place_partner(self, program_id: str, partner_id: str, judgement: Judgement, *, at_ms: int) -> None:
        """Open or extend the case about a partner as a whole, when its score asks for one."""
        if judgement.score.points < self.review_from:
            return
        fired = [finding for finding in judgement.findings if finding.fired and finding.factor_ppm > 0]
        known = self.judged.get(partner_id)
        if known is not None and {finding.rule for finding in fired} <= known:
            return
        key = f"partner:{partner_id}"
        here = self.open_by_partner[program_id, partner_id]
        covered = [each for finding in fired if finding.holds_compared for each in finding.compared]
        if any(finding.holds_partner for finding in fired):
            covered.append(partner_id)
        if not covered:
            return
        case = next((each for each in here if each.cluster_key == key), None)
        case = case or self._open(program_id, partner_id, key, at_ms=at_ms)
        self._cover(case, covered)
        case.points = max(case.points, judgement.score.points)
        case.rules.update(dict.fromkeys(finding.rule for finding in fired))

    def join(self, subject_id: str, other_id: str) -> None:
        """Hold a sale with its lead: what one of them waits for, the other waits for too."""
        for case in self.cases_of.get(other_id, ()):
            if not case.is_decided:
                self._cover(case, [subject_id])

    def decide(self, subject_id: str) -> None:
        """Close the cases of a subject a person has judged, and remember on which rules' word."""
        self.judged[subject_id] = frozenset(finding.rule for finding in self.about(subject_id) if finding.fired)
        for case in self.cases_of.get(subject_id, ()):
            case.is_decided = True
            here = self.open_by_partner[case.program_id, case.partner_id]
            if case in here:
                here.remove(case)

    def _open(self, program_id: str, partner_id: str, key: str, *, at_ms: int) -> Case:
        case = Case(
            case_id=f"case_{len(self.cases) + 1:06d}",
            program_id=program_id,
            partner_id=partner_id,
            cluster_key=key,
            opened_at_ms=at_ms,
        )
        self.cases.append(case)
        self.open_by_partner[program_id, partner_id].append(case)
        return case

    def _cover(self, case: Case, subject_ids: Sequence[str]) -> None:
        for each in subject_ids:
            if each not in case.subjects:
                case.subjects[each] = None
                self.cases_of[each].append(case)


def _as_open(case: Case) -> OpenCase:
    return OpenCase(
        case_id=case.case_id,
        program_id=case.program_id,
        partner_id=case.partner_id,
        cluster_key=case.cluster_key,
        conversion_ids=tuple(case.subjects),
        fingerprints=tuple(sorted(case.fingerprints)),
    )
