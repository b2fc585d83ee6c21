"""`GET /r/to/{slug}`: a referral link.

Records the click, sets the cookie where the landing page will see it, and sends the visitor on with `via=CODE` and the
cross-domain token, by which the snippet there knows that its landing is this click. It never redirects anywhere but to
the program's own sites.
"""

import base64
import os
import re
import unicodedata
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, quote, unquote_plus, urlencode, urlsplit, urlunsplit

from ingest.browser_events import AGENT_MAX
from ingest.buffer import Pending
from ingest.click_pipeline import CLICK_STEPS, Arrival, first_refusal
from ingest.client_address import UNKNOWN
from ingest.cookie import cookie_value, first_touch_id, read_cookie, set_cookie, token_of
from ingest.directory import LinkTarget, Referral
from ingest.drops import DropReason
from ingest.events import STATE_GPC, InboxClick, encode_click
from ingest.http import NO_STORE, Answer, Headers, headers_of
from ingest.problems import ProblemError
from ingest.setup import EdgeSetup

# The snippet's own list, unless the operator names others (snippet/src/x.js).
CODE_PARAMETERS = ("via", "ref", "fpr", "fp_ref", "aff", "deal", "_from", "rfsn", "a_aid")
FORWARDED = re.compile(r"^(?:sub[1-5]|utm_[a-z_]{1,20})$")
QUERY_MAX = 2048  # characters of a link's query that are looked at
PARAMETERS_MAX = 20
DESTINATIONS_CACHED = 4096  # addresses taken apart and remembered; deep links bring any number of others

# Nothing of it needs quoting in a header.
_PLAIN = re.compile(r"[A-Za-z0-9:/?#\[\]@!$&'()*+,;=%._~-]+")

_BARE = re.compile(r"[A-Za-z0-9._~-]*")
_BROWSER_ID = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
# Whatever a browser might read as the end of a host or drop silently.
_UNSAFE = re.compile(r"[\x00-\x20\x7f-\xa0\\]")


def follow_link(setup: EdgeSetup, scope: dict[str, Any], slug: str) -> Answer | Pending:
    """Answer one visit to a referral link, with its click where it is one; raises ProblemError 404 for no link."""
    link = setup.directory.link(slug)
    if link is None:
        raise ProblemError(404, "not_found", "This referral link does not exist; check its address.")
    headers = headers_of(scope)
    query = parse_query(scope.get("query_string", b""))
    destination = choose_destination(link, query)
    if origin_of(destination) not in link.hosts:
        raise ProblemError(404, "not_found", "This link leads to a site that the program no longer has.")
    address = setup.client_address(scope, headers)
    referral = Referral(enrollment_id=link.enrollment_id, code=link.code, partner_name="") if link.is_active else None
    arrival = Arrival(
        headers=headers,
        method=scope["method"],
        gpc=link.gpc,
        referral=referral,
        is_over_limit=setup.is_click_over_limit(address),
    )
    reason = first_refusal(CLICK_STEPS["redirect"], arrival)
    if reason is not None:
        setup.sink.count_drop(reason.value)
        if reason is DropReason.RATE_LIMITED:
            # The landing page's snippet reports the click instead, and its queue can wait.
            destination = with_parameters(destination, [(setup.code_parameter, link.code)])
        return _redirect(destination, [(b"x-molva-drop", reason.value.encode())])
    return _record(setup, address, link, headers, destination=destination, query=query)


def _record(
    setup: EdgeSetup,
    address: str,
    link: LinkTarget,
    headers: dict[bytes, bytes],
    *,
    destination: str,
    query: dict[str, str],
) -> Pending:
    is_anonymous = headers.get(b"sec-gpc") == b"1" and link.gpc == "honor"
    now_ms = setup.now_ms()
    click_id = make_click_id()
    forwarded = {name: value for name, value in query.items() if FORWARDED.match(name)}
    cookies = "" if is_anonymous or link.cookieless else headers.get(b"cookie", b"").decode("latin-1")
    known = read_cookie(cookies, setup.cookie_name)
    click = InboxClick(
        program_id=link.program_id,
        livemode=True,
        enrollment_id=link.enrollment_id,
        click_id=click_id,
        visitor_id="" if is_anonymous else first_touch_id(known) if known else click_id,
        source="redirect",
        code=link.code,
        age_ms=0,
        address=UNKNOWN if is_anonymous else address,
        user_agent="" if is_anonymous else headers.get(b"user-agent", b"").decode("latin-1")[:AGENT_MAX],
        page_url=destination[:2048],
        http_referer=None if is_anonymous else headers.get(b"referer", b"").decode("latin-1")[:2048] or None,
        parameter=None,
        state=STATE_GPC if is_anonymous else 0,
        event_id=None,
        headers={},
        details=forwarded or None,
    )
    body = encode_click(click)
    out: Headers = []
    destination = without_parameter(destination, setup.token_name)
    added = [*forwarded.items(), (setup.code_parameter, link.code)]
    if is_anonymous:
        return Pending(now_ms, body, _redirect(with_parameters(destination, added), out))
    state = cookie_value(click_id=click_id, code=link.code, at_ms=now_ms, previous=known)
    added.append((setup.token_name, token_of(click_id=click_id, code=link.code, at_ms=now_ms)))
    domain = shared_domain(setup.base_host, urlsplit(destination).hostname or "")
    if domain is not None and not link.cookieless:
        cookie = set_cookie(
            name=setup.cookie_name,
            value=state,
            days=link.cookie_days,
            domain=domain or None,
            secure=setup.is_secure,
        )
        out.append((b"set-cookie", cookie.encode()))
    return Pending(now_ms, body, _redirect(with_parameters(destination, added), out))


def make_click_id() -> str:
    """Return a new click's id, as the snippet makes them: 128 random bits."""
    return base64.urlsafe_b64encode(os.urandom(16)).decode().rstrip("=")


def is_browser_id(text: str) -> bool:
    """Tell whether a text can be an id that a browser made."""
    return _BROWSER_ID.match(text) is not None


def parse_query(raw: bytes) -> dict[str, str]:
    """Return the first value of each parameter; what is malformed or too much is left out."""
    if not raw:
        return {}
    try:
        pairs = parse_qsl(raw[:QUERY_MAX].decode("ascii"), max_num_fields=PARAMETERS_MAX, errors="strict")
    except (UnicodeDecodeError, ValueError):
        return {}
    found: dict[str, str] = {}
    for name, value in pairs:
        if "\0" not in name + value:
            found.setdefault(name, unicodedata.normalize("NFC", value))
    return found


def choose_destination(link: LinkTarget, query: dict[str, str]) -> str:
    """Return the deep link `url` when it stays on the program's sites, else the link's own destination."""
    wanted = query.get("url", "")
    return wanted if wanted and origin_of(wanted) in link.hosts else link.destination


@lru_cache(maxsize=DESTINATIONS_CACHED)
def origin_of(url: str) -> str | None:
    """Return scheme, host and port of a plain http(s) URL, None for anything a browser might read otherwise."""
    if _UNSAFE.search(url) or not url.isascii() or len(url) > QUERY_MAX:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or "%" in parts.netloc:
        return None
    default = {"http": 80, "https": 443}[parts.scheme]
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{port}" if port not in (None, default) else "")


def with_parameters(url: str, parameters: list[tuple[str, str]]) -> str:
    """Return the URL with parameters put behind its own; its own values stay as they are."""
    before, after, taken = _gap(url)
    added = "&".join(_pair(name, value) for name, value in parameters if name not in taken)
    return f"{before}{added}{after}" if added else before[:-1] + after


def _pair(name: str, value: str) -> str:
    # Codes and tokens need no quoting.
    return (
        f"{name}={value}"
        if _BARE.fullmatch(value) and _BARE.fullmatch(name)
        else urlencode({name: value}, quote_via=quote)
    )


@lru_cache(maxsize=DESTINATIONS_CACHED)
def _gap(url: str) -> tuple[str, str, frozenset[str]]:
    """Return what stands before parameters that are added, with their separator, what after, and the names taken."""
    parts = urlsplit(url)
    before = urlunsplit((parts.scheme, parts.netloc, parts.path or "/", parts.query, ""))
    after = f"#{parts.fragment}" if parts.fragment else ""
    taken = frozenset(name for name, _ in parse_qsl(parts.query, keep_blank_values=True))
    return before + ("&" if parts.query else "?"), after, taken


@lru_cache(maxsize=DESTINATIONS_CACHED)
def without_parameter(url: str, name: str) -> str:
    """Return the URL without a parameter; a token in an address that somebody copied is another visitor's."""
    parts = urlsplit(url)
    if name not in parts.query:
        return url
    kept = [part for part in parts.query.split("&") if unquote_plus(part.partition("=")[0]) != name]
    return urlunsplit((parts.scheme, parts.netloc, parts.path, "&".join(kept), parts.fragment))


@lru_cache(maxsize=DESTINATIONS_CACHED)
def shared_domain(ours: str, theirs: str) -> str | None:
    """Return the cookie domain both hosts see: "" for the same host, a parent of two labels or more, else None.

    Browsers refuse a public suffix by themselves, so a wrong guess sets no cookie.
    """
    if ours == theirs:
        return ""
    if ours.replace(".", "").isdigit() or theirs.replace(".", "").isdigit() or ":" in ours + theirs:
        return None
    left, right = ours.split(".")[::-1], theirs.split(".")[::-1]
    common = []
    for one, two in zip(left, right, strict=False):
        if one != two:
            break
        common.append(one)
    return ".".join(reversed(common)) if len(common) > 1 else None


def _redirect(location: str, headers: Headers) -> Answer:
    if not _PLAIN.fullmatch(location):
        location = quote(location, safe=":/?#[]@!$&'()*+,;=%-._~")
    return Answer(302, [*headers, NO_STORE, (b"location", location.encode("ascii"))], b"")
