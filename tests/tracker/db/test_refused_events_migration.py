"""Revision 0006 carries refused and custom events over, and lets both go when their days are over."""

from alembic import command
from sqlalchemy import Connection, create_engine, text

from tracker.db import migrating

ID = bytes(15)
OLD = {"event": ID + b"\x01", "program": ID + b"\x02", "payload": b'{"amount": "x"}'}


def upgrade_to(conn: Connection, revision: str) -> None:
    config = migrating._config()
    config.attributes["connection"] = conn
    command.upgrade(config, revision)


def insert_old(conn: Connection) -> None:
    conn.execute(text("PRAGMA foreign_keys=OFF"))
    conn.execute(
        text(
            "INSERT INTO quarantined_events (event_id, program_id, livemode, received_at_ms, source, code, cause, "
            "payload, verdict) VALUES (:event, :program, 1, 5, 'track_sale', 'invalid_request', 'amount: x', :payload, "
            "'quarantined')"
        ),
        OLD,
    )
    conn.execute(
        text(
            "INSERT INTO custom_events (event_id, program_id, livemode, name, trust, occurred_at_ms, received_at_ms, "
            "payload) VALUES (:event, :program, 1, 'trial', 'unverified', 5, 5, :payload)"
        ),
        OLD,
    )


def test_events_of_before_are_still_there_and_may_age() -> None:
    with create_engine("sqlite://").begin() as conn:
        upgrade_to(conn, "0005")
        insert_old(conn)
        upgrade_to(conn, "head")

        row = conn.execute(text("SELECT * FROM quarantined_events")).one()
        assert (row.payload, row.payload_bytes, row.verdict) == (OLD["payload"], len(OLD["payload"]), "quarantined")
        assert (row.circumstances, row.corrected, row.judged_at_ms, row.result_id) == (None, None, None, None)
        assert conn.execute(text("SELECT name FROM custom_events")).scalar_one() == "trial"
        assert conn.execute(text("DELETE FROM custom_events")).rowcount == 1
