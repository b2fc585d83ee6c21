"""The queue and the page of a case, read from a real database."""

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from tracker.cases import store
from tracker.cases.reasons import REASONS, reasons_for
from tracker.cases.tables import findings, verdicts
from tracker.cases.types import VERDICTS_OF
from tracker.db.ids import new_id


def queue(world, **changes):
    values = {"livemode": True, "statuses": ["open", "claimed"]}
    return world.read(lambda conn: store.queue(conn, **(values | changes)))


def open_cases(world, make, factors):
    """Open a case per factor, each with its own fact; return their ids."""
    return [
        world.judge(world.sale(), make.finding(factor=factor, cluster_key=f"email:{number}")).case_id
        for number, factor in enumerate(factors)
    ]


def test_the_queue_shows_verdict_relevant_facts_at_a_glance(world, make):
    first, second = world.sale(), world.sale(due=40, currency="USD")
    weak = make.finding("too_fast", 300_000, family="timing")
    middle = make.finding("dup_device", 500_000, family="device")
    world.judge(first, make.finding(), weak, middle)
    world.judge(second, make.finding())

    (row,) = queue(world)

    assert (row.program_name, row.partner_id, row.partner_name, row.conversions) == (
        "Shop",
        world.partner_id,
        "Ivanov",
        2,
    )
    assert [each.finding.rule for each in row.headline] == ["self_email", "dup_device"]
    assert row.headline[0].finding == make.finding()
    assert row.at_stake == (("EUR", 700), ("USD", 40))


def test_the_highest_score_comes_first_page_by_page(world, make):
    open_cases(world, make, [600_000, 900_000, 700_000, 700_000, 500_000])

    pages = []
    before = None
    while page := queue(world, limit=2, before=before):
        pages.append([row.case.score for row in page])
        before = (page[-1].case.score, page[-1].case.case_id)

    assert pages == [[90, 70], [70, 60], [51]]


@pytest.mark.parametrize(("limit", "rows"), [(0, 1), (1, 1), (1000, 2)])
def test_a_limit_outside_its_range_is_cut(world, make, limit, rows):
    open_cases(world, make, [600_000, 900_000])

    assert len(queue(world, limit=limit)) == rows


def test_the_queue_is_filtered_by_status_program_and_mode(world, make):
    decided, still_open = open_cases(world, make, [600_000, 900_000])
    world.judge(world.sale(livemode=False), make.finding(), livemode=False)
    world.verdict(decided, "clear")

    assert [row.case.case_id for row in queue(world)] == [still_open]
    assert [row.case.case_id for row in queue(world, statuses=["decided"])] == [decided]
    assert len(queue(world, livemode=False)) == 1
    assert len(queue(world, program_id=world.program_id)) == 1
    assert queue(world, program_id=new_id("prg", 1)) == []
    assert queue(world, statuses=[]) == []


def test_a_decided_case_has_nothing_at_stake(world, make):
    (case_id,) = open_cases(world, make, [900_000])
    world.verdict(case_id, "clear")

    (row,) = queue(world, statuses=["decided"])

    assert row.at_stake == ()


def test_cases_are_counted(world, make):
    first, _ = open_cases(world, make, [600_000, 900_000])
    world.verdict(first, "clear")

    def count(statuses):
        return world.read(lambda conn: store.count_cases(conn, livemode=True, statuses=statuses))

    assert (count(["open"]), count(["decided"]), count(["open", "decided"]), count([])) == (1, 1, 2, 0)


def test_an_unknown_case_has_no_page(world):
    assert world.view(new_id("cas", 1)) is None


def test_a_page_shows_other_cases_and_refunds_of_what_it_covers(world, make):
    sale, other = world.sale(), world.sale()
    first = world.judge(sale, make.finding()).case_id
    second = world.judge(other, make.finding(cluster_key="host:1", compared=(sale,), holds_compared=True)).case_id
    world.refund(sale, 2_500)

    covered = world.view(first).conversions

    assert [(each.refunded_minor, each.other_cases) for each in covered] == [(2_500, (second,))]
    world.verdict(second, "clear")
    assert world.view(first).conversions[0].other_cases == ()


def test_undecided_cases_of_a_conversion_come_first(world, make):
    sale, other = world.sale(), world.sale()
    first = world.judge(sale, make.finding()).case_id
    second = world.judge(other, make.finding(cluster_key="host:1", compared=(sale,), holds_compared=True)).case_id
    world.verdict(second, "clear")

    cases = world.read(lambda conn: store.cases_of_conversion(conn, sale))

    assert [case.case_id for case in cases] == [first, second]


def test_covering_the_same_conversion_again_adds_nothing(world, make):
    sale = world.sale()
    case_id = world.judge(sale, make.finding()).case_id

    assert world.write(lambda conn: store.cover(conn, case_id, [sale, sale], at_ms=1)) == []


def test_two_undecided_cases_over_one_fact_are_refused_by_the_database(world, make):
    case_id = world.judge(world.sale(), make.finding()).case_id
    case = world.view(case_id).case

    with pytest.raises(IntegrityError):
        world.write(lambda conn: store.insert_case(conn, type(case)(**fields(case, case_id=new_id("cas", 2)))))


def fields(row, **changes):
    return {name: getattr(row, name) for name in row.__struct_fields__} | changes


@pytest.mark.parametrize("table", [findings, verdicts], ids=lambda table: table.name)
def test_findings_and_verdicts_cannot_be_changed_or_deleted(world, make, table):
    case_id = world.judge(world.sale(), make.finding()).case_id
    world.verdict(case_id, "void")

    for statement in (delete(table), update(table).values({table.primary_key.columns[0].name: None})):
        with pytest.raises(DBAPIError, match="never changed or deleted"):
            world.write(lambda conn, statement=statement: conn.execute(statement))
    assert len(world.read(lambda conn: conn.execute(select(table)).all())) == 1


def test_every_action_has_reasons_to_offer():
    for action in VERDICTS_OF:
        assert reasons_for(action)
        assert all(reason.public_text and REASONS[reason.code] is reason for reason in reasons_for(action))
