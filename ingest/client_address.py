"""The address a request came from, through trusted proxies only.

The right-most hop that is not a trusted proxy is the client; a forged `X-Forwarded-For` from anybody else is ignored.
The result is always a valid address, IPv4-mapped IPv6 unwrapped.
"""

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

Network = IPv4Network | IPv6Network

ADDRESS_MAX = 45  # characters of the longest IPv6 address
HOPS_MAX = 20  # proxies in a row; longer lists are made up
UNKNOWN = "0.0.0.0"  # noqa: S104  # The socket had no address (a Unix socket, a test).


def client_address(peer: str | None, forwarded_for: bytes | None, trusted: tuple[Network, ...]) -> str:
    """Return the client's address as text; falls back to the socket's peer on anything malformed."""
    if peer is None:
        return UNKNOWN
    if not forwarded_for or not trusted or not _is_trusted(_without_zone(peer), trusted):
        return normal_address(_without_zone(peer)) or UNKNOWN
    client = _without_zone(peer)
    for hop in reversed(forwarded_for.decode("latin-1").split(",")[-HOPS_MAX:]):
        plain = hop.strip()
        address = normal_address(plain) if len(plain) <= ADDRESS_MAX else None
        if address is None:
            break
        client = address
        if not _is_trusted(address, trusted):
            break
    return normal_address(client) or UNKNOWN


def _without_zone(peer: str) -> str:
    """Return the socket's address without the interface a link-local one carries (fe80::1%eth0)."""
    return peer.split("%", 1)[0]


@lru_cache(maxsize=4096)
def normal_address(text: str) -> str | None:
    """Return the normal form of an address, None when it is none (zones and ports are refused)."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return None
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
    return str(address)


@lru_cache(maxsize=4096)
def _is_trusted(text: str, trusted: tuple[Network, ...]) -> bool:
    plain = normal_address(text)
    return plain is not None and any(ip_address(plain) in network for network in trusted)
