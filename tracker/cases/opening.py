"""Opens, joins and extends cases when the fraud rules have judged a conversion.

The processing of conversions calls `open_cases_for` inside its transaction, after it has posted the conversion's money,
and `freeze_new_lines` whenever it posted more. Where a finding belongs is decided by `fraud_rules.cases`; what one case
holds is frozen here, and only a verdict releases it. Cases about a partner as a whole are in `partner_opening.py`.
"""

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection

from fraud_rules.cases import OpenCase, Placement, cluster, fingerprint
from fraud_rules.engine import Judgement
from fraud_rules.scoring import REVIEW_FROM, Score, score
from fraud_rules.types import Finding, Subject
from tracker.audit.store import record
from tracker.cases import partner_store, standing_store, store
from tracker.cases.standing_store import Judged
from tracker.cases.types import CaseRow, CasesOpened, FindingRow
from tracker.conversions.store import set_status
from tracker.db.ids import IdError, canonical_id, new_id
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
    standing: Sequence[FindingRow] = (),
    review_from: int = REVIEW_FROM,
) -> CasesOpened:
    """Save what the rules found, open or join the case it belongs to, freeze all that the case covers.

    `enrollment_id` is that of `subject.partner_id`, None for an organic subject. `standing`: from `standing_for`, and
    counted into the judgement's score. Evidence that a person has judged already opens no second case. Conversions the
    new findings speak of too are scored again. `is_held` in the answer says that an undecided case covers the
    conversion.
    """
    judgement = well_formed(judgement)
    stored = store.findings_of(conn, [subject.conversion_id])
    known = {row.evidence_digest for row in stored}
    rows = finding_rows(subject, judgement, now_ms=now_ms)
    touched = save_found(conn, rows, stored=stored)
    opened = _place(
        conn,
        subject=subject,
        found=judgement.findings,
        score=judgement.score,
        enrollment_id=enrollment_id,
        livemode=livemode,
        now_ms=now_ms,
        actor=actor,
        standing=standing,
        known=known,
    )
    covered = set() if opened.case_id is None else set(store.covered_ids(conn, opened.case_id))
    rescore(
        conn, [each for each in touched if each not in covered], review_from=review_from, now_ms=now_ms, actor=actor
    )
    is_held = freeze_new_lines(conn, subject.conversion_id, now_ms=now_ms, actor=actor)
    return msgspec.structs.replace(opened, is_held=is_held)


def well_formed(judgement: Judgement) -> Judgement:
    """Return the judgement whose findings compare with conversions alone: a plug-in may name anything."""
    found = []
    for finding in judgement.findings:
        compared = tuple(each for each in finding.compared if _is_conversion_id(each))
        is_same = len(compared) == len(finding.compared)
        found.append(finding if is_same else msgspec.structs.replace(finding, compared=compared))
    return msgspec.structs.replace(judgement, findings=tuple(found))


def _is_conversion_id(text: str) -> bool:
    try:
        return canonical_id("cnv", text) == text
    except IdError:
        return False


def standing_for(conn: Connection, conversion_id: str, *, enrollment_id: str | None) -> list[FindingRow]:
    """Return the findings about others and about partners that count into the conversion's score.

    What a person has judged about this conversion and partner over the same fact counts no more.
    """
    if enrollment_id is None:
        return []
    found = standing_store.standing_on(conn, [conversion_id]).get(conversion_id, [])
    judged = standing_store.judged_facts(conn, [conversion_id]).get(conversion_id, []) if found else []
    return _unjudged(found, judged, enrollment_id=enrollment_id)


def rescore(
    conn: Connection, conversion_ids: Sequence[str], *, review_from: int = REVIEW_FROM, now_ms: int, actor: str
) -> None:
    """Score conversions again from what is stored, as findings about others or about their partner speak of them now.

    Those that reach the line of review get a case; nothing is judged anew.
    """
    standing = standing_store.standing_on(conn, conversion_ids)
    judged = standing_store.judged_facts(conn, standing)
    places = standing_store.places_of(conn, standing)
    own: dict[str, list[FindingRow]] = {}
    for row in store.findings_of(conn, standing):
        own.setdefault(row.conversion_id or "", []).append(row)
    for conversion_id, place in places.items():
        if place.enrollment_id is None:
            continue
        rows = own.get(conversion_id, [])
        left = _unjudged(standing[conversion_id], judged.get(conversion_id, ()), enrollment_id=place.enrollment_id)
        found = _last_said(rows)
        result = score([*found, *(row.finding for row in left)], review_from=review_from)
        if not left or result.points < review_from:
            continue
        subject = Subject(
            conversion_id=conversion_id,
            kind="lead" if place.kind == "lead" else "sale",
            program_id=place.program_id,
            partner_id=place.enrollment_id,
            at_ms=place.received_at_ms,
            occurred_at_ms=place.occurred_at_ms,
        )
        _place(
            conn,
            subject=subject,
            found=found,
            score=result,
            enrollment_id=place.enrollment_id,
            livemode=place.livemode,
            now_ms=now_ms,
            actor=actor,
            standing=left,
            known={row.evidence_digest for row in rows},
        )


def save_found(conn: Connection, rows: Sequence[FindingRow], *, stored: Sequence[FindingRow]) -> list[str]:
    """Store findings about one conversion or partner; return the conversions they speak of that nothing did before."""
    store.save_findings(conn, rows)
    ids = {(row.finding.rule, row.evidence_digest): row.finding_id for row in [*rows, *stored]}
    said = [
        msgspec.structs.replace(row, finding_id=ids[row.finding.rule, row.evidence_digest])
        for row in rows
        if row.finding.fired and row.finding.factor_ppm > 0 and row.finding.holds_compared
    ]
    silent = [row.finding_id for row in stored if row.finding.holds_compared]
    return standing_store.speak_of(conn, said, before=silent) if said or silent else []


def _last_said(rows: Sequence[FindingRow]) -> tuple[Finding, ...]:
    """Return what each rule said last over each fact, of findings about one conversion."""
    newest: dict[tuple[str, str | None], FindingRow] = {}
    for row in sorted(rows, key=lambda each: (each.created_at_ms, each.finding_id)):
        newest[row.finding.rule, row.finding.cluster_key] = row
    return tuple(row.finding for row in newest.values() if row.allowed_by is None)


def _unjudged(rows: Sequence[FindingRow], judged: Sequence[Judged], *, enrollment_id: str) -> list[FindingRow]:
    """Return the rows no person has judged: newer than every verdict, and over a fact no verdict was on.

    What is found about a partner as a whole is one fact of that partner.
    """
    mine = [each for each in judged if each.enrollment_id == enrollment_id]
    facts = {each.cluster_key for each in mine}
    last_ms = max((each.decided_at_ms for each in mine), default=-1)
    is_whole = partner_store.partner_cluster(enrollment_id) in facts
    return [
        row
        for row in rows
        if row.created_at_ms > last_ms
        and row.finding.cluster_key not in facts
        and not (row.enrollment_id is not None and is_whole)
    ]


def _place(
    conn: Connection,
    *,
    subject: Subject,
    found: Sequence[Finding],
    score: Score,
    enrollment_id: str | None,
    livemode: bool,
    now_ms: int,
    actor: str,
    standing: Sequence[FindingRow],
    known: set[str],
) -> CasesOpened:
    """Open, join or extend the case of one conversion's findings; `known` is the evidence stored before."""
    nothing = CasesOpened(case_id=None, is_new=False, is_held=False)
    if enrollment_id is None or score.band == "none":
        return nothing
    undecided = [
        case for case in store.cases_of_enrollment(conn, enrollment_id, livemode=livemode) if case.status != "decided"
    ]
    # What others' findings speak of beside this conversion is held, or not, by their own cases.
    about = [*found, *(msgspec.structs.replace(row.finding, holds_compared=False) for row in standing)]
    open_cases = [_open_case(conn, case, subject) for case in undecided]
    placement = cluster(subject, about, score=score, open_cases=open_cases)
    if placement is None or _is_judged(conn, subject, enrollment_id=enrollment_id, placement=placement, known=known):
        return nothing
    case = None if placement.case_id is None else store.case_row(conn, placement.case_id)
    is_new = case is None
    if case is None:
        case = new_case(placement, score.points, enrollment_id=enrollment_id, livemode=livemode, now_ms=now_ms)
        store.insert_case(conn, case)
    extend(
        conn,
        case,
        conversion_ids=_to_cover(conn, case, placement, subject=subject),
        rules=[exhibit.finding.rule for exhibit in placement.exhibits],
        points=score.points,
        is_new=is_new,
        now_ms=now_ms,
        actor=actor,
    )
    return CasesOpened(case_id=case.case_id, is_new=is_new, is_held=True)


def freeze_new_lines(conn: Connection, conversion_id: str, *, now_ms: int, actor: str) -> bool:
    """Freeze what undecided cases over the conversion do not freeze of it yet; return whether there is one."""
    covering = store.cases_of_conversion(conn, conversion_id)
    # A random check holds nothing: nobody suspects anything.
    undecided = [case for case in covering if case.status != "decided" and case.kind != "audit"]
    for case in undecided:
        _freeze(conn, case.case_id, [conversion_id], now_ms=now_ms, actor=actor)
    return bool(undecided)


def finding_rows(subject: Subject, judgement: Judgement, *, now_ms: int) -> list[FindingRow]:
    """Return what was found about a subject as rows."""
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


def new_case(placement: Placement, points: int, *, enrollment_id: str, livemode: bool, now_ms: int) -> CaseRow:
    """Return a case that a placement asks for."""
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


def extend(
    conn: Connection,
    case: CaseRow,
    *,
    conversion_ids: Sequence[str],
    rules: Sequence[str],
    points: int,
    is_new: bool,
    now_ms: int,
    actor: str,
) -> None:
    """Cover further conversions, raise the score, freeze what is covered, and write it down."""
    added = store.cover(conn, case.case_id, conversion_ids, at_ms=now_ms)
    statuses = store.conversions_in(conn, added, program_id=case.program_id, livemode=case.livemode)
    moved = {each: status for each, status in statuses.items() if status in REVIEWABLE}
    for conversion_id in moved:
        set_status(conn, conversion_id, "in_review")
    score = max(case.score, points)
    if score != case.score:
        store.update_case(conn, msgspec.structs.replace(case, score=score))
    _freeze(conn, case.case_id, added, now_ms=now_ms, actor=actor)
    if is_new or added or score != case.score:
        record(
            conn,
            at_ms=now_ms,
            actor=actor,
            action="case.opened" if is_new else "case.extended",
            object_id=case.case_id,
            reason=", ".join(sorted(set(rules))),
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


def _freeze(conn: Connection, case_id: str, conversion_ids: Sequence[str], *, now_ms: int, actor: str) -> None:
    """Freeze what is left of the rewards of conversions a case covers, as far as it does not freeze it yet.

    Only of the conversions at hand: a case over a whole partner covers thousands.
    """
    lines = ledger.lines_of_conversions(conn, conversion_ids)
    left = [transfer_id for transfer_id, minor in remaining(lines).items() if minor > 0]
    new = freezes(
        left,
        ledger.holds_of_accruals(conn, left),
        case_id=case_id,
        at_ms=now_ms,
        actor=actor,
        make_id=lambda: new_id("hld", now_ms),
    )
    ledger.save_holds(conn, new)
