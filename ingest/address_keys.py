"""Keyed hashes of addresses: what is compared instead of the address itself.

A host is an IPv4 address or an IPv6 /64, a network an IPv4 /24 or an IPv6 /48. Without the key nobody can tell which
address a hash stands for. Keys live for one epoch and are then destroyed, so that nobody can compute old hashes again;
the roof makes, keeps and destroys them (tracker/privacy/epochs.py). This module only hashes and compares.
"""

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Protocol

import msgspec

# Among 10^8 different hosts the chance that any two share a hash is n^2 / 2^65 = 2.7e-4 (birthday bound); that two
# given hosts do, 2^-64. Four hashes a click are stored, so each byte less counts.
KEY_BYTES = 8

# The longest span in which addresses are compared (base rate and windows of the rules, 30 days at most); rows younger
# than that when their epoch ends also carry the hashes under the next key.
COMPARED_DAYS = 30
COMPARED_MS = COMPARED_DAYS * 86_400_000

_IPV4_BYTES = 4


class AddressKeys(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored of an address; the next ones only near the end of an epoch."""

    host: bytes
    network: bytes
    next_host: bytes | None = None
    next_network: bytes | None = None
    masked: str


class AddressEpoch(msgspec.Struct, frozen=True, kw_only=True):
    """One key and the span it is used in, from the first instant up to and without the second; Unix ms."""

    starts_at_ms: int
    ends_at_ms: int
    key: bytes


class HostKeyed(Protocol):
    """A stored row that remembers the host it came from."""

    @property
    def host_key(self) -> bytes | None:
        """Return the hash under the key of the row's own epoch."""

    @property
    def next_host_key(self) -> bytes | None:
        """Return the hash under the key of the epoch after, where it was near."""


class AddressKeyring:
    """The keys of the running process; the roof replaces them when an epoch comes or goes."""

    def __init__(self, epochs: Sequence[AddressEpoch] = ()) -> None:
        """Take the epochs, if they are known yet; see `replace`."""
        self._epochs: tuple[AddressEpoch, ...] = ()
        self._hashed = lru_cache(maxsize=4096)(_keys_under)
        self.replace(epochs)

    @property
    def epochs(self) -> tuple[AddressEpoch, ...]:
        """Return the epochs in order."""
        return self._epochs

    def replace(self, epochs: Sequence[AddressEpoch]) -> None:
        """Use these epochs from now on: in order of time, each starting where the one before ends."""
        self._epochs = tuple(epochs)
        self._hashed.cache_clear()  # A destroyed key must not live on in what was computed with it.

    def keys_of(self, address: str, at_ms: int) -> AddressKeys:
        """Return the hashes of an address seen at an instant and its masked form (a.b.c.x or the /48).

        Address: a valid IPv4 or IPv6 address without zone. An instant outside all epochs (a clock set back, a test
        clock far ahead) takes the nearest one. Raises LookupError while no epoch is known: open_services loads them.
        """
        if not self._epochs:
            raise LookupError("No address key is loaded; open the installation through open_services.")
        position = self._position(at_ms)
        epoch, following = self._epochs[position], self._epochs[position + 1 : position + 2]
        is_near_end = epoch.ends_at_ms - COMPARED_MS <= at_ms < epoch.ends_at_ms
        return self._hashed(address, epoch.key, following[0].key if following and is_near_end else None)

    def _position(self, at_ms: int) -> int:
        for position, epoch in enumerate(self._epochs):
            if at_ms < epoch.ends_at_ms:
                return position
        return len(self._epochs) - 1


def same_host(one: HostKeyed, other: HostKeyed) -> bool:
    """Tell whether two rows came from one host, also across the boundary of an epoch, whichever came first."""
    if one.host_key is None or other.host_key is None:
        return False
    return one.host_key in (other.host_key, other.next_host_key) or one.next_host_key == other.host_key


def masked_address(address: str) -> str:
    """Return the part of an address that may be shown and kept: a.b.c.x, or the /48."""
    parsed = ip_address(address)
    if isinstance(parsed, IPv6Address):
        return f"{IPv6Address(parsed.packed[:6] + bytes(10))}/48"
    return f"{address.rsplit('.', 1)[0]}.x"


def _keys_under(address: str, key: bytes, next_key: bytes | None) -> AddressKeys:
    packed = ip_address(address).packed
    host, network = (packed, packed[:3]) if len(packed) == _IPV4_BYTES else (packed[:8], packed[:6])
    return AddressKeys(
        host=_keyed(host, key, b"host"),
        network=_keyed(network, key, b"net"),
        next_host=None if next_key is None else _keyed(host, next_key, b"host"),
        next_network=None if next_key is None else _keyed(network, next_key, b"net"),
        masked=masked_address(address),
    )


def _keyed(value: bytes, key: bytes, purpose: bytes) -> bytes:
    return hashlib.blake2b(value, digest_size=KEY_BYTES, key=key, person=purpose).digest()
