"""People: households with their homes, work, devices, mailboxes and cards. The scene asks here for somebody new.

A share of people lives with somebody who is in the world already; this is where shared homes come from.
"""

from collections import deque
from random import Random

import msgspec

from tracker.fraud.simulation import browsers, names
from tracker.fraud.simulation.draws import chance, pick, stream, token
from tracker.fraud.simulation.networks import Networks
from tracker.fraud.simulation.types import Device, Parameters, Person, Place, PlaceKind

HOUSEHOLDS_KEPT = 400  # recent households a newcomer may belong to
NEWCOMER_JOINS_PPM = 90_000
TOWN_PPM = 6000  # of homes, behind the provider that lists mistake
OFFICES = 60  # in each country
CAMPUSES = 3
# What people hide behind, of a million: VPN, private relay (only on Apple devices), Tor, a company's gateway.
PRIVATE = ((60_000, "vpn"), (50_000, "relay"), (2000, "tor"), (25_000, "gateway"))


class People:
    """Makes people, each one with a generator shared by all people alone."""

    def __init__(self, parameters: Parameters, networks: Networks) -> None:
        self._parameters = parameters
        self._networks = networks
        self._rng = stream(parameters.seed, "people")
        self._households: deque[tuple[str, str, Place]] = deque(maxlen=HOUSEHOLDS_KEPT)
        self._offices: dict[str, list[Place]] = {}
        self._campuses: dict[str, list[Place]] = {}

    def newcomer(self, country: str, **changes: object) -> Person:
        """Return somebody not seen before; `changes` fixes fields of the person."""
        rng = self._rng
        if "home" not in changes and chance(rng, NEWCOMER_JOINS_PPM):
            mates = [each for each in self._households if each[0] == country]
            if mates:
                _, last, home = rng.choice(mates)
                return self._person(country, home=home, last=last, changes=changes)
        is_town = country == "DE" and chance(rng, TOWN_PPM)
        make = self._networks.town_home if is_town else self._networks.home
        return self._person(country, home=make(country, days=self._parameters.days), last=None, changes=changes)

    def family(self, country: str, count: int) -> list[Person]:
        """Return people who live together and mostly share a name."""
        home = self._networks.home(country, days=self._parameters.days)
        last = names.draw_name(self._rng, country).last
        return [
            self._person(country, home=home, last=None if chance(self._rng, 250_000) else last, changes={})
            for _ in range(count)
        ]

    def crew(self, country: str, count: int, *, work: Place) -> list[Person]:
        """Return strangers who share a workplace, a school or a roof for a while."""
        return [self.newcomer(country, work=work) for _ in range(count)]

    def office(self, country: str) -> Place:
        """Return one of a country's offices."""
        if country not in self._offices:
            self._offices[country] = [self._networks.office(country) for _ in range(OFFICES)]
        return self._rng.choice(self._offices[country])

    def campus(self, country: str) -> Place:
        """Return one of a country's schools and universities."""
        if country not in self._campuses:
            self._campuses[country] = [self._networks.campus(country) for _ in range(CAMPUSES)]
        return self._rng.choice(self._campuses[country])

    def _person(self, country: str, *, home: Place, last: str | None, changes: dict[str, object]) -> Person:
        rng = self._rng
        name = names.draw_name(rng, country, last=last)
        handle, email = names.draw_email(rng, name, country)
        devices = self._devices(country)
        person = Person(
            person_id=rng.getrandbits(40),
            name=name.full,
            handle=handle,
            email=email,
            phone=names.draw_phone(rng, country),
            country=country,
            home=home,
            mobile=self._networks.mobile(country),
            work=self._work(country),
            devices=devices,
            card=f"card_{token(rng, 16)}",
            private=self._private(devices),
        )
        self._households.append((country, name.last, home))
        return msgspec.structs.replace(person, **changes)

    def _devices(self, country: str) -> tuple[Device, ...]:
        rng = self._rng
        kinds: tuple[browsers.Kind, ...] = pick(
            rng, (("phone",), ("phone", "desktop"), ("desktop",), ("phone", "desktop", "phone")), (34, 42, 14, 10)
        )
        return tuple(browsers.draw_device(rng, country, kind=kind) for kind in kinds)

    def _work(self, country: str) -> Place | None:
        part = self._rng.randrange(100)
        if part < 35:
            return self.office(country)
        return self.campus(country) if part < 43 else None

    def _private(self, devices: tuple[Device, ...]) -> PlaceKind | None:
        at = self._rng.randrange(1_000_000)
        for share, kind in PRIVATE:
            if at < share:
                is_apple = any(device.platform in browsers.APPLE for device in devices)
                return kind if kind != "relay" or is_apple else None  # type: ignore[return-value]
            at -= share
        return None


def place_of(person: Person, device: Device, *, at_ms: int, rng: Random, networks: Networks) -> Place:
    """Return where the person is: at work by day, on mobile with a phone on the way, else at home."""
    if person.private in {"vpn", "relay", "tor"} and not chance(rng, 300_000):
        return networks.egress(person.private)
    hour = at_ms // 3_600_000 % 24
    weekday = at_ms // 86_400_000 % 7  # Thursday is 0
    is_working = 8 <= hour < 17 and weekday not in {2, 3}
    if person.private == "gateway" and is_working:
        return rng.choice(networks.gateways)
    if person.work is not None and is_working and chance(rng, 550_000):
        return person.work
    if device.mobile and chance(rng, 450_000 if 7 <= hour < 21 else 200_000):
        return person.mobile
    return person.home
