"""The background tasks: a plain list, run together by one process or shared between a server and its background.

Each task is a function that runs once; the runner repeats it, keeps it alive and wakes it when there is work.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Literal

import msgspec
import structlog

from tracker.cases.ageing import watch_cases
from tracker.clicks import store as clicks
from tracker.conversions.late import DECIDE, REVISIT, revisit
from tracker.conversions.process import process_conversion
from tracker.event_retention import purge_custom_events, purge_refused_events
from tracker.fraud.nightly import judge_partners
from tracker.fraud.payments import give_payment_keys
from tracker.fraud.upkeep import look_after_rules
from tracker.idempotency import store as idempotency
from tracker.instants import DAY_MS
from tracker.jobs import store as jobs
from tracker.jobs.store import Job
from tracker.privacy.retention import mask_refused_events, purge_clicks
from tracker.services import Services

PURGED_AT_ONCE = 500  # inbox rows deleted in one transaction, about 10 ms
REST = 20  # pause after deciding while reports are waiting, in times of what deciding took
# A backup copies the inbox after the database: a click projected in between must still be in the inbox.
BACKUP_MS = 10 * 60_000
JOBS_AT_ONCE = 20  # jobs claimed together; a restart gives them out again after a minute

log = structlog.get_logger()


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """Something that must happen again and again; `is_urgent` ones also run when work arrives.

    `place` says which process does it where there are several: each for itself, the front, which answers requests and
    alone writes the inbox, or the back.
    """

    description: str
    run: Callable[[Services], Awaitable[None]]
    period_s: float
    is_urgent: bool = False
    place: Literal["each", "front", "back"] = "back"


async def decide_conversions(services: Services) -> None:
    """Decide every conversion that waits."""
    now_ms = services.now_ms()
    while await services.db.read(lambda conn: jobs.is_any_due(conn, now_ms=now_ms)):
        for job in await services.db.write(lambda conn: jobs.claim(conn, now_ms=now_ms, limit=JOBS_AT_ONCE)):
            started = time.monotonic()
            await _work_off(services, job)
            if services.is_pressed():
                # Acknowledging comes first: while reports pour in, deciding them falls behind.
                await asyncio.sleep(REST * (time.monotonic() - started))


async def project_clicks(services: Services) -> None:
    """Project acknowledged clicks."""
    await services.project_gently()


async def save_drops(services: Services) -> None:
    """Store the counts of dropped events."""
    await services.sink.save_drops()


async def refresh_directory(services: Services) -> None:
    """Read programs, keys and links again: another process may have changed them."""
    await services.refresh()


async def purge_inbox(services: Services) -> None:
    """Delete projected inbox rows, raw addresses with them, when their days are over."""
    before_ms = services.now_ms() - max(services.settings.raw_ip_days * DAY_MS, BACKUP_MS)
    cursor = await services.db.read(clicks.cursor_of)
    while purged := await services.db.inbox.purge(up_to=cursor, before_ms=before_ms, limit=PURGED_AT_ONCE):
        log.info("inbox_purged", count=purged)


async def purge_answers(services: Services) -> None:
    """Delete stored answers older than 30 days."""
    now_ms = services.now_ms()
    await services.db.write(lambda conn: idempotency.purge(conn, now_ms=now_ms))


async def keep_payment_keys(services: Services) -> None:
    """Give partners and old conversions the payment keys they lack."""
    is_left = True
    while is_left and not services.stopping.is_set():
        is_left = await services.db.write(lambda conn: give_payment_keys(conn, services.enricher.payments))


async def verify_ledger(services: Services) -> None:
    """Hold the ledger against every law, once a day."""
    await services.ledger_watch.look(services.db, services.stopping, now_ms=services.now_ms())


async def revisit_conversions(services: Services, subject_id: str) -> None:
    """Ask for new decisions about what a change of terms concerns."""
    await services.db.write(lambda conn: revisit(conn, subject_id))


# How to do each kind of job; an unknown kind is a failed job, shown to the operator.
JOBS: dict[str, Callable[[Services, str], Awaitable[None]]] = {DECIDE: process_conversion, REVISIT: revisit_conversions}

TASKS: tuple[Task, ...] = (
    Task(description="decide conversions", run=decide_conversions, period_s=1.0, is_urgent=True),
    Task(description="project clicks", run=project_clicks, period_s=0.5),
    Task(description="save drop counts", run=save_drops, period_s=5.0, place="each"),
    Task(description="refresh the edge's snapshot", run=refresh_directory, period_s=5.0, place="each"),
    Task(description="purge the inbox", run=purge_inbox, period_s=3000.0, place="front"),
    Task(description="purge stored answers", run=purge_answers, period_s=3600.0),
    # Readiness and metrics of the process that answers tell what was found.
    Task(description="verify the ledger", run=verify_ledger, period_s=600.0, place="front"),
    Task(description="purge refused events", run=purge_refused_events, period_s=3600.0),
    Task(description="purge custom events", run=purge_custom_events, period_s=3600.0),
    Task(description="purge old clicks", run=purge_clicks, period_s=86_400.0),
    Task(description="remind of cases", run=watch_cases, period_s=600.0),
    Task(description="draw random checks, learn from verdicts", run=look_after_rules, period_s=3600.0),
    Task(description="judge partners", run=judge_partners, period_s=600.0),
    Task(description="keep payment keys", run=keep_payment_keys, period_s=3600.0),
    Task(description="mask refused events", run=mask_refused_events, period_s=3600.0),
)


# What every process that answers requests must do for itself, also where another one does the rest.
EDGE_TASKS = tuple(task for task in TASKS if task.place == "each")
# The two shares of a server with a background process.
FRONT_TASKS = tuple(task for task in TASKS if task.place != "back")
BACK_TASKS = tuple(task for task in TASKS if task.place != "front")


async def run_tasks(services: Services, tasks: tuple[Task, ...] = TASKS) -> None:
    """Run the tasks until the services stop; the click buffer is drained first."""
    if services.db.dialect == "sqlite" and any(task.place == "back" for task in tasks):
        # Nobody else decides on a SQLite file: what was claimed when the last process died is free again.
        await services.db.write(jobs.release_all)
    async with asyncio.TaskGroup() as group:
        group.create_task(services.buffer.run())
        for task in tasks:
            group.create_task(_repeat(services, task))


async def _repeat(services: Services, task: Task) -> None:
    while not services.stopping.is_set():
        try:
            await task.run(services)
        except Exception:  # The loop must live: a failed task is logged and tried again.
            log.exception("task_failed", task=task.description)
        await _pause(services, task)


async def _pause(services: Services, task: Task) -> None:
    """Wait for the period, for work, or for the end."""
    event = services.work if task.is_urgent else services.stopping
    try:
        async with asyncio.timeout(task.period_s):
            await event.wait()
    except TimeoutError:
        return
    if task.is_urgent and not services.stopping.is_set():
        services.work.clear()


async def _work_off(services: Services, job: Job) -> None:
    try:
        await JOBS[job.kind](services, job.subject_id)
    except Exception as error:  # One job may not stop the others; it is tried again later and shown to the operator.
        log.exception("job_failed", kind=job.kind, subject_id=job.subject_id, attempts=job.attempts)
        text = f"{type(error).__name__}: {error}"
        now_ms = services.now_ms()
        await services.db.write(lambda conn: jobs.fail(conn, job, error=text, now_ms=now_ms))
