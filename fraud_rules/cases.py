"""Which case a subject's findings belong to: pure placement, the shell stores it.

A case is (program, partner, shared fact), not a lead: what comes from one address or one mailbox is
judged together. Nothing here opens, holds or closes anything.
"""

import hashlib
from collections.abc import Iterable

import msgspec

from fraud_rules.scoring import STRONG_FROM_PPM, Score
from fraud_rules.types import Finding, Subject, weightiest_first


class OpenCase(msgspec.Struct, frozen=True, kw_only=True):
    """A case without a final verdict: its place, the conversions it holds, fingerprints of its evidence."""

    case_id: str
    program_id: str
    partner_id: str
    cluster_key: str
    conversion_ids: tuple[str, ...] = ()
    fingerprints: tuple[str, ...] = ()


class Exhibit(msgspec.Struct, frozen=True, kw_only=True):
    """A finding as evidence of a case; equal fingerprints are the same evidence."""

    fingerprint: str
    finding: Finding


class Placement(msgspec.Struct, frozen=True, kw_only=True):
    """What to do: join `case_id`, or open a case when it is None.

    `conversion_ids` and `exhibits` are only what the case does not have yet. `is_priority` asks to read
    the case first.
    """

    case_id: str | None
    program_id: str
    partner_id: str
    cluster_key: str
    conversion_ids: tuple[str, ...]
    exhibits: tuple[Exhibit, ...]
    is_priority: bool


def cluster(
    subject: Subject, findings: Iterable[Finding], *, score: Score, open_cases: Iterable[OpenCase]
) -> Placement | None:
    """Return the case these findings join or open, or None when there is nothing to judge.

    From the review line on there is always a case; below it never, or one guest whose browser filled the form
    would hold the whole workshop. A strong crowd holds its members by itself (`covered`). Organic subjects hold
    no reward and have no case. Order of findings and cases is no matter.
    """
    fired = sorted((f for f in findings if f.fired and f.factor_ppm > 0), key=weightiest_first)
    if subject.partner_id is None or not fired or score.band in {"none", "note"}:
        return None
    keys = list(dict.fromkeys(f.cluster_key for f in fired if f.cluster_key is not None))
    keys.append(f"partner:{subject.partner_id}")
    case = _find_open(subject, keys, open_cases=open_cases)
    known_conversions = () if case is None else case.conversion_ids
    known_prints = () if case is None else case.fingerprints
    exhibits = [Exhibit(fingerprint=fingerprint(subject, finding), finding=finding) for finding in fired]
    return Placement(
        case_id=None if case is None else case.case_id,
        program_id=subject.program_id,
        partner_id=subject.partner_id,
        cluster_key=keys[0] if case is None else case.cluster_key,
        conversion_ids=tuple(sorted(covered(subject, fired).difference(known_conversions))),
        exhibits=tuple(exhibit for exhibit in exhibits if exhibit.fingerprint not in known_prints),
        is_priority=score.band == "priority",
    )


def covered(subject: Subject, findings: Iterable[Finding]) -> frozenset[str]:
    """Return the conversions a case over these findings holds: the subject, and whole crowds.

    A crowd's first leads were unremarkable when they came; they belong to it all the same. A crowd that is only a note
    is not held for one of its people whom something else brought into review.
    """
    crowds = (f.compared for f in findings if f.fired and f.holds_compared and f.factor_ppm >= STRONG_FROM_PPM)
    return frozenset({subject.conversion_id}).union(*crowds)


def fingerprint(subject: Subject, finding: Finding) -> str:
    """Return the hash by which evidence is recognised when a subject is judged again."""
    facts = [finding.rule, subject.conversion_id, finding.cluster_key, sorted(finding.compared)]
    return hashlib.blake2b(msgspec.json.encode(facts), digest_size=16).hexdigest()


def _find_open(subject: Subject, keys: list[str], *, open_cases: Iterable[OpenCase]) -> OpenCase | None:
    """Return the open case over the weightiest key; of two over one key, the one with the smaller id."""
    by_key: dict[str, OpenCase] = {}
    for case in open_cases:
        if (case.program_id, case.partner_id) != (subject.program_id, subject.partner_id):
            continue
        known = by_key.get(case.cluster_key)
        if known is None or case.case_id < known.case_id:
            by_key[case.cluster_key] = case
    return next((by_key[key] for key in keys if key in by_key), None)
