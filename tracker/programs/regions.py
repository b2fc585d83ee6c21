"""The country a program's people dial in, from its time zone: national phone numbers are read by it.

Only countries whose numbers `fraud_rules.identity` can read are listed; elsewhere a number needs its country code.
"""

_ZONES = {
    "RU": "Europe/Kaliningrad Europe/Moscow Europe/Kirov Europe/Volgograd Europe/Astrakhan Europe/Saratov "
    "Europe/Ulyanovsk Europe/Samara Asia/Yekaterinburg Asia/Omsk Asia/Novosibirsk Asia/Barnaul Asia/Tomsk "
    "Asia/Novokuznetsk Asia/Krasnoyarsk Asia/Irkutsk Asia/Chita Asia/Yakutsk Asia/Khandyga Asia/Vladivostok "
    "Asia/Ust-Nera Asia/Magadan Asia/Sakhalin Asia/Srednekolymsk Asia/Kamchatka Asia/Anadyr",
    "KZ": "Asia/Almaty Asia/Qyzylorda Asia/Qostanay Asia/Aqtobe Asia/Aqtau Asia/Atyrau Asia/Oral",
    "BY": "Europe/Minsk",
    "UA": "Europe/Kyiv Europe/Kiev",
    "AM": "Asia/Yerevan",
    "GE": "Asia/Tbilisi",
    "KG": "Asia/Bishkek",
    "UZ": "Asia/Tashkent Asia/Samarkand",
    "US": "America/New_York America/Detroit America/Chicago America/Denver America/Boise America/Phoenix "
    "America/Los_Angeles America/Anchorage Pacific/Honolulu",
    "CA": "America/St_Johns America/Halifax America/Moncton America/Toronto America/Winnipeg America/Regina "
    "America/Edmonton America/Vancouver America/Whitehorse",
    "GB": "Europe/London",
    "DE": "Europe/Berlin",
    "AT": "Europe/Vienna",
    "CH": "Europe/Zurich",
    "FR": "Europe/Paris",
    "BE": "Europe/Brussels",
    "NL": "Europe/Amsterdam",
    "ES": "Europe/Madrid Atlantic/Canary",
    "IT": "Europe/Rome",
    "PT": "Europe/Lisbon Atlantic/Madeira Atlantic/Azores",
    "PL": "Europe/Warsaw",
    "CZ": "Europe/Prague",
    "IL": "Asia/Jerusalem",
    "TR": "Europe/Istanbul",
    "IN": "Asia/Kolkata Asia/Calcutta",
}
_REGIONS = {zone: region for region, zones in _ZONES.items() for zone in zones.split()}


def region_of(time_zone: str) -> str | None:
    """Return the ISO 3166 code of the country a time zone lies in, None where numbers of it cannot be read."""
    return _REGIONS.get(time_zone)
