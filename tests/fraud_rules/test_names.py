"""Names: what is common, and what is one family's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraud_rules.identity import mask_phone, name_tokens
from fraud_rules.names import FIRST_NAMES, SURNAMES, fold_surname, is_common, is_patronymic, of_one_family, surnames


@pytest.mark.parametrize(
    ("his", "hers"),
    [
        ("Козырев", "Козырева"),
        ("Пушкин", "Пушкина"),
        ("Достоевский", "Достоевская"),
        ("Толстой", "Толстая"),
        ("Синицын", "Синицына"),
        ("Kowalski", "Kowalska"),
        ("Бондарчук", "Бондарчук"),
        ("Bergmann", "Bergmann"),
    ],
)
def test_husband_and_wife_have_one_surname(his, hers):
    assert of_one_family([f"Иван {his}", f"{hers} Анна"])


@pytest.mark.parametrize(
    "names",
    [
        ["Ирина Козырева", "Ирина Сазонова"],
        ["Анна Петровна Козырева", "Ольга Петровна Сазонова"],
        ["Ли Анна", "Ли Борис"],
        ["Anna Bergmann", None],
        [None, None],
        ["Anna Bergmann"],
        [],
    ],
    ids=["first_name", "patronymic", "too_short", "unknown", "both_unknown", "one", "none"],
)
def test_other_words_make_no_family(names):
    assert not of_one_family(names)


def test_all_of_a_family_share_the_surname():
    assert of_one_family(["Anna Bergmann", "Otto Bergmann", "Bergmann Lisa"])
    assert not of_one_family(["Anna Bergmann", "Otto Bergmann", "Lisa Ferrante"])


@pytest.mark.parametrize("word", ["иван", "Смирнова", "smirnov", "ANNA", "Johnson", "Ёлкина"])
def test_common_words(word):
    (token,) = name_tokens(word)

    assert is_common(token) is (word != "Ёлкина")


def test_lists_hold_about_two_hundred_words_each():
    assert 150 <= len(FIRST_NAMES) <= 300
    assert 150 <= len(SURNAMES) <= 300


@pytest.mark.parametrize(
    ("word", "patronymic"), [("petrovich", True), ("petrovna", True), ("ivanov", False), ("ovna", False)]
)
def test_patronymics(word, patronymic):
    assert is_patronymic(word) is patronymic


@given(st.text(max_size=400))
def test_hostile_name_never_raises(text):
    for word in surnames(text):
        assert fold_surname(word)


@pytest.mark.parametrize(
    ("phone", "shown"),
    [
        ("8 912 345-67-67", "+7 912 •••-••-67"),
        ("+375 29 123 45 67", "+375 •••-••-67"),
        ("123456789", "•••-••-89"),
        ("nothing", "•••"),
        (None, "•••"),
    ],
)
def test_masked_phone_keeps_country_and_two_digits(phone, shown):
    assert mask_phone(phone) == shown


@given(st.text(max_size=100))
def test_masked_phone_never_shows_a_whole_number(text):
    assert sum(char.isdecimal() for char in mask_phone(text)) <= 8
