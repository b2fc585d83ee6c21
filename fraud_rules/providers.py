"""Tables behind the identity keys: what mail providers ignore, how countries dial, how Cyrillic is spelt.

`fraud_rules.identity` reads them; a wrong line here joins strangers, so each entry is a provider's
documented behaviour. Nothing here computes.
"""

from typing import Final

# Second names of the same mailbox.
TWINS: Final[dict[str, str]] = {
    "googlemail.com": "gmail.com",
    "me.com": "icloud.com",
    "mac.com": "icloud.com",
    "ya.ru": "yandex.ru",
    "yandex.com": "yandex.ru",
    "yandex.by": "yandex.ru",
    "yandex.kz": "yandex.ru",
    "yandex.ua": "yandex.ru",
    "protonmail.com": "proton.me",
    "protonmail.ch": "proton.me",
    "pm.me": "proton.me",
}

_MICROSOFT: Final = (
    "outlook.com outlook.de outlook.es outlook.fr outlook.it outlook.jp outlook.pt outlook.com.br "
    "hotmail.com hotmail.co.uk hotmail.de hotmail.es hotmail.fr hotmail.it "
    "live.com live.co.uk live.de live.fr live.it live.nl live.ru msn.com"
)

# Domains (after folding twins) that deliver "name+tag" to "name". Regional Microsoft domains are
# mailboxes of their own: they share the habit, not the names.
TAGGED: Final[frozenset[str]] = frozenset(
    {
        "gmail.com",
        "icloud.com",
        "yandex.ru",
        "proton.me",
        "fastmail.com",
        "fastmail.fm",
        "zoho.com",
        "zoho.eu",
        "zoho.in",
        "zohomail.com",
        *_MICROSOFT.split(),
    }
)

# Only consumer Gmail ignores dots; company domains hosted at Google do not.
DOTLESS: Final[frozenset[str]] = frozenset({"gmail.com"})

HYPHEN_IS_DOT: Final[frozenset[str]] = frozenset({"yandex.ru"})

# Country: calling code, trunk prefix dialled inside it, lengths of national numbers without the prefix.
CALLING_CODES: Final[dict[str, tuple[str, str, tuple[int, ...]]]] = {
    "RU": ("7", "8", (10,)),
    "KZ": ("7", "8", (10,)),
    "BY": ("375", "80", (9,)),
    "UA": ("380", "0", (9,)),
    "AM": ("374", "0", (8,)),
    "GE": ("995", "0", (9,)),
    "KG": ("996", "0", (9,)),
    "UZ": ("998", "8", (9,)),
    "US": ("1", "1", (10,)),
    "CA": ("1", "1", (10,)),
    "GB": ("44", "0", (9, 10)),
    "DE": ("49", "0", (7, 8, 9, 10, 11)),
    "AT": ("43", "0", (7, 8, 9, 10, 11, 12)),
    "CH": ("41", "0", (9,)),
    "FR": ("33", "0", (9,)),
    "BE": ("32", "0", (8, 9)),
    "NL": ("31", "0", (9,)),
    "ES": ("34", "", (9,)),
    "IT": ("39", "", (8, 9, 10, 11)),
    "PT": ("351", "", (9,)),
    "PL": ("48", "", (9,)),
    "CZ": ("420", "", (9,)),
    "IL": ("972", "0", (8, 9)),
    "TR": ("90", "0", (10,)),
    "IN": ("91", "0", (10,)),
}

CYRILLIC: Final[dict[int, str]] = str.maketrans(
    {
        "а": "a", "б": "b", "в": "v", "г": "g", "д": "d", "е": "e", "ж": "zh", "з": "z", "и": "i",
        "к": "k", "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r", "с": "s", "т": "t",
        "у": "u", "ф": "f", "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch", "ъ": "", "ы": "y",
        "ь": "", "э": "e", "ю": "yu", "я": "ya", "і": "i", "є": "e", "ґ": "g", "ў": "u",
    }
)  # fmt: skip
