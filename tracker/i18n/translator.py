"""One language, ready to speak: translated texts, money, dates, shares and durations.

Views get a `Translator` with each request and hand it to templates; the command line and notices make their
own. It reads no clock: instants come in as Unix milliseconds and are shown in UTC unless a zone is named.
"""

import gettext
import re
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_datetime, format_time
from babel.numbers import (
    NumberFormatError,
    NumberPattern,
    format_decimal,
    get_group_symbol,
    parse_decimal,
    parse_pattern,
)

from tracker.i18n.catalog import translations
from tracker.i18n.currencies import EXPONENTS
from tracker.i18n.messages import InputError, Message, Parameter, msg

AMOUNT_TEXT_MAX = 40  # characters of a typed number looked at
AMOUNT_MAX = 10**13  # largest amount anywhere, in minor units
_LETTER_THEN_DIGIT = re.compile(r"(?<=[A-Za-z])(?=[0-9])")
_TYPED = re.compile(r"[0-9][0-9.,]*")
_YEAR_LIMIT_MS = 253_402_300_799_999  # the last instant of year 9999; datetime knows none beyond


class Translator:
    """Texts and formats of one language."""

    def __init__(self, language: str) -> None:
        self.language = language
        self.locale = Locale.parse(language)
        self._catalogue: gettext.NullTranslations = translations(language)

    def gettext(self, msgid: str, **params: Parameter) -> str:
        """Return the text in this language with its placeholders filled."""
        text = self._catalogue.gettext(msgid)
        return text % params if params else text.replace("%%", "%")

    def ngettext(self, singular: str, plural: str, count: int, **params: Parameter) -> str:
        """Return the form for a count; `%(count)s` in the text is the number with grouping, `%(count)d` without."""
        text = self._catalogue.ngettext(singular, plural, count)
        shown = count if "%(count)d" in text else self.number(count)
        return text % {"count": shown, **params}

    def text(self, message: Message) -> str:
        """Return a stored message written out."""
        return self.gettext(message.msgid, **message.params)

    def number(self, value: int) -> str:
        """Return a whole number with this language's grouping."""
        return str(format_decimal(value, locale=self.locale))

    def decimal(self, value: Decimal) -> str:
        """Return a number with at most two decimals, rounded half-even."""
        return str(format_decimal(value, format="#,##0.##", locale=self.locale))

    def tenths(self, value: int) -> str:
        """Return a number of tenths with at most one decimal."""
        return self.decimal(Decimal(value).scaleb(-1))

    def money(self, amount_minor: int, currency: str) -> str:
        """Return an amount of minor units with its currency, with exactly the decimals ISO 4217 gives it."""
        exponent = EXPONENTS.get(currency, 2)
        pattern = _with_decimals(self.locale.currency_formats["standard"].pattern, exponent, exponent)
        amount = Decimal(amount_minor).scaleb(-exponent)
        text = str(pattern.apply(amount, self.locale, currency=currency, currency_digits=False))
        # CLDR wants a blank between a currency written in letters and its number; Babel leaves it out.
        return _LETTER_THEN_DIGIT.sub("\u00a0", text)

    def amount(self, amount_minor: int, currency: str) -> str:
        """Return an amount as a person types it into a form: no currency, no grouping."""
        exponent = EXPONENTS.get(currency, 2)
        text = f"{Decimal(amount_minor).scaleb(-exponent):.{exponent}f}"
        return text.replace(".", self._decimal_mark())

    def percent(self, basis_points: int) -> str:
        """Return basis points as a percentage with no more decimals than needed."""
        pattern = _with_decimals(self.locale.percent_formats[None].pattern, 0, 2)
        return str(pattern.apply(Decimal(basis_points).scaleb(-4), self.locale))

    def share(self, basis_points: int) -> str:
        """Return basis points as typed into a form: a percentage without its sign."""
        text = f"{Decimal(basis_points).scaleb(-2):.2f}".rstrip("0").rstrip(".")
        return text.replace(".", self._decimal_mark())

    def when(self, at_ms: int, time_zone: str = "UTC") -> str:
        """Return date and time, with the zone's name behind it."""
        moment = moment_of(at_ms, time_zone)
        suffix = "UTC" if time_zone == "UTC" else moment.tzname() or time_zone
        return f"{format_datetime(moment, 'd MMM y, HH:mm', locale=self.locale)} {suffix}"

    def date(self, at_ms: int, time_zone: str = "UTC") -> str:
        """Return the date alone."""
        return str(format_date(moment_of(at_ms, time_zone).date(), "d MMM y", locale=self.locale))

    def clock(self, at_ms: int, time_zone: str = "UTC") -> str:
        """Return the time of day alone, with seconds."""
        return str(format_time(moment_of(at_ms, time_zone).time(), "HH:mm:ss", locale=self.locale))

    def duration(self, span_ms: int) -> str:
        """Return a span in its two largest units: "3 days 4 hours", "12 seconds"."""
        seconds = abs(span_ms) // 1000
        if seconds < 60:
            return self.ngettext("%(count)s second", "%(count)s seconds", seconds)
        days, hours, minutes = seconds // 86_400, seconds // 3600 % 24, seconds // 60 % 60
        parts = [
            self.ngettext("%(count)s day", "%(count)s days", days) if days else "",
            self.ngettext("%(count)s hour", "%(count)s hours", hours) if hours else "",
            self.ngettext("%(count)s minute", "%(count)s minutes", minutes) if minutes and not days else "",
        ]
        return " ".join(part for part in parts if part)

    def parse_money(self, text: str, currency: str, *, field: str) -> int:
        """Return the minor units of a typed amount.

        Refuses more decimals than the currency has, signs and nonsense.
        """
        exponent = EXPONENTS.get(currency, 2)
        amount = self._parse(text, field=field).scaleb(exponent)
        if amount != amount.to_integral_value():
            raise InputError(
                field,
                msg(
                    "%(currency)s has %(decimals)s decimals; give no more.",
                    currency=currency,
                    decimals=exponent,
                ),
            )
        if amount > AMOUNT_MAX:
            raise InputError(field, msg("Is larger than any amount Molva keeps; give less."))
        return int(amount)

    def parse_share(self, text: str, *, field: str) -> int:
        """Return the basis points of a typed percentage between 0 and 100 with at most two decimals."""
        points = self._parse(text.strip().removesuffix("%"), field=field).scaleb(2)
        if points != points.to_integral_value() or not 0 <= points <= 10_000:
            raise InputError(field, msg("Give a percentage from 0 to 100 with at most two decimals."))
        return int(points)

    def _parse(self, text: str, *, field: str) -> Decimal:
        """Return the number typed in this language's habit.

        A lone point or comma is a decimal mark in either.
        """
        typed = text.strip().replace("\u00a0", "").replace("\u202f", "").replace(" ", "")
        if typed.count(".") + typed.count(",") == 1 and not self._is_grouped(typed):
            typed = typed.replace(",", ".").replace(".", self._decimal_mark())
        if len(typed) <= AMOUNT_TEXT_MAX and _TYPED.fullmatch(typed):
            with suppress(NumberFormatError, InvalidOperation):
                return Decimal(parse_decimal(typed, locale=self.locale, strict=True))
        raise InputError(field, msg('"%(value)s" is not a number; type digits, such as 12.50.', value=text[:40]))

    def _is_grouped(self, typed: str) -> bool:
        """Tell whether the only mark can but be a thousands separator of this language ("1,000")."""
        group = get_group_symbol(self.locale)
        return group in typed and len(typed.rpartition(group)[2]) == 3

    def _decimal_mark(self) -> str:
        return "," if self.language == "ru" else "."


@cache
def _with_decimals(text: str, least: int, most: int) -> NumberPattern:
    """Return a number pattern with other bounds of decimals."""
    pattern = parse_pattern(text)
    pattern.frac_prec = (least, most)
    return pattern


def moment_of(at_ms: int, time_zone: str = "UTC") -> datetime:
    """Return the instant as an aware datetime.

    Instants outside the years 1 … 9999 are shown as the nearest known.
    """
    clamped = min(max(at_ms, 0), _YEAR_LIMIT_MS - 86_400_000)
    zone = UTC if time_zone == "UTC" else ZoneInfo(time_zone)
    return datetime.fromtimestamp(clamped / 1000, tz=zone)


def iso_utc(at_ms: int) -> str:
    """Return ISO 8601 in UTC with seconds, as shown outside and in `<time datetime>`."""
    return moment_of(at_ms).strftime("%Y-%m-%dT%H:%M:%SZ")


@cache
def translator_of(language: str) -> Translator:
    """Return the one Translator of a language."""
    return Translator(language)
