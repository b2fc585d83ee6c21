"""Revision 0011 carries rows over: findings stay as they were, and what people are compared by is filled in."""

import asyncio
import json
import uuid

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import text

from tracker.cases import store
from tracker.cases.standing_store import standing_on
from tracker.db.ids import id_from_bytes
from tracker.db.migrating import SCRIPTS, upgrade
from tracker.db.opening import open_database
from tracker.db.schema import APPEND_ONLY
from tracker.db.triggers import guarded_tables

PROGRAM, CUSTOMER, FIRST, SECOND, FINDING, EVENT = (bytes([number]) * 16 for number in range(1, 7))
NAMED = id_from_bytes("cnv", FIRST)


def conversion(key, seq, metadata):
    return {
        "conversion_id": key,
        "seq": seq,
        "program_id": PROGRAM,
        "livemode": 1,
        "kind": "lead",
        "external_id": str(seq),
        "trust": "verified",
        "status": "accepted",
        "request_digest": b"d" * 32,
        "customer_id": CUSTOMER,
        "occurred_at_ms": 7,
        "received_at_ms": 7,
        "report": json.dumps({"source": "api", "metadata": metadata}),
    }


ROWS = (
    (
        "programs",
        {"program_id": PROGRAM, "name": "P", "currency": "EUR", "time_zone": "Europe/Warsaw", "created_at_ms": 1},
    ),
    (
        "customers",
        {
            "customer_id": CUSTOMER,
            "program_id": PROGRAM,
            "livemode": 1,
            "email": "a@mail.studio-x.com",
            "email_canonical": "a@mail.studio-x.com",
            "phone": "601 234 567",
            "created_at_ms": 1,
        },
    ),
    ("conversions", conversion(FIRST, 1, {"source": "import"})),
    ("conversions", conversion(SECOND, 2, {})),
    (
        "findings",
        {
            "finding_id": FINDING,
            "conversion_id": SECOND,
            "rule": "same_ip_leads",
            "rule_version": 1,
            "family": "network",
            "fired": 1,
            "strength_ppm": 1_000_000,
            "weight_ppm": 800_000,
            "damping_ppm": 1_000_000,
            "factor_ppm": 800_000,
            "message": "A crowd.",
            "params": "{}",
            "translated": "[]",
            "evidence": "{}",
            "config": "{}",
            "compared": json.dumps([NAMED, "cnv_" + "e" * 32]),
            "clears_when": "Never.",
            "cluster_key": "host:aa",
            "evidence_digest": "d",
            "created_at_ms": 9,
        },
    ),
    (
        "quarantined_events",
        {
            "event_id": EVENT,
            "program_id": PROGRAM,
            "livemode": 1,
            "received_at_ms": 1,
            "source": "track_sale",
            "code": "conflict",
            "cause": "",
            "payload": b'{"external_id": "A-7"}',
            "payload_bytes": 22,
            "verdict": "quarantined",
        },
    ),
)


def to_0010(conn):
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.attributes["connection"] = conn
    command.upgrade(config, "0010")


def fill(conn):
    for table, values in ROWS:
        names = ", ".join(values)
        marks = ", ".join(f":{name}" for name in values)
        conn.execute(text(f"INSERT INTO {table} ({names}) VALUES ({marks})"), values)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'molva.db'}"
    server = request.getfixturevalue("postgres_server")
    name = f"old_{uuid.uuid4().hex}"
    server.psql(f"CREATE DATABASE {name};")
    return server.get_uri(name)


def test_rows_of_before_are_carried_over(url):
    async def migrated():
        database = open_database(url)
        try:
            for step in (to_0010, fill, upgrade):
                await database.write(step)
            return await database.read(look)
        finally:
            await database.close()

    def look(conn):
        customer = conn.execute(text("SELECT phone_key, email_domain FROM customers")).one()
        sources = conn.execute(text("SELECT source FROM conversions ORDER BY seq")).scalars().all()
        number = conn.execute(text("SELECT external_id FROM quarantined_events")).scalar_one()
        (finding,) = store.findings_of(conn, [id_from_bytes("cnv", SECOND)])
        return tuple(customer), sources, number, finding, standing_on(conn, [NAMED]), guarded_tables(conn)

    customer, sources, number, finding, standing, guarded = asyncio.run(migrated())

    assert customer == ("+48601234567", "studio-x.com")
    assert sources == ["import", None]
    assert number == "A-7"
    assert (finding.finding.rule, finding.finding.holds_compared, finding.enrollment_id) == (
        "same_ip_leads",
        True,
        None,
    )
    assert [row.finding_id for row in standing[NAMED]] == [finding.finding_id]
    assert guarded >= set(APPEND_ONLY)
