"""Tables of network classes."""

import typing

import pytest

from fraud_rules.network import (
    DAILY_LEADS_PPM,
    DAMPING_PPM,
    NETWORK_CLASSES,
    NETWORK_TITLES,
    NetworkClass,
)


@pytest.mark.parametrize("table", [DAMPING_PPM, DAILY_LEADS_PPM, NETWORK_TITLES], ids=["damping", "daily", "titles"])
def test_every_class_has_a_line_in_every_table(table):
    assert tuple(table) == NETWORK_CLASSES == typing.get_args(NetworkClass)


@pytest.mark.parametrize(
    ("network_class", "damping", "daily_leads"),
    [
        ("fixed", 1.0, 0.05),
        ("mobile", 0.4, 2),
        ("edu", 0.4, 2),
        ("corporate", 0.5, 0.5),
        ("hosting", 1.0, 0.05),
        ("vpn", 0.5, 1),
        ("tor", 1.0, 1),
        ("relay", 0.2, 5),
        ("unknown", 0.8, 0.2),
    ],
)
def test_class_has_its_settled_damping_and_daily_leads(network_class, damping, daily_leads):
    assert DAMPING_PPM[network_class] == round(damping * 1_000_000)
    assert DAILY_LEADS_PPM[network_class] == round(daily_leads * 1_000_000)


def test_titles_are_different_words():
    assert len(set(NETWORK_TITLES.values())) == len(NETWORK_CLASSES)
