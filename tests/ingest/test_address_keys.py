"""Keyed hashes of addresses and their comparison across epochs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.address_keys import (
    COMPARED_MS,
    KEY_BYTES,
    AddressEpoch,
    AddressKeyring,
    masked_address,
    same_host,
)

DAY_MS = 86_400_000
SPAN_MS = 90 * DAY_MS
ONE = AddressEpoch(starts_at_ms=0, ends_at_ms=SPAN_MS, key=b"a" * 32)
TWO = AddressEpoch(starts_at_ms=SPAN_MS, ends_at_ms=2 * SPAN_MS, key=b"b" * 32)


@pytest.fixture
def keyring() -> AddressKeyring:
    return AddressKeyring([ONE, TWO])


class Row:
    """A stored row that came from an address at an instant."""

    def __init__(self, keyring: AddressKeyring, address: str, at_ms: int) -> None:
        keys = keyring.keys_of(address, at_ms)
        self.host_key: bytes | None = keys.host
        self.next_host_key: bytes | None = keys.next_host


def test_keys_tell_hosts_and_networks_apart_without_showing_them(keyring: AddressKeyring) -> None:
    one, neighbour, far = (keyring.keys_of(text, 0) for text in ("203.0.113.5", "203.0.113.6", "203.0.114.5"))

    assert one.masked == "203.0.113.x"
    assert one.host != neighbour.host
    assert one.network == neighbour.network != far.network
    assert one.host != one.network
    assert len(one.host) == len(one.network) == KEY_BYTES
    assert AddressKeyring([TWO]).keys_of("203.0.113.5", 0).host != one.host


def test_an_ipv6_host_is_a_64_and_its_network_a_48(keyring: AddressKeyring) -> None:
    one = keyring.keys_of("2001:db8:1:2::7", 0)

    assert one.host == keyring.keys_of("2001:db8:1:2:ffff::1", 0).host
    assert one.host != keyring.keys_of("2001:db8:1:3::7", 0).host
    assert one.network == keyring.keys_of("2001:db8:1:3::7", 0).network
    assert one.network != keyring.keys_of("2001:db8:2::7", 0).network
    assert one.masked == "2001:db8:1::/48"


@pytest.mark.parametrize(
    ("at_ms", "key_of", "has_next"),
    [
        pytest.param(-1, ONE, False, id="before the first epoch: its key"),
        pytest.param(0, ONE, False, id="first instant"),
        pytest.param(SPAN_MS - COMPARED_MS - 1, ONE, False, id="just before the boundary is near"),
        pytest.param(SPAN_MS - COMPARED_MS, ONE, True, id="near the boundary"),
        pytest.param(SPAN_MS - 1, ONE, True, id="last instant"),
        pytest.param(SPAN_MS, TWO, False, id="the boundary belongs to the next"),
        pytest.param(2 * SPAN_MS - 1, TWO, False, id="no next one is known"),
        pytest.param(9 * SPAN_MS, TWO, False, id="after the last epoch: its key"),
    ],
)
def test_an_instant_takes_the_key_of_its_epoch(
    keyring: AddressKeyring, at_ms: int, key_of: AddressEpoch, has_next: bool
) -> None:
    found = keyring.keys_of("203.0.113.5", at_ms)

    assert found.host == AddressKeyring([key_of]).keys_of("203.0.113.5", at_ms).host
    expected = keyring.keys_of("203.0.113.5", SPAN_MS) if has_next else None
    assert found.next_host == (expected.host if expected else None)
    assert found.next_network == (expected.network if expected else None)


def test_no_key_is_no_hash() -> None:
    with pytest.raises(LookupError, match="open_services"):
        AddressKeyring().keys_of("203.0.113.5", 0)


def test_a_replaced_key_is_used_no_more(keyring: AddressKeyring) -> None:
    before = keyring.keys_of("203.0.113.5", 0)

    keyring.replace([TWO])

    assert keyring.keys_of("203.0.113.5", 0).host != before.host


@given(
    first_ms=st.integers(0, 2 * SPAN_MS - 1),
    apart_ms=st.integers(0, COMPARED_MS),
    is_same=st.booleans(),
)
def test_one_host_is_recognised_within_the_compared_span_wherever_the_boundary_is(
    first_ms: int, apart_ms: int, is_same: bool
) -> None:
    keyring = AddressKeyring([ONE, TWO])
    last_ms = min(first_ms + apart_ms, 2 * SPAN_MS - 1)
    earlier = Row(keyring, "203.0.113.5", first_ms)
    later = Row(keyring, "203.0.113.5" if is_same else "203.0.113.6", last_ms)

    assert same_host(earlier, later) is is_same
    assert same_host(later, earlier) is is_same


def test_beyond_the_compared_span_nothing_ties_two_epochs(keyring: AddressKeyring) -> None:
    earlier, later = Row(keyring, "203.0.113.5", 0), Row(keyring, "203.0.113.5", SPAN_MS)

    assert not same_host(earlier, later)


def test_rows_without_an_address_have_no_host(keyring: AddressKeyring) -> None:
    nowhere, somewhere = Row(keyring, "203.0.113.5", 0), Row(keyring, "203.0.113.5", 0)
    nowhere.host_key = nowhere.next_host_key = None

    assert not same_host(nowhere, nowhere)
    assert not same_host(nowhere, somewhere)
    assert not same_host(somewhere, nowhere)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        pytest.param("198.51.100.77", "198.51.100.x", id="IPv4"),
        pytest.param("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48", id="IPv6"),
        pytest.param("::1", "::/48", id="loopback"),
    ],
)
def test_a_masked_address_names_no_host(address: str, shown: str) -> None:
    assert masked_address(address) == shown
