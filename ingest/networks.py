"""What is known of an address: its country, its autonomous system and the kind of network.

The projector and the recording of conversions ask `Networks.of` for each address; it remembers the latest. What no file
tells is "unknown", never an error: tracking must not stop for it. Nothing here is kept or sent anywhere.
"""

import threading
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from pathlib import Path

import msgspec

from ingest.geo_files import CHECK_S, Address, GeoFile, GeoFileState, open_countries, open_systems
from ingest.network_classes import NetworkClass, class_of_system
from ingest.network_list import NetworkList

ADDRESSES_CACHED = 16_384


class NetworkFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Country in ISO 3166 alpha-2, number and organisation of the autonomous system; None where no file tells."""

    country: str | None = None
    asn: int | None = None
    organisation: str | None = None
    network_class: NetworkClass = "unknown"


NOTHING = NetworkFacts()


class Networks:
    """The open country and network files of a process; safe to ask from several threads."""

    def __init__(
        self,
        *,
        country_files: Sequence[Path] = (),
        asn_files: Sequence[Path] = (),
        list_file: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Open the newest readable file of each kind; without files every address is unknown. Clock: seconds."""
        self._clock = clock
        self._countries = GeoFile(paths=country_files, opener=open_countries, clock=clock)
        self._systems = GeoFile(paths=asn_files, opener=open_systems, clock=clock)
        self._list = GeoFile(paths=() if list_file is None else (list_file,), opener=NetworkList.open, clock=clock)
        self._looking = threading.Lock()
        self._next_look = clock() + CHECK_S
        self._cached = lru_cache(maxsize=ADDRESSES_CACHED)(self._facts)

    def of(self, address: str) -> NetworkFacts:
        """Return what is known of an address; one that is no address is unknown."""
        # Whoever comes first looks at the files; the others do not wait for it.
        if self._clock() >= self._next_look and self._looking.acquire(blocking=False):
            try:
                self._look()
            finally:
                self._looking.release()
        return self._cached(address)

    def state(self) -> dict[str, GeoFileState]:
        """Return what is read at the moment, by kind of file: country, asn, list."""
        return {"country": self._countries.state, "asn": self._systems.state, "list": self._list.state}

    def _look(self) -> None:
        self._next_look = self._clock() + CHECK_S
        changed = [each.reopen() for each in (self._countries, self._systems, self._list)]
        if any(changed):
            # A new memory, not an emptied one: a look-up that began before the change ends in the old one.
            self._cached = lru_cache(maxsize=ADDRESSES_CACHED)(self._facts)

    def _facts(self, text: str) -> NetworkFacts:
        try:
            address: Address = ip_address(text)
        except ValueError:
            return NOTHING
        if isinstance(address, IPv6Address):
            address = address.ipv4_mapped or IPv6Address(int(address))  # without its zone, which names our own machine
        system = self._systems.find(address)
        listed = self._list.find(address)
        return NetworkFacts(
            country=self._countries.find(address),
            asn=system[0] if system else None,
            organisation=(system[1] or None) if system else None,
            network_class=listed or (class_of_system(*system) if system else "unknown"),
        )
