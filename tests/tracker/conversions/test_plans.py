"""Deciding stays O(log n): every query it asks is answered by an index, however long the history."""

from typing import Any

import msgspec
import pytest
from sqlalchemy import event

from tracker.clicks.touches import find_touches, numbering
from tracker.conversions import store
from tracker.conversions.journey import load_case
from tracker.conversions.late import AT_ONCE, DECIDE
from tracker.conversions.process import process
from tracker.fraud.facts.load import load_facts
from tracker.fraud.facts.subject import Asked
from tracker.jobs import store as jobs
from tracker.programs.store import program_as_of
from tracker.recompute import facts_store
from tracker.recompute.facts_store import walk_conversions
from tracker.recompute.types import Scope

INSIDE = ("SCAN CONSTANT ROW", "SCAN anon")

# The plans are SQLite's; PostgreSQL has the same indexes and chooses by its statistics.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def plans_of(world: Any, transaction: Any, *, writes: bool = False) -> list[tuple[str, str]]:
    """Run a transaction and return each SELECT it made with SQLite's plan for it."""
    seen: list[tuple[str, Any]] = []

    def run(conn: Any) -> list[tuple[str, str]]:
        def note(asking: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
            # The world's worker asks over the same engine, on connections of its own.
            if asking is conn and statement.lstrip().startswith("SELECT"):
                seen.append((statement, parameters))

        event.listen(conn.engine, "before_cursor_execute", note)
        try:
            transaction(conn)
        finally:
            event.remove(conn.engine, "before_cursor_execute", note)
        return [
            (statement, " / ".join(row[3] for row in conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)))
            for statement, values in seen
        ]

    return world.write(run) if writes else world.read(run)


def scans_a_table(plan: str) -> bool:
    """Say whether a plan reads a whole table; what a limited query inside has found may be read whole."""
    return any(step.startswith("SCAN") and not step.startswith(INSIDE) for step in plan.split(" / "))


@pytest.fixture
def sold(world: Any) -> str:
    visitor = world.click()
    world.track("lead", {"external_id": "lead-1", "visitor_id": visitor})
    person = {"external_id": "p", "email": "p@mail.example", "phone": "+49 30 1234567", "name": "Ana Kozlova"}
    body = world.sale(visitor_id=visitor, promo_code="ANNA", customer=person)
    return world.track("sale", body | {"lead_id": "lead-1", "ip": "203.0.113.80"}).json()["id"]


def test_no_query_of_deciding_scans_a_table(world, sold: str) -> None:
    def decide(conn: Any) -> None:
        jobs.enqueue(conn, kind=DECIDE, subject_id=sold, run_at_ms=AT_ONCE)
        process(conn, sold, now_ms=world.services.now_ms())

    plans = plans_of(world, decide, writes=True)

    assert len(plans) > 20
    assert [(statement, plan) for statement, plan in plans if scans_a_table(plan)] == []


@pytest.fixture
def facts_of_sold(world, sold: str) -> Any:
    """The plans of loading each section of facts of the sale, by section."""

    def load(section: str) -> list[tuple[str, str]]:
        def run(conn: Any) -> None:
            row = store.get_conversion(conn, sold)
            row = msgspec.structs.replace(row, payment_key="key", visitor_id=row.visitor_id or "browser")
            case = load_case(conn, row, program_as_of(conn, row.program_id, row.occurred_at_ms))
            asked = Asked(
                row=row,
                enrollment_id=world.anna.enrollment_id,
                click=case.clicks[-1],
                clicked_at_ms=row.occurred_at_ms,
                clicks=case.clicks,
                allows_own_purchases=False,
            )
            load_facts(conn, asked, region=None, needs={section})

        return plans_of(world, run)

    return load


@pytest.mark.parametrize(
    ("section", "index"),
    [
        ("host_history", "ix_conversions_program_seq (program_id=? AND livemode=?)"),
        (
            "program_timing",
            "COVERING INDEX ix_conversions_delays (program_id=? AND livemode=? AND kind=? AND status=? AND seq<?)",
        ),
        ("same_phone_leads", "ix_customers_phone_key (program_id=? AND livemode=? AND phone_key=?)"),
        ("device_leads", "ix_conversions_visitor (visitor_id=?)"),
        ("payment_uses", "ix_conversions_payment (program_id=? AND livemode=? AND payment_key=?)"),
        ("payment_uses", "ix_enrollments_payment (program_id=? AND payment_key=?)"),
        (
            "device_past",
            "ix_custom_events_visitor (visitor_id=? AND occurred_at_ms>? AND occurred_at_ms<?)",
        ),
        (
            "partner_pace",
            "COVERING INDEX ix_conversions_enrollment (enrollment_id=? AND livemode=? AND occurred_at_ms<?)",
        ),
        (
            "partner_pace",
            "COVERING INDEX ix_conversions_enrollment (enrollment_id=? AND livemode=? AND occurred_at_ms>?)",
        ),
        (
            "code_use",
            "COVERING INDEX ix_conversions_promo_code (program_id=? AND livemode=? AND promo_code=? AND occurred_at_ms",
        ),
        ("forgeries", "ix_quarantined_events_external_id (program_id=? AND livemode=? AND external_id=?)"),
        ("domain_people", "COVERING INDEX ix_customers_email_domain (program_id=? AND livemode=? AND email_domain=?)"),
        ("name_share_ppm", "ix_customers_program (program_id=? AND livemode=? AND customer_id>?)"),
    ],
    ids=lambda each: each.split(" ")[0],
)
def test_facts_are_found_by_index(facts_of_sold: Any, section: str, index: str) -> None:
    plans = facts_of_sold(section)

    assert any(index in plan for _, plan in plans), plans
    assert [plan for _, plan in plans if scans_a_table(plan)] == []


@pytest.mark.parametrize("section", ["program_timing", "host_history", "partner_pace"])
def test_the_history_of_a_program_is_not_sorted(facts_of_sold: Any, section: str) -> None:
    sorting = [
        statement
        for statement, plan in facts_of_sold(section)
        if "USE TEMP B-TREE FOR ORDER BY" in plan and "FROM (SELECT conversions" in statement
    ]
    sorting += [
        statement
        for statement, plan in facts_of_sold(section)
        if "USE TEMP B-TREE FOR ORDER BY" in plan and statement.startswith("SELECT conversions.occurred_at_ms")
    ]

    assert sorting == []


def test_touches_are_found_by_index_for_one_and_for_many(world, sold: str) -> None:
    def find(conn: Any) -> None:
        key = (world.program_id, "visitor")
        find_touches(conn, {key}, {key}, numbers=numbering(conn), up_to=10**9)

    plans = [plan for statement, plan in plans_of(world, find) if "FROM clicks" in statement]

    assert len(plans) == 2
    assert "sqlite_autoindex_clicks_1 (click_key=? AND program_number=?)" in plans[0]
    assert "ix_clicks_visitor (visitor_key=?)" in plans[1]


def test_what_happened_since_an_instant_is_found_by_index(world, sold: str) -> None:
    scope = Scope(program_id=world.program_id, since_ms=1, click_watermark=9, conversion_watermark=9)

    (_, leads), (_, walk) = plans_of(world, lambda conn: walk_conversions(conn, scope))

    assert "USING COVERING INDEX ix_conversions_lead" in leads
    assert "ix_conversions_occurred (program_id=? AND occurred_at_ms>?)" in walk


@pytest.mark.parametrize("has_program", [True, False], ids=["program", "everything"])
@pytest.mark.parametrize("since_ms", [1, None], ids=["since", "all"])
def test_walks_through_conversions_are_in_the_order_of_an_index(
    world, sold: str, monkeypatch, has_program, since_ms
) -> None:
    monkeypatch.setattr(facts_store, "WALKED_AT_ONCE", 1)
    program_id = world.program_id if has_program else None
    scope = Scope(program_id=program_id, since_ms=since_ms, click_watermark=9, conversion_watermark=9)
    found: list[Any] = []

    plans = plans_of(world, lambda conn: found.extend(walk_conversions(conn, scope)))

    assert sorted(row.seq for row in found) == [1, 2], "piece by piece, everything once"
    walks = [plan for statement, plan in plans if "FROM conversions" in statement and "DISTINCT" not in statement]
    assert len(walks) >= 3
    for plan in walks:
        # Those of one instant may be sorted by their numbers.
        assert "TEMP B-TREE" not in plan.replace("USE TEMP B-TREE FOR RIGHT PART OF ORDER BY", ""), plan
