"""Judging every partner of every program once a day, after three in the morning of the program's time zone.

One program after another: its last 90 days are read as light rows, the partner rules are run in a thread, and what they
find is stored in short transactions, one partner at a time. A run that was cut off goes on behind the last partner it
had done. A rule or partner that fails is logged and counted and never stops the others.
"""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec
import structlog
from sqlalchemy import Connection

from fraud_rules.allow import AllowEntry
from fraud_rules.engine import Judgement, judge_partner
from fraud_rules.history.partners import Night
from fraud_rules.rule import RuleConfig
from tracker.cases.partner_opening import open_partner_case
from tracker.db.database import DatabaseBusyError
from tracker.fraud import failures
from tracker.fraud.allow.store import entries_in_force
from tracker.fraud.lessons.store import scales_for
from tracker.fraud.night_rows import Window, gather, has_conversions
from tracker.fraud.night_store import NightRow, night_of, partners_spoken_of, save_night
from tracker.fraud.rules import configs_for, rules_in_force
from tracker.programs import store as programs
from tracker.programs.regions import region_of
from tracker.programs.types import Program
from tracker.services import Services

ACTOR = "system:nightly"
FIRST_HOUR = 3  # of the program's day: the quietest for shops, and yesterday's late reports are in
JUDGED_AT_ONCE = 20  # partners judged before others may run and the position is stored
REST_S = 0.05  # pause between pages while reports pour in

_EPOCH_ORDINAL = datetime(1970, 1, 1, tzinfo=UTC).toordinal()

log = structlog.get_logger()


class _StoppingError(Exception):
    """The process was asked to stop; the run goes on after the next start."""


async def judge_partners(services: Services) -> None:
    """Judge the partners of every program whose night has come, in both modes."""
    for program in await services.db.read(programs.list_programs):
        for livemode in (True, False):
            if services.stopping.is_set():
                return
            try:
                await _judge_program(services, program, livemode=livemode)
            except _StoppingError:
                return


def due_day(program: Program, now_ms: int, last: NightRow | None) -> int | None:
    """Return the day a night is due for, as days since 1970 in the program's time zone; None while none is.

    A night that was cut off is due again at any hour.
    """
    local = datetime.fromtimestamp(now_ms / 1000, ZoneInfo(program.time_zone))
    day = local.toordinal() - _EPOCH_ORDINAL
    if last is not None and last.finished_at_ms is None and last.day <= day:
        return last.day if last.day == day or local.hour < FIRST_HOUR else day
    if local.hour < FIRST_HOUR or (last is not None and last.day >= day):
        return None
    return day


async def _judge_program(services: Services, program: Program, *, livemode: bool) -> None:
    now_ms = services.now_ms()
    program_id = program.program_id
    last = await services.db.read(lambda conn: night_of(conn, program_id, livemode=livemode))
    day = due_day(program, now_ms, last)
    if day is None or not await services.db.read(lambda conn: has_conversions(conn, program_id, livemode=livemode)):
        return
    resumed = last if last is not None and last.finished_at_ms is None and last.day == day else None
    night = resumed or NightRow(program_id=program_id, livemode=livemode, day=day, started_at_ms=now_ms)
    await judge_night(services, program, night)


async def judge_night(services: Services, program: Program, night: NightRow) -> None:
    """Judge the program's partners behind the night's position, whatever hour it is."""
    now_ms, begun = services.now_ms(), time.monotonic()
    program_id, livemode = night.program_id, night.livemode
    await services.db.write(lambda conn: save_night(conn, night))
    ahead_ms = 0 if livemode else await services.db.read(lambda conn: programs.test_offset_ms(conn, program_id))
    window = Window(
        program_id=program_id,
        livemode=livemode,
        at_ms=now_ms + ahead_ms,
        region=region_of(program.time_zone),
    )
    found = await gather(services.db, window, pause=lambda: _pause(services))
    past = await asyncio.to_thread(lambda: Night(found.build(), at_ms=window.at_ms))
    spoken = await services.db.read(lambda conn: partners_spoken_of(conn, livemode=livemode))
    run = Run(services=services, program=program, window=window, past=past, spoken=spoken)
    done = await run.through(night, begun=begun)
    log.info(
        "partners_judged",
        program_id=program_id,
        livemode=livemode,
        count=done.partners,
        events=found.events,
        findings=done.findings,
        failures=done.failures,
        took_ms=done.took_ms,
    )


class Run:
    """One program's partners on the way from their facts to their cases."""

    def __init__(self, *, services: Services, program: Program, window: Window, past: Night, spoken: set[str]) -> None:
        """Take what was read. `spoken`: partners about whom findings count, which may have to fall silent."""
        self._services = services
        self._window = window
        self._past = past
        self._spoken = spoken
        self._configs = configs_for(program.settings.fraud_rules)
        self._review_from = program.settings.review_from

    async def through(self, night: NightRow, *, begun: float) -> NightRow:
        """Judge every partner behind the night's position and return the finished night."""
        before_ms = night.took_ms
        wanted = [each for each in self._restless() if night.position is None or each > night.position]
        for start in range(0, len(wanted), JUDGED_AT_ONCE):
            await _pause(self._services)
            some = wanted[start : start + JUDGED_AT_ONCE]
            terms = await self._terms()
            judged = await asyncio.to_thread(_judge, self._past, some, terms)
            findings = failed = 0
            for enrollment_id, judgement in judged:
                findings += sum(finding.fired for finding in judgement.findings)
                failed += len(judgement.errors) + (not await self._store(enrollment_id, judgement))
            night = msgspec.structs.replace(
                night,
                position=some[-1],
                partners=night.partners + len(some),
                findings=night.findings + findings,
                failures=night.failures + failed,
                took_ms=before_ms + round((time.monotonic() - begun) * 1000),
            )
            await self._save(night)
        night = msgspec.structs.replace(night, finished_at_ms=self._services.now_ms())
        await self._save(night)
        return night

    async def _terms(self) -> "Terms":
        """Return how to judge now: people may allow something, or teach a rule, while a night runs."""
        window = self._window

        def load(conn: Connection) -> Terms:
            return Terms(
                configs=self._configs,
                allow=entries_in_force(conn, window.program_id, at_ms=window.at_ms),
                scales=scales_for(conn, window.program_id, livemode=window.livemode, now_ms=window.at_ms),
                review_from=self._review_from,
            )

        return await self._services.db.write(load)

    def _restless(self) -> list[str]:
        """Return the partners something may be found about, in order; of the others there is nothing to look at."""
        past = self._past.past
        active = {*past.partner_leads, *past.partner_sales, *past.partner_clicks, *self._past.component}
        sharing = {each for sharers in past.payout_partners.values() if len(sharers) > 1 for each in sharers}
        known = past.partners.keys()
        return sorted(each for each in active | sharing | self._spoken if each in known)

    async def _save(self, night: NightRow) -> None:
        await self._services.db.write(lambda conn: save_night(conn, night))

    async def _store(self, enrollment_id: str, judgement: Judgement) -> bool:
        """Store what was found about one partner, in pieces; False when that failed."""
        window = self._window
        now_ms = window.at_ms
        db = self._services.db
        try:
            if judgement.errors:
                await db.write(
                    lambda conn: failures.note(conn, judgement.errors, subject_id=enrollment_id, now_ms=now_ms)
                )
            if not judgement.findings and not judgement.suppressed and enrollment_id not in self._spoken:
                return True
            is_left = True
            while is_left:
                opened = await db.write(
                    lambda conn: open_partner_case(
                        conn,
                        program_id=window.program_id,
                        enrollment_id=enrollment_id,
                        livemode=window.livemode,
                        judgement=judgement,
                        now_ms=now_ms,
                        actor=ACTOR,
                        review_from=self._review_from,
                    )
                )
                is_left = opened.is_left
        except DatabaseBusyError:
            raise
        except Exception:  # One partner's trouble must not keep the others from being judged.
            log.exception("partner_not_judged", subject_id=enrollment_id)
            return False
        return True


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """How a program wants its partners judged."""

    configs: dict[str, RuleConfig]
    allow: tuple[AllowEntry, ...]
    scales: dict[str, int]
    review_from: int


def _judge(past: Night, enrollment_ids: Sequence[str], terms: Terms) -> list[tuple[str, Judgement]]:
    return [
        (
            each,
            judge_partner(
                past.facts_of(each),
                rules_in_force(),
                configs=terms.configs,
                allow=terms.allow,
                scales=terms.scales,
                review_from=terms.review_from,
            ),
        )
        for each in enrollment_ids
    ]


async def _pause(services: Services) -> None:
    """Let others run, longer while reports pour in; raises when the process is to stop."""
    if services.stopping.is_set():
        raise _StoppingError
    await asyncio.sleep(REST_S if services.is_pressed() else 0)
