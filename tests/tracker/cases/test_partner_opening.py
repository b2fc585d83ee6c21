"""Cases about a partner as a whole, and findings that count into others' scores."""

import pytest
from sqlalchemy import func, select, update

from tracker.cases import standing_store, store
from tracker.cases.opening import standing_for
from tracker.cases.partner_opening import COVERED_AT_ONCE, open_partner_case
from tracker.cases.tables import case_conversions, cases, findings, findings_compared
from tracker.conversions.tables import conversions
from tracker.ledger.tables import holds


@pytest.fixture
def credited(world):
    """Make sales that are credited to the world's partner."""

    def make(count, **changes):
        ids = [world.sale(**changes) for _ in range(count)]
        chosen = conversions.c.conversion_id.in_(ids)
        world.write(
            lambda conn: conn.execute(update(conversions).where(chosen).values(enrollment_id=world.enrollment_id))
        )
        return ids

    return make


@pytest.fixture
def judge(world, make):
    """Judge the world's partner with these findings until nothing is left, as the nightly run does."""

    def run(*found, livemode=True, at_ms=0):
        pieces = []
        while not pieces or pieces[-1].is_left:
            pieces.append(
                world.write(
                    lambda conn: open_partner_case(
                        conn,
                        program_id=world.program_id,
                        enrollment_id=world.enrollment_id,
                        livemode=livemode,
                        judgement=make.judgement(*found),
                        now_ms=make.T0 + 10 + at_ms,
                        actor="system:nightly",
                    )
                )
            )
        return pieces

    return run


def about(make, ids, factor=600_000, rule="refund_abuse", **changes):
    values = {"family": "money", "compared": tuple(sorted(ids)), "holds_compared": True, "cluster_key": None}
    return make.finding(rule, factor, **(values | changes))


def statuses(world, ids):
    def read(conn):
        query = select(conversions.c.conversion_id, conversions.c.status)
        return {row.conversion_id: row.status for row in conn.execute(query) if row.conversion_id in ids}

    return world.read(read)


def count(world, table, *conditions):
    return world.read(
        lambda conn: conn.execute(select(func.count()).select_from(table).where(*conditions)).scalar_one()
    )


def counts(world):
    return [count(world, table) for table in (cases, case_conversions, findings, holds, findings_compared)]


def test_a_partner_case_holds_only_what_its_findings_speak_of(world, make, credited, judge):
    first, second, other = credited(3)

    (opened,) = judge(about(make, [first, second]))

    assert opened.is_new
    assert statuses(world, {first, second, other}) == {first: "in_review", second: "in_review", other: "accepted"}
    case = world.read(lambda conn: store.get_case(conn, opened.case_id, now_ms=make.T0))
    assert case.case.cluster_key == f"partner:{world.enrollment_id}"
    assert [row.enrollment_id for row in case.findings] == [world.enrollment_id]
    assert count(world, holds) == 2


def test_what_was_found_about_the_partner_may_decide_the_verdict(world, make, credited, judge):
    (opened,) = judge(about(make, credited(2)))
    (finding,) = world.view(opened.case_id).findings

    world.verdict(opened.case_id, "void", deciding_finding=finding.finding_id)

    assert world.view(opened.case_id).verdicts[0].deciding_finding == finding.finding_id


def test_the_queue_says_what_was_found_about_the_partner(world, make, credited, judge):
    (opened,) = judge(about(make, credited(2)), about(make, [], 100_000, rule="cr_high"))

    (row,) = world.read(lambda conn: store.queue_rows_of(conn, [opened.case_id]))

    assert [each.finding.rule for each in row.headline] == ["refund_abuse", "cr_high"]


def test_a_finding_over_the_whole_partner_holds_everything_in_pieces_but_no_refund(world, make, credited, judge):
    ids = credited(COVERED_AT_ONCE + 3)
    world.refund(ids[0], 100)

    pieces = judge(about(make, ids[:1], holds_partner=True))

    assert [piece.is_left for piece in pieces] == [True, False]
    assert count(world, cases) == 1
    assert count(world, case_conversions) == len(ids)
    assert count(world, holds) == len(ids)


def test_judging_the_same_again_changes_nothing(world, make, credited, judge):
    ids = credited(2)
    judge(about(make, ids))
    before = counts(world)

    judge(about(make, ids))

    assert counts(world) == before


def test_what_a_person_cleared_stays_free_and_only_new_conversions_are_held(world, make, credited, judge):
    first = credited(2)
    (opened,) = judge(about(make, first))
    world.write(lambda conn: conn.execute(update(cases).values(status="decided", decided_at_ms=make.T0 + 11)))
    assert judge(about(make, first), at_ms=5)[-1].case_id is None

    (new,) = credited(1)
    (again,) = judge(about(make, [*first, new]), at_ms=6)

    assert again.case_id != opened.case_id
    assert world.read(lambda conn: store.covered_ids(conn, again.case_id)) == [new]


def test_findings_below_the_line_count_into_the_scores_of_their_conversions(world, make, credited, judge):
    noted, clean = credited(2)
    world.judge(noted, make.finding("too_fast", 300_000, family="timing", cluster_key=None))
    assert count(world, cases) == 0

    judge(about(make, [noted, clean], factor=400_000))

    # 1 - .98 * .7 * .6 = .588; alone .41.
    assert statuses(world, {noted, clean}) == {noted: "in_review", clean: "accepted"}
    assert count(world, findings_compared) == 2


def test_a_finding_that_is_not_made_again_falls_silent(world, make, credited, judge):
    (one,) = credited(1)
    judge(about(make, [one], factor=400_000))
    assert len(world.read(lambda conn: standing_for(conn, one, enrollment_id=world.enrollment_id))) == 1

    judge()

    assert world.read(lambda conn: standing_for(conn, one, enrollment_id=world.enrollment_id)) == []
    assert count(world, findings) == 1


def test_test_mode_is_judged_by_itself(world, make, credited, judge):
    live, test = credited(1), credited(1, livemode=False)

    (opened,) = judge(about(make, [*live, *test], holds_partner=True), livemode=False)

    assert world.read(lambda conn: store.covered_ids(conn, opened.case_id)) == test
    assert statuses(world, set(live)) == {live[0]: "accepted"}


def test_another_partners_conversions_are_never_held(world, make, credited, judge):
    (own,) = credited(1)
    stranger = world.sale()

    (opened,) = judge(about(make, [own, stranger, "no id", "cnv_" + "0" * 32]))

    assert world.read(lambda conn: store.covered_ids(conn, opened.case_id)) == [own]


def test_a_crowds_finding_counts_for_the_others_it_speaks_of(world, make, credited):
    first, second = credited(2)
    world.judge(first, make.finding("too_fast", 300_000, family="timing", cluster_key=None))

    crowd = make.finding(
        "dup_device", 400_000, family="device", cluster_key="device:1", compared=(first,), holds_compared=True
    )
    world.judge(second, crowd)

    assert statuses(world, {first, second}) == {first: "in_review", second: "accepted"}
    assert [row.finding.rule for row in world.read(lambda conn: standing_store.standing_on(conn, [first]))[first]] == [
        "dup_device"
    ]


def test_a_cleared_conversion_is_not_held_again_by_the_same_crowd(world, make, credited):
    first, second, third = credited(3)
    world.judge(first, make.finding("too_fast", 300_000, family="timing", cluster_key=None))
    crowd = {"family": "device", "cluster_key": "device:1", "holds_compared": True}
    world.judge(second, make.finding("dup_device", 400_000, compared=(first,), **crowd))
    cleared = {"status": "decided", "decided_at_ms": make.T0 + 10**9}
    world.write(lambda conn: conn.execute(update(cases).values(**cleared)))
    one = conversions.c.conversion_id == first
    world.write(lambda conn: conn.execute(update(conversions).where(one).values(status="accepted")))

    world.judge(third, make.finding("dup_device", 400_000, compared=(first, second), **crowd))

    assert statuses(world, {first}) == {first: "accepted"}
    assert count(world, cases, cases.c.status != "decided") == 0
