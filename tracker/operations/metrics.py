"""The metrics of one process in Prometheus' text format, gathered when somebody asks.

The hot path only adds to plain numbers (`ClickBuffer`); everything else is read from the database here.
docs/operations.md says what each metric means and when to be alarmed.
"""

import os
import shutil
from collections.abc import Iterator
from importlib.metadata import version

import msgspec
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.registry import Collector

from tracker.db.database import DatabaseBusyError
from tracker.operations.backup import STAMP
from tracker.operations.store import Stored, measure
from tracker.services import Services


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """What was read for one answer; `stored` is None when the database did not answer."""

    is_ready: bool
    now_ms: int
    stored: Stored | None


async def gather(services: Services) -> bytes:
    """Return the metrics as text."""
    stored: Stored | None
    try:
        stored = await measure(services.db)
    except DatabaseBusyError:
        stored = None
    sample = Sample(is_ready=await services.readiness.trouble() is None, now_ms=services.now_ms(), stored=stored)
    # A registry of our own and for this answer: nothing of another library is shown, nothing is kept.
    registry = CollectorRegistry()
    registry.register(_Gathered(services, sample))
    ProcessCollector(registry=registry)
    return generate_latest(registry)


class _Gathered(Collector):
    """One answer's metrics."""

    def __init__(self, services: Services, sample: Sample) -> None:
        self._services = services
        self._sample = sample

    def collect(self) -> Iterator[Metric]:
        """Give every metric."""
        services, sample = self._services, self._sample
        info = InfoMetricFamily("molva", "What runs here.")
        info.add_metric([], {"version": version("molva"), "database": services.db.dialect})
        yield info
        yield GaugeMetricFamily("molva_ready", "1 when this process can store.", value=int(sample.is_ready))
        yield from _ingest(services)
        if sample.stored is not None:
            yield from _stored(sample.stored, sample.now_ms)
            yield from _judging(sample.stored)
        yield from _safety(services)


def _ingest(services: Services) -> Iterator[Metric]:
    """Give the counters of this process; where several serve, each tells its number, or they would be one series."""
    labels = {"process": str(os.getpid())} if services.db.dialect == "postgresql" else {}
    names, values = list(labels), list(labels.values())
    buffer = services.buffer
    acknowledged = CounterMetricFamily(
        "molva_clicks_acknowledged", "Clicks answered after they were stored.", labels=names
    )
    acknowledged.add_metric(values, buffer.acknowledged)
    refused = CounterMetricFamily(
        "molva_clicks_refused", "Clicks answered with 503 because they could not be stored.", labels=names
    )
    refused.add_metric(values, buffer.refused)
    waiting = GaugeMetricFamily("molva_clicks_waiting", "Clicks that wait for their commit.", labels=names)
    waiting.add_metric(values, len(buffer))
    commits = SummaryMetricFamily(
        "molva_click_commit_seconds", "Commits of click batches and the time they took.", labels=names
    )
    commits.add_metric(values, count_value=buffer.batches, sum_value=buffer.commit_seconds)
    limiter = GaugeMetricFamily("molva_limiter_entries", "Networks and keys the rate limits remember.", labels=names)
    limiter.add_metric(values, 0 if services.limits is None else len(services.limits))
    restarts = CounterMetricFamily(
        "molva_background_restarts", "How often the background process died and was started again.", labels=names
    )
    restarts.add_metric(values, services.background_restarts)
    yield from (acknowledged, refused, waiting, commits, limiter, restarts)


def _stored(stored: Stored, now_ms: int) -> Iterator[Metric]:
    drops = CounterMetricFamily("molva_dropped_events", "Events the edge dropped.", labels=["reason"])
    for reason, events in sorted(stored.drops.items()):
        drops.add_metric([reason], events)
    yield drops
    yield GaugeMetricFamily("molva_projector_lag_rows", "Stored clicks not yet projected.", value=stored.unprojected)
    yield GaugeMetricFamily(
        "molva_projector_lag_seconds",
        "Age of the oldest stored click not yet projected.",
        value=_age_s(stored.unprojected_since_ms, now_ms),
    )
    waiting = GaugeMetricFamily(
        "molva_refused_events_waiting", "Refused events that wait for a person.", labels=["door", "cause"]
    )
    lost = CounterMetricFamily(
        "molva_refused_events_lost", "Refused events that made room for newer ones.", labels=["door", "cause"]
    )
    for each in stored.refused:
        waiting.add_metric([each.source, each.code], each.waiting)
        lost.add_metric([each.source, each.code], each.lost)
    yield waiting
    yield lost
    yield GaugeMetricFamily("molva_jobs_waiting", "Work that waits, failed work included.", value=stored.jobs_waiting)
    yield GaugeMetricFamily("molva_jobs_failing", "Work that failed and is tried again.", value=stored.jobs_failing)
    yield GaugeMetricFamily(
        "molva_job_age_seconds", "How long the oldest due work waits.", value=_age_s(stored.oldest_job_ms, now_ms)
    )


def _judging(stored: Stored) -> Iterator[Metric]:
    """Give what the newest night of each program came to, and rules that fail."""
    names = ["program", "mode"]
    gauges = {
        "took_ms": GaugeMetricFamily("molva_night_seconds", "How long judging the partners took.", labels=names),
        "partners": GaugeMetricFamily("molva_night_partners", "Partners judged in the newest night.", labels=names),
        "findings": GaugeMetricFamily("molva_night_findings", "What rules found about them.", labels=names),
        "failures": GaugeMetricFamily("molva_night_failures", "Rules and partners that failed in it.", labels=names),
    }
    started = GaugeMetricFamily("molva_night_timestamp_seconds", "When the newest night began.", labels=names)
    for night in stored.nights:
        place = [night.program_id, "live" if night.livemode else "test"]
        started.add_metric(place, night.started_at_ms / 1000)
        for name, gauge in gauges.items():
            gauge.add_metric(place, getattr(night, name) / (1000 if name == "took_ms" else 1))
    failed = CounterMetricFamily("molva_rule_failures", "Times a fraud rule could not judge.", labels=["rule"])
    for rule in stored.failing_rules:
        failed.add_metric([rule.rule], rule.failures)
    yield from (*gauges.values(), started, failed)


def _safety(services: Services) -> Iterator[Metric]:
    watch = services.ledger_watch
    if watch.problems is not None and watch.checked_at_ms is not None:
        yield GaugeMetricFamily("molva_ledger_problems", "Broken laws of the ledger.", value=watch.problems)
        yield GaugeMetricFamily(
            "molva_ledger_checked_timestamp_seconds", "When the ledger was verified.", value=watch.checked_at_ms / 1000
        )
    usage = shutil.disk_usage(services.data_dir)
    yield GaugeMetricFamily("molva_disk_free_bytes", "Free on the data folder's disk.", value=usage.free)
    yield GaugeMetricFamily("molva_disk_bytes", "Size of the data folder's disk.", value=usage.total)
    stamp = services.data_dir / STAMP
    if stamp.exists():
        yield GaugeMetricFamily(
            "molva_backup_timestamp_seconds", "When the newest backup was made.", value=stamp.stat().st_mtime
        )


def _age_s(since_ms: int | None, now_ms: int) -> float:
    return 0.0 if since_ms is None else max(now_ms - since_ms, 0) / 1000
