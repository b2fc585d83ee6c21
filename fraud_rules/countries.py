"""Which countries a phone number may be from, and between which countries people live.

`geo_mismatch` asks here, and the history that counts the program it is compared with. Tables of everyday life, not of
law: a border that thousands cross every day, or a labour market many live in with a SIM card from home, makes a
difference of country say little.
"""

from typing import Final

import msgspec

from fraud_rules.network import NetworkClass
from fraud_rules.providers import CALLING_CODES

# Codes several countries share beside those in the calling plan; who shares one cannot be told apart.
_SHARED_CODES: Final[dict[str, str]] = {
    "1": "AG AI AS BB BM BS DM DO GD GU JM KN KY LC MP MS PR SX TC TT VC VG VI",
    "44": "GG IM JE",
    "39": "SM VA",
    "7": "KZ RU",
}
# Codes the calling plan does not know but some customers have; without them +371 would be read as nothing.
_OTHER_CODES: Final[dict[str, str]] = {
    "20": "EG", "27": "ZA", "30": "GR", "36": "HU", "40": "RO", "45": "DK", "46": "SE", "47": "NO", "52": "MX",
    "55": "BR", "60": "MY", "61": "AU", "62": "ID", "63": "PH", "64": "NZ", "65": "SG", "66": "TH", "81": "JP",
    "82": "KR", "84": "VN", "86": "CN", "92": "PK", "93": "AF", "94": "LK", "98": "IR", "234": "NG", "353": "IE",
    "357": "CY", "358": "FI", "359": "BG", "370": "LT", "371": "LV", "372": "EE", "373": "MD", "381": "RS",
    "382": "ME", "385": "HR", "386": "SI", "421": "SK", "880": "BD", "966": "SA", "971": "AE", "976": "MN",
    "992": "TJ", "993": "TM", "994": "AZ",
}  # fmt: skip

CODE_DIGITS_MAX = 3


def _by_code() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {code: set(names.split()) for code, names in _SHARED_CODES.items()}
    for country, (code, _, _) in CALLING_CODES.items():
        found.setdefault(code, set()).add(country)
    for code, country in _OTHER_CODES.items():
        found.setdefault(code, set()).add(country)
    return {code: frozenset(countries) for code, countries in found.items()}


COUNTRIES_BY_CODE: Final[dict[str, frozenset[str]]] = _by_code()

_EUROPE = (
    "AD AT BE BG CH CY CZ DE DK EE ES FI FR GB GG GR HR HU IE IM IS IT JE LI LT LU LV MC MT NL NO PL PT RO SE SI "
    "SK SM VA"
)
_FORMER_UNION = "AM AZ BY GE KG KZ MD RU TJ TM UA UZ"

# Inside one of these people move for work and study without changing their number.
_ZONES: Final[tuple[frozenset[str], ...]] = tuple(
    frozenset(zone.split(" "))
    for zone in (_FORMER_UNION, _EUROPE, "CA MX PR US", "BA HR ME MK RS SI", "AE BH IN KW OM PH PK QA SA")
)
# Neighbours across zones with busy borders, or with many who moved lately.
_PAIRS: Final[frozenset[frozenset[str]]] = frozenset(
    frozenset(pair.split())
    for pair in (
        "RU FI", "RU EE", "RU LV", "RU LT", "RU PL", "RU NO", "RU CN", "RU MN", "RU RS", "RU TR", "RU IL", "RU AE",
        "RU TH", "RU CY", "RU ME", "RU DE", "BY PL", "BY LT", "BY LV", "UA PL", "UA RO", "UA HU", "UA SK", "UA MD",
        "UA DE", "UA CZ", "MD RO", "KZ CN", "KZ TR", "GE TR", "AM IR", "AZ IR", "AZ TR", "TR BG", "TR GR", "TR DE",
        "US DO", "US JM", "US IN", "GB IN", "DE TR", "MY SG", "CN HK", "AU NZ",
    )
)  # fmt: skip

# What stands behind these addresses is elsewhere.
ELSEWHERE: frozenset[NetworkClass] = frozenset({"relay", "vpn", "tor", "hosting"})


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """Where the address is and where the customer says to be from; `is_near` forgives half."""

    country: str
    homes: frozenset[str]
    is_near: bool

    @property
    def differ(self) -> bool:
        """Whether neither the phone nor the declared home is of the address's country."""
        return self.country not in self.homes


def phone_countries(number: str | None) -> frozenset[str]:
    """Return the countries an international number ("+7912…") may be from; none for any other text."""
    if number is None or not number.startswith("+"):
        return frozenset()
    for length in range(CODE_DIGITS_MAX, 0, -1):
        found = COUNTRIES_BY_CODE.get(number[1 : 1 + length])
        if found is not None:
            return found
    return frozenset()


def are_near(one: str, other: str) -> bool:
    """Say whether many people live between these two countries (ISO 3166 codes, upper case)."""
    return frozenset({one, other}) in _PAIRS or any(one in zone and other in zone for zone in _ZONES)


def read_country(text: str | None) -> str | None:
    """Return the ISO 3166 code in upper case, or None for anything that is not two Latin letters."""
    code = (text or "")[:8].strip().upper()
    return code if len(code) == 2 and code.isascii() and code.isalpha() else None


def places_of(
    address_country: str | None, *, number: str | None, home: str | None, network: NetworkClass
) -> Places | None:
    """Return what can be compared, or None where one of the sides is unknown."""
    country = read_country(address_country)
    if country is None or network in ELSEWHERE:
        return None
    declared = read_country(home)
    homes = phone_countries(number) | ({declared} if declared else set())
    if not homes:
        return None
    # Roaming telephones keep their number, and often an address of their home network or of a third country.
    is_near = network == "mobile" or any(are_near(country, each) for each in homes)
    return Places(country=country, homes=homes, is_near=is_near)
