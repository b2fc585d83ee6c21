"""Opens, joins and extends cases when the fraud rules have judged a conversion.

The processing of conversions calls `open_cases_for` inside its transaction, after it has posted the conversion's money,
and `freeze_new_lines` whenever it posted more. Where a finding belongs is decided by `fraud_rules.cases`; what one case
holds is frozen here, and only a verdict releases it.
"""

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection

from fraud_rules.cases import OpenCase, Placement, cluster, fingerprint
from fraud_rules.engine import Judgement
from fraud_rules.types import Finding, Subject
from tracker.audit.store import record
from tracker.cases import store
from tracker.cases.types import CaseRow, CasesOpened, FindingRow
from tracker.conversions.store import set_status
from tracker.db.ids import new_id
from tracker.instants import DAY_MS
from tracker.ledger import store as ledger
from tracker.ledger.holds import freezes
from tracker.ledger.transfers import remaining

DUE_MS = 3 * DAY_MS  # the first reminder of the queue
PRIORITY_DUE_MS = DAY_MS

# Covering brings these to review; refunded ones keep their status, their money is frozen all the same.
REVIEWABLE = frozenset({"attributed", "accepted"})


def open_cases_for(
    conn: Connection,
    *,
    subject: Subject,
    judgement: Judgement,
    enrollment_id: str | None,
    livemode: bool,
    now_ms: int,
    actor: str,
) -> CasesOpened:
    """Save what the rules found, open or join the case it belongs to, freeze all that the case covers.

    `enrollment_id` is that of `subject.partner_id`, None for an organic subject. Evidence that a person has judged
    already opens no second case. `is_held` in the answer says that an undecided case covers the conversion.
    """
    known = {row.evidence_digest for row in store.findings_of(conn, [subject.conversion_id])}
    store.save_findings(conn, _finding_rows(subject, judgement, now_ms=now_ms))
    placement = None
    if enrollment_id is not None and judgement.score.band != "none":
        undecided = [
            case
            for case in store.cases_of_enrollment(conn, enrollment_id, livemode=livemode)
            if case.status != "decided"
        ]
        open_cases = [_open_case(conn, case, subject) for case in undecided]
        placement = cluster(subject, judgement.findings, score=judgement.score, open_cases=open_cases)
    if (
        placement is None
        or enrollment_id is None
        or _is_judged(conn, subject, enrollment_id=enrollment_id, placement=placement, known=known)
    ):
        return CasesOpened(
            case_id=None,
            is_new=False,
            is_held=freeze_new_lines(conn, subject.conversion_id, now_ms=now_ms, actor=actor),
        )
    case = None if placement.case_id is None else store.case_row(conn, placement.case_id)
    is_new = case is None
    if case is None:
        case = _new_case(
            placement, judgement.score.points, enrollment_id=enrollment_id, livemode=livemode, now_ms=now_ms
        )
        store.insert_case(conn, case)
    points = judgement.score.points
    _extend(
        conn,
        case,
        placement=placement,
        subject=subject,
        points=points,
        is_new=is_new,
        now_ms=now_ms,
        actor=actor,
    )
    is_held = freeze_new_lines(conn, subject.conversion_id, now_ms=now_ms, actor=actor)
    return CasesOpened(case_id=case.case_id, is_new=is_new, is_held=is_held)


def freeze_new_lines(conn: Connection, conversion_id: str, *, now_ms: int, actor: str) -> bool:
    """Freeze what undecided cases cover and do not freeze yet; return whether any covers the conversion."""
    covering = store.cases_of_conversion(conn, conversion_id)
    # A random check holds nothing: nobody suspects anything.
    undecided = [case for case in covering if case.status != "decided" and case.kind != "audit"]
    for case in undecided:
        _freeze_covered(conn, case.case_id, now_ms=now_ms, actor=actor)
    return bool(undecided)


def _finding_rows(subject: Subject, judgement: Judgement, *, now_ms: int) -> list[FindingRow]:
    found: list[tuple[Finding, str | None]] = [(finding, None) for finding in judgement.findings]
    found += [(silenced.finding, silenced.allow_id) for silenced in judgement.suppressed]
    return [
        FindingRow(
            finding_id=new_id("fnd", now_ms),
            conversion_id=subject.conversion_id,
            # A silenced finding weighs nothing, yet the reviewer sees what was forgiven.
            finding=finding if allowed_by is None else msgspec.structs.replace(finding, fired=False, factor_ppm=0),
            allowed_by=allowed_by,
            evidence_digest=_digest(subject, finding, allowed_by=allowed_by),
            created_at_ms=now_ms,
        )
        for finding, allowed_by in found
    ]


def _digest(subject: Subject, finding: Finding, *, allowed_by: str | None) -> str:
    """Return the fingerprint of evidence; what was forgiven at first and fires later is new evidence."""
    mark = fingerprint(subject, finding)
    return mark if finding.fired and allowed_by is None else f"{mark}-forgiven"


def _open_case(conn: Connection, case: CaseRow, subject: Subject) -> OpenCase:
    covered = store.covered_ids(conn, case.case_id)
    return OpenCase(
        case_id=case.case_id,
        program_id=case.program_id,
        partner_id=subject.partner_id or "",
        cluster_key=case.cluster_key,
        conversion_ids=tuple(covered),
        fingerprints=tuple(row.evidence_digest for row in store.findings_of(conn, covered)),
    )


def _is_judged(
    conn: Connection, subject: Subject, *, enrollment_id: str, placement: Placement, known: set[str]
) -> bool:
    """Tell whether a person has judged this conversion of this partner on all this evidence."""
    if placement.case_id is not None or any(exhibit.fingerprint not in known for exhibit in placement.exhibits):
        return False
    covering = store.cases_of_conversion(conn, subject.conversion_id)
    return any(case.status == "decided" and case.enrollment_id == enrollment_id for case in covering)


def _new_case(placement: Placement, points: int, *, enrollment_id: str, livemode: bool, now_ms: int) -> CaseRow:
    return CaseRow(
        case_id=new_id("cas", now_ms),
        program_id=placement.program_id,
        enrollment_id=enrollment_id,
        livemode=livemode,
        kind="risk",
        status="open",
        cluster_key=placement.cluster_key,
        score=points,
        claimed_by=None,
        opened_at_ms=now_ms,
        due_at_ms=now_ms + (PRIORITY_DUE_MS if placement.is_priority else DUE_MS),
        decided_at_ms=None,
    )


def _extend(
    conn: Connection,
    case: CaseRow,
    *,
    placement: Placement,
    subject: Subject,
    points: int,
    is_new: bool,
    now_ms: int,
    actor: str,
) -> None:
    """Cover further conversions, raise the score, freeze what is covered, and write it down."""
    added = store.cover(conn, case.case_id, _to_cover(conn, case, placement, subject=subject), at_ms=now_ms)
    statuses = store.conversions_in(conn, added, program_id=case.program_id, livemode=case.livemode)
    moved = {each: status for each, status in statuses.items() if status in REVIEWABLE}
    for conversion_id in moved:
        set_status(conn, conversion_id, "in_review")
    score = max(case.score, points)
    if score != case.score:
        store.update_case(conn, msgspec.structs.replace(case, score=score))
    _freeze_covered(conn, case.case_id, now_ms=now_ms, actor=actor)
    if is_new or added or score != case.score:
        record(
            conn,
            at_ms=now_ms,
            actor=actor,
            action="case.opened" if is_new else "case.extended",
            object_id=case.case_id,
            reason=", ".join(sorted({exhibit.finding.rule for exhibit in placement.exhibits})),
            before=None if is_new else {"score": case.score, "conversions": moved},
            after={"score": score, "covered": added, "conversions": dict.fromkeys(moved, "in_review")},
        )


def _to_cover(conn: Connection, case: CaseRow, placement: Placement, *, subject: Subject) -> Sequence[str]:
    """Return the conversions to add: of this program and mode, and not judged over the same fact before.

    A crowd grows: its next member brings new evidence, but whom a person cleared is not held a second time.
    """
    known = store.conversions_in(conn, placement.conversion_ids, program_id=case.program_id, livemode=case.livemode)
    return [
        each
        for each in placement.conversion_ids
        if each in known and (each == subject.conversion_id or not _was_judged_over(conn, each, case))
    ]


def _was_judged_over(conn: Connection, conversion_id: str, case: CaseRow) -> bool:
    """Tell whether a decided case of the same partner over the same fact covers the conversion."""
    fact = (case.enrollment_id, case.cluster_key)
    covering = store.cases_of_conversion(conn, conversion_id)
    return any(each.status == "decided" and (each.enrollment_id, each.cluster_key) == fact for each in covering)


def _freeze_covered(conn: Connection, case_id: str, *, now_ms: int, actor: str) -> None:
    lines = ledger.lines_of_conversions(conn, store.covered_ids(conn, case_id))
    new = freezes(
        [transfer_id for transfer_id, left in remaining(lines).items() if left > 0],
        ledger.holds_of_case(conn, case_id),
        case_id=case_id,
        at_ms=now_ms,
        actor=actor,
        make_id=lambda: new_id("hld", now_ms),
    )
    ledger.save_holds(conn, new)
