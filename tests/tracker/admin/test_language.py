"""Every text has a Russian translation, and numbers, money and dates follow each language's habits."""

import re
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from hypothesis import given
from hypothesis import strategies as st

from tracker.i18n.catalog import LOCALE_DIR, translations
from tracker.i18n.currencies import EXPONENTS, check_currency
from tracker.i18n.extraction import message_ids
from tracker.i18n.languages import choose_language
from tracker.i18n.messages import InputError, Message, msg
from tracker.i18n.text import clean_line
from tracker.i18n.translator import Translator, iso_utc

EN, RU = Translator("en"), Translator("ru")
DAY_MS = 86_400_000
PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]|%%")


def catalogue():
    with (LOCALE_DIR / "ru/LC_MESSAGES/molva.po").open("rb") as file:
        return read_po(file)


def test_every_text_has_a_russian_translation():
    translated = {message.id for message in catalogue() if message.id and message.string and all(message.string)}

    missing = {msgid: where for msgid, where in message_ids().items() if msgid not in translated}

    assert missing == {}


def test_translations_keep_every_placeholder():
    for message in catalogue():
        if not message.id:
            continue
        ids = message.id if isinstance(message.id, tuple) else (message.id,)
        texts = message.string if isinstance(message.string, tuple) else (message.string,)
        assert len(texts) == (3 if len(ids) == 2 else 1), message.id
        for text in filter(None, texts):
            assert set(PLACEHOLDER.findall(text)) == set(PLACEHOLDER.findall(ids[-1])), message.id


def test_source_checkout_without_compiled_catalogue_speaks_russian(tmp_path, monkeypatch):
    folder = tmp_path / "ru/LC_MESSAGES"
    folder.mkdir(parents=True)
    source = Path(LOCALE_DIR / "ru/LC_MESSAGES/molva.po")
    (folder / "molva.po").write_bytes(source.read_bytes())
    monkeypatch.setattr("tracker.i18n.catalog.LOCALE_DIR", tmp_path)

    assert translations.__wrapped__("ru").gettext("Partners") == "Партнёры"
    assert translations.__wrapped__("en").gettext("Partners") == "Partners"


@pytest.mark.parametrize(
    ("days", "text"),
    [(0, "0 дней"), (1, "1 день"), (2, "2 дня"), (5, "5 дней"), (11, "11 дней"), (21, "21 день"), (112, "112 дней")],
)
def test_russian_has_three_plural_forms(days, text):
    assert RU.ngettext("%(count)s day", "%(count)s days", days) == text


@pytest.mark.parametrize(
    ("amount", "currency", "english", "russian"),
    [
        (123456, "EUR", "€1,234.56", "1\u00a0234,56\u00a0€"),
        (100, "RUB", "RUB\u00a01.00", "1,00\u00a0₽"),
        (1234, "JPY", "¥1,234", "1\u00a0234\u00a0¥"),
        (1234567, "BHD", "BHD\u00a01,234.567", "1\u00a0234,567\u00a0BHD"),
        (-4990, "USD", "-$49.90", "-49,90\u00a0$"),
        (0, "HUF", "HUF\u00a00.00", "0,00\u00a0HUF"),
        (10**13, "EUR", "€100,000,000,000.00", "100\u00a0000\u00a0000\u00a0000,00\u00a0€"),
    ],
)
def test_money_has_the_decimals_of_iso_4217(amount, currency, english, russian):
    assert EN.money(amount, currency) == english
    assert RU.money(amount, currency) == russian


@given(st.integers(0, 10**13), st.sampled_from(sorted(EXPONENTS)))
def test_amount_in_a_form_is_read_back_exactly(amount, currency):
    for speech in (EN, RU):
        assert speech.parse_money(speech.amount(amount, currency), currency, field="x") == amount


@given(st.integers(0, 10_000))
def test_share_in_a_form_is_read_back_exactly(basis_points):
    for speech in (EN, RU):
        assert speech.parse_share(speech.share(basis_points), field="x") == basis_points


@pytest.mark.parametrize(
    ("speech", "typed", "minor"),
    [
        (EN, "1,000", 100_000),
        (EN, "1,234.5", 123_450),
        (EN, "12,5", 1250),
        (RU, "12.5", 1250),
        (RU, "1\u00a0000,5", 100_050),
        (RU, "1 000", 100_000),
        (EN, " 7 ", 700),
    ],
)
def test_amount_is_read_as_people_type_it(speech, typed, minor):
    assert speech.parse_money(typed, "EUR", field="x") == minor


@pytest.mark.parametrize(
    "typed",
    ["", "-1", "+1", "1e3", "NaN", "inf", "１２", "1.234", "0x10", "1_000", "99999999999999", "1.2.3", "9" * 99],
)
def test_what_is_no_amount_is_refused(typed):
    with pytest.raises(InputError):
        EN.parse_money(typed, "EUR", field="x")


@pytest.mark.parametrize(("speech", "text"), [(EN, "12.34%"), (RU, "12,34\u00a0%")])
def test_percent_follows_the_language(speech, text):
    assert speech.percent(1234) == text


@pytest.mark.parametrize(
    ("span_ms", "english", "russian"),
    [
        (0, "0 seconds", "0 секунд"),
        (61_000, "1 minute", "1 минута"),
        (3 * 3_600_000 + 120_000, "3 hours 2 minutes", "3 часа 2 минуты"),
        (30 * DAY_MS, "30 days", "30 дней"),
        (DAY_MS + 3_600_000, "1 day 1 hour", "1 день 1 час"),
    ],
)
def test_duration_has_two_units_at_most(span_ms, english, russian):
    assert EN.duration(span_ms) == english
    assert RU.duration(span_ms) == russian


def test_instants_are_shown_in_utc_or_a_named_zone():
    at_ms = 1_790_000_000_000

    assert EN.when(at_ms) == "21 Sep 2026, 14:13 UTC"
    assert EN.when(at_ms, "Europe/Berlin") == "21 Sep 2026, 16:13 CEST"
    assert RU.date(at_ms) == "21 сент. 2026"
    assert iso_utc(at_ms) == "2026-09-21T14:13:20Z"
    assert EN.when(10**18)
    assert EN.when(-(10**18))


@pytest.mark.parametrize(
    ("setting", "header", "language"),
    [
        ("ru", "en", "ru"),
        (None, "ru", "ru"),
        (None, "de,ru;q=0.5", "ru"),
        (None, "ru;q=0.1,en;q=0.9", "en"),
        (None, "ru;q=0", "en"),
        (None, "*", "en"),
        ("xx", "", "en"),
        (None, ";q=,,;;=", "en"),
        (None, "ru;q=nonsense", "en"),
        (None, "ru," * 10_000, "ru"),
    ],
)
def test_language_is_the_setting_or_the_best_of_the_header(setting, header, language):
    assert choose_language(setting=setting, accept_language=header) == language


@given(st.text(max_size=50))
def test_any_header_gives_a_language(header):
    assert choose_language(setting=None, accept_language=header) in {"en", "ru"}


def test_message_is_english_until_a_translator_says_it():
    message = msg('"%(slug)s" is taken; choose another.', slug="x")

    assert str(message) == '"x" is taken; choose another.'
    assert RU.text(message) == "«x» уже занято; выберите другое."
    assert str(InputError("slug", message)) == str(message)
    assert str(Message("99 %% done")) == "99 % done"


@pytest.mark.parametrize("text", ["a\u202eb", "a\u200bb", "a\x00b", "a\nb", "\ud800", "a\u2028b"])
def test_invisible_characters_are_refused(text):
    with pytest.raises(InputError, match="invisible character"):
        clean_line(text, field="name", longest=10)


def test_line_is_kept_composed_and_without_outer_blanks():
    assert clean_line("  e\u0301  ", field="name", longest=1) == "é"


@pytest.mark.parametrize("code", ["", "eur", "XXX", "EURO", "BTC", "ЕUR"])
def test_what_is_no_currency_is_refused(code):
    with pytest.raises(InputError, match="ISO 4217"):
        check_currency(code)
