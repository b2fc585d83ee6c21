"""A small world told line by line, for whole-file tests of the fraud rules."""

import datetime as dt
import json
import math

import pytest

from attribution.binding import partner_to_bind
from attribution.engine import attribute
from fraud_rules.types import Facts
from tracker.conversions import store
from tracker.conversions.journey import load_case
from tracker.fraud.facts.load import load_facts
from tracker.fraud.facts.subject import Asked
from tracker.fraud.replay.run import replay
from tracker.fraud.simulation.types import Parameters, World
from tracker.fraud.simulation.world import simulate
from tracker.programs.regions import region_of
from tracker.programs.store import program_as_of

START = dt.datetime(2026, 3, 2, 9, 0, tzinfo=dt.UTC)

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
APPLE = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
IOS = "CPU iPhone OS"
ANDROID = f"Mozilla/5.0 (Linux; Android 10; K) {WEBKIT}"
WINDOWS = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT}"
AGENTS = {
    "firefox": "Mozilla/5.0 (X11; Linux x86_64; rv:146.0) Gecko/20100101 Firefox/146.0",
    "chrome": f"{WINDOWS} Chrome/146.0.0.0 Safari/537.36",
    "mac": f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {APPLE} Version/18.5 Safari/605.1.15",
    "iphone": f"Mozilla/5.0 (iPhone; {IOS} 18_5 like Mac OS X) {APPLE} Version/18.5 Mobile/15E148 Safari/604.1",
    "iphone17": f"Mozilla/5.0 (iPhone; {IOS} 17_6 like Mac OS X) {APPLE} Version/17.6 Mobile/15E148 Safari/604.1",
    "pixel": f"{ANDROID} Chrome/146.0.0.0 Mobile Safari/537.36",
    "pixel_old": f"{ANDROID} Chrome/144.0.0.0 Mobile Safari/537.36",
    "samsung": f"{ANDROID} SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36",
    "edge": f"{WINDOWS} Chrome/146.0.0.0 Safari/537.36 Edg/146.0.0.0",
}

PEOPLE = (
    "Olga Belova", "Pavel Sidorenko", "Marta Lindqvist", "Tomas Novotny", "Irina Galkina", "Jonas Weber",
    "Daria Kuzina", "Hugo Marchand", "Elena Tarasova", "Nikolai Ermakov", "Sofia Rinaldi", "Artem Zhukov",
    "Greta Hansen", "Ruslan Akhmetov", "Clara Dubois", "Viktor Melnik", "Yana Prokhorova", "Luca Bianchi",
    "Polina Shirokova", "Emil Kask", "Zoya Lapteva", "Stefan Krüger", "Alina Vetrova", "Rafael Ortiz",
    "Kira Nemova", "Anton Gribov", "Lena Fischer", "Oskar Nyberg", "Maria Costa", "Gleb Sorokin",
)  # fmt: skip
PROVIDERS = ("gmail.com", "mail.ru", "yandex.ru", "outlook.com", "icloud.com", "web.de")

NETWORKS = (
    ("198.18.0.0/16", "DE", "fixed"),
    ("198.19.0.0/16", "DE", "mobile"),
    ("203.0.113.0/24", "NL", "hosting"),
    ("192.0.2.0/25", "NL", "vpn"),
    ("192.0.2.128/25", "SE", "tor"),
    ("100.64.0.0/16", "DE", "corporate"),
    ("100.65.0.0/16", "DE", "edu"),
    ("100.66.0.0/16", "DE", "relay"),
)


class Town:
    """One program in a town of strangers; everybody is a different person on an own device, unless said otherwise."""

    def __init__(self):
        self.events = []
        self.count = 0
        self.partner("crowd")
        # Thirty days in which nothing happens but honest referrals through another partner.
        for number, at_h in enumerate(self.arrivals(90, 7.5)):
            self.lead(f"past{number}", partner="crowd", at_h=at_h)
        self.now_h = 24 * 30

    def partner(self, partner_id, **fields):
        given = {"name": f"Partner {partner_id.title()}", "email": f"me@partner-{partner_id}.example"} | fields
        self._tell("partner", 0, partner_id=partner_id, **given)

    def lead(self, name, *, partner="ivan", at_h=None, person=None, click_s=600, agent=None, ip=None, **fields):
        """Tell of a lead `click_s` seconds after its click, `at_h` hours after the quiet month."""
        number = self.count
        self.count += 1
        person = (
            person or f"{PEOPLE[number % len(PEOPLE)]} {'' if number < len(PEOPLE) else 'von ' + str(number)}".strip()
        )
        first, *_, last = person.split()
        base = getattr(self, "now_h", 0)
        at = base + (at_h or 0)
        ip = ip or f"198.18.{number // 250 % 250}.{number % 250 + 1}"
        agent = AGENTS[agent or tuple(AGENTS)[number % len(AGENTS)]]
        device = fields.pop("device_id", f"dev-{number}")
        customer = {
            "email": f"{first}.{last}{number % 89}@{PROVIDERS[number % len(PROVIDERS)]}".lower(),
            "name": person,
        } | fields.pop("customer", {})
        headers = {"accept-language": "de", "sec-fetch-dest": "document", "sec-fetch-mode": "navigate"}
        click = fields.pop("click", {})
        if click_s is not None:
            click_id = f"clk-{name}"
            at_click = at - click_s / 3600
            seen = {"ip": ip, "user_agent": agent, "device_id": device, "headers": headers}
            seen |= {"landing_url": "https://shop.example/"} | click
            self._tell("click", at_click, click_id=click_id, partner_id=partner, **seen)
            fields.setdefault("click_id", click_id)
        self._tell(
            fields.pop("type", "lead"), at, external_id=name, partner_id=partner, ip=ip, user_agent=agent,
            device_id=device, customer=customer, **fields,
        )  # fmt: skip

    def sale(self, name, **fields):
        self.lead(name, type="sale", **{"amount": 5000, "currency": "EUR"} | fields)

    @staticmethod
    def arrivals(count, mean_h):
        """Return hours at which people come by chance: exponential gaps drawn by the golden ratio."""
        at, instants = 0.0, []
        for number in range(count):
            instants.append(at)
            at -= math.log(1 - (number * 0.6180339887 + 0.3) % 1) * mean_h
        return instants

    def login(self, partner, at_h=0, **fields):
        agent = AGENTS[fields.pop("agent", "firefox")]
        self._tell("partner_login", getattr(self, "now_h", 0) + at_h, partner_id=partner, user_agent=agent, **fields)

    def tell(self, kind, at_h=0, **fields):
        self._tell(kind, getattr(self, "now_h", 0) + at_h, **fields)

    def _tell(self, kind, at_h, **fields):
        at = START + dt.timedelta(hours=at_h)
        self.events.append((at, {"type": kind, "program_id": "p", "at": at.isoformat()} | fields))

    def lines(self):
        networks = [
            {"type": "network", "prefix": each, "country": country, "class": kind} for each, country, kind in NETWORKS
        ]
        program = {"type": "program", "program_id": "p", "name": "P", "currency": "EUR", "at": START.isoformat()}
        ordered = [event for _, event in sorted(self.events, key=lambda pair: pair[0])]
        return [json.dumps(each).encode() for each in (*networks, program, *ordered)]

    def replay(self):
        result = replay(self.lines())
        assert result.errors == []
        return result

    def held(self):
        """Return the leads and sales whose reward waits."""
        result = self.replay()
        held = {subject for subject, points in result.scores.items() if points >= 50}
        for case in result.cases:
            held |= set(case.subjects)
        whole = held & {event["partner_id"] for _, event in self.events if event["type"] == "partner"}
        for _, event in self.events:
            if event["type"] in {"lead", "sale"} and event.get("partner_id") in whole:
                held.add(event["external_id"])
        return {each for each in held if not each.startswith("clk-")} - whole


@pytest.fixture
def town():
    made = Town()
    made.partner("ivan", name="Ivan Petrov", email="ivan.petrov@gmail.com", phone="+79121234567")
    return made


SEEDS = range(1, 6)


@pytest.fixture(scope="session")
def worlds() -> dict[int, World]:
    """The first five worlds with the known schemes."""
    return {seed: simulate(Parameters(seed=seed)) for seed in SEEDS}


@pytest.fixture(scope="session")
def unseen_worlds() -> dict[int, World]:
    """The first two worlds with schemes no rule was tuned on."""
    return {seed: simulate(Parameters(seed=seed, unseen=True)) for seed in (1, 2)}


@pytest.fixture(params=["known-1", "known-2", "unseen-1"])
def labelled_world(request, worlds, unseen_worlds) -> World:
    kind, _, seed = request.param.partition("-")
    return (worlds if kind == "known" else unseen_worlds)[int(seed)]


SECTIONS = frozenset(Facts.__struct_fields__) - {"subject"}


@pytest.fixture
def facts_of(world):
    """Load every section of facts of a conversion, for the partner it is credited to."""

    def load(conversion_id, needs=SECTIONS):
        def read(conn):
            row = store.get_conversion(conn, conversion_id)
            program = program_as_of(conn, row.program_id, row.occurred_at_ms)
            case = load_case(conn, row, program)
            decision = attribute(case.conversion, case.journey, program.settings.attribution)
            clicked = {click.click_id: click for click in case.clicks}
            touched = [clicked[each.touch_id] for each in decision.credits if each.touch_id in clicked]
            click = max(touched, key=lambda each: each.occurred_at_ms, default=None)
            asked = Asked(
                row=row,
                enrollment_id=partner_to_bind(decision.credits),
                click=click,
                clicked_at_ms=click and click.occurred_at_ms,
                clicks=case.clicks,
                allows_own_purchases=program.settings.allow_own_purchases,
            )
            return load_facts(conn, asked, region=region_of(program.time_zone), needs=needs)

        return world.read(read)

    return load
