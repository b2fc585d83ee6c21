"""The demo's past month: partners, clicks, leads, sales, and cases to judge; deterministic, and named as demo data.

Everything goes through the code that real events go through, with instants in the past; nothing is written behind the
back of the product.
"""

import random
from collections.abc import Iterator

import msgspec
from sqlalchemy import Connection

from ingest.conversions import ConversionReport
from ingest.enrich import read_agent
from tracker.clicks.project import Enricher
from tracker.conversions.process import process
from tracker.conversions.record import record
from tracker.demo.stage import MINUTE_MS, Happening, Stage, person, token
from tracker.demo.stories import tell_stories
from tracker.instants import DAY_MS
from tracker.partners import store as partners
from tracker.partners.types import NewPartner
from tracker.quarantine import store as quarantine

SEED = 7  # any number: the same demo every time
DAYS = 30

# (name, mailbox, clicks a day, share of visitors who buy). Reserved domains: nobody lives there.
PARTNERS = (
    ("Nord Blog (demo)", "nord-blog@partner.example", 9, 0.06),
    ("Studio Quart (demo)", "studio-quart@partner.example", 6, 0.09),
    ("Letters on Coffee (demo)", "letters@partner.example", 5, 0.05),
    ("Agency Polden (demo)", "polden@partner.example", 4, 0.08),
    ("Reseller Brod (demo)", "brod@partner.example", 3, 0.07),
    ("Pavel, a customer (demo)", "pavel@partner.example", 1, 0.05),
    # These have little traffic beside what `stories` tells of them.
    ("Coupon Corner (demo)", "coupons@partner.example", 1, 0.0),
    ("Bonus Club (demo)", "bonus@partner.example", 1, 0.0),
    ("Lead Works (demo)", "works@partner.example", 1, 0.0),
    ("Fashion Finds (demo)", "fashion@partner.example", 1, 0.0),
    ("Ad Garden (demo)", "adgarden@partner.example", 1, 0.0),
    ("Deal Inbox (demo)", "deals@partner.example", 1, 0.0),
    ("Old Friends (demo)", "friends@partner.example", 1, 0.0),
    ("Course Centre (demo)", "courses@partner.example", 1, 0.0),
    ("Form Service (demo)", "forms@partner.example", 1, 0.0),
    ("Neighbours (demo)", "neighbours@partner.example", 1, 0.0),
)
MIXED = 0.5  # share of buyers who came by other partners' links before
MIXED_WITH = 6  # first partners those links are of

PRICES = (1450, 1900, 2400, 8900, 3350)


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
    stage = Stage(program_id=program_id, shop_url=shop_url, currency=currency, now_ms=now_ms, chance=chance)
    buyers = 0
    for partner, (_, _, per_day, buys) in zip(added, PARTNERS, strict=True):
        for at_ms in _instants(chance, per_day, now_ms):
            address = f"198.19.{chance.randrange(250)}.{chance.randrange(1, 250)}"
            visit = stage.visit(partner, at_ms, address=address)
            if chance.random() < buys:
                bought_at_ms = min(at_ms + chance.randrange(3, 4000) * MINUTE_MS, now_ms - 30 * MINUTE_MS)
                buyers += 1
                others = _others(mixing, added)
                for other in others:
                    stage.visit(
                        other,
                        at_ms - mixing.randrange(60, 9 * 24 * 60) * MINUTE_MS,
                        address=visit.address,
                        agent=visit.agent,
                        visitor=visit.visitor,
                        click_id=token(mixing),
                    )
                amount = chance.choice(PRICES) * chance.randrange(1, 4)
                order = f"DEMO-{1000 + buyers}"
                # Who came by several links names no click: then all of them count, as the program's model says.
                stage.sale(
                    order, bought_at_ms, amount=amount, customer=person(buyers), visit=visit, names_click=not others
                )
                if chance.random() < 0.08:  # One sale in twelve comes back.
                    stage.refund(order, bought_at_ms + MINUTE_MS, amount=amount)
    tell_stories(stage, added)
    return World(
        clicks=sorted(stage.clicks, key=lambda click: click[0]),
        happenings=sorted(stage.happenings, key=lambda happening: happening.at_ms),
    )


def play(conn: Connection, happenings: list[Happening], enricher: Enricher) -> None:
    """Record and decide reports in their order, each at its own instant; keep what is refused, as the API does."""
    for happening in happenings:
        report = happening.report
        agent = None if report.user_agent is None else read_agent(report.user_agent)
        outcome = record(conn, report, agent=agent, enricher=enricher)
        if outcome.status == "conflict":
            refused = quarantine.make_event(
                program_id=report.program_id,
                livemode=report.livemode,
                source=f"track_{report.kind}",
                code="conflict",
                cause=f'external_id: "{report.external_id}" was reported before with other content.',
                payload=_body_of(report),
                now_ms=happening.at_ms,
            )
            quarantine.keep(conn, refused)
        process(conn, outcome.conversion_id, now_ms=happening.at_ms)


def _body_of(report: ConversionReport) -> bytes:
    """Return the body a shop's server sends for a report."""
    body = {
        "external_id": report.external_id,
        "amount": report.amount,
        "currency": report.currency,
        "customer": report.customer,
        "click_id": report.click_id,
    }
    return msgspec.json.encode(body)


def _others(mixing: random.Random, added: list[NewPartner]) -> list[NewPartner]:
    """Return whose links a buyer followed in the days before: nobody's, or those of one to three partners."""
    if mixing.random() > MIXED:
        return []
    return mixing.sample(added[:MIXED_WITH], mixing.randrange(1, 4))


def _instants(chance: random.Random, per_day: int, now_ms: int) -> Iterator[int]:
    for day in range(DAYS, 0, -1):
        for _ in range(chance.randrange(per_day // 2, per_day + per_day // 2 + 1)):
            yield now_ms - day * DAY_MS + chance.randrange(DAY_MS - 60 * MINUTE_MS)
