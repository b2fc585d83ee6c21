"""The one JSON object a replay answers with; shapes as documented in docs/fraud-replay.md."""

import gettext

import msgspec

from fraud_rules.scoring import REVIEW_FROM
from fraud_rules.sentences import write_sentence
from fraud_rules.types import PPM, Evidence, weightiest_first
from tracker.fraud.replay.book import Book


class FindingRow(msgspec.Struct, frozen=True, kw_only=True):
    """What one rule said of one subject; strength and weight are shares, 0 to 1, of what counts."""

    subject: str
    rule: str
    family: str
    strength: float
    weight: float
    evidence: dict[str, Evidence]
    sentence: str


class CaseRow(msgspec.Struct, frozen=True, kw_only=True):
    """A case; a partner's id among `subjects` holds all of that partner's leads in the program."""

    id: str
    program: str
    partner: str
    score: int
    subjects: list[str]
    rules: list[str]


class ErrorRow(msgspec.Struct, frozen=True, kw_only=True):
    """A line that could not be used, or a field of it."""

    line: int
    field: str
    message: str


class ReplayResult(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a replay found; `opened_at_ms` says when each case was opened, on the file's own clock."""

    findings: list[FindingRow]
    cases: list[CaseRow]
    scores: dict[str, int]
    errors: list[ErrorRow]
    opened_at_ms: dict[str, int]

    def answer(self) -> dict[str, object]:
        """Return what the command prints."""
        return {name: getattr(self, name) for name in ("findings", "cases", "scores", "errors")}


def summarize(book: Book, errors: list[ErrorRow]) -> ReplayResult:
    """Return the result in the order things were first seen, the weightiest findings of a subject first."""
    english = gettext.NullTranslations()
    places: dict[str, int] = {}
    for subject_id, _, _ in book.findings:
        places.setdefault(subject_id, len(places))
    ordered = sorted(book.findings.values(), key=lambda pair: (places[pair[0]], weightiest_first(pair[1])))
    return ReplayResult(
        findings=[
            FindingRow(
                subject=subject_id,
                rule=finding.rule,
                family=finding.family,
                strength=finding.strength_ppm * finding.damping_ppm / PPM**2,
                weight=finding.weight_ppm / PPM,
                evidence=finding.evidence,
                sentence=write_sentence(finding, english),
            )
            for subject_id, finding in ordered
            # What was forgiven is for reviewers; whoever reads this file wants what counts.
            if finding.fired
        ],
        cases=[
            CaseRow(
                id=case.case_id,
                program=case.program_id,
                partner=case.partner_id,
                score=max(case.points, REVIEW_FROM),
                subjects=list(case.subjects),
                rules=sorted(case.rules),
            )
            for case in book.cases
        ],
        scores=book.scores,
        errors=errors,
        opened_at_ms={case.case_id: case.opened_at_ms for case in book.cases},
    )
