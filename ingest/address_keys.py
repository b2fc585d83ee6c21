"""Keyed hashes of addresses: what is compared instead of the address itself.

A host is an IPv4 address or an IPv6 /64, a network an IPv4 /24 or an IPv6 /48. Without the key nobody can tell which
address a hash stands for; the key is derived from the installation's root secret.
"""

import hashlib
from ipaddress import IPv6Address, ip_address, ip_network

import msgspec

KEY_BYTES = 16


class AddressKeys(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored of an address."""

    host: bytes
    network: bytes
    masked: str


def address_keys(address: str, key: bytes) -> AddressKeys:
    """Return the host and network hashes (16 bytes each) and the masked form (a.b.c.x or the /48).

    Address: a valid IPv4 or IPv6 address without zone.
    """
    parsed = ip_address(address)
    if isinstance(parsed, IPv6Address):
        host = ip_network((parsed, 64), strict=False).network_address.packed
        network = ip_network((parsed, 48), strict=False)
        masked = str(network)
    else:
        host = parsed.packed
        network = ip_network((parsed, 24), strict=False)
        masked = f"{address.rsplit('.', 1)[0]}.x"
    return AddressKeys(
        host=_keyed(host, key, b"host"),
        network=_keyed(network.network_address.packed, key, b"net"),
        masked=masked,
    )


def _keyed(value: bytes, key: bytes, purpose: bytes) -> bytes:
    return hashlib.blake2b(value, digest_size=KEY_BYTES, key=key, person=purpose).digest()
