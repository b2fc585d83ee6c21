"""The three programs and their partners. The scene starts from here."""

from random import Random

import msgspec

from tracker.fraud.simulation.draws import chance, pick, stream
from tracker.fraud.simulation.names import LATIN
from tracker.fraud.simulation.networks import Networks
from tracker.fraud.simulation.people import People
from tracker.fraud.simulation.types import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    Parameters,
    Partner,
    PartnerKind,
    Person,
    Place,
    Program,
)

PROGRAMS = (
    Program(
        program_id="prg_quotes",
        name="Dachwerk quotes",
        kind="form",
        currency="EUR",
        euro_ppm=1_000_000,
        site="dachwerk.example",
        countries=("DE", "DE", "DE", "FR", "PL"),
        delays=((72, 4 * MINUTE_MS, 80), (18, 3 * HOUR_MS, 90), (10, 3 * DAY_MS, 80)),
        sends="form",
        lead_reward=1500,
        sale_bps=0,
        price=(0, 0),
    ),
    Program(
        program_id="prg_desk",
        name="Deskly trials",
        kind="saas",
        currency="USD",
        euro_ppm=860_000,
        site="deskly.example",
        countries=("US", "GB", "DE", "RU", "FR", "KZ"),
        delays=((62, 6 * MINUTE_MS, 90), (24, 20 * HOUR_MS, 80), (14, 5 * DAY_MS, 70)),
        sends="script",
        lead_reward=0,
        sale_bps=2000,
        price=(1900, 14_900),
    ),
    Program(
        program_id="prg_shop",
        name="Lavka shop",
        kind="shop",
        currency="RUB",
        euro_ppm=10_700,
        site="lavka.example",
        countries=("RU", "RU", "RU", "RU", "KZ"),
        delays=((66, 16 * MINUTE_MS, 100), (22, 18 * HOUR_MS, 80), (12, 5 * DAY_MS, 80)),
        sends="server",
        lead_reward=0,
        sale_bps=1000,
        price=(90_000, 1_900_000),
    ),
)
PROGRAM_SHARES = (30, 32, 38)
KINDS: tuple[tuple[PartnerKind, int], ...] = (
    ("blogger", 26),
    ("coupon", 12),
    ("influencer", 18),
    ("agency", 12),
    ("teacher", 10),
    ("reseller", 10),
    ("b2b", 6),
    ("sales_agent", 6),
)
# True conversion rates by kind, in ppm of clicks: all within 1 to 8 %.
RATES = {
    "blogger": (15_000, 45_000),
    "coupon": (30_000, 80_000),
    "influencer": (10_000, 30_000),
    "agency": (15_000, 50_000),
    "teacher": (40_000, 80_000),
    "reseller": (40_000, 80_000),
    "b2b": (12_000, 40_000),
    "sales_agent": (40_000, 80_000),
}
JOINED_BEFORE_PPM = 750_000
STUDIO_PPM = 250_000  # partners who write from a domain of their own


def draw_partners(parameters: Parameters, people: People, networks: Networks) -> list[Partner]:
    """Return the partners, busiest first; the last 12 % of a shuffled tail are fraudulent."""
    rng = stream(parameters.seed, "partners")
    count = rng.randint(*parameters.partners)
    frauds = (count * parameters.fraud_partners_ppm + 500_000) // 1_000_000
    # The largest partners are known to the merchant in person; who cheats hides among the others.
    fraudulent = set(rng.sample(range(min(5, count - frauds), count), frauds))
    return [_partner(rng, rank, parameters, people, networks, is_fraud=rank in fraudulent) for rank in range(count)]


def _partner(
    rng: Random, rank: int, parameters: Parameters, people: People, networks: Networks, *, is_fraud: bool
) -> Partner:
    program = pick(rng, PROGRAMS, PROGRAM_SHARES) if rank > 2 else PROGRAMS[rank]
    kind = pick(rng, [each for each, _ in KINDS], [share for _, share in KINDS])
    if kind == "b2b":
        program = PROGRAMS[1]
    country = rng.choice(program.countries)
    work: Place | None = people.office(country) if kind in {"agency", "b2b", "sales_agent"} else None
    if kind == "teacher":
        work = networks.campus(country) if country in {"DE", "FR", "GB", "PL", "RU", "US"} else people.office(country)
    owner = people.newcomer(country, work=work)
    last = owner.name.split()[-1].lower().translate(LATIN)
    email = owner.email
    if chance(rng, STUDIO_PPM):
        email = (
            f"{rng.choice(('hello', 'info', owner.handle.split('.')[0]))}@{last}-{rng.choice(_TRADES)}.{_top(country)}"
        )
    elif is_fraud and chance(rng, 500_000):
        email = f"{owner.handle}@gmail.com"
    has_joined = rank < 3 or chance(rng, JOINED_BEFORE_PPM)
    joined_day = 0 if has_joined else rng.randrange(max(parameters.days // 2, 1))
    return Partner(
        partner_id=f"prt_{rng.getrandbits(40):010x}",
        kind=kind,
        program=program,
        owner=_with_email(owner, email),
        code=f"{last[:8].upper()}{rng.randrange(5, 100)}-{rank}",
        site=f"{last}-{rng.choice(_BLOGS)}.{_top(country)}",
        joined_ms=parameters.start_ms + joined_day * DAY_MS,
        joined_day=joined_day,
        conversion_ppm=rng.randrange(*RATES[kind]),
        is_fraud=is_fraud,
    )


_TRADES = ("studio", "media", "consulting", "digital", "works")
_BLOGS = ("blog", "tips", "reviews", "diary", "daily")


def _with_email(owner: Person, email: str) -> Person:
    return msgspec.structs.replace(owner, email=email)


def _top(country: str) -> str:
    return {"US": "com", "GB": "co.uk"}.get(country, country.lower())
