"""Schemes and confounders leave the traces they are named for, in the lines alone."""

import ipaddress
from collections import Counter
from datetime import datetime, timedelta

import pytest

from fraud_rules.identity import email_keys, phone_digits


class Read:
    """A world's lines, looked up."""

    def __init__(self, world):
        self.lines = world.lines
        self.networks = [
            (ipaddress.ip_network(line["prefix"]), line["class"]) for line in world.lines if line["type"] == "network"
        ]
        self.clicks = {line["click_id"]: line for line in world.lines if line["type"] == "click"}
        self.partners = {line["partner_id"]: line for line in world.lines if line["type"] == "partner"}
        self.conversions = {line["external_id"]: line for line in world.lines if line["type"] in {"lead", "sale"}}
        self.labels = world.labels

    def of(self, name):
        """Give the leads of a scheme or confounder, by partner."""
        found = {}
        for label in self.labels:
            if name in {label.scheme, label.confounder} and label.kind != "partner" and label.unit == label.subject:
                found.setdefault(label.partner, []).append(self.conversions[label.subject])
        return found

    def network_class(self, line):
        address = ipaddress.ip_address(line["ip"])
        same = (kind for net, kind in self.networks if net.version == address.version and address in net)
        return next(same, "unknown")

    def delay(self, line):
        return at(line) - at(self.clicks[line["click_id"]])


def at(line):
    return datetime.fromisoformat(line["at"])


@pytest.fixture(scope="module")
def read(worlds):
    return [Read(world) for world in worlds.values()]


def each(read, name):
    """Yield (world, partner id, leads) of every run of a scheme or confounder; there must be one."""
    found = [(world, partner, leads) for world in read for partner, leads in world.of(name).items()]
    assert found
    return found


def test_s1_is_the_partners_own_mailbox(read):
    for world, partner, leads in each(read, "S1_own_email"):
        assert {lead["customer"]["email"] for lead in leads} == {world.partners[partner]["email"]}


def test_s2_is_the_partners_mailbox_in_other_spellings(read):
    for world, partner, leads in each(read, "S2_own_alias"):
        own = world.partners[partner]["email"]
        for lead in leads:
            assert lead["customer"]["email"] != own
            assert email_keys(lead["customer"]["email"]).canonical == email_keys(own).canonical


def test_s5_is_one_address(read):
    for _, _, leads in each(read, "S5_one_address_farm"):
        assert len({lead["ip"] for lead in leads}) == 1
        assert len({lead["customer"]["email"] for lead in leads}) == len(leads)


@pytest.mark.parametrize(
    ("name", "network_class"),
    [
        ("S6_datacenter_farm", "hosting"),
        ("S7_vpn_rotation", "vpn"),
        ("S9_bot_clicks", "hosting"),
        ("relay_user", "relay"),
        ("tor_reader", "tor"),
        ("mistaken_provider", "hosting"),
    ],
)
def test_networks_are_those_of_the_name(read, name, network_class):
    for world, _, leads in each(read, name):
        clicks = [world.clicks[lead["click_id"]] for lead in leads]
        assert {world.network_class(click) for click in clicks} == {network_class}


def test_s8_is_one_mailbox_and_one_telephone(read):
    for _, _, leads in each(read, "S8_bonus_hunter"):
        assert len({email_keys(lead["customer"]["email"]).canonical for lead in leads}) == 1
        country = next((lead["customer"]["country"] for lead in leads if "country" in lead["customer"]), None)
        phones = {phone_digits(lead["customer"].get("phone"), region=country) for lead in leads}
        assert len(phones) == 1 or country is None


def test_s9_brings_clicks_by_the_hundred(read):
    for world, partner, _ in each(read, "S9_bot_clicks"):
        agents = Counter(c["user_agent"] for c in world.clicks.values() if c["partner_id"] == partner)
        assert agents["okhttp/4.12.0"] + agents["python-requests/2.32.3"] >= 30


def test_s10_says_what_loaded_the_link_where_browsers_tell(read):
    for world, _, leads in each(read, "S10_stuffing"):
        told = [world.clicks[lead["click_id"]]["headers"].get("sec-fetch-dest") for lead in leads]
        assert set(told) <= {"image", "iframe", None}
        assert any(told)


def test_s11_clicks_while_paying(read):
    for world, _, leads in each(read, "S11_checkout_hijack"):
        assert all(timedelta(seconds=4) <= world.delay(lead) <= timedelta(seconds=50) for lead in leads)


def test_s12_sends_back_after_the_hold(read):
    for world, _, leads in each(read, "S12_refund_cycle"):
        refunds = {line["refund_of"]: line for line in world.lines if line["type"] == "refund"}
        waits = [at(refunds[lead["external_id"]]) - at(lead) for lead in leads]
        assert all(timedelta(days=30) <= wait <= timedelta(days=34) for wait in waits)


def test_an_adaptive_scheme_ends_within_a_month_or_so(read):
    for _, _, leads in each(read, "S7_vpn_rotation"):
        assert at(leads[-1]) - at(leads[0]) <= timedelta(days=31)


def test_a_workshop_is_mostly_one_address_within_hours(read):
    for _, _, leads in each(read, "workshop_one_address"):
        by_address = Counter(lead["ip"] for lead in leads).most_common(1)[0][1]
        assert by_address >= len(leads) // 4
        assert all(17 <= at(lead).hour <= 19 for lead in leads)


def test_what_the_shops_people_typed_or_loaded_says_so(read):
    for name, source in (("call_centre", "call-centre"), ("crm_reimport", "import")):
        for _, _, leads in each(read, name):
            assert {lead["metadata"]["source"] for lead in leads} == {source}
            assert not any("ip" in lead or "user_agent" in lead for lead in leads)


def test_a_button_pressed_twice_sends_the_same_twice(read):
    for _, _, leads in each(read, "double_submit"):
        twins = Counter(lead["customer"]["email"] for lead in leads)
        assert max(twins.values()) == 2
        assert len({(lead["customer"]["email"], lead["customer"]["phone"], lead["click_id"]) for lead in leads}) == len(
            twins
        )


def test_honest_people_never_share_the_partners_mailbox(read):
    """Otherwise the truth itself would be doubtful."""
    for world in read:
        own = {partner: email_keys(line["email"]).canonical for partner, line in world.partners.items()}
        for label in world.labels:
            if label.kind != "partner" and not label.is_fraud and label.partner is not None:
                email = world.conversions[label.subject]["customer"]["email"]
                assert email_keys(email).canonical != own[label.partner]


def test_browsers_tell_a_consistent_story(read):
    for click in read[0].clicks.values():
        platform = click["headers"].get("sec-ch-ua-platform")
        if platform is not None:
            assert {'"Windows"': "Windows NT", '"macOS"': "Mac OS X", '"Android"': "Android", '"Linux"': "Linux"}[
                platform
            ] in click["user_agent"]
        if "iPhone" in click["user_agent"]:
            assert "sec-ch-ua" not in click["headers"]
            assert "sec-fetch-user" not in click["headers"]
