"""Honest people who look like something else: nobody of them may wait for his reward.

Each test is a place from life. One shared thing alone (an address, a device, a throw-away domain, a mailbox spelt
twice) is a note; only where nothing else explains it a person is asked.
"""

import pytest

MOBILES = ("iphone", "pixel", "samsung", "iphone17", "pixel_old", "mac", "chrome", "edge")


def test_nobody_is_held_in_a_quiet_town(town):
    for number, at_h in enumerate(town.arrivals(40, 7)):
        town.lead(f"L{number}", at_h=at_h)

    assert town.held() == set()


def test_one_throw_away_mailbox(town):
    town.lead("L1", customer={"email": "someone@mailinator.com"})

    assert town.held() == set()


def test_one_order_over_tor(town):
    town.lead("L1", ip="192.0.2.200", agent="firefox")

    assert town.held() == set()


@pytest.mark.parametrize("ip", ["192.0.2.5", "203.0.113.5", "100.66.0.9"], ids=["vpn", "remote_desktop", "relay"])
def test_one_order_from_no_home(town, ip):
    town.lead("L1", ip=ip)

    assert town.held() == set()


@pytest.mark.parametrize("people", [5, 12, 25])
def test_a_workshop_behind_one_address(town, people):
    for seat, at_h in enumerate(town.arrivals(people, 0.08)):
        town.lead(f"L{seat}", at_h=at_h, ip="198.18.200.7", agent=MOBILES[seat % len(MOBILES)])

    assert town.held() == set()


def test_a_family_that_follows_one_link(town):
    for seat, name in enumerate(("Anna Orlova", "Sergei Orlov", "Kira Orlova")):
        town.lead(f"L{seat}", at_h=seat * 0.5, ip="198.18.200.7", person=name, agent=MOBILES[seat])

    assert town.held() == set()


def test_a_shops_tablet(town):
    # A partner with a counter: customers type into the same tablet all week.
    for guest, at_h in enumerate(town.arrivals(14, 11)):
        town.lead(
            f"L{guest}", at_h=at_h, ip="198.18.200.9", agent="mac", device_id="tablet",
            customer={"phone": f"+4917{guest * 7919 % 10**8:08d}"},
        )  # fmt: skip

    assert town.held() == set()


@pytest.mark.parametrize("days", [0.2, 3, 45])
def test_a_person_who_registers_again(town, days):
    town.lead("L1", person="Olga Belova", customer={"email": "olga.belova@gmail.com"}, device_id="own")
    town.lead("L2", at_h=24 * days, person="Olga Belova", customer={"email": "olgabelova@gmail.com"}, device_id="own")

    assert town.held() == set()


def test_a_couple_with_one_card(town):
    for number, name in enumerate(("Anna Orlova", "Sergei Orlov")):
        town.sale(f"S{number}", at_h=number * 30, person=name, payment_fingerprint="card", ip="198.18.200.3")

    assert town.held() == set()


def test_a_friend_who_visits_the_partner(town):
    town.login("ivan", ip="198.18.200.3", agent="firefox")
    town.lead("L1", at_h=3, ip="198.18.200.3", agent="iphone")

    assert town.held() == set()


def test_colleagues_in_an_office(town):
    for desk, at_h in enumerate(town.arrivals(8, 0.4)):
        town.lead(f"L{desk}", at_h=at_h, ip="100.64.0.5", agent=("chrome", "edge", "mac")[desk % 3])

    assert town.held() == set()


def test_students_on_a_campus(town):
    for seat, at_h in enumerate(town.arrivals(15, 0.3)):
        town.lead(f"L{seat}", at_h=at_h, ip="100.65.0.5", agent=MOBILES[seat % len(MOBILES)])

    assert town.held() == set()


def test_a_mobile_carrier(town):
    for seat, at_h in enumerate(town.arrivals(8, 1.7)):
        town.lead(f"L{seat}", at_h=at_h, ip="198.19.0.5", agent=MOBILES[seat % 5])

    assert town.held() == set()


def test_a_call_centre(town):
    for call in range(20):
        town.lead(
            f"L{call}", at_h=call * 0.2, ip="198.18.200.4", agent="chrome", device_id="operator", click_s=None,
            metadata={"source": "call-centre"},
        )  # fmt: skip

    assert town.held() == set()


def test_a_crm_import(town):
    for row in range(40):
        town.lead(f"L{row}", at_h=row * 0.0003, ip="203.0.113.9", click_s=None, metadata={"source": "import"})

    assert town.held() == set()


def test_an_influencers_evening(town):
    for viewer, at_h in enumerate(town.arrivals(60, 0.05)):
        town.lead(f"L{viewer}", at_h=at_h, agent=MOBILES[int(viewer * 1.618 * 3) % len(MOBILES)])

    assert town.held() == set()


def test_a_buyer_whose_browser_fills_the_form(town):
    town.lead("L1", click_s=3, device_id="own")

    assert town.held() == set()


def test_a_traveller(town):
    town.lead("L1", ip="192.0.2.30", customer={"phone": "+79121112233", "country": "RU"})
    town.lead("L2", ip="198.18.200.3", customer={"phone": "+79121112244"})

    assert town.held() == set()


def test_a_partner_and_a_customer_of_one_surname(town):
    town.lead("L1", person="Olga Petrova", customer={"email": "olga.petrova@gmail.com"})

    assert town.held() == set()


def test_two_people_share_a_phone(town):
    for number in range(2):
        town.lead(f"L{number}", at_h=number * 50, customer={"phone": "+49 170 1234567"})

    assert town.held() == set()


def test_customers_of_the_shops_own_advertisement(town):
    for number in range(3):
        town.lead(f"L{number}", at_h=number * 9, click={"landing_url": "https://shop.example/?gclid=abc"})

    assert town.held() == set()


def test_seasonal_returns(town):
    town.partner("other")
    for number in range(12):
        for partner in ("ivan", "other"):
            town.sale(f"S{partner}{number}", partner=partner, at_h=number * 8)
            if number % 4 == 0:
                refund = f"R{partner}{number}"
                town.tell("refund", 200 + number, external_id=refund, refund_of=f"S{partner}{number}", amount=5000)

    assert town.held() == set()


def test_fans_of_a_promo_code(town):
    for number, at_h in enumerate(town.arrivals(9, 2.3)):
        town.lead(f"L{number}", at_h=at_h, click_s=None, promo_code="IVAN10")

    assert town.held() == set()


def test_a_school_names_its_mailboxes_alike(town):
    for number, at_h in enumerate(town.arrivals(6, 5.1)):
        town.lead(
            f"L{number}", at_h=at_h, ip="100.65.0.7", agent=MOBILES[number],
            customer={"email": f"s20{number + 11}@gymnasium-nord.example"},
        )  # fmt: skip

    assert town.held() == set()
