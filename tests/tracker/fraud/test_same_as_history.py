"""The database and the history in memory answer every question of the rules alike, whatever the world."""

import random

import msgspec
import pytest
from sqlalchemy import update

from fraud_rules.history.facts import facts_of as facts_from
from fraud_rules.history.program import PartnerCard, ProgramHistory
from tracker.clicks import store as clicks
from tracker.conversions.tables import conversions
from tracker.fraud.facts.subject import click_facts

NAMES = ("Ana Kozlova", "Anna Kozlova", "Boris Weber", "Clara Weber-Li", "Иван Петров", None)
DOMAINS = ("gmail.com", "studio-x.example", "mail.studio-x.example", "company.example")
PHONES = ("+49 30 1234567", "0049301234567", "+7 912 345-67-89", "8 912 345 67 89", None)
CARDS = ("card-1", "card-2", None)


@pytest.mark.parametrize("seed", range(2))
def test_facts_are_the_same_online_and_from_history(world, facts_of, seed):
    one = random.Random(seed)
    world.add_partner("Boris", "BORIS")
    visitors = [world.click(code) for code in ("ANNA", "BORIS", "ANNA")]
    past = ProgramHistory(world.program_id)
    for partner, name, code in (
        (world.anna.enrollment_id, "Anna", "anna"),
        (other_of(world), "Boris", "boris"),
    ):
        past.put_partner(PartnerCard(partner_id=partner, name=name, emails=(f"{code}@partners.example",)))
    world.settle()
    leads, people = {}, {}
    for visitor in visitors:
        past.add_click(world.read(lambda conn, each=visitor: stored_click(conn, world.program_id, each)))
    for number in range(18):
        kind, body = report(world, one, number, visitors=visitors, leads=leads, people=people)
        conversion_id = world.track(kind, body).json()["id"]

        # Delays are measured of what was accepted; the history in memory knows no cases.
        world.write(lambda conn: conn.execute(update(conversions).values(status="accepted")))
        online = facts_of(conversion_id)

        subject = msgspec.structs.replace(online.subject, lead_id=leads.get(online.subject.lead_id))
        expected = facts_from(subject, past)
        # A known customer's own name is not counted online, where customers are counted; the history counts leads.
        passed_over = {"subject"} | ({"name_share_ppm", "program_timing"} if subject.lead_id else set())
        if subject.device_key is None:
            # The database knows the clicks of the customer's other browsers.
            passed_over.add("customer_past")
        for section in expected.__struct_fields__:
            if section not in passed_over:
                assert getattr(online, section) == getattr(expected, section), (number, section)
        past.add_conversion(subject)
        if kind == "lead":
            leads[body["external_id"]] = conversion_id
            people[body["external_id"]] = body["customer"]


def stored_click(conn, program_id, click_id):
    row = clicks.find_click(conn, program_id=program_id, click_id=click_id)
    return click_facts(row, clicks.get_agent(conn, row.agent_id))


def other_of(world):
    rows = world.read(
        lambda conn: conn.exec_driver_sql("SELECT enrollment_id FROM enrollments ORDER BY enrollment_id").all()
    )
    ids = [f"enr_{bytes(row[0]).hex()}" for row in rows]
    return next(each for each in ids if each != world.anna.enrollment_id)


def report(world, one, number, *, visitors, leads, people):
    """Return a report of somebody new who shares a phone, card, address or browser with others."""
    person = {
        "external_id": f"shop-{number}",
        "email": f"{one.choice('abc')}.{one.choice('xy')}+{number}@{one.choice(DOMAINS)}",
        "country": one.choice(["DE", "RU", None]),
        "phone": one.choice(PHONES),
        "name": one.choice(NAMES),
    }
    body = {
        "external_id": world.number("order"),
        "customer": {name: value for name, value in person.items() if value is not None},
        "ip": f"203.0.113.{one.randrange(3)}",
        "user_agent": one.choice(["Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0", "curl/8"]),
    }
    card = one.choice(CARDS)
    is_sale = one.random() < 0.4
    if card is not None and is_sale:
        body["metadata"] = {"payment_fingerprint": card}
    if one.random() < 0.7:
        body["visitor_id"] = one.choice(visitors)
    else:
        body["promo_code"] = one.choice(["ANNA", "BORIS"])
    if is_sale:
        body |= {"amount": 100 + number, "currency": "EUR"}
        if leads and one.random() < 0.6:
            body["lead_id"] = one.choice(sorted(leads))
            body["customer"] = people[body["lead_id"]]
            # A customer seen with another browser would have earlier conversions decided again.
            body.pop("visitor_id", None)
        return "sale", body
    return "lead", body
