"""Many rows by few statements store what single inserts store, on both databases."""

import pytest
from sqlalchemy import insert, select

from tracker.conversions.tables import customers
from tracker.conversions.types import Customer
from tracker.db.ids import new_id
from tracker.db.row_statements import SIZES, insert_records
from tracker.db.rows import as_struct, fields_of
from tracker.jobs.store import NewJob
from tracker.jobs.tables import jobs


def made(program_id: str, number: int) -> Customer:
    return Customer(
        customer_id=new_id("cus", number),
        program_id=program_id,
        livemode=number % 2 == 0,
        external_id=f"c-{number}" if number % 3 else None,
        email="anna@mail.example" if number % 5 else None,
        email_canonical=None,
        phone=None,
        name="Zoë «Ω»",
        country="DE",
        created_at_ms=2**40 + number,
    )


@pytest.mark.parametrize("count", [1, 2, 3, SIZES[0] - 1, SIZES[0], SIZES[0] + 1, 2 * SIZES[0] + 7])
def test_any_number_of_records_is_stored_as_by_single_inserts(shared_world, count: int) -> None:
    records = [made(shared_world.program_id, number) for number in range(count)]
    single = [
        Customer(**fields_of(each) | {"customer_id": new_id("cus", 9), "external_id": each.external_id and f"s-{i}"})
        for i, each in enumerate(records)
    ]

    def store(conn):
        conn.execute(customers.delete())
        insert_records(conn, customers, records)
        conn.execute(insert(customers), [fields_of(each) for each in single])
        rows = {row.customer_id: as_struct(Customer, row) for row in conn.execute(select(customers))}
        conn.execute(customers.delete())
        return rows

    stored = shared_world.write(store)

    assert [stored[each.customer_id] for each in records] == records
    assert [stored[each.customer_id] for each in single] == single


def test_columns_that_the_database_fills_may_be_left_out(shared_world) -> None:
    asked = [NewJob(kind="test", subject_id=f"s-{number}", run_at_ms=2**50) for number in range(70)]

    def store(conn):
        insert_records(conn, jobs, asked)
        rows = conn.execute(
            select(jobs.c.seq, jobs.c.subject_id).where(jobs.c.kind == "test").order_by(jobs.c.seq)
        ).all()
        conn.execute(jobs.delete().where(jobs.c.kind == "test"))
        return rows

    rows = shared_world.write(store)

    assert [row.subject_id for row in rows] == [each.subject_id for each in asked]
    assert len({row.seq for row in rows}) == 70
