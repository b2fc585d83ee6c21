"""The demo tells the same story every time, through the product's own code."""

import asyncio

import msgspec

from tracker.cases import store as cases
from tracker.conversions import store as conversions
from tracker.conversions.types import ConversionFilter
from tracker.demo.running import load_shop, make_demo
from tracker.demo.world import make_world
from tracker.ledger.verify import verify_ledger
from tracker.partners import store as partners
from tracker.partners.types import NewPartner
from tracker.services import open_services
from tracker.settings import write_secret

SHOP = "http://127.0.0.1:8001"


def test_a_demo_has_a_self_referral_and_a_crowd_in_the_queue_and_money_in_every_state(tmp_path):
    write_secret(tmp_path)

    async def play():
        services = await open_services(tmp_path)
        facts = await make_demo(services, shop_url=SHOP)
        now_ms = services.now_ms()
        queue = await services.db.read(lambda conn: cases.queue(conn, livemode=True, statuses=("open",)))
        sold = await services.db.read(
            lambda conn: conversions.list_conversions(conn, ConversionFilter(kind="sale", livemode=True))
        )
        report = await verify_ledger(services.db)
        await services.close()
        return facts, queue, sold, report, now_ms

    facts, queue, sold, report, now_ms = asyncio.run(play())

    rules = {row.finding.rule for case in queue for row in case.headline}
    assert {"self_email", "same_ip_leads"} <= rules
    assert {"accepted", "in_review", "refunded"} <= {row.status for row in sold}
    assert report.ok
    assert max(row.occurred_at_ms for row in sold) <= now_ms
    assert facts["partner_link"].endswith("/r/to/nord-blog-demo")


def test_the_demo_names_itself_as_demo_data(run, tmp_path):
    write_secret(tmp_path)

    async def people():
        services = await open_services(tmp_path)
        facts = await make_demo(services, shop_url=SHOP)
        await services.close()
        return facts

    assert "demo" in run(people())["email"]


def test_the_same_instant_gives_the_same_world(run, tmp_path):
    write_secret(tmp_path)

    async def twice():
        services = await open_services(tmp_path)
        facts = await make_demo(services, shop_url=SHOP)
        enrolled = await services.db.read(_first_partner)
        worlds = [
            make_world(facts["program_id"], [enrolled] * 6, shop_url=SHOP, currency="EUR", now_ms=1_790_000_000_000)
            for _ in range(2)
        ]
        await services.close()
        return worlds

    first, second = run(twice())
    assert msgspec.json.encode(first) == msgspec.json.encode(second)


def _first_partner(conn):
    one = partners.all_enrollments(conn)[0]
    return NewPartner(partner_id=one.partner_id, enrollment_id=one.enrollment_id, code=one.code, slug="x")


def test_the_shop_is_found_beside_the_code():
    assert load_shop().ShopConfig is not None
