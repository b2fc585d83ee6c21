"""The twelve known schemes, in their plainest form, on top of honest traffic: the guilty are held, nobody else."""

import pytest


def names(prefix, count):
    return {f"{prefix}{number}" for number in range(count)}


def caught(town, guilty):
    """Return the share of the guilty who are held; nobody else may be."""
    held = town.held()
    assert held <= guilty
    return len(held & guilty) / len(guilty)


@pytest.mark.parametrize("email", ["ivan.petrov@gmail.com", "ivanpetrov+b@googlemail.com"], ids=["own", "alias"])
def test_own_mailbox(town, email):
    town.lead("L0", customer={"email": email})

    assert caught(town, {"L0"}) == 1


def test_own_home_under_other_names(town):
    town.login("ivan", ip="198.18.200.3", agent="chrome", device_id="own")
    for number, at_h in enumerate(town.arrivals(4, 26)):
        town.lead(f"L{number}", at_h=at_h, ip="198.18.200.3", agent="chrome", device_id=f"incognito{number}")

    assert caught(town, names("L", 4)) >= 0.5


def test_a_household_ring(town):
    town.login("ivan", ip="198.18.200.3", agent="chrome")
    for number, at_h in enumerate(town.arrivals(6, 2)):
        town.lead(f"L{number}", at_h=at_h, ip="198.18.200.3", agent=("chrome", "iphone")[number % 2])

    assert caught(town, names("L", 6)) >= 0.5


def test_a_farm_behind_one_address(town):
    for number, at_h in enumerate(town.arrivals(10, 0.2)):
        town.lead(f"L{number}", at_h=at_h, ip="198.18.200.3", agent="chrome", device_id="one")

    assert caught(town, names("L", 10)) == 1


def test_a_farm_that_forgets_its_cookies(town):
    for number, at_h in enumerate(town.arrivals(10, 0.2)):
        town.lead(f"L{number}", at_h=at_h, ip="198.18.200.3", agent="chrome", device_id=f"new{number}")

    assert caught(town, names("L", 10)) == 1


def test_a_farm_in_a_data_centre(town):
    for number, at_h in enumerate(town.arrivals(12, 0.5)):
        town.lead(
            f"L{number}", at_h=at_h, ip=f"203.0.113.{number + 1}", agent="chrome", click_s=8,
            customer={"email": f"user{number + 31}@mailinator.com"},
        )  # fmt: skip

    assert caught(town, names("L", 12)) >= 0.7


def test_a_farm_behind_rotating_vpn(town):
    for number, at_h in enumerate(town.arrivals(30, 3.1)):
        town.lead(
            f"L{number}", at_h=at_h, ip=f"192.0.2.{number + 1}", agent="chrome",
            device_id="one" if number % 2 else f"new{number}",
        )  # fmt: skip

    assert caught(town, names("L", 30)) >= 0.7


def test_a_bonus_hunter_with_spellings_and_one_phone(town):
    for number, local in enumerate(("a.nnasmith", "an.nasmith", "ann.asmith", "anna.smith", "annasmith+5")):
        town.lead(f"L{number}", at_h=number * 20, customer={"email": f"{local}@gmail.com", "phone": "+491701112233"})

    assert caught(town, names("L", 5)) >= 0.6


def test_clicks_of_programs(town):
    for number, at_h in enumerate(town.arrivals(8, 4)):
        town.lead(f"L{number}", at_h=at_h, click={"user_agent": "python-requests/2.32"})

    assert caught(town, names("L", 8)) == 1


@pytest.mark.parametrize("dest", ["image", "iframe"])
def test_stuffed_clicks(town, dest):
    for number, at_h in enumerate(town.arrivals(12, 4)):
        town.sale(f"S{number}", at_h=at_h, click={"headers": {"sec-fetch-dest": dest, "sec-fetch-mode": "no-cors"}})

    assert caught(town, names("S", 12)) == 1


def test_checkout_hijack(town):
    for number in range(14):
        device = f"hijacked{number}"
        town.tell("click", number * 5 - 0.3, click_id=f"before{number}", device_id=device, ip=f"198.18.99.{number + 1}")
        town.sale(f"S{number}", at_h=number * 5, click_s=9, device_id=device, ip=f"198.18.99.{number + 1}")

    assert caught(town, names("S", 14)) >= 0.7


def test_a_refund_cycle(town):
    for number, at_h in enumerate(town.arrivals(12, 10)):
        town.sale(f"S{number}", at_h=at_h)
        town.tell("refund", 360 + number * 10, external_id=f"R{number}", refund_of=f"S{number}", amount=5000)
    for number, at_h in enumerate(town.arrivals(30, 4)):
        town.sale(f"honest{number}", partner="crowd", at_h=at_h)

    assert caught(town, names("S", 12)) >= 0.7
