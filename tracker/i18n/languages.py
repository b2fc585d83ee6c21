"""Which language a reader gets; pure. Faces call `choose_language` once a request."""

from babel.core import negotiate_locale

LANGUAGES = ("en", "ru")
DEFAULT_LANGUAGE = "en"
HEADER_MAX = 500  # characters of Accept-Language looked at; browsers send fewer than 100
RANGES_MAX = 20  # language ranges looked at


def choose_language(*, setting: str | None, accept_language: str) -> str:
    """Return the person's own setting if it is one of ours, else the best of Accept-Language, else English."""
    if setting in LANGUAGES:
        return setting
    wanted = _ranges(accept_language[:HEADER_MAX])
    return negotiate_locale(wanted, LANGUAGES, sep="-") or DEFAULT_LANGUAGE


def _ranges(header: str) -> list[str]:
    """Return the language ranges of an Accept-Language header, best first.

    Unreadable parts are left out (RFC 9110 12.5.4).
    """
    weighted: list[tuple[float, int, str]] = []
    for position, part in enumerate(header.split(",")[:RANGES_MAX]):
        tag, _, parameter = part.strip().partition(";")
        quality = _quality(parameter)
        if tag.strip() and quality > 0:
            weighted.append((-quality, position, tag.strip()))
    return [tag for _, _, tag in sorted(weighted)]


def _quality(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if not name:
        return 1.0
    try:
        return min(float(value), 1.0) if name.strip() == "q" else 1.0
    except ValueError:
        return 0.0
