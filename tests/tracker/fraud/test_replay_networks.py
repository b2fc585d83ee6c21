"""Addresses and the networks a replay file describes."""

import pytest

from tracker.fraud.replay.lines import LineError, Network
from tracker.fraud.replay.networks import NetworkMap


@pytest.fixture
def networks():
    found = NetworkMap()
    found.add(Network(prefix="10.0.0.0/8", country="de", asn=64500, network_class="mobile"))
    found.add(Network(prefix="10.1.2.0/24", country="RU", network_class="vpn"))
    found.add(Network(prefix="2001:db8::/32", network_class="relay"))
    return found


@pytest.mark.parametrize(
    ("ip", "network_class", "country", "host_key", "masked"),
    [
        ("10.9.9.9", "mobile", "DE", "10.9.9.9/32", "10.9.9.x"),
        ("10.1.2.3", "vpn", "RU", "10.1.2.3/32", "10.1.2.x"),
        ("::ffff:10.1.2.3", "vpn", "RU", "10.1.2.3/32", "10.1.2.x"),
        ("2001:db8:1:2:3:4:5:6", "relay", None, "2001:db8:1:2::/64", "2001:db8:1::/48"),
        ("2001:db8:1:2:9:9:9:9", "relay", None, "2001:db8:1:2::/64", "2001:db8:1::/48"),
        ("192.0.2.1", "unknown", None, "192.0.2.1/32", "192.0.2.x"),
    ],
    ids=["wide", "longest_prefix", "mapped", "v6_home", "v6_same_home", "nowhere"],
)
def test_the_longest_prefix_says_what_an_address_is(networks, ip, network_class, country, host_key, masked):
    place = networks.place_of(ip)

    assert (place.network_class, place.country, place.host_key, place.masked_ip) == (
        network_class,
        country,
        host_key,
        masked,
    )


@pytest.mark.parametrize("ip", [None, "", "  "])
def test_no_address_is_no_place(networks, ip):
    assert networks.place_of(ip) is None


@pytest.mark.parametrize("ip", ["banana", "1.2.3", "10.0.0.1.example.org", "9" * 10_000, "::1::", "10.0.0.1/8"])
def test_what_is_no_address_is_refused(networks, ip):
    with pytest.raises(LineError) as caught:
        networks.place_of(ip)

    assert caught.value.field == "ip"


def test_a_prefix_that_is_none_is_refused():
    with pytest.raises(LineError) as caught:
        NetworkMap().add(Network(prefix="10.0.0.0/99"))

    assert caught.value.field == "prefix"


def test_a_later_line_moves_addresses_already_seen(networks):
    assert networks.place_of("10.9.9.9").network_class == "mobile"

    networks.add(Network(prefix="10.9.9.0/24", network_class="edu"))

    assert networks.place_of("10.9.9.9").network_class == "edu"
