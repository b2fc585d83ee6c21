"""The demo's past month: partners, clicks, leads, sales, two suspicious cases; deterministic, and named as demo data.

Everything goes through the code that real events go through, with instants in the past; nothing is written behind the
back of the product.
"""

import hashlib
import random
from collections.abc import Iterator
from typing import Any

import msgspec
from sqlalchemy import Connection

from ingest.conversions import ConversionReport, CustomerReport
from ingest.enrich import read_agent
from ingest.events import InboxClick, encode_click
from tracker.clicks.project import Enricher
from tracker.conversions.process import process
from tracker.conversions.record import record
from tracker.instants import DAY_MS
from tracker.partners import store as partners
from tracker.partners.types import NewPartner

SEED = 7  # any number: the same demo every time
MINUTE_MS = 60_000
DAYS = 30

# (name, mailbox, clicks a day, share of visitors who buy). Reserved domains: nobody lives there.
PARTNERS = (
    ("Nord Blog (demo)", "nord-blog@partner.example", 9, 0.06),
    ("Studio Quart (demo)", "studio-quart@partner.example", 6, 0.09),
    ("Letters on Coffee (demo)", "letters@partner.example", 5, 0.05),
    ("Agency Polden (demo)", "polden@partner.example", 4, 0.08),
    ("Reseller Brod (demo)", "brod@partner.example", 3, 0.07),
    ("Pavel, a customer (demo)", "pavel@partner.example", 1, 0.05),
)
SELF_REFERRER, CROWD_PARTNER = 5, 4
MIXED = 0.5  # share of buyers who came by other partners' links before

AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/155.0.0.0 Safari/537.36",
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 "
        "Mobile/15E148 Safari/604.1"
    ),
    (
        "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/155.0.0.0 "
        "Mobile Safari/537.36"
    ),
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
)
PRICES = (1450, 1900, 2400, 8900, 3350)


class Happening(msgspec.Struct, frozen=True, kw_only=True):
    """A report at an instant."""

    at_ms: int
    report: ConversionReport


class World(msgspec.Struct, frozen=True, kw_only=True):
    """Clicks (received_at_ms, inbox text) and reports, each in time order."""

    clicks: list[tuple[int, str]]
    happenings: list[Happening]


def add_partners(conn: Connection, program_id: str, *, now_ms: int) -> list[NewPartner]:
    """Add the demo's partners and return what was made."""
    return [
        partners.add_partner(
            conn, program_id=program_id, name=name, email=email, code=None, actor="system:demo", now_ms=now_ms
        )
        for name, email, _, _ in PARTNERS
    ]


def make_world(program_id: str, added: list[NewPartner], *, shop_url: str, currency: str, now_ms: int) -> World:
    """Return a month of clicks and reports that ends just before now."""
    chance = random.Random(SEED)  # noqa: S311  # Demo data, not a secret.
    mixing = random.Random(SEED + 1)  # noqa: S311  # As above; of its own, so that the rest stays as it is.
    scene = _Scene(program_id=program_id, shop_url=shop_url, currency=currency)
    clicks: list[tuple[int, str]] = []
    happenings: list[Happening] = []
    for partner, (_, _, per_day, buys) in zip(added, PARTNERS, strict=True):
        for at_ms in _instants(chance, per_day, now_ms):
            visitor = _token(chance)
            address = f"198.51.100.{chance.randrange(1, 250)}"
            agent = chance.choice(AGENTS)
            clicks.append((at_ms, scene.click(partner, visitor, address, agent)))
            if chance.random() < buys:
                bought_at_ms = min(at_ms + chance.randrange(3, 4000) * MINUTE_MS, now_ms - 30 * MINUTE_MS)
                number = len(happenings) + 1
                earlier = _earlier(mixing, scene, added, visitor=visitor, address=address, agent=agent, at_ms=at_ms)
                clicks += earlier
                # Who came by several links names no click: then all of them count, as the program's model says.
                named = None if earlier else visitor
                happenings += scene.purchase(
                    chance, number, visitor=visitor, named=named, address=address, agent=agent, at_ms=bought_at_ms
                )
    happenings += _self_referral(scene, chance, clicks, added[SELF_REFERRER], now_ms=now_ms)
    happenings += _crowd(scene, chance, clicks, added[CROWD_PARTNER], now_ms=now_ms)
    clicks.sort(key=lambda click: click[0])
    happenings.sort(key=lambda happening: happening.at_ms)
    return World(clicks=clicks, happenings=happenings)


def play(conn: Connection, happenings: list[Happening], enricher: Enricher) -> None:
    """Record and decide reports in their order, each at its own instant."""
    for happening in happenings:
        report = happening.report
        agent = None if report.user_agent is None else read_agent(report.user_agent)
        outcome = record(conn, report, agent=agent, enricher=enricher)
        process(conn, outcome.conversion_id, now_ms=happening.at_ms)


class _Scene(msgspec.Struct, frozen=True, kw_only=True):
    """What all events of the demo have in common."""

    program_id: str
    shop_url: str
    currency: str

    def click(self, partner: NewPartner, visitor: str, address: str, agent: str, *, click_id: str | None = None) -> str:
        return encode_click(
            InboxClick(
                program_id=self.program_id,
                livemode=True,
                enrollment_id=partner.enrollment_id,
                click_id=click_id or visitor,
                visitor_id=visitor,
                source="snippet",
                code=partner.code,
                age_ms=0,
                address=address,
                user_agent=agent,
                page_url=f"{self.shop_url}/?via={partner.code}",
                http_referer="https://partner.example/",
                parameter="via",
                state=0,
                event_id=None,
                headers={},
                details=None,
            )
        )

    def report(self, kind: Any, external_id: str, at_ms: int, **fields: Any) -> Happening:
        content = repr((kind, external_id, sorted(fields.items(), key=repr)))
        return Happening(
            at_ms=at_ms,
            report=ConversionReport(
                program_id=self.program_id,
                livemode=True,
                kind=kind,
                trust="verified",
                external_id=external_id,
                request_digest=hashlib.sha256(content.encode()).digest(),
                occurred_at_ms=at_ms,
                received_at_ms=at_ms,
                **fields,
            ),
        )

    def purchase(
        self,
        chance: random.Random,
        number: int,
        *,
        visitor: str,
        named: str | None,
        address: str,
        agent: str,
        at_ms: int,
    ) -> Iterator[Happening]:
        """Yield a sale, which may name a click, and now and then the refund of it."""
        amount = chance.choice(PRICES) * chance.randrange(1, 4)
        order = f"DEMO-{1000 + number}"
        customer = CustomerReport(
            external_id=f"demo-{number}", email=f"buyer-{number}@customer.example", name=f"Demo buyer {number}"
        )
        yield self.report(
            "sale",
            order,
            at_ms,
            amount=amount,
            currency=self.currency,
            customer=customer,
            click_id=named,
            visitor_id=visitor,
            address=address,
            user_agent=agent,
        )
        if chance.random() < 0.08:  # One sale in twelve comes back.
            yield self.report(
                "refund", f"{order}-R", at_ms + MINUTE_MS, amount=amount, currency=self.currency, refund_of=order
            )


def _earlier(
    mixing: random.Random,
    scene: _Scene,
    added: list[NewPartner],
    *,
    visitor: str,
    address: str,
    agent: str,
    at_ms: int,
) -> list[tuple[int, str]]:
    """Return clicks of a buyer on other links in the days before: of nobody, or of one to three partners."""
    if mixing.random() > MIXED:
        return []
    return [
        (
            at_ms - mixing.randrange(60, 9 * 24 * 60) * MINUTE_MS,
            scene.click(partner, visitor, address, agent, click_id=_token(mixing)),
        )
        for partner in mixing.sample(added, mixing.randrange(1, 4))
    ]


def _self_referral(
    scene: _Scene, chance: random.Random, clicks: list[tuple[int, str]], partner: NewPartner, *, now_ms: int
) -> list[Happening]:
    """Let a partner buy through the partner's own link."""
    at_ms = now_ms - 5 * 60 * MINUTE_MS
    visitor, agent = _token(chance), AGENTS[0]
    clicks.append((at_ms, scene.click(partner, visitor, "203.0.113.40", agent)))
    buyer = CustomerReport(external_id="demo-pavel", email="Pavel@partner.example", name="Pavel (demo)")
    return [
        scene.report(
            "sale",
            "DEMO-2001",
            at_ms + 12 * MINUTE_MS,
            amount=17800,
            currency=scene.currency,
            customer=buyer,
            click_id=visitor,
            visitor_id=visitor,
            address="203.0.113.40",
            user_agent=agent,
        )
    ]


def _crowd(
    scene: _Scene, chance: random.Random, clicks: list[tuple[int, str]], partner: NewPartner, *, now_ms: int
) -> list[Happening]:
    """Let six people register from one address within half an hour; the last one buys."""
    started_at_ms = now_ms - 3 * 60 * MINUTE_MS
    happenings = []
    for number in range(1, 7):
        at_ms = started_at_ms + number * 5 * MINUTE_MS
        visitor = _token(chance)
        clicks.append((at_ms - MINUTE_MS, scene.click(partner, visitor, "203.0.113.7", AGENTS[3])))
        person = CustomerReport(
            external_id=f"demo-crowd-{number}", email=f"signup-{number}@customer.example", name=f"Demo signup {number}"
        )
        happenings.append(
            scene.report(
                "sale" if number > 3 else "lead",  # Half of them only register.
                f"DEMO-30{number:02d}",
                at_ms,
                amount=1900,
                currency=scene.currency,
                customer=person,
                click_id=visitor,
                visitor_id=visitor,
                address="203.0.113.7",
                user_agent=AGENTS[3],
            )
        )
    return happenings


def _instants(chance: random.Random, per_day: int, now_ms: int) -> Iterator[int]:
    for day in range(DAYS, 0, -1):
        for _ in range(chance.randrange(per_day // 2, per_day + per_day // 2 + 1)):
            yield now_ms - day * DAY_MS + chance.randrange(DAY_MS - 60 * MINUTE_MS)


def _token(chance: random.Random) -> str:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return "".join(chance.choice(letters) for _ in range(22))
