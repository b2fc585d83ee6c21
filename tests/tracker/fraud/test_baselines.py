"""Peers' rules fire at their thresholds and not below."""

import pytest

from tracker.fraud.baselines import dub, email_or_ip, post_affiliate_pro, referralcandy, three_per_address
from tracker.fraud.baselines.registry import BASELINES

PARTNER = {
    "type": "partner",
    "at": "2026-01-05T00:00:00Z",
    "program_id": "p",
    "partner_id": "ann",
    "name": "Anna Winter",
    "email": "anna.winter@gmail.com",
    "phone": "+49 151 1234567",
    "partner_code": "ANNA",
}


def lead(number, *, at="2026-01-06T10:00:00Z", email=None, name=None, **changes):
    customer = {"email": email or f"customer{number}x{number * 7}@gmx.de", "name": name or f"Kunde {number * 97}"}
    base = {"type": "lead", "at": at, "program_id": "p", "external_id": f"l{number}", "partner_id": "ann"}
    return base | {"customer": customer} | changes


def held(baseline, *lines):
    outcome = baseline.judge([PARTNER, *lines])
    assert set(outcome) == {"findings", "cases", "scores"}
    assert {s for each in outcome["cases"] for s in each["subjects"]} == set(outcome["scores"])
    return sorted(outcome["scores"])


@pytest.mark.parametrize(
    ("email", "is_held"),
    [
        ("annawinter@gmail.com", True),
        ("a.n.n.a.winter+shop@googlemail.com", False),
        ("anna.winter+shop@gmail.com", True),
        ("anna.winter@gmx.de", False),
        ("somebody@gmail.com", False),
        ("somebody@yopmail.com", True),
    ],
)
def test_dub_matches_folded_mailboxes_and_knows_throw_away_domains(email, is_held):
    assert held(dub.BASELINE, lead(1, email=email)) == (["l1"] if is_held else [])


def test_dub_matches_a_private_domain_from_the_second_customer_on():
    assert held(dub.BASELINE, lead(1, email="a@firm.de"), lead(2, email="b@firm.de")) == ["l2"]


def test_dub_matches_the_partners_private_domain():
    partner = PARTNER | {"email": "hello@winter.de"}

    assert list(dub.BASELINE.judge([partner, lead(1, email="b@winter.de")])["scores"]) == ["l1"]


@pytest.mark.parametrize(("query", "is_held"), [("gclid=1", True), ("fbclid=1", False), ("utm_source=x", False)])
def test_dub_holds_what_an_advertisement_of_google_brought(query, is_held):
    click = {"type": "click", "click_id": "c", "partner_id": "ann", "landing_url": f"https://shop.example/?{query}"}

    assert held(dub.BASELINE, click, lead(1, click_id="c")) == (["l1"] if is_held else [])


@pytest.mark.parametrize(
    ("changes", "is_held"),
    [
        ({"email": "Anna.Winter@gmail.com"}, True),
        ({"name": "anna winter"}, True),
        ({"name": "Ana Winter"}, True),
        ({"email": "anna.winters@gmx.de"}, True),
        ({"name": "Uwe Schmidt"}, False),
    ],
    ids=["same address", "same name", "similar name", "similar address", "another"],
)
def test_referralcandy_compares_with_the_partner(changes, is_held):
    assert held(referralcandy.BASELINE, lead(1, **changes)) == (["l1"] if is_held else [])


def test_referralcandy_blocks_existing_customers():
    organic = lead(1, email="k@gmx.de") | {"partner_id": None}
    del organic["partner_id"]

    assert held(referralcandy.BASELINE, organic, lead(2, email="k@gmx.de")) == ["l2"]


@pytest.mark.parametrize(("count", "expected"), [(3, 0), (4, 4)])
def test_referralcandy_flags_more_than_three_purchases_from_one_address(count, expected):
    assert len(held(referralcandy.BASELINE, *(lead(n, ip="198.51.100.7") for n in range(count)))) == expected


@pytest.mark.parametrize(
    ("changes", "is_held"),
    [
        ({"email": "anna.winter@gmail.com"}, True),
        ({"email": "annawinter@gmail.com"}, False),
        ({"ip": "198.51.100.7"}, True),
        ({"ip": "198.51.100.8"}, False),
    ],
)
def test_email_or_ip_holds_the_same_mailbox_and_the_same_address(changes, is_held):
    login = {"type": "partner_login", "partner_id": "ann", "ip": "198.51.100.7"}

    assert held(email_or_ip.BASELINE, login, lead(1, **changes)) == (["l1"] if is_held else [])


@pytest.mark.parametrize(
    ("second", "is_held"), [("2026-01-07T10:00:00Z", True), ("2026-01-07T10:00:01Z", False)], ids=["24 h", "24 h 1 s"]
)
def test_post_affiliate_pro_declines_a_repeat_within_a_day(second, is_held):
    lines = [lead(1, ip="198.51.100.7"), lead(2, ip="198.51.100.7", at=second)]

    assert held(post_affiliate_pro.BASELINE, *lines) == (["l2"] if is_held else [])


@pytest.mark.parametrize(
    ("third", "expected"),
    [("2026-01-07T10:00:00Z", ["l1", "l2", "l3"]), ("2026-01-07T10:00:01Z", [])],
    ids=["24 h", "24 h 1 s"],
)
def test_three_from_one_address_within_a_day_are_held(third, expected):
    lines = [lead(1, ip="1.2.3.4"), lead(2, ip="1.2.3.4"), lead(3, ip="1.2.3.4", at=third)]

    assert held(three_per_address.BASELINE, *lines) == expected


@pytest.mark.parametrize("baseline", BASELINES, ids=lambda each: each.name)
def test_nothing_is_held_of_leads_nobody_referred(baseline):
    lines = [{k: v for k, v in lead(n, ip="1.2.3.4").items() if k != "partner_id"} for n in range(5)]

    assert held(baseline, *lines) == []


@pytest.mark.parametrize("baseline", BASELINES, ids=lambda each: each.name)
def test_every_peer_judges_a_whole_world(baseline, worlds):
    outcome = baseline.judge(worlds[1].lines)
    known = {line["external_id"] for line in worlds[1].lines if line["type"] in {"lead", "sale"}}

    assert outcome["cases"]
    assert outcome["scores"].keys() <= known
