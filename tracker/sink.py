"""Where the public edge puts what it received: the database.

An implementation of `ingest.directory.Sink`; each method is one transaction or none.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeVar

from sqlalchemy import Connection

from ingest.conversions import ConversionReport, RecordOutcome
from ingest.directory import Circumstances, PostbackOutcome, SinkBusyError
from ingest.enrich import read_agent
from ingest.events import CustomEvent, KeptEvent
from ingest.install_check import Sighting
from tracker.clicks import store as clicks
from tracker.clicks.project import Enricher
from tracker.conversions.postbacks import record_postback
from tracker.conversions.record_many import Reported, record_many
from tracker.custom_events import store as custom_events
from tracker.db.database import Database, DatabaseBusyError
from tracker.installation import store as installation
from tracker.instants import DAY_MS
from tracker.privacy.addresses import without_address, without_addresses, without_ip
from tracker.quarantine import store as quarantine
from tracker.report_queue import ReportQueue

T = TypeVar("T")


class DatabaseSink:
    """Stores clicks, conversions, refused events and drop counts."""

    def __init__(
        self,
        database: Database,
        enricher: Enricher,
        *,
        now_ms: Callable[[], int],
        wake: Callable[[], None],
        keeps_addresses: bool,
    ) -> None:
        """Take the database and what to call when there is work for the worker.

        `keeps_addresses`: whether raw addresses may be stored, if only for days.
        """
        self._database = database
        self._enricher = enricher
        self._now_ms = now_ms
        self._wake = wake
        self._keeps_addresses = keeps_addresses
        self._drops: Counter[str] = Counter()
        self.reports = ReportQueue(self._record_many)

    async def append_clicks(self, rows: Sequence[tuple[int, str]]) -> None:
        """Append a batch of clicks to the inbox."""
        if not self._keeps_addresses:
            rows = [(at_ms, without_address(at_ms, body, self._enricher)) for at_ms, body in rows]
        try:
            await self._database.inbox.append(rows)
        except DatabaseBusyError as error:
            raise SinkBusyError(str(error)) from error

    async def record_conversion(self, report: ConversionReport) -> RecordOutcome:
        """Store a lead, sale or refund once."""
        agent = read_agent(report.user_agent) if report.user_agent is not None else None
        outcome = await self.reports.put(Reported(report=report, agent=agent))
        self._wake()
        return outcome

    async def _record_many(self, many: Sequence[Reported]) -> list[RecordOutcome]:
        return await self._database.write(lambda conn: record_many(conn, many, enricher=self._enricher))

    async def record_postback(self, report: ConversionReport) -> PostbackOutcome:
        """Store what another tracker reports once."""
        outcome = await self._write(lambda conn: record_postback(conn, report, self._enricher))
        self._wake()
        return outcome

    async def keep_event(self, event: CustomEvent) -> KeptEvent:
        """Store a custom event once."""
        return await self._write(lambda conn: custom_events.keep(conn, event))

    async def note_check(self, code: str, sighting: Sighting) -> None:
        """Note the click of an installation check that is still open.

        Reads first: a made-up code costs no writing transaction.
        """
        now_ms = self._now_ms()
        check_id = await self._database.read(lambda conn: installation.open_check(conn, code, now_ms=now_ms))
        if check_id is None:
            return
        await self._write(lambda conn: installation.note_sighting(conn, check_id, sighting, now_ms=now_ms))

    def count_drop(self, reason: str) -> None:
        """Count a dropped event in memory; `save_drops` stores the counts."""
        self._drops[reason] += 1

    async def save_drops(self) -> None:
        """Store what was counted since the last time."""
        counted, self._drops = dict(self._drops), Counter()
        if counted:
            day = self._now_ms() // DAY_MS
            try:
                await self._database.write(lambda conn: clicks.count_drops(conn, day=day, reasons=counted))
            except BaseException:
                self._drops.update(counted)
                raise

    async def quarantine(
        self,
        *,
        program_id: str,
        livemode: bool,
        source: str,
        code: str,
        cause: str,
        payload: bytes,
        circumstances: Circumstances,
    ) -> None:
        """Keep a refused event of a known key."""
        if not self._keeps_addresses:
            payload, cause = without_ip(payload), without_addresses(cause)
        event = quarantine.make_event(
            program_id=program_id,
            livemode=livemode,
            source=source,
            code=code,
            cause=cause,
            payload=payload,
            circumstances=circumstances,
            now_ms=self._now_ms(),
        )
        await self._write(lambda conn: quarantine.keep(conn, event))

    async def _write(self, transaction: Callable[[Connection], T]) -> T:
        try:
            return await self._database.write(transaction)
        except DatabaseBusyError as error:
            raise SinkBusyError(str(error)) from error
