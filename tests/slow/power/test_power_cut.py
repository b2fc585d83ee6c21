"""Promise 2: a power cut loses nothing acknowledged and corrupts nothing, on our schema, pragmas and statements."""

import sqlite3
import time

import pytest
from sqlalchemy.exc import SQLAlchemyError

from ingest.conversions import ConversionReport
from ingest.directory import SinkBusyError
from ingest.events import InboxClick, encode_click
from tracker.clicks.store import cursor_of
from tracker.conversions.process import process_conversion
from tracker.db import sqlite, sqlite_inbox
from tracker.db.database import DatabaseBusyError
from tracker.ledger.verify import verify
from tracker.partners.store import add_partner
from tracker.programs.defaults import default_settings
from tracker.programs.store import create_program
from tracker.services import Services
from tracker.settings import Settings
from tracker.worker import purge_inbox

SECRET = b"root secret of the tests, 32 bytes"
WRITES_MAX = 300  # before a cut; a click takes about four, a decided sale about a hundred
CUTS_PER_LIFE = 20  # then an installation begins anew, or checking it would take longer and longer
DAY_MS = 86_400_000
FAILURES = (sqlite3.Error, SQLAlchemyError, DatabaseBusyError, SinkBusyError)


class Machine:
    """An installation on a disk that loses power again and again."""

    def __init__(self, drive, database_on, folder):
        self.drive = drive
        self.disk = drive.disk
        self.chance = drive.disk.chance
        self._database_on = database_on
        self._folder = folder
        self.clicks = set()
        self.sales = {}
        self.decided = set()
        self.acknowledged = 0
        self.transfers = 0
        self._number = 0
        self._services = None
        self._program_id = self._enrollment_id = ""

    async def begin(self, template):
        """Begin with a fresh installation: one program, one partner."""
        self._let_go()
        self.disk.load({str(self._folder / "molva.db"): template})
        await self._open()
        now_ms = self._services.now_ms() - 90 * DAY_MS

        def rows(conn):
            made = create_program(
                conn,
                name="Friends",
                currency="EUR",
                time_zone="UTC",
                settings=default_settings(),
                sites=("https://shop.example",),
                actor="test",
                now_ms=now_ms,
            )
            partner = add_partner(
                conn,
                program_id=made.program_id,
                name="Anna",
                email="anna@partner.example",
                code="ANNA",
                actor="test",
                now_ms=now_ms,
            )
            return made.program_id, partner.enrollment_id

        self._program_id, self._enrollment_id = await self._services.db.write(rows)
        self.clicks, self.sales, self.decided = set(), {}, set()

    async def _open(self):
        database = self._database_on(self._folder / "molva.db")
        self._services = Services(data_dir=self._folder, settings=Settings(), secret=SECRET, db=database)
        await self._services.keep_address_keys()
        # Small logs are moved into the file often, so that many cuts fall into that; the default is 1000 pages.
        pages = self.chance.choice((1000, 100, 20))
        for raw in self.drive._raw:
            raw.execute(f"PRAGMA wal_autocheckpoint={pages}")

    async def live(self):
        """Work until the power is cut, noting what was acknowledged before."""
        self.disk.cut_after(self.chance.randint(1, WRITES_MAX))
        works = (self._click, self._click, self._click, self._sell, self._sell, self._decide, self._tidy)
        try:
            while True:
                await self.chance.choice(works)()
        except FAILURES:
            assert self.disk.is_off, "Something failed although the power was on."
        self._let_go()
        self.disk.come_back()

    def _let_go(self):
        if self._services is not None:
            self.drive.close()
            self._services.db._turn.close()
            self._services.db._lock.close()
            self._services = None

    def _name(self, what):
        self._number += 1
        return f"{what}-{self._number}"

    async def _click(self):
        ids = [self._name("click") for _ in range(self.chance.choice((1, 2, 30)))]
        now_ms = self._services.now_ms()
        await self._services.sink.append_clicks([(now_ms, self._click_body(one)) for one in ids])
        self.clicks.update(ids)
        self.acknowledged += len(ids)

    def _click_body(self, click_id):
        return encode_click(
            InboxClick(
                program_id=self._program_id,
                livemode=True,
                enrollment_id=self._enrollment_id,
                click_id=click_id,
                visitor_id=click_id,
                source="snippet",
                code="ANNA",
                age_ms=0,
                address="203.0.113.7",
                user_agent="Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
                page_url=f"https://shop.example/{click_id}",
                http_referer=None,
                parameter="via",
                state=0,
                event_id=None,
                headers={},
                details=None,
            )
        )

    async def _sell(self):
        order, now_ms = self._name("order"), self._services.now_ms()
        report = ConversionReport(
            program_id=self._program_id,
            livemode=True,
            kind="sale",
            trust="verified",
            external_id=order,
            request_digest=order.encode(),
            occurred_at_ms=now_ms,
            received_at_ms=now_ms,
            amount=self.chance.randint(0, 10**6),
            currency="EUR",
            click_id=self.chance.choice(sorted(self.clicks)) if self.clicks else None,
        )
        outcome = await self._services.sink.record_conversion(report)
        self.sales[order] = outcome.conversion_id
        self.acknowledged += 1

    async def _decide(self):
        """Decide the sales that wait: projection, decision, commission and audit in their transactions."""
        for order in sorted(self.sales.keys() - self.decided):
            await process_conversion(self._services, self.sales[order])
            self.decided.add(order)
            self.acknowledged += 1

    async def _tidy(self):
        await purge_inbox(self._services)
        await self._services.db.inbox.checkpoint()

    async def check(self):
        """Open what is left and hold it against what was acknowledged; return how much is missing."""
        await self._open()
        database = self._services.db
        for raw in self.drive._raw:
            assert raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert raw.execute("PRAGMA foreign_key_check").fetchall() == []
        end = await database.inbox.end()
        rows = await database.inbox.rows(after=0, up_to=end, limit=10**9)
        kept = "\n".join(row.body for row in rows)
        cursor, conversions, report = await database.read(self._look)
        assert report.ok, report.problems
        self.transfers = max(self.transfers, report.transactions)
        # Nothing is projected that the inbox does not have, or new clicks would be hidden behind the cursor.
        missing = [] if cursor <= end else ["the end of the inbox"]
        missing += [one for one in self.clicks if f'"{one}"' not in kept]
        missing += [one for one in self.sales if one not in conversions]
        missing += [one for one in self.decided if conversions.get(one, "received") == "received"]
        return missing

    def _look(self, conn):
        found = conn.exec_driver_sql("SELECT external_id, status FROM conversions").fetchall()
        return cursor_of(conn), {row[0]: row[1] for row in found}, verify(conn)


@pytest.fixture
def machine(drive, database_on, tmp_path):
    return Machine(drive, database_on, tmp_path)


@pytest.mark.timeout(1500)
@pytest.mark.parametrize("cuts", [30, pytest.param(1000, marks=pytest.mark.slow)], ids="{}-cuts".format)
def test_p02_power_cuts_lose_nothing_acknowledged_and_corrupt_nothing(machine, sqlite_template, run, figures, cuts):
    async def live():
        started = time.monotonic()
        for number in range(cuts):
            if number % CUTS_PER_LIFE == 0:
                await machine.begin(sqlite_template.read_bytes())
            await machine.live()
            assert await machine.check() == []
        return time.monotonic() - started

    took = run(live())

    assert machine.acknowledged > 10 * cuts
    assert machine.transfers > 0, "No commission was ever booked: the ledger proved nothing."
    figures(cuts=cuts, acknowledged=machine.acknowledged, lost=0, corrupt=0, took=f"{took:.0f} s")


def test_p02_without_full_sync_the_same_cuts_lose_acknowledged_rows(
    machine, sqlite_template, run, figures, monkeypatch
):
    """The harness can fail: `synchronous=NORMAL` keeps the files whole but not what was acknowledged."""
    weak = "PRAGMA synchronous=NORMAL"
    for module, name in ((sqlite, "_WRITER_PRAGMAS"), (sqlite_inbox, "_PRAGMAS")):
        pragmas = getattr(module, name)
        assert "PRAGMA synchronous=FULL" in pragmas
        changed = tuple(weak if one == "PRAGMA synchronous=FULL" else one for one in pragmas)
        monkeypatch.setattr(module, name, changed)

    async def live():
        lost = 0
        for _ in range(10):
            await machine.begin(sqlite_template.read_bytes())
            await machine.live()
            lost += len(await machine.check())
        return lost

    lost = run(live())

    assert lost > 0
    figures(cuts=10, acknowledged=machine.acknowledged, lost=lost)
