"""Which conversions must be decided together: those of one customer, and a sale with its lead; pure.

A binding goes from one conversion of a customer to the next, and credit from a lead to its sales. Nothing goes from one
group to another, so groups may be decided anywhere and in any order.
"""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import NamedTuple

BATCH_MIN = 500  # conversions of a batch, before its last group: a few statements load them, a second decides them


class Light(NamedTuple):
    """What of a conversion says with which others it goes. Keys: whatever it shares with those, customer and lead."""

    seq: int
    conversion: bytes
    keys: tuple[Hashable, ...]


def group(rows: Iterable[Light]) -> list[list[Light]]:
    """Return groups in the order of their first numbers, each in the order of numbers; a conversion is in one."""
    parents: list[int] = []
    first_with: dict[Hashable, int] = {}
    kept: list[Light] = []
    for place, row in enumerate(sorted(rows)):
        parents.append(place)
        # Its keys have done their work when it is in its group.
        kept.append(Light(row.seq, row.conversion, ()))
        for key in row.keys:
            known = first_with.setdefault(key, place)
            _join(parents, known, place)
    groups: dict[int, list[Light]] = {}
    for place, row in enumerate(kept):
        groups.setdefault(_root(parents, place), []).append(row)
    return list(groups.values())


def cut(groups: Sequence[list[Light]], *, after: int = 0) -> Iterator[list[list[Light]]]:
    """Give batches of whole groups; groups whose first number is at most `after` are done."""
    batch: list[list[Light]] = []
    size = 0
    for each in groups:
        if each[0].seq <= after:
            continue
        batch.append(each)
        size += len(each)
        if size >= BATCH_MIN:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _join(parents: list[int], left: int, right: int) -> None:
    left, right = _root(parents, left), _root(parents, right)
    # The smaller place leads, so that groups come in the order of their first numbers.
    parents[max(left, right)] = min(left, right)


def _root(parents: list[int], place: int) -> int:
    """Return the leader of a group, halving the way there for the next caller."""
    while parents[place] != place:
        parents[place] = parents[parents[place]]
        place = parents[place]
    return place
