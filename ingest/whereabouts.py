"""What is kept of where an event came from, once its address is gone.

The projector makes it from the address in the inbox; where no raw address may be stored at all, it is made at receipt
and lies in the inbox in the address's place. Nothing here is stored or sent by itself.
"""

from typing import TypedDict

import msgspec

from ingest.address_keys import AddressKeyring
from ingest.network_classes import NetworkClass
from ingest.networks import Networks


class Whereabouts(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """Keyed hashes of host and network, the masked address, and what files tell of it; see AddressKeys, NetworkFacts.

    Encoded as a JSON array in the inbox (field order is the format: append only).
    """

    host: bytes
    network: bytes
    next_host: bytes | None
    next_network: bytes | None
    masked: str
    country: str | None = None
    asn: int | None = None
    network_class: NetworkClass = "unknown"


class WhereColumns(TypedDict):
    """The columns of a stored click or conversion that say where it came from."""

    host_key: bytes | None
    net_key: bytes | None
    next_host_key: bytes | None
    next_net_key: bytes | None
    masked_ip: str | None
    country: str | None
    asn: int | None
    network_class: NetworkClass | None


def columns_of(where: Whereabouts | None) -> WhereColumns:
    """Return what is stored of whereabouts; of none, nothing."""
    if where is None:
        return WhereColumns(
            host_key=None,
            net_key=None,
            next_host_key=None,
            next_net_key=None,
            masked_ip=None,
            country=None,
            asn=None,
            network_class=None,
        )
    return WhereColumns(
        host_key=where.host,
        net_key=where.network,
        next_host_key=where.next_host,
        next_net_key=where.next_network,
        masked_ip=where.masked,
        country=where.country,
        asn=where.asn,
        network_class=where.network_class,
    )


def find_whereabouts(address: str, at_ms: int, *, keyring: AddressKeyring, networks: Networks) -> Whereabouts:
    """Return what is kept of a valid address seen at an instant (Unix ms, which chooses the epoch of the keys)."""
    keys, facts = keyring.keys_of(address, at_ms), networks.of(address)
    return Whereabouts(
        host=keys.host,
        network=keys.network,
        next_host=keys.next_host,
        next_network=keys.next_network,
        masked=keys.masked,
        country=facts.country,
        asn=facts.asn,
        network_class=facts.network_class,
    )
