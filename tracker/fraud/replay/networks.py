"""What the file's own network lines say of an address; they stand in for country and network files."""

import ipaddress
from functools import lru_cache

import msgspec

from fraud_rules.network import NetworkClass
from tracker.fraud.replay.lines import LineError, Network

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

HOST_BITS = {4: 32, 6: 64}  # an address of IPv6 is a home's /64
NET_BITS = {4: 24, 6: 48}


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """An address as the rules see it: opaque keys, kind of network, country, masked form."""

    host_key: str
    net_key: str
    network_class: NetworkClass
    country: str | None
    network_name: str | None
    masked_ip: str


class NetworkMap:
    """Prefixes and what they are; the longest that holds an address counts."""

    def __init__(self) -> None:
        self._by_bits: dict[tuple[int, int], dict[int, Network]] = {}
        self._place = lru_cache(maxsize=65_536)(self._look_up)

    def add(self, line: Network) -> None:
        """Know a prefix; raises LineError when it is none."""
        try:
            net = ipaddress.ip_network(line.prefix, strict=False)
        except ValueError as error:
            raise LineError("prefix", f"{error}. Give a prefix such as 203.0.113.0/24 or 2001:db8::/32.") from error
        self._by_bits.setdefault((net.version, net.prefixlen), {})[int(net.network_address)] = line
        self._place.cache_clear()

    def place_of(self, ip: str | None) -> Place | None:
        """Return where an address is, None without one; raises LineError when it is none."""
        if ip is None or not ip.strip():
            return None
        return self._place(ip.strip()[:64])

    def _look_up(self, text: str) -> Place:
        try:
            address: Address = ipaddress.ip_address(text.partition("%")[0])
        except ValueError as error:
            raise LineError("ip", f"{error}. Give one IPv4 or IPv6 address.") from error
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        line = self._line_of(address)
        host, net = _cut(address, HOST_BITS[address.version]), _cut(address, NET_BITS[address.version])
        return Place(
            host_key=host,
            net_key=net,
            network_class="unknown" if line is None else line.network_class,
            country=None if line is None or line.country is None else line.country.upper(),
            network_name=None if line is None or line.asn is None else f"AS{line.asn}",
            masked_ip=f"{str(address).rpartition('.')[0]}.x" if address.version == 4 else net,
        )

    def _line_of(self, address: Address) -> Network | None:
        number = int(address)
        width = address.max_prefixlen
        lengths = sorted((bits for version, bits in self._by_bits if version == address.version), reverse=True)
        for bits in lengths:
            start = number >> (width - bits) << (width - bits)
            found = self._by_bits[address.version, bits].get(start)
            if found is not None:
                return found
        return None


def _cut(address: Address, bits: int) -> str:
    return str(ipaddress.ip_network((int(address), bits) if address.version == 4 else (address, bits), strict=False))
