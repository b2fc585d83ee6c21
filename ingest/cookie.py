"""The first-party cookie as the server sets it: the same value the snippet writes, with a longer life in Safari.

Value: `1.<last id>.<last code>.<t36>~<first id>.<first code>.<t36>`; both touches are kept, so the program may change
its model later. See docs/snippet.md.
"""

import re
from functools import lru_cache
from http.cookies import CookieError, SimpleCookie
from urllib.parse import quote, unquote

VALUE_MAX = 220  # bytes
SAME_CLICK_S = 1800  # the same code within it is the same click: back button, a second tab (as in snippet/src/x.js)
_TOUCH = r"[A-Za-z0-9_-]{1,64}\.[A-Za-z0-9_%~!*'()-]{1,128}\.[0-9a-z]{1,11}"
_VALUE = re.compile(rf"1\.{_TOUCH}~{_TOUCH}")
_DOMAIN = re.compile(r"[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})+")


def read_cookie(header: str | None, name: str) -> str | None:
    """Return the value of our cookie in a Cookie header, None when absent or malformed.

    Of two cookies of that name (one of this host alone, one of its domain) the one that was touched last.
    """
    if not header or name not in header:
        return None
    found = []
    for part in header.split(";"):
        try:
            morsel = SimpleCookie(part).get(name)
        except CookieError:
            continue
        if morsel is not None and len(morsel.value) <= VALUE_MAX and _VALUE.fullmatch(morsel.value):
            found.append(morsel.value)
    return max(found, key=_touched_at) if found else None


def is_doubled(header: str, name: str) -> bool:
    """Tell whether a Cookie header carries two cookies of ours."""
    return sum(part.strip().startswith(f"{name}=") for part in header.split(";")) > 1


def _touched_at(value: str) -> int:
    return int(value.split("~", 1)[0].rsplit(".", 1)[1], 36)


def is_same_click(value: str, *, code: str, now_ms: int) -> bool:
    """Tell whether the newest touch of a cookie value is the same code half an hour ago at most, as for the snippet."""
    written = unquote(value.split("~", 1)[0].split(".")[2])
    return written.upper() == code.upper() and 0 <= now_ms // 1000 - _touched_at(value) < SAME_CLICK_S


def first_touch_id(value: str) -> str:
    """Return the visitor id a cookie value stands for."""
    return value.split("~", 1)[1].split(".", 1)[0]


def cookie_value(*, click_id: str, code: str, at_ms: int, previous: str | None) -> str:
    """Return the value after a new touch, keeping the first touch of the previous value."""
    touch = f"{click_id}.{_quoted(code)}.{_base36(at_ms // 1000)}"
    first = previous.split("~", 1)[1] if previous else touch
    value = f"1.{touch}~{first}"
    return value if len(value) <= VALUE_MAX else f"1.{touch}~{touch}"


@lru_cache(maxsize=4096)
def _quoted(code: str) -> str:
    # Dots and tildes part the value, and quote() leaves them as they are.
    return quote(code, safe="").replace(".", "%2E").replace("~", "%7E")


def token_of(*, click_id: str, code: str, at_ms: int) -> str:
    """Return the cross-domain token: a click, its code and when it was handed on; a fresh one's click is adopted."""
    return f"{click_id}.{code}.{_base36(at_ms // 1000)}"


def set_cookie(*, name: str, value: str, days: int, domain: str | None, secure: bool) -> str:
    """Return the Set-Cookie header; readable by script, because forms and links hand it on."""
    parts = [f"{name}={value}", "Path=/", f"Max-Age={days * 86400}", "SameSite=Lax"]
    if domain:
        parts.append(f"Domain={domain}")
    if secure:
        parts.append("Secure")
    return "; ".join(parts)


def forget_cookie(name: str, domain: str | None = None) -> str:
    """Return the Set-Cookie header that deletes the cookie of a domain, or of this host alone."""
    return f"{name}=; Path=/; Max-Age=0" + (f"; Domain={domain}" if domain else "")


def cookie_domain(probed: str | None, host: str) -> str | None:
    """Return the domain the snippet probed when it is the host or a parent of it, else None (host-only).

    Host: without port. One label and addresses are never a cookie domain.
    """
    if not probed:
        return None
    domain = probed.lower().lstrip(".")
    if not _DOMAIN.fullmatch(domain) or domain.rsplit(".", 1)[1].isdigit():
        return None
    return domain if host == domain or host.endswith(f".{domain}") else None


@lru_cache(maxsize=16)  # Seconds: the same ones for every visit of a moment.
def _base36(number: int) -> str:
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    text = ""
    while number:
        number, rest = divmod(number, 36)
        text = digits[rest] + text
    return text or "0"
