"""Gatherings, bursts and farms seen by several rules at once: what is held together, and what must not be."""

import msgspec
import pytest

from fraud_rules.engine import judge, judge_partner
from fraud_rules.partner_facts import Baseline, Burst, ClickTotals
from fraud_rules.rules import (
    click_flood,
    cr_high,
    delay_curve,
    geo_mismatch,
    ip_anonymous,
    ip_hosting,
    partner_anon_share,
    partner_velocity,
    same_ip_leads,
    same_ip_repeat,
    stuffed_click,
    subnet_spread,
)
from fraud_rules.types import HostLead, PartnerPace

RULES = [
    rule.RULE
    for rule in (
        click_flood,
        cr_high,
        delay_curve,
        geo_mismatch,
        ip_anonymous,
        ip_hosting,
        partner_anon_share,
        partner_velocity,
        same_ip_leads,
        same_ip_repeat,
        stuffed_click,
        subnet_spread,
    )
]
DAY_MS = 86_400_000
PROGRAM = Baseline(
    partners=40,
    leads=2_000,
    anonymous_leads=100,
    comparable_leads=1_500,
    mismatched_leads=60,
    clicks=60_000,
    conversions=2_000,
    partner_rates_ppm=tuple(range(10_000, 80_000, 2_000)),
    delays=(1_400, 400, 150, 50),
    sales=700,
    refunded_sales=30,
)


@pytest.fixture(scope="session")
def points(make_subject, make_facts, make_partner):
    """Points of the newest lead as conversion, and of its partner at night, with what stands over the lead."""

    def judge_all(records, *, daily=(), clicks=None, **changes):
        *others, last = records
        values = {
            name: getattr(last, name) for name in ("person_key", "host_key", "net_key", "device_key", "agent_key")
        }
        subject = make_subject(
            conversion_id=last.conversion_id,
            occurred_at_ms=last.at_ms,
            network_class=last.network_class,
            country=last.country,
            home_country=last.home_country,
            **values | changes,
        )
        crowd = tuple(
            HostLead(
                conversion_id=lead.conversion_id,
                person_key=lead.person_key,
                agent_key=lead.agent_key,
                device_key=lead.device_key,
                at_ms=lead.at_ms,
            )
            for lead in others
            if lead.host_key == last.host_key and last.at_ms - lead.at_ms <= DAY_MS
        )
        recent = tuple(lead for lead in others if last.at_ms - lead.at_ms <= DAY_MS)
        pace = PartnerPace(
            recent=recent, daily_counts=daily, busiest_hour=max(daily, default=0), program_diversity_ppm=850_000
        )
        sections = {"code_use": None, "host_leads": crowd, "partner_pace": pace}
        facts = make_partner(records, clicks=clicks or ClickTotals(), baseline=PROGRAM)
        night = judge_partner(facts, RULES, configs={}, allow=())
        standing = [f for f in night.findings if f.holds_compared and last.conversion_id in f.compared]
        own = judge(make_facts(subject, **sections), RULES, configs={}, allow=(), standing=standing)
        assert own.errors == night.errors == ()
        return own.score.points, night.score.points

    return judge_all


@pytest.fixture(scope="session")
def make_people(make_record, now_ms):
    """People a few minutes apart, the last one now; each with a telephone of their own."""

    def make(count, *, minutes=4, **changes):
        return [
            make_record(
                n,
                **{
                    "at_ms": now_ms - (count - n) * minutes * 60_000,
                    "device_key": f"d{n}",
                    "agent_key": f"agent-{n * n % 13}",
                    "host_key": f"h{n}",
                    "net_key": f"n{n}",
                    "network_class": "fixed",
                    "country": "RU",
                    "home_country": "RU",
                }
                | changes,
            )
            for n in range(1, count + 1)
        ]

    return make


@pytest.mark.parametrize("count", [5, 12, 25])
@pytest.mark.parametrize("network", ["fixed", "mobile", "corporate", "unknown"])
def test_workshop_of_a_new_partner_is_not_held(points, make_people, count, network):
    own, night = points(make_people(count, host_key="h", net_key="n", network_class=network))

    assert max(own, night) < 50


@pytest.mark.parametrize("daily", [(), (1, 0, 2) * 9], ids=["new", "known"])
def test_post_that_reaches_two_hundred_people_is_not_even_a_note(points, make_people, daily):
    clicks = ClickTotals(hits=4_000, clicks=4_000, hosts=3_600, devices=3_500)

    own, night = points(make_people(200, minutes=1), daily=daily, clicks=clicks)

    assert max(own, night) < 25


def test_campus_that_shares_a_net_is_not_held(points, make_people):
    people = make_people(20, net_key="n", network_class="edu")

    assert max(points(people)) < 50


def test_tor_reader_from_abroad_is_a_note(points, make_people):
    (reader,) = make_people(1, network_class="tor", country="NL")

    own, night = points([reader])

    assert 25 <= own < 50
    assert night < 25


def test_traveller_on_a_hotels_network_is_nothing(points, make_people):
    (traveller,) = make_people(1, country="TH", home_country="DE")

    assert max(points([traveller])) < 25


def test_privacy_bloggers_single_reader_is_not_held_among_many_open_ones(points, make_people):
    people = make_people(40, minutes=600)
    people[-1] = msgspec.structs.replace(people[-1], network_class="vpn")

    assert max(points(people)) < 25


def test_farm_at_one_address_with_one_browser_is_held(points, make_people):
    own, _ = points(make_people(6, host_key="h", net_key="n", device_key=None, agent_key="chrome"))

    assert own >= 50


def test_farm_that_rotates_its_vpn_is_held(points, make_people):
    own, night = points(make_people(25, minutes=300, network_class="vpn", agent_key="chrome", device_key=None))

    assert own >= 50
    assert night >= 50


def test_farm_in_a_data_centre_is_held_with_eight_people(points, make_people):
    own, _ = points(make_people(8, minutes=600, network_class="hosting", device_key=None))

    assert own >= 50


def test_flood_and_late_curve_together_are_held(points, make_people, now_ms):
    people = [
        msgspec.structs.replace(lead, click_at_ms=lead.at_ms - 3 * DAY_MS) for lead in make_people(35, minutes=200)
    ]
    burst = Burst(at_ms=now_ms - 3 * DAY_MS, clicks=400, hosts=1, devices=1)

    own, night = points(people, clicks=ClickTotals(hits=9_000, clicks=9_000, hosts=30, busiest_host_hour=burst))

    assert min(own, night) >= 50


def test_long_cycle_partner_alone_is_a_note(points, make_people):
    people = [
        msgspec.structs.replace(lead, click_at_ms=lead.at_ms - 3 * DAY_MS) for lead in make_people(35, minutes=900)
    ]

    assert max(points(people, clicks=ClickTotals(hits=900, clicks=900, hosts=700, devices=700))) < 50
