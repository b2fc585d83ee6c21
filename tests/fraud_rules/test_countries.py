"""Countries of numbers, and those between which people live."""

import pytest

from fraud_rules.countries import are_near, phone_countries, read_country


@pytest.mark.parametrize(
    ("number", "countries"),
    [
        ("+79121234567", {"RU", "KZ"}),
        ("+375291234567", {"BY"}),
        ("+84912345678", {"VN"}),
        ("+37121234567", {"LV"}),
        ("89121234567", set()),
        ("+999123456789", set()),
        ("+", set()),
        ("", set()),
        (None, set()),
        ("+" + "7" * 1_000_000, {"RU", "KZ"}),
    ],
    ids=[
        "seven",
        "three_digits",
        "two_digits",
        "other_three",
        "no_plus",
        "no_code",
        "plus",
        "empty",
        "none",
        "hostile",
    ],
)
def test_code_of_a_number_says_its_countries(number, countries):
    assert phone_countries(number) == countries


def test_code_one_is_shared_by_america_canada_and_the_caribbean():
    assert {"US", "CA", "DO", "JM"} <= phone_countries("+12025550100")


@pytest.mark.parametrize(
    ("one", "other", "near"),
    [
        ("RU", "KZ", True),
        ("UZ", "RU", True),
        ("DE", "PT", True),
        ("RU", "FI", True),
        ("FI", "RU", True),
        ("US", "MX", True),
        ("RU", "VN", False),
        ("DE", "BR", False),
        ("RU", "RU", True),
        ("XX", "", False),
    ],
)
def test_neighbours_and_labour_markets_are_near(one, other, near):
    assert are_near(one, other) is near


@pytest.mark.parametrize(
    ("text", "country"),
    [
        ("ru", "RU"),
        (" DE ", "DE"),
        ("", None),
        (None, None),
        ("Russia", None),
        ("R1", None),
        ("ру", None),
        ("x" * 10**6, None),
    ],
)
def test_only_two_latin_letters_are_a_country(text, country):
    assert read_country(text) == country
