"""Records of the synthetic world: its parameters, its people and places, and the labels that tell the truth.

Everything in `simulation/` reads them. Times are Unix milliseconds, money is in minor units.
"""

from typing import Any, Literal

import msgspec

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
PPM = 1_000_000

WORLD_VERSION = 1  # raised with every change of what a seed gives

ProgramKind = Literal["form", "saas", "shop"]
PartnerKind = Literal["blogger", "coupon", "influencer", "agency", "teacher", "reseller", "b2b", "sales_agent"]
PlaceKind = Literal["home", "mobile", "office", "campus", "gateway", "vpn", "relay", "tor", "hosting", "public"]
Line = dict[str, Any]


class Parameters(msgspec.Struct, frozen=True, kw_only=True):
    """What a world is made of; the same parameters and seed give the same bytes.

    `leads` is the range the number of honest background leads is drawn from. `base_rate_ppm` is the share of fraud
    among leads, `fraud_partners_ppm` among partners. With `adaptive`, a scheme ends some days after it began, as if its
    author had been held. `click_sample`: one of so many clicks without a conversion is written.
    """

    seed: int
    start_ms: int = 1_767_571_200_000  # 2026-01-05, a Monday
    days: int = 60
    leads: tuple[int, int] = (2200, 3100)
    partners: tuple[int, int] = (60, 80)
    base_rate_ppm: int = 30_000
    fraud_partners_ppm: int = 120_000
    adaptive: bool = True
    unseen: bool = False
    click_sample: int = 10


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Somewhere with an Internet connection.

    `addresses`: of a home one after another (`churn_days` each), elsewhere a pool that is drawn from. `v6`: the /56 of
    a home in hexadecimal, whose devices then prefer it.
    """

    kind: PlaceKind
    country: str
    addresses: tuple[str, ...]
    churn_days: int = 0
    v6: str | None = None


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A browser on a machine; `headers` is what it sends when someone follows a link."""

    device_id: str
    agent: str
    headers: dict[str, str]
    mobile: bool
    platform: str


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who buys; `work` is where the person is by day, when that is not home. `handle` stems an address."""

    person_id: int
    name: str
    handle: str
    email: str
    phone: str
    country: str
    home: Place
    mobile: Place
    work: Place | None
    devices: tuple[Device, ...]
    card: str
    private: PlaceKind | None = None


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """A shop's program: where it lives, what it pays, how long people take (log-normal mixture).

    `euro_ppm`: what a minor unit is worth in euro cents, a fixed rate for adding up. `delays`: (share in percent,
    median in ms, sigma in hundredths) of each part. `sends`: whether a conversion carries the headers of a form that
    navigates, of a script, or none (the shop's server reports it).
    """

    program_id: str
    name: str
    kind: ProgramKind
    currency: str
    euro_ppm: int
    site: str
    countries: tuple[str, ...]
    delays: tuple[tuple[int, int, int], ...]
    sends: Literal["form", "script", "server"]
    lead_reward: int
    sale_bps: int
    price: tuple[int, int]


class Partner(msgspec.Struct, frozen=True, kw_only=True):
    """A partner in one program. `owner` is the person behind; `conversion_ppm` the true rate of clicks.

    `joined_day` counts from the world's first, which is 0.
    """

    partner_id: str
    kind: PartnerKind
    program: Program
    owner: Person
    code: str
    site: str
    joined_ms: int
    joined_day: int
    conversion_ppm: int
    is_fraud: bool = False


class Label(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The truth about a subject. `reward` is what the partner would earn by it, in euro cents.

    Of a sale with a lead, `unit` is that lead: both stand and fall together.
    """

    subject: str
    kind: Literal["lead", "sale", "partner"]
    is_fraud: bool
    program: str
    unit: str
    partner: str | None = None
    scheme: str | None = None
    confounder: str | None = None
    reward: int = 0


class World(msgspec.Struct, frozen=True, kw_only=True):
    """A finished world: lines ordered by `at`, labels ordered by subject."""

    parameters: Parameters
    lines: tuple[Line, ...]
    labels: tuple[Label, ...]
