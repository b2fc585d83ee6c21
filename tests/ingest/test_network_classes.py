"""What kind of network a system is: our own list, then the words of its name; nobody is accused without either."""

import csv
from pathlib import Path

import pytest

from ingest import network_classes
from ingest.network_classes import class_of_system

LISTED = Path(network_classes.__file__).parent / "data/networks.csv"


@pytest.mark.parametrize(
    ("number", "name", "network_class"),
    [
        (16509, "Amazon.com, Inc.", "hosting"),
        (24940, "", "hosting"),
        (9009, "M247 Europe SRL", "hosting"),
        (39351, "31173 Services AB", "vpn"),
        (36183, "Akamai Technologies, Inc.", "relay"),
        (13335, "Cloudflare, Inc.", "relay"),
        (22616, "ZSCALER, INC.", "corporate"),
        (21928, "T-Mobile USA, Inc.", "mobile"),
        (3320, "Deutsche Telekom AG", "fixed"),
        (680, "Verein zur Foerderung eines Deutschen Forschungsnetzes e.V.", "edu"),
        (64496, "University of Somewhere Data Center", "edu"),
        (64496, "Universidad de Ejemplo", "edu"),
        (64496, "SomeTelecom Internet Data Center", "hosting"),
        (64496, "Example VPS Ltd", "hosting"),
        (64496, "Example Hosting GmbH", "hosting"),
        (64496, "Example Cloud LLC", "hosting"),
        (64496, "Example Mobile Ltd", "mobile"),
        (64496, "Example Telecom", "fixed"),
        (64496, "PROVEDOR EXEMPLO LTDA", "fixed"),
        (64496, "Example Fiber", "fixed"),
        (64496, "VPN de Mexico, S.A. de C.V.", "unknown"),
        (64496, "Mobileye Vision Technologies", "unknown"),
        (64496, "Cloudberry Bakeries", "unknown"),
        (64496, "Ghosted Ltd", "unknown"),
        (64496, "Bank of Somewhere", "unknown"),
        (64496, "", "unknown"),
    ],
)
def test_system_has_its_class(number, name, network_class):
    assert class_of_system(number, name) == network_class


@pytest.mark.parametrize("number", [13335, 20940, 36183, 54113])
def test_relay_of_a_phone_maker_is_never_hosting_or_vpn(number):
    """A person behind iCloud Private Relay did nothing suspicious."""
    assert class_of_system(number, "Some Cloud Hosting VPN") == "relay"


def test_every_line_of_our_list_is_one_system_with_a_class_and_a_reason():
    with LISTED.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))

    assert len({row["asn"] for row in rows}) == len(rows) > 200
    assert all(row["class"] in network_classes.NetworkClass.__args__ for row in rows)
    assert all(row["why"] and row["name"] for row in rows)
    assert all(class_of_system(int(row["asn"]), "") == row["class"] for row in rows)
