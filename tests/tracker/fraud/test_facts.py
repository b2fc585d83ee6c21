"""Every section of facts, loaded from the database for one conversion."""

import pytest
from sqlalchemy import select, update

from fraud_rules.types import Forgeries
from tracker.clicks.tables import cursors
from tracker.conversions.tables import conversions, customers
from tracker.fraud.facts import pace as paces
from tracker.fraud.facts import remembered
from tracker.fraud.facts.remembered import Remembered
from tracker.fraud.payments import give_payment_keys
from tracker.partners.tables import enrollments, partners
from tracker.privacy.erase import erase_person
from tracker.privacy.types import Asked as AskedPerson

DAY_MS = 86_400_000


@pytest.fixture
def lead(world):
    """Report a lead of Anna's, as a shop's server does, and return its id."""

    def report(*, test=False, kind="lead", **fields):
        body = {"external_id": world.number(kind), "promo_code": "ANNA", **fields}
        if kind == "sale":
            body = {"amount": 5_000, "currency": "EUR", **body}
        answer = world.track(kind, body, test=test)
        assert answer.status_code == 200, answer.text
        return answer.json()["id"]

    return report


def someone(number, **fields):
    return {"external_id": f"shop-{number}", "email": f"person{number}@mail.example", **fields}


def test_earlier_leads_of_the_same_phone_are_found_however_it_is_typed(lead, facts_of):
    first = lead(customer=someone(1, phone="+49 30 1234567", name="Ana Kozlova"))
    lead(customer=someone(2, phone="+49 30 7654321"))
    subject = lead(customer=someone(3, phone="0049301234567"))

    facts = facts_of(subject)

    assert facts.subject.phone_key == "+49301234567"
    assert [(each.conversion_id, each.name) for each in facts.same_phone_leads] == [(first, "Ana Kozlova")]


def test_national_numbers_are_read_in_the_country_of_the_programs_time_zone(unseeded_world):
    world = unseeded_world
    world.seed()
    world.write(lambda conn: conn.exec_driver_sql("UPDATE programs SET time_zone = 'Europe/Warsaw'"))

    world.track("lead", {"external_id": "one", "customer": someone(1, phone="601 234 567")})

    keys = world.read(lambda conn: conn.execute(select(customers.c.phone_key)).scalars().all())
    assert keys == ["+48601234567"]


def test_a_device_and_what_it_did_before_the_click_are_known(world, lead, facts_of):
    visitor = world.click()
    first = lead(visitor_id=visitor, customer=someone(1))
    world.browser({"t": "cart", "i": world.number("event"), "w": visitor})
    world.click(c=world.number("click"), w=visitor)
    subject = lead(visitor_id=visitor, customer=someone(2))

    facts = facts_of(subject)

    assert facts.subject.device_key == visitor
    assert [each.conversion_id for each in facts.device_leads] == [first]
    assert facts.subject.click.device_key == visitor
    assert facts.subject.click.fetch_dest is None
    # The first click and the event in the cart.
    assert facts.device_past.events == 2
    assert facts.customer_past.first_click_at_ms <= facts.device_past.last_at_ms


def test_one_card_is_recognised_in_a_program_and_never_stored_in_the_key(world, lead, facts_of):
    first = lead(kind="sale", customer=someone(1), metadata={"payment_fingerprint": "card-1"})
    lead(kind="sale", customer=someone(2), metadata={"payment_fingerprint": "card-2"})
    again = lead(kind="sale", customer=someone(1), metadata={"payment_fingerprint": "card-1"})
    subject = lead(kind="sale", customer=someone(3), metadata={"payment_fingerprint": " card-1 "})

    facts = facts_of(subject)

    assert [each.conversion_id for each in facts.payment_uses.conversions] == [first, again]
    assert "card" not in facts.subject.payment_key
    assert facts_of(again).payment_uses.conversions == ()


def test_partners_and_customers_are_paid_to_and_from_one_name_space(world, lead, facts_of):
    mine = partners.c.partner_id == world.anna.partner_id
    world.write(lambda conn: conn.execute(update(partners).where(mine).values(payout_email="A.nna+pay@gmail.com")))
    assert not world.write(lambda conn: give_payment_keys(conn, world.services.enricher.payments))
    subject = lead(kind="sale", customer=someone(1), metadata={"payment_fingerprint": "anna@gmail.com"})

    facts = facts_of(subject)

    assert facts.payment_uses.partner_ids == (world.anna.enrollment_id,)
    assert facts.partner_identity.payment_keys == (facts.subject.payment_key,)
    assert facts.partner_identity.names == ("Anna",)


def test_conversions_of_before_get_their_payment_keys(world, lead):
    known = lead(kind="sale", metadata={"payment_fingerprint": "card-1"})
    query = select(conversions.c.payment_key).where(conversions.c.conversion_id == known)
    wanted = world.read(lambda conn: conn.execute(query).scalar_one())

    def forget(conn):
        conn.execute(update(conversions).values(payment_key=None))
        conn.execute(update(cursors).where(cursors.c.name == "payment_keys").values(seq=10**6))

    world.write(forget)

    world.write(lambda conn: give_payment_keys(conn, world.services.enricher.payments))

    assert world.read(lambda conn: conn.execute(query).scalar_one()) == wanted
    done = select(cursors.c.seq).where(cursors.c.name == "payment_keys")
    assert world.read(lambda conn: conn.execute(done).scalar_one()) == 0


def test_what_a_browser_says_of_itself_is_kept_when_its_claim_is_confirmed(world, lead, facts_of):
    number = world.number("lead")
    headers = {"Accept-Language": "de", "Sec-CH-UA-Platform": '"Linux"', "X-Forwarded-For": "203.0.113.20"}
    world.browser({"t": "lead", "o": number, "i": number, "w": "visitor-1"}, headers=headers)
    subject = lead(external_id=number)

    signs = facts_of(subject).subject.signs

    assert (signs.has_language, signs.platform, signs.http_version) == (True, "Linux", None)
    assert (signs.system, signs.browser, signs.browser_major) == ("Windows", "Chrome", 142)
    assert facts_of(lead(customer=someone(9))).subject.signs is None


def test_the_pace_of_a_partner_is_counted_by_day_and_hour(world, lead, facts_of):
    ids = [lead(customer=someone(number), ip=f"203.0.113.{number}") for number in range(1, 7)]

    def shift(conn):
        for back, conversion_id in zip((30, 30, 54, 54.2, 24 * 40), ids[:5], strict=True):
            one = conversions.c.conversion_id == conversion_id
            back_ms = int(back * 3_600_000)
            values = {"occurred_at_ms": conversions.c.occurred_at_ms - back_ms}
            conn.execute(update(conversions).where(one).values(**values))

    world.write(shift)
    subject = lead(customer=someone(8))

    pace = facts_of(subject).partner_pace

    assert [each.conversion_id for each in pace.recent] == [ids[5]]
    assert pace.daily_counts[:3] == (2, 2, 0)
    assert len(pace.daily_counts) == 28
    assert pace.busiest_hour == 2
    assert pace.program_diversity_ppm is None


def test_a_busy_partners_days_are_counted_by_whole_hours(world, lead, facts_of, monkeypatch):
    ids = [lead(customer=someone(number)) for number in range(1, 5)]

    def shift(conn):
        for back, conversion_id in zip((36, 36, 60, 24 * 20), ids, strict=True):
            one = conversions.c.conversion_id == conversion_id
            values = {"occurred_at_ms": conversions.c.occurred_at_ms - back * 3_600_000}
            conn.execute(update(conversions).where(one).values(**values))

    world.write(shift)
    subject = lead(customer=someone(8))
    monkeypatch.setattr(paces, "PACE_MAX", 4)

    pace = facts_of(subject).partner_pace

    assert pace.daily_counts[:3] == (2, 1, 0)
    assert (sum(pace.daily_counts), pace.busiest_hour) == (4, 2)
    assert len(pace.daily_counts) == 20


def test_a_busy_partners_hours_are_completed_for_whoever_is_asked_about(world, lead, facts_of, monkeypatch):
    ids = [lead(customer=someone(number)) for number in range(1, 5)]
    monkeypatch.setattr(paces, "PACE_MAX", 4)

    def shift(hours, some):
        def run(conn):
            values = {"occurred_at_ms": conversions.c.occurred_at_ms - hours * 3_600_000}
            conn.execute(update(conversions).where(conversions.c.conversion_id.in_(some)).values(**values))

        world.write(run)

    for back, one in zip((36, 36, 60, 24 * 12 + 12), ids, strict=True):
        shift(back, [one])
    subject = lead(customer=someone(8))
    counted = []
    for back in (0, -48, 96, 24 * 10):
        shift(back, [subject])
        counted.append(facts_of(subject).partner_pace.daily_counts)
        shift(-back, [subject])

    assert counted == [(2, 1, *(0,) * 9, 1), (0, 0, 2, 1, *(0,) * 9, 1), (*(0,) * 7, 1), (0, 1)]


def test_what_is_remembered_is_forgotten_by_age_and_by_number(world, monkeypatch):
    kept = Remembered("test", fresh_s=60, most=2)
    clock = [0.0]
    monkeypatch.setattr(remembered.time, "monotonic", lambda: clock[0])

    def look(conn):
        for key in ("a", "b", "c"):
            kept.put(conn, key, key)
            clock[0] += 1
        clock[0] = 61.5
        return [kept.get(conn, key) for key in ("a", "b", "c")]

    assert world.read(look) == [None, None, "c"]


def test_uses_of_a_code_are_counted_however_it_is_typed(world, lead, facts_of):
    lead(promo_code="anna", customer=someone(1))
    clicked = lead(visitor_id=world.click(), customer=someone(2))
    subject = lead(promo_code="ANNA", customer=someone(3))

    use = facts_of(subject).code_use

    assert (use.uses, use.unclicked, use.usual_daily_ppm) == (3, 2, None)
    assert clicked in use.conversion_ids


def test_another_order_under_its_number_is_seen(world, lead, facts_of):
    number = world.number("order")
    subject = lead(kind="sale", external_id=number)
    assert world.track("sale", world.sale(external_id=number, amount=1)).status_code == 409

    assert facts_of(subject).forgeries == Forgeries(reused_order=True)


def forge(world, number):
    forged = {"Webhook-Id": "m", "Webhook-Timestamp": "1", "Webhook-Signature": "v1,AAAA"}
    answer = world.browser({"t": "sale", "o": number, "m": "10.00", "y": "EUR"}, headers=forged)
    assert answer.status_code == 401


def test_wrong_signatures_tell_of_what_only_a_browser_claims(world, facts_of):
    number = world.number("order")
    claimed = world.browser({"t": "sale", "o": number, "m": "10.00", "y": "EUR"}).json()["id"]
    forge(world, number)

    assert facts_of(claimed).forgeries == Forgeries(bad_signatures=1)


def test_wrong_signatures_of_strangers_say_nothing_of_a_verified_order(world, lead, facts_of):
    number = world.number("order")
    forge(world, number)
    subject = lead(kind="sale", external_id=number)
    forge(world, number)

    assert facts_of(subject).forgeries == Forgeries()


def test_a_click_of_another_program_is_foreign(world, lead, facts_of):
    click_id = world.click()
    world.settle()
    own = lead(click_id=click_id)
    other = lead(click_id="never-seen")
    assert not facts_of(own).forgeries.foreign_click
    assert not facts_of(other).forgeries.foreign_click

    def move(conn):
        second = world.make_program(conn, "Second", ("https://other.example",), None, 0)
        one = conversions.c.conversion_id == own
        conn.execute(update(conversions).where(one).values(program_id=second))

    world.write(move)

    assert facts_of(own).forgeries.foreign_click


def test_people_of_a_domain_and_bearers_of_a_name_are_counted(lead, facts_of):
    lead(customer={"external_id": "a", "email": "a@mail.studio-x.example", "name": "Anna Schmidt"})
    lead(customer={"external_id": "b", "email": "b@studio-x.example", "name": "Boris Schmidt"})
    lead(customer={"external_id": "c", "email": "c@elsewhere.example", "name": "Clara Weber"})
    subject = lead(customer={"external_id": "d", "email": "d@studio-x.example", "name": "Anna Schmidt"})

    facts = facts_of(subject)

    assert facts.domain_people == 3
    # One Anna among three others.
    assert facts.name_share_ppm == 333_333


def test_a_known_customer_is_known_from_the_first_conversion(lead, facts_of):
    lead(customer=someone(1))
    subject = lead(kind="sale", customer=someone(1, is_new=False))

    past = facts_of(subject).customer_past

    assert past.first_conversion_at_ms is not None
    assert past.shop_says_known
    stranger = facts_of(lead(customer=someone(2))).customer_past
    assert (stranger.first_conversion_at_ms, stranger.shop_says_known) == (None, False)


def test_test_mode_and_live_mode_know_nothing_of_each_other(world, lead, facts_of):
    visitor = world.click()
    everything = {
        "customer": someone(1, phone="+49 30 1234567"),
        "visitor_id": visitor,
        "metadata": {"payment_fingerprint": "card-1"},
        "ip": "203.0.113.77",
    }
    lead(kind="sale", **everything)
    subject = lead(kind="sale", test=True, **everything)

    facts = facts_of(subject)

    assert facts.same_person_leads == facts.same_phone_leads == facts.device_leads == facts.host_leads == ()
    assert facts.payment_uses.conversions == ()
    assert facts.partner_pace.recent == ()
    assert (facts.code_use.uses, facts.domain_people, facts.name_share_ppm) == (1, 1, 0)
    assert facts.customer_past.first_conversion_at_ms is None


def test_facts_of_an_erased_person_survive_without_what_named_it(world, lead, facts_of):
    visitor = world.click()
    told = someone(1, phone="+49 30 1234567", name="Ana Kozlova", country="DE")
    subject = lead(
        kind="sale", customer=told, visitor_id=visitor, ip="203.0.113.77", metadata={"payment_fingerprint": "card-1"}
    )
    customer_id = world.read(lambda conn: conn.execute(select(customers.c.customer_id)).scalar_one())
    erasing = erase_person(world.services, AskedPerson(customer=customer_id), reason="asked", actor="test")
    world.run(erasing)

    facts = facts_of(subject)

    empty = ("email", "phone", "name", "phone_key", "payment_key", "device_key", "host_key", "home_country", "signs")
    assert {name: getattr(facts.subject, name) for name in empty} == dict.fromkeys(empty)
    assert (facts.same_phone_leads, facts.device_leads, facts.domain_people) == ((), (), 0)
    assert facts.subject.person_key == f"customer:{customer_id}"
    row = world.read(lambda conn: conn.execute(select(enrollments.c.payment_key)).scalar_one())
    assert row is None


def test_an_organic_subject_has_empty_sections_of_its_partner(world, facts_of):
    answer = world.track("lead", {"external_id": world.number("lead")})

    facts = facts_of(answer.json()["id"])

    assert facts.subject.partner_id is None
    assert (facts.partner_logins, facts.host_leads, facts.partner_pace.daily_counts) == ((), (), ())
    assert all(getattr(facts, name) is not None for name in facts.__struct_fields__)
