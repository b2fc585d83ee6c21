"""Referral codes: what they may look like and how one is made from a name; pure.

The store picks the first free one of `candidates`; the edge compares codes in the form `normal_code` returns.
"""

import re
import unicodedata
from collections.abc import Iterator

from tracker.i18n.messages import InputError, msg

SHORTEST, LONGEST = 3, 32
_CODE = re.compile(r"[A-Z0-9-]{3,32}", re.ASCII)
_STEM_MAX = 24  # leaves room for a number behind it
_NUMBERED_MAX = 99
_NAMELESS = "PARTNER"
# Passport practice of ICAO 9303 for Cyrillic and for letters that have no plain form, near enough to be read back.
_LETTERS = "абвгдеёжзийклмнопрстуфхцчшщъыэюяіїєґўøæœßłđþð"
_SPELLINGS = "A B V G D E E ZH Z I I K L M N O P R S T U F KH TS CH SH SHCH IE Y E IU IA I I IE G U O AE OE SS L D TH D"
_CYRILLIC = dict(zip(_LETTERS, _SPELLINGS.split(), strict=True))
_CYRILLIC["ь"] = ""


def normal_code(text: str, *, field: str = "code") -> str:
    """Return the code in upper case without outer blanks; refuses other characters and lengths than 3 … 32."""
    code = text.strip().upper()
    if text.isascii() and _CODE.fullmatch(code):
        return code
    raise InputError(
        field,
        msg('"%(code)s" is not a code; use 3 to 32 letters A-Z, digits and hyphens.', code=text.strip()[:40]),
    )


def candidates(name: str, *, random: str) -> Iterator[str]:
    """Yield codes for a name, nicest first: the name, then numbered, at last with the given random letters."""
    stem = _stem(name)
    yield stem
    for number in range(2, _NUMBERED_MAX + 1):
        yield f"{stem}-{number}"
    yield f"{stem[: LONGEST - 1 - len(random)]}-{random}".upper()


def _stem(name: str) -> str:
    """Return the name in A-Z, 0-9 and single hyphens; one too short gets a word before it."""
    spelled = "".join(_CYRILLIC.get(letter, letter) for letter in name.lower())
    plain = unicodedata.normalize("NFKD", spelled).encode("ascii", "ignore").decode().upper()
    stem = re.sub(r"[^A-Z0-9]+", "-", plain).strip("-")[:_STEM_MAX].strip("-")
    if len(stem) >= SHORTEST:
        return stem
    return f"{_NAMELESS}-{stem}" if stem else _NAMELESS
