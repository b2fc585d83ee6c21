"""Pages of a long list: the rows of this one and the address of the next; pure.

Lists continue from a key, never from a count, so that a new row does not shift what was seen.
"""

from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

from tracker.admin.visit import Visit

Item = TypeVar("Item")
PAGE_SIZE = 50  # rows a page; about two screens


class Pager(NamedTuple, Generic[Item]):
    """One page: its rows, and where the next and the first one are (None when this is it)."""

    rows: list[Item]
    next_address: str | None
    first_address: str | None


def pager_of(rows: list[Item], visit: Visit, *, key: Callable[[Item], str]) -> Pager[Item]:
    """Return the page of rows fetched with a limit of PAGE_SIZE + 1; the next one continues `before` the last row."""
    shown = rows[:PAGE_SIZE]
    has_more = len(rows) > PAGE_SIZE
    next_address = visit.address_with(before=key(shown[-1])) if has_more else None
    first_address = visit.address_with(before="") if visit.query("before") else None
    return Pager(shown, next_address, first_address)
