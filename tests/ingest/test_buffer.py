import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from ingest.buffer import BATCH_MAX, QUEUE_MAX, ClickBuffer
from ingest.directory import SinkBusyError


class Slow:
    """A sink whose commits the test releases one by one, or that fails."""

    def __init__(self, error: Exception | None = None) -> None:
        self.batches: list[list[str]] = []
        self.may_commit = asyncio.Event()
        self.error = error

    async def append_clicks(self, rows: Sequence[tuple[int, str]]) -> None:
        self.batches.append([body for _, body in rows])
        await self.may_commit.wait()
        if self.error is not None:
            raise self.error


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_a_click_is_acknowledged_after_its_commit_and_not_before(run) -> None:
    async def law() -> None:
        sink = Slow()
        buffer = ClickBuffer(sink)
        running = asyncio.ensure_future(buffer.run())
        waiting = asyncio.ensure_future(buffer.put(1, "a"))
        await settle()
        assert sink.batches == [["a"]]
        assert not waiting.done()

        sink.may_commit.set()
        await waiting
        buffer.close()
        await running

    run(law())


def test_what_arrives_during_a_commit_is_one_batch_in_order(run) -> None:
    async def law() -> None:
        sink = Slow()
        buffer = ClickBuffer(sink)
        running = asyncio.ensure_future(buffer.run())
        first = asyncio.ensure_future(buffer.put(1, "first"))
        await settle()
        rest = [asyncio.ensure_future(buffer.put(number, str(number))) for number in range(BATCH_MAX + 1)]
        await settle()
        assert len(buffer) == BATCH_MAX + 1

        sink.may_commit.set()
        await asyncio.gather(first, *rest)
        assert [len(batch) for batch in sink.batches] == [1, BATCH_MAX, 1]
        assert sink.batches[1][:3] == ["0", "1", "2"]
        buffer.close()
        await running

    run(law())


def test_p8_a_full_queue_refuses_and_takes_again_once_drained(run) -> None:
    async def law() -> None:
        sink = Slow()
        buffer = ClickBuffer(sink)
        waiting = [asyncio.ensure_future(buffer.put(number, "x")) for number in range(QUEUE_MAX)]
        await settle()
        with pytest.raises(SinkBusyError):
            await buffer.put(0, "one too many")

        sink.may_commit.set()
        running = asyncio.ensure_future(buffer.run())
        await asyncio.gather(*waiting)
        await buffer.put(0, "room again")
        buffer.close()
        await running
        assert sum(len(batch) for batch in sink.batches) == QUEUE_MAX + 1

    run(law())


@pytest.mark.parametrize("error", [SinkBusyError("full"), RuntimeError("broken"), MemoryError()])
def test_a_failing_store_tells_every_waiter_and_the_loop_lives(run, error: Exception) -> None:
    async def law() -> None:
        sink = Slow(error)
        sink.may_commit.set()
        buffer = ClickBuffer(sink)
        running = asyncio.ensure_future(buffer.run())
        outcomes: list[Any] = await asyncio.gather(
            *(buffer.put(number, "x") for number in range(7)), return_exceptions=True
        )
        assert [type(outcome) for outcome in outcomes] == [SinkBusyError] * 7

        sink.error = None
        await buffer.put(0, "lives")
        buffer.close()
        await running

    run(law())


def test_a_client_that_left_holds_nobody_up_and_its_click_is_stored(run) -> None:
    async def law() -> None:
        sink = Slow()
        buffer = ClickBuffer(sink)
        running = asyncio.ensure_future(buffer.run())
        gone, stays = (asyncio.ensure_future(buffer.put(number, str(number))) for number in range(2))
        await settle()
        gone.cancel()
        sink.may_commit.set()
        await stays
        assert [body for batch in sink.batches for body in batch] == ["0", "1"]
        buffer.close()
        await running

    run(law())


def test_p5_who_comes_while_the_store_is_locked_waits_no_longer_than_the_first(run) -> None:
    async def law() -> None:
        sink = Slow(SinkBusyError("The database is locked."))
        buffer = ClickBuffer(sink)
        running = asyncio.ensure_future(buffer.run())
        first = asyncio.ensure_future(buffer.put(0, "first"))
        await settle()
        later = [asyncio.ensure_future(buffer.put(number, "later")) for number in range(BATCH_MAX + 1)]
        await settle()
        sink.may_commit.set()
        ends = await asyncio.gather(first, *later, return_exceptions=True)

        assert all(isinstance(end, SinkBusyError) for end in ends)
        assert sink.batches == [["first"]]
        assert buffer.refused == len(ends)
        buffer.close()
        await running

    run(law())


def test_p7_closing_drains_what_waits_and_refuses_what_comes(run) -> None:
    async def law() -> None:
        sink = Slow()
        buffer = ClickBuffer(sink)
        running = asyncio.ensure_future(buffer.run())
        waiting = [asyncio.ensure_future(buffer.put(number, "x")) for number in range(BATCH_MAX * 2 + 3)]
        await settle()
        buffer.close()
        with pytest.raises(SinkBusyError):
            await buffer.put(0, "late")

        sink.may_commit.set()
        await running
        assert all(waiter.done() and waiter.exception() is None for waiter in waiting)

    run(law())


def test_an_idle_buffer_closes_at_once(run) -> None:
    async def law() -> None:
        buffer = ClickBuffer(Slow())
        buffer.close()
        await asyncio.wait_for(buffer.run(), 1)

    run(law())
