"""Token buckets: how much one host, one network and one key may send, and what remembering them costs."""

import tracemalloc
from collections.abc import Iterator

import pytest

from ingest.rate_limits import (
    CLICK_HOSTS_MAX,
    HOSTS_PER_NETWORK,
    KEYS_MAX,
    NETWORKS_MAX,
    REPORT_HOSTS_MAX,
    RateLimits,
    TokenBuckets,
)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def make_limits(clock: Clock, **changes: int) -> RateLimits:
    per_minute = {"clicks_per_minute": 6, "reports_per_minute": 3, "calls_per_minute": 60, **changes}
    return RateLimits(**per_minute, clock=clock)


def taken(limits: RateLimits, address: str, times: int) -> int:
    return sum(limits.click(address) == 0 for _ in range(times))


def test_a_bucket_is_a_minute_deep_and_fills_evenly(clock: Clock) -> None:
    buckets = TokenBuckets(6, entries_max=10, clock=clock)

    assert [buckets.take(b"a") for _ in range(6)] == [0.0] * 6
    assert buckets.left(b"a") == 0
    assert buckets.take(b"a") == pytest.approx(10.0)
    clock.now += 9.9
    assert buckets.take(b"a") == pytest.approx(0.1)
    clock.now += 0.1
    assert buckets.take(b"a") == 0.0
    assert buckets.take(b"a") > 0
    clock.now += 3600
    assert buckets.left(b"a") == 6


def test_a_refused_request_costs_nothing(clock: Clock) -> None:
    buckets = TokenBuckets(1, entries_max=10, clock=clock)
    buckets.take(b"a")

    assert {buckets.take(b"a") for _ in range(100)} == {60.0}


@pytest.mark.parametrize(
    ("one", "other", "shares"),
    [
        ("203.0.113.5", "203.0.113.5", True),
        ("203.0.113.5", "203.0.113.6", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
    ],
    ids=["same", "another", "same-64", "another-64"],
)
def test_a_host_is_an_address_or_a_64(clock: Clock, one: str, other: str, *, shares: bool) -> None:
    limits = make_limits(clock)

    assert taken(limits, one, 10) == 6
    assert taken(limits, other, 10) == (0 if shares else 6)


@pytest.mark.parametrize(
    ("hosts", "stranger"),
    [
        ([f"203.0.113.{number}" for number in range(1, 250)], "203.0.114.1"),
        ([f"2001:db8:1:{number:x}::1" for number in range(1, 250)], "2001:db8:2::1"),
    ],
    ids=["24", "48"],
)
def test_p44_a_network_cannot_flood_by_changing_its_address(clock: Clock, hosts: list[str], stranger: str) -> None:
    limits = make_limits(clock)

    assert sum(taken(limits, host, 10) for host in hosts) == 6 * HOSTS_PER_NETWORK
    assert taken(limits, stranger, 10) == 6


def test_one_host_cannot_use_up_its_network(clock: Clock) -> None:
    """What a host without tokens asks for is not taken from its neighbours."""
    limits = make_limits(clock)
    taken(limits, "203.0.113.1", 10_000)

    assert taken(limits, "203.0.113.2", 10) == 6


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.1.1",
     "::1", "::", "fd00::1", "fc00::1", "fe80::1", "febf::1"],
)  # fmt: skip
def test_addresses_behind_an_undeclared_proxy_have_no_bucket(clock: Clock, address: str) -> None:
    """A proxy nobody declared makes everybody one address: limiting it would lose everybody's clicks."""
    limits = make_limits(clock)

    assert taken(limits, address, 10_000) == 10_000
    assert len(limits) == 0


@pytest.mark.parametrize("address", ["100.64.0.1", "172.15.0.1", "172.32.0.1", "192.169.0.1", "fec0::1", "2001:db8::"])
def test_other_addresses_have_one(clock: Clock, address: str) -> None:
    assert taken(make_limits(clock), address, 10) == 6


def test_clicks_and_reports_are_counted_apart(clock: Clock) -> None:
    limits = make_limits(clock)
    taken(limits, "203.0.113.1", 10)

    assert [limits.report("203.0.113.1") > 0 for _ in range(4)] == [False, False, False, True]


def test_a_key_is_told_what_is_left(clock: Clock) -> None:
    limits = make_limits(clock, calls_per_minute=2)

    answers = [limits.call("key_1") for _ in range(3)]

    assert [(answer.left, answer.wait_s > 0) for answer in answers] == [(1, False), (0, False), (0, True)]
    assert answers[0].headers() == {"RateLimit-Limit": "2", "RateLimit-Remaining": "1", "RateLimit-Reset": "30"}
    assert limits.call("key_2").left == 1


def test_the_bucket_used_longest_ago_goes_first(clock: Clock) -> None:
    buckets = TokenBuckets(1, entries_max=2, clock=clock)
    for key in (b"a", b"b", b"a", b"c"):
        buckets.take(key)
        clock.now += 60

    assert len(buckets) == 2
    clock.now -= 60
    assert [buckets.take(key) > 0 for key in (b"c", b"b")] == [True, False]


def networks(first: int, last: int) -> Iterator[str]:
    for number in range(first, last):
        yield f"2001:{number >> 16:x}:{number & 0xFFFF:x}:7::1"


def test_p44_a_million_networks_are_remembered_up_to_the_cap(clock: Clock) -> None:
    limits = make_limits(clock, clicks_per_minute=1200)
    for address in networks(0, 1_000_000):
        limits.click(address)

    assert len(limits) == CLICK_HOSTS_MAX + NETWORKS_MAX


def test_p44_all_buckets_together_stay_within_64_mebibytes(clock: Clock) -> None:
    """Filled beyond the cap of each table; what comes later takes the place of what came first."""
    limits = make_limits(clock)
    tracemalloc.start()
    try:
        for number, address in enumerate(networks(0, CLICK_HOSTS_MAX + 5_000)):
            limits.click(address)
            limits.report(address)
            limits.call(f"key_{number}")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert len(limits) == CLICK_HOSTS_MAX + REPORT_HOSTS_MAX + 2 * NETWORKS_MAX + KEYS_MAX <= 100_000
    assert peak <= 64 * 1024 * 1024
