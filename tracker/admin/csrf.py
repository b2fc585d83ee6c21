"""Whether a form was sent by one of our own pages; pure but for the request it reads.

Two checks, both needed: the hidden token of the session (or of the sign-in form), and the headers browsers add.
A header that is there must be right; a client without them (no browser of today) still needs the token.
"""

import hashlib
import hmac
from urllib.parse import urlsplit

from starlette.requests import Request

from tracker.programs.origins import is_loopback

FIELD = "csrf_token"


def is_from_here(request: Request, base_url: str) -> bool:
    """Tell whether `Origin` and `Sec-Fetch-Site`, where sent, say the form stood on our own page.

    On loopback any loopback name with the same port passes: people open 127.0.0.1 and localhost alike.
    """
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return False
    origin = request.headers.get("origin")
    return origin is None or _is_same(origin, base_url)


def is_token_right(given: str, expected: str) -> bool:
    """Compare two form tokens in constant time; an empty one is never right."""
    return bool(expected) and hmac.compare_digest(given.encode(errors="replace"), expected.encode())


def login_token(*, secret: bytes, nonce: str) -> str:
    """Return the token of the sign-in form, bound to the browser's nonce cookie."""
    if not nonce:
        return ""
    return hmac.digest(secret, b"molva login form\0" + nonce.encode(errors="replace"), hashlib.sha256).hex()


def _is_same(origin: str, base_url: str) -> bool:
    try:
        given, own = urlsplit(origin), urlsplit(base_url)
        ports = given.port or _default_port(given.scheme), own.port or _default_port(own.scheme)
    except ValueError:
        return False
    hosts = given.hostname or "", own.hostname or ""
    is_same_host = hosts[0] == hosts[1] or (is_loopback(hosts[0]) and is_loopback(hosts[1]))
    return given.scheme == own.scheme and ports[0] == ports[1] and is_same_host


def _default_port(scheme: str) -> int:
    return 443 if scheme == "https" else 80
