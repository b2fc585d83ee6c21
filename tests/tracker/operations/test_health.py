import asyncio
import re
import shutil
from pathlib import Path

import pytest

from tracker.db.database import DatabaseBusyError
from tracker.db.migrating import newest_revision
from tracker.operations import readiness
from tracker.operations.ledger_watch import FIRST_S, PERIOD_S, LedgerWatch
from tracker.operations.readiness import FRESH_S, HEARTBEAT_S, Readiness
from tracker.operations.store import measure
from tracker.settings import Settings, SettingsError, load_metrics_token

TOKEN = "metrics-token-of-the-tests"
ROOT = Path(__file__).parents[3]


class Store:
    """A database whose writer answers as told, counting how often it is asked."""

    def __init__(self, answer=None):
        self.answer = newest_revision() if answer is None else answer
        self.asked = 0
        self.inbox = self

    async def write(self, _transaction):
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        if self.answer == "never":
            await asyncio.sleep(60)
        return self.answer

    async def purge(self, **_limits):
        return 0


@pytest.fixture
def clock():
    class Clock:
        now = 100.0

        def __call__(self):
            return self.now

    return Clock()


def test_a_server_that_stores_is_ready(world):
    alive, ready = world.request("GET", "/healthz"), world.request("GET", "/readyz")

    assert (alive.status_code, alive.text) == (200, "ok\n")
    assert (ready.status_code, ready.text) == (200, "ready\n")
    assert alive.headers["cache-control"] == ready.headers["cache-control"] == "no-store"


def test_nobody_outside_learns_why_a_server_is_not_ready(world):
    world.services.readiness = Readiness(Store(DatabaseBusyError("secret reason")), world.services.data_dir)

    answer = world.request("GET", "/readyz")

    assert (answer.status_code, answer.text) == (503, "not ready\n")
    assert answer.headers["retry-after"] == "2"


def test_a_writer_that_hangs_is_trouble_after_two_seconds(run, tmp_path, monkeypatch):
    monkeypatch.setattr(readiness, "HEARTBEAT_S", 0.05)

    assert "did not answer" in run(Readiness(Store("never"), tmp_path).trouble())
    assert HEARTBEAT_S == 2.0


def test_another_schema_is_trouble(run, tmp_path):
    assert "The schema is 0001" in run(Readiness(Store("0001"), tmp_path).trouble())


@pytest.mark.parametrize(("free", "is_trouble"), [(6, False), (5, True)])
def test_a_full_disk_is_trouble(run, tmp_path, monkeypatch, free, is_trouble):
    usage = shutil._ntuple_diskusage(100, 100 - free, free)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)

    assert (run(Readiness(Store(), tmp_path).trouble()) is not None) is is_trouble


def test_however_many_ask_the_writer_is_looked_at_once_a_second(run, tmp_path, clock):
    store = Store()
    ready = Readiness(store, tmp_path, clock=clock)

    async def ask_many():
        return await asyncio.gather(*(ready.trouble() for _ in range(50)))

    assert run(ask_many()) == [None] * 50
    run(ask_many())
    assert store.asked == 1
    clock.now += FRESH_S
    run(ask_many())
    assert store.asked == 2


def test_one_who_leaves_takes_nobody_with_them(run, tmp_path):
    ready = Readiness(Store(), tmp_path)

    async def leave():
        first = asyncio.ensure_future(ready.trouble())
        second = asyncio.ensure_future(ready.trouble())
        await asyncio.sleep(0)
        first.cancel()
        return await second

    assert run(leave()) is None


def test_metrics_do_not_exist_without_a_token(world):
    assert world.request("GET", "/metrics").status_code == 404


@pytest.mark.parametrize("sent", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}])
def test_metrics_need_the_token(world, sent):
    world.services.metrics_token = TOKEN

    answer = world.request("GET", "/metrics", headers=sent)

    assert answer.status_code == 401
    assert "molva_" not in answer.text


def metrics_of(world):
    world.services.metrics_token = TOKEN
    answer = world.request("GET", "/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    # On PostgreSQL each process tells its number.
    text = re.sub(r'\{process="\d+"\}', "", answer.text)
    return {name: float(value) for name, value in re.findall(r"^((?:molva|process)_\S+) (\S+)$", text, re.MULTILINE)}


def test_metrics_count_what_happened(world):
    world.click()
    world.browser({"t": "click", "c": "other", "r": "NOBODY"})
    world.track("sale", world.sale(amount="no number"))
    world.run(world.services.sink.save_drops())
    world.run(world.services.project())

    found = metrics_of(world)

    assert found["molva_ready"] == 1
    assert found["molva_clicks_acknowledged_total"] == 1
    assert found["molva_clicks_refused_total"] == 0
    assert found["molva_background_restarts_total"] == 0
    assert found["molva_click_commit_seconds_count"] == 1
    assert found["molva_click_commit_seconds_sum"] > 0
    assert found['molva_dropped_events_total{reason="unknown_code"}'] == 1
    assert found["molva_projector_lag_rows"] == found["molva_projector_lag_seconds"] == 0
    assert sum(value for name, value in found.items() if name.startswith("molva_refused_events_waiting")) == 1
    assert found["molva_limiter_entries"] >= 1
    assert found["molva_disk_free_bytes"] > 0
    assert found["process_resident_memory_bytes"] > 0
    assert "molva_ledger_problems" not in found, "not verified yet"


def test_clicks_not_yet_projected_are_told_with_their_age(database, run):
    for received_at_ms in (5000, 7000):
        run(database.inbox.append([(received_at_ms, "{}")]))

    stored = run(measure(database))

    assert (stored.unprojected, stored.unprojected_since_ms) == (2, 5000)


def test_a_database_that_does_not_answer_leaves_the_numbers_of_the_process(world, monkeypatch):
    async def busy(_transaction):
        raise DatabaseBusyError("no")

    monkeypatch.setattr(world.services.db, "read", busy)

    found = metrics_of(world)

    assert "molva_clicks_acknowledged_total" in found
    assert "molva_jobs_waiting" not in found


def test_every_metric_is_documented(world):
    world.services.ledger_watch.problems, world.services.ledger_watch.checked_at_ms = 0, 1
    (world.services.data_dir / "last-backup.json").touch()
    text = (ROOT / "docs" / "operations.md").read_text()
    documented = set(re.findall(r"^\| `(molva_\w+)", text, re.MULTILINE))

    names = {re.sub(r"\{.*", "", name) for name in metrics_of(world) if name.startswith("molva_")}

    summed = {re.sub(r"_(count|sum)$", "", name) for name in names}
    assert summed <= documented
    assert documented - summed <= {
        "molva_dropped_events_total",
        "molva_refused_events_waiting",
        "molva_refused_events_lost_total",
        "molva_rule_failures_total",
        *(f"molva_night_{each}" for each in ("seconds", "partners", "findings", "failures", "timestamp_seconds")),
    }, "these appear with their first event"


def test_the_ledger_is_verified_once_a_day(database, run, clock):
    watch, stopping = LedgerWatch(clock=clock), asyncio.Event()

    run(watch.look(database, stopping, now_ms=1))
    assert watch.problems is None
    clock.now += FIRST_S
    run(watch.look(database, stopping, now_ms=2))
    assert (watch.problems, watch.checked_at_ms) == (0, 2)
    clock.now += PERIOD_S - 1
    run(watch.look(database, stopping, now_ms=3))
    assert watch.checked_at_ms == 2


def test_a_verification_never_delays_the_end(run, clock):
    class Endless:
        async def read(self, _transaction):
            await asyncio.sleep(60)

    async def look():
        watch, stopping = LedgerWatch(clock=clock), asyncio.Event()
        clock.now += FIRST_S
        looking = asyncio.ensure_future(watch.look(Endless(), stopping, now_ms=1))
        await asyncio.sleep(0)
        stopping.set()
        async with asyncio.timeout(5):
            await looking
        return watch.problems

    assert run(look()) is None


def test_the_metrics_token_may_come_from_a_file(tmp_path):
    (tmp_path / "token").write_text(f"{TOKEN}\n")

    assert load_metrics_token(Settings(metrics_token_file=str(tmp_path / "token"))) == TOKEN
    assert load_metrics_token(Settings()) == ""


@pytest.mark.parametrize("content", ["short", "with a blank, long enough", None])
def test_an_unusable_token_file_is_told_without_its_content(tmp_path, content):
    path = tmp_path / "token"
    if content is not None:
        path.write_text(content)

    with pytest.raises(SettingsError, match="cannot be read") as refused:
        load_metrics_token(Settings(metrics_token_file=str(path)))
    assert content is None or content not in str(refused.value)
