"""Revision 0005 carries rows over: keys of the one old secret go, mailboxes in findings and cases get a name."""

import asyncio
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from tracker.db.migrating import SCRIPTS, upgrade
from tracker.db.opening import open_database
from tracker.db.schema import APPEND_ONLY
from tracker.db.triggers import guarded_tables

PROGRAM, PARTNER, ENROLLMENT, FIRST, SECOND, CONVERSION, CASE, FINDING = (
    bytes([number]) * 16 for number in range(1, 9)
)

ROWS = (
    ("programs", {"program_id": PROGRAM, "name": "P", "currency": "EUR", "time_zone": "UTC", "created_at_ms": 1}),
    ("partners", {"partner_id": PARTNER, "name": "Anna", "email": "anna@partners.example", "created_at_ms": 1}),
    (
        "enrollments",
        {
            "enrollment_id": ENROLLMENT,
            "program_id": PROGRAM,
            "partner_id": PARTNER,
            "status": "active",
            "code": "ANNA",
            "allow_own_purchases": 0,
            "created_at_ms": 1,
        },
    ),
    *(
        (
            "customers",
            {
                "customer_id": customer_id,
                "program_id": PROGRAM,
                "livemode": 1,
                "external_id": external_id,
                "email": "i.v@gmail.com",
                "email_canonical": "iv@gmail.com",
                "created_at_ms": at_ms,
            },
        )
        for customer_id, external_id, at_ms in ((SECOND, "2", 6), (FIRST, "1", 5))
    ),
    (
        "conversions",
        {
            "conversion_id": CONVERSION,
            "seq": 1,
            "program_id": PROGRAM,
            "livemode": 1,
            "kind": "sale",
            "external_id": "A",
            "trust": "verified",
            "status": "accepted",
            "request_digest": b"d" * 32,
            "customer_id": SECOND,
            "occurred_at_ms": 7,
            "received_at_ms": 7,
            "host_key": b"h" * 16,
            "net_key": b"n" * 16,
            "masked_ip": "203.0.113.x",
            "report": '{"source":"api"}',
        },
    ),
    ("partner_logins", {"partner_id": PARTNER, "at_ms": 3, "host_key": b"h" * 16, "agent_key": "Chrome"}),
    (
        "cases",
        {
            "case_id": CASE,
            "program_id": PROGRAM,
            "enrollment_id": ENROLLMENT,
            "livemode": 1,
            "kind": "risk",
            "status": "open",
            "cluster_key": "email:iv@gmail.com",
            "score": 70,
            "opened_at_ms": 8,
            "due_at_ms": 9,
        },
    ),
    (
        "findings",
        {
            "finding_id": FINDING,
            "conversion_id": CONVERSION,
            "rule": "dup_person_email",
            "rule_version": 1,
            "family": "person",
            "fired": 1,
            "strength_ppm": 1,
            "weight_ppm": 1,
            "damping_ppm": 1,
            "factor_ppm": 1,
            "message": "m",
            "params": "{}",
            "translated": "[]",
            "evidence": "{}",
            "config": "{}",
            "compared": "[]",
            "clears_when": "c",
            "cluster_key": "email:iv@gmail.com",
            "evidence_digest": "e",
            "created_at_ms": 8,
        },
    ),
)


def to_revision(conn: Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.attributes["connection"] = conn
    command.upgrade(config, revision)


def fill(conn: Connection) -> None:
    to_revision(conn, "0004")
    for table, values in ROWS:
        names = ", ".join(values)
        slots = ", ".join(f":{name}" for name in values)
        conn.execute(text(f"INSERT INTO {table} ({names}) VALUES ({slots})"), values)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path):
    """The URL of a database without any table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'molva.db'}"
        return
    server = request.getfixturevalue("postgres_server")
    name = f"empty_{tmp_path.name.replace('-', '_')}".lower()[:60]
    server.psql(f"CREATE DATABASE {name};")
    yield server.get_uri(name)
    server.psql(f"DROP DATABASE {name} WITH (FORCE);")


def test_rows_are_carried_over_without_the_old_keys_and_mailboxes(empty_url: str) -> None:
    async def carried():
        database = open_database(empty_url)
        try:
            await database.write(fill)
            await database.write(upgrade)
            return await database.read(read)
        finally:
            await database.close()

    def read(conn: Connection):
        one = conn.execute(
            text("SELECT host_key, net_key, next_host_key, masked_ip, external_id FROM conversions")
        ).one()
        login = conn.execute(text("SELECT host_key, agent_key, at_ms FROM partner_logins")).one()
        keys = {
            table: conn.execute(text(f"SELECT cluster_key FROM {table}")).scalar_one()
            for table in ("cases", "findings")
        }
        return tuple(one), tuple(login), keys, guarded_tables(conn)

    conversion, login, keys, guarded = asyncio.run(carried())

    assert conversion == (None, None, None, "203.0.113.x", "A")
    assert login == (None, "Chrome", 3)
    assert keys == dict.fromkeys(("cases", "findings"), f"email:cus_{FIRST.hex()}")
    assert guarded == set(APPEND_ONLY)
