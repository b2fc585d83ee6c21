"""Networks an operator classes by hand: a text file of lines `prefix,class`, stronger than every other source.

An office or campus next door, a list of Tor exits or of a relay's addresses. `ingest.networks` reads it like the other
files; a wrong line makes the file unusable as a whole, so that nobody believes in a half-read list.
"""

from ipaddress import ip_network
from typing import get_args

from ingest.geo_files import Address, Opened
from ingest.network_classes import NetworkClass

LINES_MAX = 200_000  # lists of VPN addresses have some ten thousand

_BITS = {4: 32, 6: 128}  # length of an address


class NetworkList:
    """Prefixes with their class; the longest prefix around an address wins."""

    def __init__(self, text: str) -> None:
        """Read the lines (# begins a remark); raises ValueError naming the wrong one."""
        self._by_length: dict[tuple[int, int], dict[int, NetworkClass]] = {}
        classes: dict[str, NetworkClass] = {name: name for name in get_args(NetworkClass)}
        for number, line in enumerate(text.splitlines(), start=1):
            if number > LINES_MAX:
                raise ValueError(f"it has more than {LINES_MAX} lines")
            prefix, _, name = line.partition("#")[0].strip().partition(",")
            if not prefix:
                continue
            network_class = classes.get(name.strip())
            if network_class is None:
                raise ValueError(f'line {number} has the class "{name.strip()[:40]}"; use one of {", ".join(classes)}')
            network = ip_network(prefix.strip(), strict=False)
            same_length = self._by_length.setdefault((network.version, network.prefixlen), {})
            same_length[int(network.network_address) >> (_BITS[network.version] - network.prefixlen)] = network_class
        self._lengths = sorted(self._by_length, reverse=True)

    @classmethod
    def open(cls, data: bytes) -> Opened[NetworkClass]:
        """Return the classes of a list as it stands in its file; raises ValueError."""
        return Opened(find=cls(data.decode("utf-8-sig")).at, made_at_s=0)

    def at(self, address: Address) -> NetworkClass | None:
        """Return the class of an address, None when no line names it."""
        value = int(address)
        for version, length in self._lengths:
            if version == address.version:
                found = self._by_length[version, length].get(value >> (_BITS[version] - length))
                if found is not None:
                    return found
        return None
