"""Storing many reports in one transaction is the same as storing them one by one."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from ingest.conversions import ConversionReport, CustomerReport, RecordOutcome
from ingest.directory import SinkBusyError
from ingest.enrich import read_agent
from tracker.clicks.tables import agents, identity_links
from tracker.conversions.record import record
from tracker.conversions.record_many import Reported, record_many
from tracker.conversions.tables import conversions, customers
from tracker.db.database import DatabaseBusyError
from tracker.jobs.tables import jobs
from tracker.report_queue import BATCH_MAX, QUEUE_MAX, QUIET_TURNS, ReportQueue

AGENTS = (None, "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "curl/8.5")


def make_report(world: Any, number: int, **changes: Any) -> ConversionReport:
    fields = {
        "program_id": world.program_id,
        "livemode": True,
        "kind": "sale",
        "trust": "verified",
        "external_id": f"o{number}",
        "request_digest": b"d",
        "occurred_at_ms": 1_790_000_000_000 + number,
        "received_at_ms": 1_790_000_000_000 + number,
        "amount": 100,
        "currency": "EUR",
    }
    return ConversionReport(**{**fields, **changes})


class EnoughError(Exception):
    """Rolls a transaction back and carries what was seen in it."""


def seen_after(world: Any, act: Callable[[Connection], list[RecordOutcome]]) -> tuple[list[str], Any]:
    """Return the statuses of the outcomes and everything stored, and forget it again."""

    def run(conn: Connection) -> None:
        statuses = [one.status for one in act(conn)]
        raise EnoughError(statuses, stored(conn))

    with pytest.raises(EnoughError) as caught:
        world.write(run)
    return caught.value.args


def stored(conn: Connection) -> Any:
    """Return everything that reports leave, without the ids and numbers made for it."""
    people = conn.execute(select(customers).order_by(customers.c.external_id, customers.c.email_canonical)).all()
    names = {row.customer_id: (row.external_id, row.email_canonical) for row in people}
    browsers = {row.agent_id: row.text for row in conn.execute(select(agents)).all()}
    told = []
    for row in conn.execute(select(conversions).order_by(conversions.c.external_id, conversions.c.kind)).all():
        waiting = conn.execute(select(jobs.c.run_at_ms).where(jobs.c.subject_id == row.conversion_id)).scalars().all()
        fields = dict(row._mapping) | {
            "customer_id": names.get(row.customer_id),
            "agent_id": browsers.get(row.agent_id),
            "jobs": sorted(waiting),
        }
        told.append({name: value for name, value in fields.items() if name not in ("conversion_id", "seq")})
    links = sorted((str(names[row.customer_id]), row.visitor_id) for row in conn.execute(select(identity_links)).all())
    # Two people may share number and mailbox: their order is that of ids, which are drawn.
    facts = sorted([(row.external_id, row.email, row.phone, row.name, row.country) for row in people], key=str)
    return told, facts, links


reports = st.lists(
    st.fixed_dictionaries(
        {
            "external_id": st.sampled_from(["o1", "o2", "o3", "o4"]),
            "kind": st.sampled_from(["sale", "lead"]),
            "trust": st.sampled_from(["verified", "unverified"]),
            "request_digest": st.sampled_from([b"1", b"2"]),
            "visitor_id": st.sampled_from([None, "v1", "v2"]),
            "user_agent": st.sampled_from(AGENTS),
            "address": st.sampled_from([None, "198.51.100.7", "2001:db8::1"]),
            "customer": st.one_of(
                st.none(),
                st.builds(
                    CustomerReport,
                    external_id=st.sampled_from([None, "c1", "c2"]),
                    email=st.sampled_from([None, "a@mail.example", "b@mail.example"]),
                    name=st.sampled_from([None, "A"]),
                ),
            ),
        }
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=reports)
def test_together_or_one_by_one_is_the_same(world, drawn: list[dict[str, Any]]) -> None:
    many = [make_report(world, number, **changes) for number, changes in enumerate(drawn)]
    reported = [Reported(report=one, agent=read_agent(one.user_agent) if one.user_agent else None) for one in many]
    enricher = world.services.enricher

    def one_by_one(conn: Connection) -> list[RecordOutcome]:
        return [record(conn, one.report, agent=one.agent, enricher=enricher) for one in reported]

    statuses, (told, facts, links) = seen_after(world, lambda conn: record_many(conn, reported, enricher=enricher))

    alone, (told_alone, facts_alone, links_alone) = seen_after(world, one_by_one)
    assert statuses == alone
    for each, other in zip(told, told_alone, strict=True):
        assert each == other
    assert (facts, links) == (facts_alone, links_alone)


def test_numbers_rise_in_the_order_of_the_reports(world) -> None:
    many = [Reported(report=make_report(world, number), agent=None) for number in (3, 1, 2)]

    outcomes = world.write(lambda conn: record_many(conn, many, enricher=world.services.enricher))
    rows = world.read(lambda conn: conn.execute(select(conversions).order_by(conversions.c.seq)).all())
    assert [row.external_id for row in rows] == ["o3", "o1", "o2"]
    assert [row.conversion_id for row in rows] == [one.conversion_id for one in outcomes]


class Store:
    """A store that a test makes slow or broken; outcomes carry the report's number."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.may_store = asyncio.Event()
        self.broken: set[str] = set()
        self.error: Exception = LookupError("broken")

    async def __call__(self, many: Sequence[Reported]) -> list[RecordOutcome]:
        names = [one.report.external_id for one in many]
        self.batches.append(names)
        await self.may_store.wait()
        if self.broken & set(names):
            raise self.error
        return [RecordOutcome(conversion_id=name, status="created") for name in names]


def reported(number: int) -> Reported:
    report = ConversionReport(
        program_id="prg_1", livemode=True, kind="sale", trust="verified", external_id=f"o{number}",
        request_digest=b"d", occurred_at_ms=0, received_at_ms=0,
    )  # fmt: skip
    return Reported(report=report, agent=None)


async def settle() -> None:
    for _ in range(3 * QUIET_TURNS):
        await asyncio.sleep(0)


def test_what_arrives_a_moment_later_shares_the_commit(run) -> None:
    async def law() -> None:
        store = Store()
        store.may_store.set()
        queue = ReportQueue(store)
        first = asyncio.ensure_future(queue.put(reported(0)))
        for _ in range(QUIET_TURNS - 1):
            await asyncio.sleep(0)
        second = asyncio.ensure_future(queue.put(reported(1)))
        await asyncio.gather(first, second)
        assert [len(batch) for batch in store.batches] == [2]

    run(law())


def test_what_arrives_during_a_commit_is_one_batch_and_everybody_gets_their_own(run) -> None:
    async def law() -> None:
        store = Store()
        queue = ReportQueue(store)
        first = asyncio.ensure_future(queue.put(reported(0)))
        await settle()
        rest = [asyncio.ensure_future(queue.put(reported(number))) for number in range(1, BATCH_MAX + 2)]
        await settle()
        assert queue.is_pressed
        store.may_store.set()
        outcomes = await asyncio.gather(first, *rest)
        assert [len(batch) for batch in store.batches] == [1, BATCH_MAX, 1]
        assert [one.conversion_id for one in outcomes] == [f"o{number}" for number in range(BATCH_MAX + 2)]

    run(law())


def test_a_report_that_cannot_be_stored_takes_no_other_with_it(run) -> None:
    async def law() -> None:
        store = Store()
        store.broken = {"o2"}
        queue = ReportQueue(store)
        waiting = [asyncio.ensure_future(queue.put(reported(number))) for number in range(4)]
        await settle()
        store.may_store.set()
        outcomes: list[Any] = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(one) for one in outcomes] == [RecordOutcome, RecordOutcome, LookupError, RecordOutcome]
        assert (await queue.put(reported(9))).conversion_id == "o9"

    run(law())


def test_a_busy_database_is_told_to_everybody_at_once(run) -> None:
    async def law() -> None:
        store = Store()
        store.broken, store.error = {"o0"}, DatabaseBusyError("locked")
        queue = ReportQueue(store)
        waiting = [asyncio.ensure_future(queue.put(reported(number))) for number in range(3)]
        await settle()
        # These came while the batch waited for the lock, and waited with it.
        waiting += [asyncio.ensure_future(queue.put(reported(number))) for number in range(3, 6)]
        await settle()
        store.may_store.set()
        outcomes: list[Any] = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(one) for one in outcomes] == [SinkBusyError] * 6
        assert len(store.batches) == 1

    run(law())


def test_p8_a_full_queue_of_reports_refuses(run) -> None:
    async def law() -> None:
        store = Store()
        queue = ReportQueue(store)
        waiting = [asyncio.ensure_future(queue.put(reported(number))) for number in range(QUEUE_MAX)]
        await settle()
        more = [asyncio.ensure_future(queue.put(reported(number))) for number in range(BATCH_MAX)]
        await settle()
        with pytest.raises(SinkBusyError):
            await queue.put(reported(0))
        store.may_store.set()
        await asyncio.gather(*waiting, *more)

    run(law())


def test_a_client_that_left_keeps_nobody_waiting(run) -> None:
    async def law() -> None:
        store = Store()
        queue = ReportQueue(store)
        gone, stays = (asyncio.ensure_future(queue.put(reported(number))) for number in range(2))
        await settle()
        gone.cancel()
        store.may_store.set()
        assert msgspec.to_builtins(await stays)["conversion_id"] == "o1"

    run(law())
