"""An address or network a person typed, as the allow list keeps it: hashed under every key known, and masked.

The pages call it. The address itself is forgotten here: only hashes and the part that may be shown leave this module.
Entries made from a case take the hashes of the case's conversions, for nobody knows their addresses any more.
"""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network

from ingest.address_keys import AddressKeyring, masked_address
from tracker.conversions.types import ConversionRow
from tracker.fraud.allow.types import AllowedNetwork, NetworkScope
from tracker.i18n.messages import InputError, msg

# Lengths of a prefix that are one household or machine, and those that are its neighbourhood (ingest/address_keys.py).
_SCOPES: dict[tuple[int, int], NetworkScope] = {(4, 32): "host", (6, 64): "host", (4, 24): "net", (6, 48): "net"}
_IPV6_SINGLE = 128  # one address of a household: it is taken for its /64
TEXT_MAX = 64


def read_network(text: str, keyring: AddressKeyring, *, field: str = "network") -> AllowedNetwork:
    """Return what is kept of an address or prefix; refuses what is neither, with the lengths that can be compared."""
    network = _parsed(text, field=field)
    length = 64 if network.version == 6 and network.prefixlen == _IPV6_SINGLE else network.prefixlen
    scope = _SCOPES.get((network.version, length))
    if scope is None or not keyring.epochs:
        raise InputError(
            field,
            msg("Give one address, a /24 or a /48: %(text)s is kept in no form it could be compared in.", text=text),
        )
    address = str(network.network_address)
    hashed = [keyring.keys_of(address, epoch.starts_at_ms) for epoch in keyring.epochs]
    keys = [each.host if scope == "host" else each.network for each in hashed]
    return AllowedNetwork(
        keys=tuple(dict.fromkeys(key.hex() for key in keys)),
        scope=scope,
        text=_shown(masked_address(address), scope),
        until_ms=keyring.epochs[-1].ends_at_ms,
    )


def network_of_rows(
    rows: Sequence[ConversionRow], *, scope: NetworkScope, keyring: AddressKeyring
) -> AllowedNetwork | None:
    """Return the network that stored conversions came from, None where they came from several or are nameless.

    It lasts as long as the key its hashes were made with.
    """
    shown = {row.masked_ip for row in rows if row.masked_ip}
    pairs = [(row.host_key, row.next_host_key) if scope == "host" else (row.net_key, row.next_net_key) for row in rows]
    own = {mine for mine, _ in pairs if mine is not None}
    if len(own) != 1 or len(shown) != 1:
        return None
    later = {after for _, after in pairs if after is not None}
    ends = [epoch.ends_at_ms for epoch in keyring.epochs]
    if not ends:
        return None
    # Hashes under the next key reach to the end of the next epoch, others to the end of this one.
    until_ms = ends[-1] if later else ends[max(len(ends) - 2, 0)]
    return AllowedNetwork(
        keys=tuple(sorted(key.hex() for key in own | later)),
        scope=scope,
        text=_shown(shown.pop(), scope),
        until_ms=until_ms,
    )


def _parsed(text: str, *, field: str) -> IPv4Network | IPv6Network:
    try:
        network = ip_network(text[:TEXT_MAX].strip(), strict=False)
    except ValueError as error:
        raise InputError(
            field, msg("%(text)s is no address; give one such as 203.0.113.7 or 203.0.113.0/24.", text=text[:TEXT_MAX])
        ) from error
    if isinstance(network, IPv6Network) and network.network_address.ipv4_mapped is not None:
        return ip_network(network.network_address.ipv4_mapped)
    return network


def _shown(masked: str, scope: NetworkScope) -> str:
    """Return the masked form of a host, or its whole neighbourhood."""
    return f"{masked.removesuffix('x')}0/24" if scope == "net" and masked.endswith(".x") else masked
