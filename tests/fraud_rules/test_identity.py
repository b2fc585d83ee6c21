"""Keys and masks of e-mails, phones, names and addresses."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fraud_rules.identity import (
    EMAIL_MAX,
    email_domain,
    email_keys,
    mask_email,
    name_tokens,
    person_key,
    phone_digits,
)
from fraud_rules.providers import CALLING_CODES, DOTLESS, HYPHEN_IS_DOT, TAGGED, TWINS

ONE_MAILBOX = [
    ("gmail_dots", "i.petrov@gmail.com", "ipetrov@gmail.com"),
    ("gmail_tag", "ipetrov+shop@gmail.com", "ipetrov@gmail.com"),
    ("gmail_dots_and_tag", "i.pet.rov+a+b@gmail.com", "ipetrov@gmail.com"),
    ("googlemail", "i.petrov@googlemail.com", "ipetrov@gmail.com"),
    ("case", "I.Petrov@GMail.com", "ipetrov@gmail.com"),
    ("blanks", "  ipetrov@gmail.com\n", "ipetrov@gmail.com"),
    ("full_width", "ｉｐｅｔｒｏｖ＠ｇｍａｉｌ．ｃｏｍ", "ipetrov@gmail.com"),
    ("zero_width", "ipet\u200brov@gmail.com", "ipetrov@gmail.com"),
    ("root_dot", "ipetrov@gmail.com.", "ipetrov@gmail.com"),
    ("apple_me", "anna@me.com", "anna@icloud.com"),
    ("apple_mac_tag", "anna+x@mac.com", "anna@icloud.com"),
    ("microsoft_tag", "anna+x@outlook.com", "anna@outlook.com"),
    ("microsoft_regional_tag", "anna+x@hotmail.co.uk", "anna@hotmail.co.uk"),
    ("proton_long", "anna@protonmail.com", "anna@proton.me"),
    ("proton_short_tag", "anna+x@pm.me", "anna@proton.me"),
    ("yandex_short", "i.petrov@ya.ru", "i.petrov@yandex.ru"),
    ("yandex_com", "i.petrov@yandex.com", "i.petrov@yandex.ru"),
    ("yandex_by", "i.petrov@yandex.by", "i.petrov@yandex.ru"),
    ("yandex_kz", "i.petrov@yandex.kz", "i.petrov@yandex.ru"),
    ("yandex_ua", "i.petrov@yandex.ua", "i.petrov@yandex.ru"),
    ("yandex_hyphen", "i-petrov@yandex.ru", "i.petrov@yandex.ru"),
    ("yandex_tag", "i-petrov+x@ya.ru", "i.petrov@yandex.ru"),
    ("fastmail_tag", "anna+x@fastmail.com", "anna@fastmail.com"),
    ("zoho_tag", "anna+x@zoho.com", "anna@zoho.com"),
    ("idn", "anna@пример.рф", "anna@xn--e1afmkfd.xn--p1ai"),
]

TWO_MAILBOXES = [
    ("workspace_dots", "i.petrov@company.com", "ipetrov@company.com"),
    ("yandex_dots", "i.petrov@yandex.ru", "ipetrov@yandex.ru"),
    ("gmail_hyphen", "i-petrov@gmail.com", "i.petrov@gmail.com"),
    ("outlook_is_not_hotmail", "anna@outlook.com", "anna@hotmail.com"),
    ("yahoo_hyphen", "anna-shop@yahoo.com", "anna@yahoo.com"),
    ("yahoo_dots", "an.na@yahoo.com", "anna@yahoo.com"),
    ("unknown_domain_tag", "anna+shop@example.org", "anna@example.org"),
    ("other_domain", "anna@example.org", "anna@example.net"),
    ("icloud_dots", "an.na@icloud.com", "anna@icloud.com"),
    ("parent_domain", "anna@mail.example.org", "anna@example.org"),
]


@pytest.mark.parametrize(("text", "canonical"), [c[1:] for c in ONE_MAILBOX], ids=[c[0] for c in ONE_MAILBOX])
def test_known_alias_has_the_canonical_key_of_its_mailbox(text, canonical):
    assert email_keys(text).canonical == canonical


@pytest.mark.parametrize(("one", "other"), [c[1:] for c in TWO_MAILBOXES], ids=[c[0] for c in TWO_MAILBOXES])
def test_different_mailboxes_keep_different_canonical_keys(one, other):
    assert email_keys(one).canonical != email_keys(other).canonical


def test_tag_at_unknown_domain_is_only_the_weak_key():
    keys = email_keys("Anna+Shop@Example.org")

    assert keys.raw_lower == "anna+shop@example.org"
    assert keys.canonical == "anna+shop@example.org"
    assert keys.weak == "anna@example.org"


def test_weak_key_equals_canonical_where_the_provider_is_known():
    keys = email_keys("a.n.n.a+x@googlemail.com")

    assert keys.weak == keys.canonical == "anna@gmail.com"
    assert keys.raw_lower == "a.n.n.a+x@googlemail.com"


@pytest.mark.parametrize(
    ("text", "canonical"),
    [("+tag@gmail.com", "+tag@gmail.com"), ("...@gmail.com", "...@gmail.com"), (".+x@gmail.com", ".@gmail.com")],
    ids=["only_tag", "only_dots", "dot_and_tag"],
)
def test_folding_never_empties_the_mailbox_name(text, canonical):
    assert email_keys(text).canonical == canonical


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "   ",
        "anna",
        "@gmail.com",
        "anna@",
        "anna@localhost",
        "anna@.com",
        "anna@ex..ample.com",
        "an na@example.org",
        "an\x00na@example.org",
        "a@b@example.org",
        "anna@exa mple.org",
        "anna@ex<script>.org",
        "anna@" + "x" * 64 + ".org",
        "anna@\udcff.org",
        "a" * EMAIL_MAX + "@gmail.com",
        "ﷺ" * 300 + "@gmail.com",
    ],
    ids=lambda text: repr(text)[:24],
)
def test_text_that_is_no_address_has_no_keys(text):
    assert email_keys(text) is None
    assert email_domain(text) is None
    assert mask_email(text) == "•••"


def test_longest_address_still_has_keys_and_one_more_letter_has_none():
    longest = "a" * (EMAIL_MAX - len("@example.org")) + "@example.org"

    assert email_keys(longest) is not None
    assert email_keys("a" + longest) is None


def test_provider_tables_name_canonical_domains_only():
    canonical = TAGGED | DOTLESS | HYPHEN_IS_DOT | set(TWINS.values())

    assert canonical.isdisjoint(TWINS)
    assert set(TWINS.values()) <= TAGGED


@given(st.text(max_size=600))
@example("\u0130@gmail.com")
@example("a@" + "ß" * 200 + ".com")
@example("+" * 300 + "@gmail.com")
@example("a@xn--\x80.com")
@example("a@" + "." * 200)
def test_hostile_email_never_raises(text):
    keys = email_keys(text)

    assert keys is None or "@" in keys.canonical
    assert len(mask_email(text)) <= 64 + 5


@given(st.from_regex(r"[a-z0-9.+-]{1,30}", fullmatch=True), st.sampled_from(sorted(TAGGED | set(TWINS))))
def test_canonical_key_is_its_own_canonical_key(local, domain):
    keys = email_keys(f"{local}@{domain}")

    again = email_keys(keys.canonical)

    assert again.canonical == keys.canonical or keys.canonical.startswith("+")


@given(st.emails())
def test_case_and_outer_blanks_never_change_a_key(address):
    assert email_keys(address) == email_keys(f" {address}\t")
    assert email_keys(address.lower()) == email_keys(email_keys(address).raw_lower)


def test_megabyte_of_hostile_text_is_cut_before_any_work():
    """No deadline: the law is that the work is bounded, so ten thousand such texts finish at all."""
    hostile = "@" * 1_000_000

    results = {(email_keys(hostile), phone_digits(hostile), name_tokens(hostile)) for _ in range(10_000)}

    assert results == {(None, None, ())}


PHONES = [
    ("plus", "+7 (912) 345-67-89", None, "+79123456789"),
    ("double_zero", "007 912 345 67 89", None, "+79123456789"),
    ("russian_trunk", "8 912 345 67 89", "RU", "+79123456789"),
    ("russian_trunk_unknown_region", "8 912 345-67-89", None, "+79123456789"),
    ("russian_bare_seven", "79123456789", None, "+79123456789"),
    ("russian_national", "9123456789", "RU", "+79123456789"),
    ("russian_code", "7 912 345 67 89", "ru", "+79123456789"),
    ("en_dash", "8 912 345–67–89", "RU", "+79123456789"),
    ("extension", "+7 912 345 67 89 доб. 12", None, "+79123456789"),
    ("extension_dot", "+7 912 345 67 89. ext 12", None, "+79123456789"),
    ("extension_hash", "+1 202 555 0123 #4", None, "+12025550123"),
    ("tel_prefix", "tel:+12025550123", None, "+12025550123"),
    ("us_national", "(202) 555-0123", "US", "+12025550123"),
    ("us_trunk", "1 202 555 0123", "US", "+12025550123"),
    ("british", "020 7946 0958", "GB", "+442079460958"),
    ("belarus", "8 029 123 45 67", "BY", "+375291234567"),
    ("spanish", "612 34 56 78", "ES", "+34612345678"),
    ("full_width", "＋７９１２３４５６７８９", None, "+79123456789"),
    ("arabic_digits", "+٧٩١٢٣٤٥٦٧٨٩", None, "+79123456789"),
    ("unknown_region", "202 555 0123", "ZZ", "2025550123"),
    ("no_region", "202 555 0123", None, "2025550123"),
    ("wrong_length_for_region", "12 34 56 7", "RU", "1234567"),
    ("foreign_number_in_region", "+44 20 7946 0958", "RU", "+442079460958"),
]


@pytest.mark.parametrize(("text", "region", "digits"), [c[1:] for c in PHONES], ids=[c[0] for c in PHONES])
def test_phone_is_read_as_international_digits(text, region, digits):
    assert phone_digits(text, region=region) == digits


@pytest.mark.parametrize(
    "text",
    [None, "", "call me", "+7", "123456", "000000000", "1111111111", "+1234567890123456"],
    ids=["none", "empty", "words", "code", "short", "zeros", "ones", "too_long"],
)
def test_text_that_is_no_phone_has_no_digits(text):
    assert phone_digits(text) is None


@given(st.text(max_size=100), st.sampled_from([None, "", "RU", "US", "de", "??"]))
def test_hostile_phone_never_raises_and_stays_short(text, region):
    digits = phone_digits(text, region=region)

    assert digits is None or (digits.lstrip("+").isdigit() and 7 <= len(digits.lstrip("+")) <= 15)


@pytest.mark.parametrize("region", sorted(CALLING_CODES))
def test_national_and_international_typing_agree_in_every_known_country(region):
    code, trunk, lengths = CALLING_CODES[region]
    national = "234567891234"[: lengths[-1]]

    assert phone_digits(f"{trunk}{national}", region=region) == phone_digits(f"+{code}{national}")


NAMES = [
    ("order", "Петров Иван", ("ivan", "petrov")),
    ("latin", "Ivan Petrov", ("ivan", "petrov")),
    ("marks", "José Núñez", ("jose", "nunez")),
    ("yo", "Алёна Щукина", ("alena", "shchukina")),
    ("hyphen", "Anna-Maria O'Neil", ("anna", "maria", "neil", "o")),
    ("empty", "  ", ()),
    ("none", None, ()),
]


@pytest.mark.parametrize(("text", "tokens"), [c[1:] for c in NAMES], ids=[c[0] for c in NAMES])
def test_name_is_sorted_latin_words(text, tokens):
    assert name_tokens(text) == tokens


@given(st.text(max_size=500))
def test_hostile_name_never_raises_and_has_few_words(text):
    assert len(name_tokens(text)) <= 16


def test_person_is_known_by_the_best_fact_there_is():
    everything = {"email": "A.nna@gmail.com", "phone": "+12025550123", "customer_id": "c1", "visitor_id": "v1"}

    assert person_key(**everything) == "email:anna@gmail.com"
    assert person_key(**everything | {"email": "broken"}) == "phone:+12025550123"
    assert person_key(customer_id="c1", visitor_id="v1") == "customer:c1"
    assert person_key(visitor_id="v1") == "visitor:v1"
    assert person_key() is None
    assert person_key(email="", phone="", customer_id="", visitor_id="") is None


def test_person_key_of_a_phone_depends_on_the_programs_region():
    assert person_key(phone="9123456789", region="RU") == "phone:+79123456789"


def test_person_key_of_a_hostile_id_is_cut():
    assert len(person_key(customer_id="x" * 1_000_000)) <= 140


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("I.Petrov@gmail.com", "i•••@gmail.com"),
        ("ab@gmail.com", "•••@gmail.com"),
        ("<b>@gmail.com", "•••@gmail.com"),
        ("anna@" + "x" * 60 + ".example.org", "a•••@" + "x" * 60 + ".exa"),
    ],
    ids=["usual", "short", "hostile", "long_domain"],
)
def test_masked_email_shows_first_letter_and_domain(text, masked):
    assert mask_email(text) == masked


@given(st.emails())
def test_masked_email_never_holds_the_mailbox_name(address):
    keys = email_keys(address)
    local = keys.raw_lower.rpartition("@")[0]

    assert mask_email(address).partition("@")[0] in {"•••", f"{local[0]}•••"}
