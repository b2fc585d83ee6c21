"""Which commissions nobody suspected are looked at all the same; pure.

Reviewers see only what rules found, so they know how often rules are right and never what rules miss. A few commissions
drawn by chance tell. The draw is a keyed hash of the commission's id: the same every time, and nobody without the
installation's secret can tell which it will take.
"""

import hashlib
from collections.abc import Iterable, Iterator

from fraud_rules.types import PPM
from tracker.instants import DAY_MS

SHARE_PPM = 10_000  # one of a hundred
WEEK_MIN = 2  # a program with few commissions still learns something
WEEK_MS = 7 * DAY_MS
_MONDAY_MS = 4 * DAY_MS  # the first Monday of Unix time
_SPACE = 1 << 64


def week_of(at_ms: int) -> int:
    """Return the number of the week (Monday to Sunday, UTC) an instant lies in."""
    return (at_ms - _MONDAY_MS) // WEEK_MS


def span_of(week: int) -> tuple[int, int]:
    """Return the first instant of a week and that of the next."""
    starts_ms = week * WEEK_MS + _MONDAY_MS
    return starts_ms, starts_ms + WEEK_MS


def rank(commission_id: str, key: bytes) -> int:
    """Return a number below 2^64 that only who has the key can compute."""
    return int.from_bytes(hashlib.blake2b(commission_id.encode(), digest_size=8, key=key, person=b"audit").digest())


def in_drawing_order(commission_ids: Iterable[str], key: bytes) -> Iterator[tuple[str, bool]]:
    """Give commissions in the order they are drawn, each with whether its own lot takes it.

    What comes after those is taken only to fill up a week that is over.
    """
    for number, commission_id in sorted((rank(each, key), each) for each in commission_ids):
        yield commission_id, number * PPM < SHARE_PPM * _SPACE
