"""The demo tells the same story every time, through the product's own code."""

import asyncio

import msgspec

from tracker.cases import store as cases
from tracker.conversions import store as conversions
from tracker.conversions.types import ConversionFilter
from tracker.demo.running import load_shop, make_demo
from tracker.demo.world import PARTNERS, make_world
from tracker.ledger.verify import verify_ledger
from tracker.partners import store as partners
from tracker.partners.types import NewPartner
from tracker.services import open_services
from tracker.settings import write_secret

SHOP = "http://127.0.0.1:8001"
# The first order of every story that asks for a person, and what must speak among them.
STORIES = {
    *("DEMO-201", "DEMO-202", "DEMO-203", "DEMO-211", "DEMO-216", "DEMO-220", "DEMO-224", "DEMO-230", "DEMO-234"),
    *("DEMO-240", "DEMO-246", "DEMO-250", "DEMO-257", "DEMO-265", "DEMO-266", "DEMO-270", "DEMO-273", "DEMO-281"),
    *("DEMO-282", "DEMO-285", "DEMO-300", "DEMO-310", "DEMO-320", "DEMO-340"),
}
RULES = {
    *("self_email", "dup_person_email", "dup_person_phone", "dup_payment", "dup_device", "same_ip_leads", "bot_agent"),
    *("client_inconsistent", "disposable_email", "too_fast", "existing_customer", "traffic_policy", "forged_report"),
    *("checkout_hijack", "templated_identities", "robot_cadence", "refund_abuse"),
}


def test_a_demo_has_twenty_mixed_cases_in_the_queue_and_money_in_every_state(tmp_path):
    write_secret(tmp_path)

    async def play():
        services = await open_services(tmp_path)
        facts = await make_demo(services, shop_url=SHOP)
        now_ms = services.now_ms()
        queue = await services.db.read(lambda conn: cases.queue(conn, livemode=True, statuses=("open",)))
        sold = await services.db.read(
            lambda conn: conversions.list_conversions(conn, ConversionFilter(kind="sale", livemode=True))
        )
        held = await services.db.read(held_numbers)
        report = await verify_ledger(services.db)
        await services.close()
        return facts, queue, held, sold, report, now_ms

    facts, queue, held, sold, report, now_ms = asyncio.run(play())

    suspected = [row for row in queue if row.case.kind == "risk"]
    assert len(suspected) >= 20
    assert all(row.headline for row in suspected)
    assert len(queue) > len(suspected)  # random checks
    assert set(held) >= STORIES
    # The ordinary month is held by nobody.
    assert min(held) > "DEMO-2"
    assert {rule for rules in held.values() for rule in rules} >= RULES
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
            make_world(
                facts["program_id"], [enrolled] * len(PARTNERS), shop_url=SHOP, currency="EUR", now_ms=1_790_000_000_000
            )
            for _ in range(2)
        ]
        await services.close()
        return worlds

    first, second = run(twice())
    assert msgspec.json.encode(first) == msgspec.json.encode(second)


def held_numbers(conn):
    """Return the rules that speak of each case the rules opened, by the smallest number of an order it holds."""
    found = {}
    for row in cases.queue(conn, livemode=True, statuses=("open",), limit=100):
        if row.case.kind == "risk":
            view = cases.get_case(conn, row.case.case_id, now_ms=row.case.opened_at_ms)
            fired = {each.finding.rule for each in view.findings if each.finding.fired}
            found[min(each.external_id for each in view.conversions)] = fired
    return found


def _first_partner(conn):
    one = partners.all_enrollments(conn)[0]
    return NewPartner(partner_id=one.partner_id, enrollment_id=one.enrollment_id, code=one.code, slug="x")


def test_the_shop_is_found_beside_the_code():
    assert load_shop().ShopConfig is not None
