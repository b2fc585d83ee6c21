"""Opens and extends the case about a partner as a whole, when the nightly rules, or those before a payout, have judged.

Findings below the line of review count into the scores of the conversions they speak of.
"""

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection

from fraud_rules.cases import Placement
from fraud_rules.engine import Judgement
from fraud_rules.scoring import REVIEW_FROM
from fraud_rules.types import Finding, Subject
from tracker.cases import partner_store, standing_store, store
from tracker.cases.opening import extend, finding_rows, new_case, rescore, save_found, well_formed
from tracker.cases.types import CaseRow, PartnerOpened

COVERED_AT_ONCE = 100  # conversions a partner's case takes in one transaction, some 20 ms


def open_partner_case(
    conn: Connection,
    *,
    program_id: str,
    enrollment_id: str,
    livemode: bool,
    judgement: Judgement,
    now_ms: int,
    actor: str,
    review_from: int = REVIEW_FROM,
) -> PartnerOpened:
    """Save what the rules found about a partner as a whole, and open or extend its case when the score asks for one.

    The case holds the conversions the findings speak of, and all of the partner's that have a reward to hold only when
    a finding says so; what a person judged over the same fact stays free. Below the line of review the findings count
    into the scores of the conversions they speak of. At most COVERED_AT_ONCE conversions are held in one transaction:
    call it again while `is_left`. Equal evidence found again changes nothing.
    """
    judgement = well_formed(judgement)
    stored = partner_store.partner_findings(conn, enrollment_id, livemode=livemode)
    about = Subject(
        conversion_id=enrollment_id,
        kind="lead",
        program_id=program_id,
        partner_id=enrollment_id,
        at_ms=now_ms,
        occurred_at_ms=now_ms,
    )
    rows = [
        msgspec.structs.replace(row, conversion_id=None, enrollment_id=enrollment_id, livemode=livemode)
        for row in finding_rows(about, judgement, now_ms=now_ms)
    ]
    touched = save_found(conn, rows, stored=stored)
    fired = [finding for finding in judgement.findings if finding.fired and finding.factor_ppm > 0]
    cluster_key = partner_store.partner_cluster(enrollment_id)
    undecided = store.undecided_case(conn, enrollment_id, livemode=livemode, cluster_key=cluster_key)
    if judgement.score.points < review_from:
        rescore(conn, touched, review_from=review_from, now_ms=now_ms, actor=actor)
        return PartnerOpened(case_id=None, is_new=False, is_left=False)
    wanted = _held_by(conn, fired, enrollment_id=enrollment_id, livemode=livemode, case=undecided)
    some = wanted[:COVERED_AT_ONCE]
    if not some:
        return PartnerOpened(case_id=None if undecided is None else undecided.case_id, is_new=False, is_left=False)
    case = undecided
    if case is None:
        placement = Placement(
            case_id=None,
            program_id=program_id,
            partner_id=enrollment_id,
            cluster_key=cluster_key,
            conversion_ids=(),
            exhibits=(),
            is_priority=judgement.score.band == "priority",
        )
        case = new_case(
            placement, judgement.score.points, enrollment_id=enrollment_id, livemode=livemode, now_ms=now_ms
        )
        store.insert_case(conn, case)
    extend(
        conn,
        case,
        conversion_ids=some,
        rules=[finding.rule for finding in fired],
        points=judgement.score.points,
        is_new=undecided is None,
        now_ms=now_ms,
        actor=actor,
    )
    return PartnerOpened(case_id=case.case_id, is_new=undecided is None, is_left=len(wanted) > COVERED_AT_ONCE)


def _held_by(
    conn: Connection, fired: Sequence[Finding], *, enrollment_id: str, livemode: bool, case: CaseRow | None
) -> list[str]:
    """Return conversions of the partner that the findings hold and no case over the partner does or did, a piece."""
    if any(finding.holds_partner for finding in fired):
        return standing_store.conversions_of_partner(
            conn,
            enrollment_id,
            livemode=livemode,
            case_id=None if case is None else case.case_id,
            limit=COVERED_AT_ONCE + 1,
        )
    compared = list(dict.fromkeys(each for finding in fired if finding.holds_compared for each in finding.compared))
    fact = (enrollment_id, partner_store.partner_cluster(enrollment_id))
    judged = standing_store.judged_facts(conn, compared)
    covered = set() if case is None else set(store.covered_ids(conn, case.case_id))
    places = standing_store.places_of(conn, compared)
    return [
        each
        for each in compared
        if each in places
        and (places[each].enrollment_id, places[each].livemode) == (enrollment_id, livemode)
        and each not in covered
        and all((one.enrollment_id, one.cluster_key) != fact for one in judged.get(each, ()))
    ]
