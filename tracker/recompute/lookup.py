"""The engine that needs nothing: touches are looked up by the indexes that deciding a single conversion uses."""

from collections.abc import AsyncIterator

from sqlalchemy import Connection

from tracker.clicks.touches import Key, Touches, find_touches
from tracker.recompute.engines import Reader, Setting
from tracker.recompute.simulate import simulate
from tracker.recompute.types import Batch, BatchResult


class LookupEngine:
    """Asks the database batch by batch; see engines.py."""

    async def decide(
        self, batches: AsyncIterator[Batch], reader: Reader, setting: Setting
    ) -> AsyncIterator[tuple[Batch, BatchResult]]:
        """Give each batch with what it came to."""
        async for batch in batches:
            visitors, named = wanted_by(batch)

            def find(conn: Connection, visitors: set[Key] = visitors, named: set[Key] = named) -> Touches:
                return find_touches(conn, visitors, named, numbers=setting.numbers, up_to=setting.click_watermark)

            touches = await reader.read(find)
            yield batch, simulate(batch, setting.world, touches, setting.what_if)


def wanted_by(batch: Batch) -> tuple[set[Key], set[Key]]:
    """Return the visitors whose clicks a batch needs, and the clicks it names."""
    visitors = {(member.row.program_id, visitor) for member in batch.members for visitor in member.visitors}
    named = {(member.row.program_id, click) for member in batch.members for click in member.named}
    return visitors, named
