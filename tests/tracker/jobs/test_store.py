"""Background work: done once, claimed by one, given out again when its claimer died."""

from tracker.jobs import store
from tracker.jobs.store import LEASE_MS, RETRY_MS

NOW = 1_790_000_000_000


def test_work_asked_for_twice_is_one_job(database, run) -> None:
    for at_ms in (NOW, NOW + 5):
        run(database.write(lambda conn, at_ms=at_ms: store.enqueue(conn, kind="k", subject_id="a", run_at_ms=at_ms)))

    assert run(database.write(lambda conn: store.claim(conn, now_ms=NOW, limit=9))) == []
    [job] = run(database.write(lambda conn: store.claim(conn, now_ms=NOW + 5, limit=9)))
    assert (job.kind, job.subject_id, job.attempts) == ("k", "a", 0)


def test_a_claimed_job_is_nobody_elses_until_its_lease_ends(database, run) -> None:
    run(database.write(lambda conn: store.enqueue(conn, kind="k", subject_id="a", run_at_ms=0)))
    claimed = run(database.write(lambda conn: store.claim(conn, now_ms=NOW, limit=9)))

    assert len(claimed) == 1
    assert not run(database.read(lambda conn: store.is_any_due(conn, now_ms=NOW + LEASE_MS - 1)))
    assert run(database.write(lambda conn: store.claim(conn, now_ms=NOW + LEASE_MS - 1, limit=9))) == []
    assert run(database.write(lambda conn: store.claim(conn, now_ms=NOW + LEASE_MS, limit=9))) == claimed


def test_finished_work_is_gone(database, run) -> None:
    run(database.write(lambda conn: store.enqueue(conn, kind="k", subject_id="a", run_at_ms=0)))
    run(database.write(lambda conn: store.finish(conn, kind="k", subject_id="a")))
    run(database.write(lambda conn: store.finish(conn, kind="k", subject_id="a")))

    assert run(database.read(lambda conn: store.waiting(conn, kind="k", subject_id="a"))) is None
    assert not run(database.read(lambda conn: store.is_any_due(conn, now_ms=NOW)))


def test_failed_work_waits_longer_each_time_and_is_counted(database, run) -> None:
    run(database.write(lambda conn: store.enqueue(conn, kind="k", subject_id="a", run_at_ms=0)))
    now = NOW
    for wait in (*RETRY_MS, RETRY_MS[-1]):
        [job] = run(database.write(lambda conn, now=now: store.claim(conn, now_ms=now, limit=9)))
        run(database.write(lambda conn, job=job, now=now: store.fail(conn, job, error="x" * 9_999, now_ms=now)))
        assert not run(database.read(lambda conn, at=now + wait - 1: store.is_any_due(conn, now_ms=at)))
        now += wait

    assert run(database.read(store.count_failing)) == 1
    run(database.write(lambda conn: store.enqueue(conn, kind="k", subject_id="a", run_at_ms=0)))
    assert run(database.read(store.count_failing)) == 0


def test_a_claim_takes_no_more_than_asked_oldest_first(database, run) -> None:
    for number in (3, 1, 2):
        subject, at_ms = f"s{number}", number
        run(database.write(lambda conn, s=subject, a=at_ms: store.enqueue(conn, kind="k", subject_id=s, run_at_ms=a)))

    claimed = run(database.write(lambda conn: store.claim(conn, now_ms=NOW, limit=2)))

    assert [job.subject_id for job in claimed] == ["s1", "s2"]
