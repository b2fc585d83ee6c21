"""Statements compiled once give what SQLAlchemy's own give, for any number of keys, on both databases."""

import pytest
from sqlalchemy import insert, select

from tracker.conversions.tables import customers
from tracker.db.ids import IdError, new_id
from tracker.db.prepared import KEYS, PreparedKeys, given

STORED = 2 * KEYS[-1] + 7
FOUND = PreparedKeys(
    select(customers)
    .where(customers.c.livemode == given("livemode", customers.c.livemode))
    .order_by(customers.c.created_at_ms),
    customers.c.customer_id,
)


@pytest.fixture
def stored(shared_world):
    """Customers of both modes, some of whom have no name."""
    rows = [
        {
            "customer_id": new_id("cus", number),
            "program_id": shared_world.program_id,
            "livemode": number % 4 > 0,
            "name": "Zoë «%»" if number % 3 else None,
            "created_at_ms": 2**40 + number,
        }
        for number in range(STORED)
    ]
    shared_world.write(lambda conn: conn.execute(customers.delete()))
    shared_world.write(lambda conn: conn.execute(insert(customers), rows))
    yield rows
    shared_world.write(lambda conn: conn.execute(customers.delete()))


@pytest.mark.parametrize("count", [0, *[near for size in KEYS for near in (size, size + 1)], STORED])
def test_any_number_of_keys_finds_the_rows_of_those_keys(shared_world, stored, count):
    keys = [row["customer_id"] for row in stored[:count]]

    found = shared_world.read(lambda conn: FOUND.rows(conn, keys, livemode=True))

    wanted = [row for row in stored[:count] if row["livemode"]]
    assert [(row.customer_id, row.name, row.livemode) for row in found] == [
        (row["customer_id"], row["name"], True) for row in wanted
    ]


def test_a_key_that_is_no_id_is_refused_before_the_database_is_asked(shared_world):
    with pytest.raises(IdError, match="cus_ and 32"):
        shared_world.read(lambda conn: FOUND.rows(conn, ["cnv_1"], livemode=True))
