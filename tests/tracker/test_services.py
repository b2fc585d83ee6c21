"""What every face relies on in the running parts."""

import asyncio

from tracker.services import open_services
from tracker.settings import write_secret


def test_an_older_refresh_never_ends_after_a_newer_one(run, tmp_path):
    """A slow read that began before a change must not bring the old snapshot back."""
    write_secret(tmp_path)
    order = []

    async def twice():
        services = await open_services(tmp_path)
        read = services.db.read
        delays = [0.05, 0.0]

        async def slow_first(load):
            number = len(order)
            delay = delays.pop(0)
            order.append(f"begin {number}")
            await asyncio.sleep(delay)
            await read(load)
            order.append(f"end {number}")

        services.db.read = slow_first
        await asyncio.gather(services.refresh(), services.refresh())
        services.db.read = read
        await services.close()

    run(twice())
    assert [each.split()[0] for each in order] == ["begin", "end", "begin", "end"]
