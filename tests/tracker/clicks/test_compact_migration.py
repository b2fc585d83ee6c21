"""Revision 0004 carries the clicks of before over, on SQLite and on PostgreSQL."""

import uuid

import pytest
from alembic import command
from sqlalchemy import text

from tracker.clicks import store
from tracker.clicks.types import ClickFilter
from tracker.db.migrating import _config, migrate
from tracker.db.opening import open_database
from tracker.db.schema import APPEND_ONLY
from tracker.db.triggers import guarded_tables

PROGRAM, OTHER, PARTNER = (bytes([number]) * 16 for number in (1, 2, 3))
ENROLLMENT, SILENT = (bytes([number]) * 16 for number in (4, 5))
DAY = 20_000
AT_MS = DAY * 86_400_000
PACKED = "AAECAwQFBgcICQoLDA0ODw"  # bytes 0 to 15
CLICKS = (
    # seq, program, click, visitor, source, occurred, page, referrer, masked address, details
    (3, PROGRAM, PACKED, PACKED, "redirect", AT_MS, "https://shop.example/", None, "203.0.113.x", '{"code":"ANNA"}'),
    (
        5,
        PROGRAM,
        "own-id",
        PACKED,
        "snippet",
        AT_MS - 40,
        "https://shop.example/?via=ANNA&fbclid=abcdefghijklmnopqrstuvwxyz0123",
        "https://blog.example/",
        "2001:db8:7::/48",
        '{"code":"ANNA","headers":{"sec-fetch-site":"same-site"},"parameter":"via","plan":"pro"}',
    ),
    (6, OTHER, PACKED, "", "redirect", AT_MS, None, None, None, "{}"),
)


@pytest.fixture(params=["sqlite", "postgresql"])
def old_database(request, tmp_path, run):
    """A database at revision 0003."""
    name = f"old_{uuid.uuid4().hex}"
    if request.param == "postgresql":
        server = request.getfixturevalue("postgres_server")
        server.psql(f"CREATE DATABASE {name};")
        url = server.get_uri(name)
    else:
        url = f"sqlite:///{tmp_path / 'molva.db'}"

    def to_0003(conn):
        config = _config()
        config.attributes["connection"] = conn
        command.upgrade(config, "0003")

    async def opened():
        database = open_database(url)
        await database.write(to_0003)
        return database

    database = run(opened())
    yield database
    run(database.close())
    if request.param == "postgresql":
        server.psql(f"DROP DATABASE {name} WITH (FORCE);")


def fill(conn):
    for program in (PROGRAM, OTHER):
        put(conn, "programs", program_id=program, name="P", currency="EUR", time_zone="UTC", created_at_ms=1)
    put(conn, "partners", partner_id=PARTNER, name="Anna", email="a@partners.example", created_at_ms=1)
    for enrollment, program in ((ENROLLMENT, PROGRAM), (SILENT, OTHER)):
        put(
            conn,
            "enrollments",
            enrollment_id=enrollment,
            program_id=program,
            partner_id=PARTNER,
            status="active",
            code="ANNA",
            allow_own_purchases=0,
            created_at_ms=1,
        )
    put(conn, "agents", digest=b"d", text="A", agent_key="a", device="phone", os="o", browser="b", is_bot=0)
    for seq, program, click, visitor, source, occurred, page, referer, masked, details in CLICKS:
        put(
            conn,
            "clicks",
            seq=seq,
            program_id=program,
            click_id=click,
            enrollment_id=ENROLLMENT,
            visitor_id=visitor,
            livemode=1,
            source=source,
            occurred_at_ms=occurred,
            received_at_ms=AT_MS,
            agent_id=1,
            is_bot=0,
            host_key=b"h" * 16,
            net_key=b"n" * 16,
            masked_ip=masked,
            country="DE",
            page_url=page,
            http_referer=referer,
            details=details,
        )
    for enrollment, clicks in ((ENROLLMENT, 3), (SILENT, 9)):
        put(conn, "click_days", enrollment_id=enrollment, day=DAY, livemode=1, clicks=clicks, bots=1)


def put(conn, table, **values):
    names, marks = ", ".join(values), ", ".join(f":{name}" for name in values)
    conn.execute(text(f"INSERT INTO {table} ({names}) VALUES ({marks})"), values)


def test_clicks_and_their_days_are_carried_over(old_database, run):
    run(old_database.write(fill))
    run(migrate(old_database))

    shown = run(old_database.read(lambda conn: store.list_clicks(conn, ClickFilter())))
    days = [
        run(
            old_database.read(
                lambda conn, one=one: store.clicks_by_day(
                    conn, livemode=True, from_day=0, enrollment_id=f"enr_{one.hex()}"
                )
            )
        )
        for one in (ENROLLMENT, SILENT)
    ]

    facts = [
        (
            row.seq,
            bytes.fromhex(row.program_id.removeprefix("prg_")),
            row.click_id,
            row.visitor_id,
            row.source,
            row.occurred_at_ms,
            row.page_url,
            row.http_referer,
            row.masked_ip,
        )
        for row in reversed(shown)
    ]
    assert facts == [click[:-1] for click in CLICKS]
    assert {row.received_at_ms for row in shown} == {AT_MS}
    assert [row.details for row in reversed(shown)] == [
        {"code": "ANNA"},
        {"code": "ANNA", "headers": {"sec-fetch-site": "same-site"}, "parameter": "via", "plan": "pro"},
        {},
    ]
    assert {(row.host_key, row.net_key, row.country, row.livemode) for row in shown} == {(None, None, "DE", True)}
    assert days == [{DAY: (3, 1)}, {DAY: (9, 1)}]


def test_the_carried_table_refuses_changes(old_database, run):
    run(old_database.write(fill))
    run(migrate(old_database))

    assert run(old_database.read(guarded_tables)) == set(APPEND_ONLY)
    with pytest.raises(Exception, match="never changed or deleted"):
        run(old_database.write(lambda conn: conn.execute(text("UPDATE clicks SET asn = 1"))))


def test_an_empty_database_is_carried_over(old_database, run):
    run(migrate(old_database))

    assert run(old_database.read(lambda conn: store.list_clicks(conn, ClickFilter()))) == []
