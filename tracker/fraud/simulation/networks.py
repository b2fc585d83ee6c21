"""The Internet of the world: providers with prefixes and classes, and the places people connect from.

`Networks` makes places; `address_at` says what a place looks like from outside at an instant. Provider numbers and
prefixes are in the manner of the real tables and prove nothing about anybody's addresses.
"""

import ipaddress
from random import Random
from typing import NamedTuple

from tracker.fraud.simulation.draws import chance, stream
from tracker.fraud.simulation.types import DAY_MS, HOUR_MS, Parameters, Place, PlaceKind

COUNTRIES = ("DE", "FR", "GB", "PL", "RU", "KZ", "US")
V6_PPM = 400_000
CHURN_DAYS = (1, 1, 2, 7, 14, 30, 30)
UNLISTED = "unlisted"  # written as no line: every table has holes


class Prefix(NamedTuple):
    """A provider's range as country and network files know it."""

    prefix: str
    country: str
    asn: int
    network_class: str


# A small town's provider that the lists take for a data centre, as happens in life.
MISTAKEN = Prefix("185.38.16.0/22", "DE", 201011, "hosting")
PREFIXES = (
    *(Prefix(p, "DE", 3320, "fixed") for p in ("79.192.0.0/11", "2003:c0::/27")),
    *(Prefix(p, "DE", 3209, "fixed") for p in ("188.96.0.0/12", "2a02:8100::/27")),
    Prefix("109.40.0.0/13", "DE", 3209, "mobile"),
    Prefix("80.187.64.0/18", "DE", 3320, "mobile"),
    *(Prefix(p, "FR", 3215, "fixed") for p in ("90.0.0.0/10", "2a01:cb00::/27")),
    Prefix("92.184.96.0/19", "FR", 3215, "mobile"),
    *(Prefix(p, "GB", 2856, "fixed") for p in ("86.128.0.0/10", "2a00:23c0::/27")),
    Prefix("148.252.128.0/17", "GB", 15502, "mobile"),
    *(Prefix(p, "PL", 5617, "fixed") for p in ("83.0.0.0/11", "2a01:1100::/27")),
    Prefix("31.60.0.0/15", "PL", 39603, "mobile"),
    *(Prefix(p, "RU", 12389, "fixed") for p in ("95.24.0.0/13", "2a03:d000::/27")),
    *(Prefix(p, "RU", 8402, "fixed") for p in ("128.68.0.0/14", "2a02:2160::/27")),
    Prefix("176.59.0.0/16", "RU", 12958, "mobile"),
    Prefix("85.140.0.0/16", "RU", 8359, "mobile"),
    Prefix("95.56.0.0/14", "KZ", 9198, "fixed"),
    Prefix("2.132.0.0/16", "KZ", 206026, "mobile"),
    *(Prefix(p, "US", 7922, "fixed") for p in ("73.0.0.0/8", "2601::/20")),
    Prefix("172.56.0.0/14", "US", 21928, "mobile"),
    MISTAKEN,
    Prefix("141.20.0.0/16", "DE", 680, "edu"),
    Prefix("129.199.0.0/16", "FR", 2200, "edu"),
    Prefix("131.111.0.0/16", "GB", 786, "edu"),
    Prefix("148.81.0.0/16", "PL", 8890, "edu"),
    Prefix("93.180.0.0/18", "RU", 2848, "edu"),
    Prefix("18.9.0.0/16", "US", 3, "edu"),
    Prefix("165.225.72.0/22", "DE", 62044, "corporate"),
    Prefix("147.161.164.0/22", "GB", 62044, "corporate"),
    Prefix("136.226.50.0/23", "US", 22616, "corporate"),
    *(Prefix(p, "DE", 24940, "hosting") for p in ("88.198.0.0/16", "2a01:4f8::/32")),
    Prefix("51.68.0.0/16", "FR", 16276, "hosting"),
    Prefix("164.90.128.0/17", "US", 14061, "hosting"),
    Prefix("194.58.96.0/19", "RU", 197695, "hosting"),
    Prefix("146.70.0.0/16", "DE", 9009, "vpn"),
    Prefix("37.19.192.0/19", "US", 212238, "vpn"),
    Prefix("193.32.248.0/22", "GB", 39351, "vpn"),
    Prefix("185.220.100.0/22", "DE", 60729, "tor"),
    Prefix("172.224.224.0/19", "US", 36183, "relay"),
    Prefix("2a02:26f7:c000::/36", "DE", 36183, "relay"),
    Prefix("91.235.140.0/22", "RU", 50911, UNLISTED),
    Prefix("178.217.16.0/21", "PL", 50607, UNLISTED),
)
LINES = tuple(each for each in PREFIXES if each.network_class != UNLISTED)
_RANGES = {
    each: (int(net.network_address), net.num_addresses)
    for each in PREFIXES
    for net in (ipaddress.ip_network(each.prefix),)
}


class Networks:
    """Makes places, each with addresses of its own, from one seed."""

    def __init__(self, seed: int) -> None:
        self._rng = stream(seed, "networks")
        self._taken: set[str] = set()
        self._carriers = {country: self._carrier(country) for country in COUNTRIES}
        self._shared = {
            "vpn": tuple(self._pool(self._egress("vpn"), 48)),
            "tor": tuple(self._pool(self._egress("tor"), 60)),
            "relay": tuple(self._pool(self._egress("relay"), 160)),
        }
        self.gateways = tuple(
            Place(kind="gateway", country=each.country, addresses=tuple(self._pool([each], 3)))
            for each in PREFIXES
            if each.network_class == "corporate"
        )

    def home(self, country: str, *, days: int, prefix: Prefix | None = None) -> Place:
        """Return a home: its own address for 1 to 30 days, then the next; on 40 % of lines also IPv6."""
        fixed = prefix or self._rng.choice(_of(country, "fixed", v6=False) + _holes(country))
        churn_days = self._rng.choice(CHURN_DAYS)
        # Leases go round among neighbours: an address may have been somebody else's before.
        addresses = tuple(self._address(fixed) for _ in range(days // churn_days + 1))
        ranges = _of(country, "fixed", v6=True)
        v6 = None
        if prefix is None and ranges and chance(self._rng, V6_PPM):
            net = ipaddress.ip_network(self._rng.choice(ranges).prefix)
            v6 = f"{(int(net.network_address) >> 72) + self._rng.getrandbits(56 - net.prefixlen):014x}"
        return Place(kind="home", country=country, addresses=addresses, churn_days=churn_days, v6=v6)

    def town_home(self, country: str, *, days: int) -> Place:
        """Return a home at the small provider that the lists mistake for server hosting."""
        return self.home(country, days=days, prefix=MISTAKEN)

    def mobile(self, country: str) -> Place:
        """Return one regional address pool of a mobile carrier; every session comes out somewhere else in it."""
        return self._rng.choice(self._carriers[country])

    def office(self, country: str) -> Place:
        """Return an office: one or two fixed addresses for everybody in it."""
        return self._shared_line("office", country, "fixed", self._rng.randrange(1, 3))

    def campus(self, country: str) -> Place:
        """Return a school or university: 4 to 16 addresses."""
        return self._shared_line("campus", country, "edu", self._rng.randrange(4, 17))

    def public(self, country: str) -> Place:
        """Return a café, hostel, hotel or venue: one address for everybody."""
        return self._shared_line("public", country, "fixed", 1)

    def hosting(self, count: int) -> Place:
        """Return rented servers."""
        prefixes = [each for each in PREFIXES if each.network_class == "hosting" and each != MISTAKEN]
        v4 = [each for each in prefixes if ":" not in each.prefix]
        return Place(kind="hosting", country="DE", addresses=tuple(self._pool(v4, count)))

    def neighbours(self, country: str, count: int) -> tuple[Place, ...]:
        """Return strangers' home lines, each with one address: what a residential proxy rents out."""
        return tuple(
            Place(kind="home", country=country, addresses=tuple(self._pool(_of(country, "fixed", v6=False), 1)))
            for _ in range(count)
        )

    def egress(self, kind: PlaceKind) -> Place:
        """Return the exits of a VPN, of Tor or of a private relay."""
        return Place(kind=kind, country="US", addresses=self._shared[kind])

    def _carrier(self, country: str) -> tuple[Place, ...]:
        prefixes = _of(country, "mobile", v6=False)
        return tuple(
            Place(
                kind="mobile",
                country=country,
                addresses=tuple(self._pool([self._rng.choice(prefixes)], self._rng.choice((64, 128, 256, 512, 1024)))),
            )
            for _ in range(3)
        )

    def _shared_line(self, kind: PlaceKind, country: str, network_class: str, count: int) -> Place:
        ranges = _of(country, network_class, v6=False) or _of(country, "fixed", v6=False)
        return Place(kind=kind, country=country, addresses=tuple(self._pool([self._rng.choice(ranges)], count)))

    def _egress(self, network_class: str) -> list[Prefix]:
        return [each for each in PREFIXES if each.network_class == network_class and ":" not in each.prefix]

    def _pool(self, prefixes: list[Prefix], count: int) -> list[str]:
        """Return addresses nobody else has."""
        found: list[str] = []
        while len(found) < count:
            address = self._address(self._rng.choice(prefixes))
            if address not in self._taken:
                self._taken.add(address)
                found.append(address)
        return found

    def _address(self, prefix: Prefix) -> str:
        """Return an IPv4 address; written by hand, as a world has a hundred thousand of them."""
        first, size = _RANGES[prefix]
        host = first + self._rng.randrange(1, size - 1)
        return f"{host >> 24}.{host >> 16 & 255}.{host >> 8 & 255}.{host & 255}"


def address_at(place: Place, at_ms: int, *, parameters: Parameters, rng: Random) -> str:
    """Return the address a visit from this place shows.

    A home keeps its address for its lease, with IPv6 a new /64 every day and a new host part every few hours;
    elsewhere each session draws from the pool.
    """
    if place.kind != "home" or place.churn_days == 0:
        return rng.choice(place.addresses)
    days = max(at_ms - parameters.start_ms, 0) // DAY_MS
    if place.v6 is not None and chance(rng, 750_000):
        subnet = days % 256
        part = Random(f"{place.v6}:{at_ms // (4 * HOUR_MS)}").getrandbits(64)  # noqa: S311  # as in draws
        return str(ipaddress.IPv6Address((int(place.v6, 16) << 72) | (subnet << 64) | part))
    return place.addresses[min(days // place.churn_days, len(place.addresses) - 1)]


def _of(country: str, network_class: str, *, v6: bool) -> list[Prefix]:
    return [
        each
        for each in PREFIXES
        if each.country == country and each.network_class == network_class and (":" in each.prefix) == v6
    ]


def _holes(country: str) -> list[Prefix]:
    return [each for each in PREFIXES if each.country == country and each.network_class == UNLISTED]
