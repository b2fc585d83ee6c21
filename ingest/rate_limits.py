"""How much one network or one key may send: token buckets in memory, bounded in number.

A host is an IPv4 address or an IPv6 /64; all hosts of a /24 or /48 together have a larger bucket of their own, so that
one network cannot flood by changing its address. The doors ask before they store. Sign-ins are not counted here: their
limits are in the database, where nobody is forgotten (tracker/users/limits.py).
"""

import math
import socket
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

HOSTS_PER_NETWORK = 10  # a network's bucket, in buckets of one host
# Together 100,000 entries: about 25 MiB when full, see test_p44_all_buckets_together_stay_within_64_mebibytes.
CLICK_HOSTS_MAX = 50_000
REPORT_HOSTS_MAX = 30_000
NETWORKS_MAX = 9_000  # of each of the two
KEYS_MAX = 2_000
MINUTE_S = 60.0

# The first two bytes of addresses that are no client's own: a proxy nobody declared, or a test on this machine. Their
# bucket would be everybody's, so they have none (RFC 6890).
_UNCOUNTED_V4 = frozenset(
    [bytes((first, second)) for first in (0, 10, 127) for second in range(256)]
    + [bytes((172, second)) for second in range(16, 32)]
    + [b"\xc0\xa8", b"\xa9\xfe"]
)
_UNCOUNTED_V6 = frozenset(
    [b"\0\0"]
    + [bytes((first, second)) for first in (0xFC, 0xFD) for second in range(256)]
    + [bytes((0xFE, second)) for second in range(0x80, 0xC0)]
)


class Allowance(NamedTuple):
    """What a key may still send: calls a minute, calls left now, and seconds to wait (0 when this one is taken)."""

    per_minute: int
    left: int
    wait_s: float

    def headers(self) -> dict[str, str]:
        """Return what an answer says of it: the limit, what is left, and the seconds until all of it is back."""
        full_in_s = math.ceil((self.per_minute - self.left) * MINUTE_S / self.per_minute)
        return {
            "RateLimit-Limit": str(self.per_minute),
            "RateLimit-Remaining": str(self.left),
            "RateLimit-Reset": str(full_in_s),
        }


class TokenBuckets:
    """One bucket for each key, a minute's worth deep; the buckets used longest ago go when there are too many.

    Kept as the instant at which a bucket is full again (the generic cell rate algorithm): one number a key.
    """

    def __init__(self, per_minute: int, *, entries_max: int, clock: Callable[[], float]) -> None:
        """Take how many tokens a minute each bucket gets (at least 1), how many buckets there are, and the clock."""
        self._per_minute = per_minute
        self._token_s = MINUTE_S / per_minute
        self._entries_max = entries_max
        self._clock = clock
        self._full_at: OrderedDict[bytes, float] = OrderedDict()

    def __len__(self) -> int:
        """Return how many buckets are remembered."""
        return len(self._full_at)

    def take(self, key: bytes) -> float:
        """Take a token and return 0, or return the seconds until there is one."""
        now = self._clock()
        full_at = self._full_at.get(key, now)
        full_at = max(full_at, now) + self._token_s
        wait = full_at - now - MINUTE_S
        if wait > 1e-6:  # less is rounding
            return wait
        self._full_at[key] = full_at
        self._full_at.move_to_end(key)
        if len(self._full_at) > self._entries_max:
            self._full_at.popitem(last=False)
        return 0.0

    def left(self, key: bytes) -> int:
        """Return how many tokens a bucket has."""
        now = self._clock()
        return int((MINUTE_S - max(self._full_at.get(key, now) - now, 0.0)) / self._token_s + 1e-6)


class AddressLimits:
    """Buckets of hosts and of the networks they are in."""

    def __init__(self, per_minute: int, *, hosts_max: int, clock: Callable[[], float]) -> None:
        """Take how much one host may send a minute; a network may send ten times that."""
        self._hosts = TokenBuckets(per_minute, entries_max=hosts_max, clock=clock)
        self._networks = TokenBuckets(per_minute * HOSTS_PER_NETWORK, entries_max=NETWORKS_MAX, clock=clock)

    def __len__(self) -> int:
        """Return how many buckets are remembered."""
        return len(self._hosts) + len(self._networks)

    def take(self, address: str) -> float:
        """Return 0 when one more is taken from an address, else the seconds to wait.

        Address: valid, IPv4 or IPv6 without zone. A host without tokens takes none of its network's.
        """
        if ":" in address:
            packed = socket.inet_pton(socket.AF_INET6, address)
            if packed[:2] in _UNCOUNTED_V6:
                return 0.0
            host, network = packed[:8], packed[:6]
        else:
            host = socket.inet_pton(socket.AF_INET, address)
            if host[:2] in _UNCOUNTED_V4:
                return 0.0
            network = host[:3]
        return self._hosts.take(host) or self._networks.take(network)


class RateLimits:
    """All buckets of one process; the roof makes them, the doors ask."""

    def __init__(
        self,
        *,
        clicks_per_minute: int,
        reports_per_minute: int,
        calls_per_minute: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take what one host (clicks, unsigned reports) and one key (calls) may send a minute, each at least 1."""
        self._clicks = AddressLimits(clicks_per_minute, hosts_max=CLICK_HOSTS_MAX, clock=clock)
        self._reports = AddressLimits(reports_per_minute, hosts_max=REPORT_HOSTS_MAX, clock=clock)
        self._calls = TokenBuckets(calls_per_minute, entries_max=KEYS_MAX, clock=clock)
        self._calls_per_minute = calls_per_minute

    def __len__(self) -> int:
        """Return how many buckets are remembered, for the metrics."""
        return len(self._clicks) + len(self._reports) + len(self._calls)

    def click(self, address: str) -> float:
        """Return 0 when a click from an address is taken, else the seconds to wait."""
        return self._clicks.take(address)

    def report(self, address: str) -> float:
        """Return 0 when an unsigned lead, sale or custom event from an address is taken, else the seconds to wait."""
        return self._reports.take(address)

    def call(self, key_id: str) -> Allowance:
        """Return what a key may still send after this call."""
        key = key_id.encode()
        wait_s = self._calls.take(key)
        return Allowance(self._calls_per_minute, self._calls.left(key), wait_s)
