"""The engine that needs nothing: touches are looked up by the indexes that deciding a single conversion uses."""

from collections.abc import AsyncIterator, Iterable

from sqlalchemy import Connection

from tracker.clicks.touches import Key, find_touches
from tracker.db.reading import map_pages
from tracker.recompute.crew import Setting
from tracker.recompute.engines import Decided, Means, Part, decided, load_part
from tracker.recompute.types import Batch


class LookupEngine:
    """Asks the database batch by batch; see engines.py."""

    def decide(self, parts: Iterable[Part], means: Means) -> AsyncIterator[Decided]:
        """Give what each batch came to."""
        return means.crew.each(decide_part, parts)


def decide_part(conn: Connection, setting: Setting, part: Part) -> Decided:
    """Decide a batch with everything it takes; a task of a crew."""
    map_pages(conn)
    return decide_by_indexes(conn, setting, load_part(conn, setting, part))


def decide_by_indexes(conn: Connection, setting: Setting, batch: Batch) -> Decided:
    """Decide a loaded batch by the touches that the indexes find; of a busy visitor's no more than count."""
    touches = find_touches(conn, *wanted_by(batch), numbers=setting.numbers, up_to=setting.click_watermark)
    return decided(batch, setting, touches)


def wanted_by(batch: Batch) -> tuple[set[Key], set[Key]]:
    """Return the visitors whose clicks a batch needs, and the clicks it names."""
    visitors = {(member.row.program_id, visitor) for member in batch.members for visitor in member.visitors}
    named = {(member.row.program_id, click) for member in batch.members for click in member.named}
    return visitors, named
