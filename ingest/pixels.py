"""`GET /r/px`: a click reported by an image, for pages without script (mail pages, AMP, `<noscript>`).

Whatever happens the page gets its image; a header says what became of the click. What an image cannot tell apart is
left to the cookie: where there is one, the same code within half an hour is the same click.
"""

import base64
from typing import Any
from urllib.parse import urlsplit

from ingest.browser_events import AGENT_MAX
from ingest.click_pipeline import CLICK_STEPS, Arrival, RequestHeaders, first_refusal
from ingest.cookie import cookie_value, first_touch_id, is_same_click, read_cookie, set_cookie
from ingest.directory import Referral, SinkBusyError, Site
from ingest.drops import DropReason
from ingest.events import PAGE_URL_MAX, InboxClick, encode_click
from ingest.http import NO_STORE, Answer, Headers, headers_of
from ingest.redirects import FORWARDED, is_browser_id, make_click_id, origin_of, parse_query, shared_domain
from ingest.setup import EdgeSetup

# One transparent dot, GIF89a.
IMAGE = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
RETRY_AFTER_S = b"2"

_IMAGE_HEADERS: Headers = [
    (b"content-type", b"image/gif"),
    NO_STORE,
    # Pages that isolate themselves (COEP) may show it, too.
    (b"cross-origin-resource-policy", b"cross-origin"),
]


async def answer_pixel(setup: EdgeSetup, scope: dict[str, Any]) -> Answer:
    """Answer one image request, having stored its click when there is one; never raises a refusal."""
    headers = headers_of(scope)
    query = parse_query(scope.get("query_string", b""))
    body = b"" if scope["method"] == "HEAD" else IMAGE
    site = setup.directory.site(query.get("k", ""))
    if site is None:
        return _dropped(setup, DropReason.UNKNOWN_KEY, body)
    page_url = query.get("u") or _text(headers, b"referer")
    referral = _referral(setup, site, query, page_url)
    address = setup.client_address(scope, headers)
    arrival = Arrival(
        headers=headers,
        method=scope["method"],
        page_origin=_page_origin(headers),
        origins=site.origins,
        gpc=site.gpc,
        referral=referral,
        is_over_limit=setup.is_click_over_limit(address),
    )
    reason = first_refusal(CLICK_STEPS["pixel"], arrival)
    if reason is not None or referral is None:
        return _dropped(setup, reason or DropReason.UNKNOWN_CODE, body)
    now_ms = setup.now_ms()
    known = read_cookie(_text(headers, b"cookie"), setup.cookie_name)
    if known is not None and is_same_click(known, code=referral.code, now_ms=now_ms):
        return _dropped(setup, DropReason.DUPLICATE, body)
    given = query.get("c", "")
    click_id = given if is_browser_id(given) else make_click_id()
    click = InboxClick(
        program_id=site.program_id,
        livemode=site.livemode,
        enrollment_id=referral.enrollment_id,
        click_id=click_id,
        visitor_id=first_touch_id(known) if known else click_id,
        source="pixel",
        code=referral.code,
        age_ms=0,
        address=address,
        user_agent=_text(headers, b"user-agent")[:AGENT_MAX],
        page_url=page_url[:PAGE_URL_MAX] or None,
        http_referer=None,
        parameter=None,
        state=0,
        event_id=None,
        headers={},
        details={name: value for name, value in query.items() if FORWARDED.match(name)} or None,
    )
    try:
        await setup.buffer.put(now_ms, encode_click(click))
    except SinkBusyError:
        # Browsers show an image whatever its status; nothing was stored, and that is said.
        return Answer(503, [*_IMAGE_HEADERS, (b"retry-after", RETRY_AFTER_S)], body)
    value = cookie_value(click_id=click_id, code=referral.code, at_ms=now_ms, previous=known)
    return Answer(200, [*_IMAGE_HEADERS, *_cookie(setup, site, headers, value=value, page_url=page_url)], body)


def _referral(setup: EdgeSetup, site: Site, query: dict[str, str], page_url: str) -> Referral | None:
    """Return whose code the image carries: `r`, a URL parameter of the image, or one of the page's own address."""
    names = ("r", *setup.url_parameters)
    of_page = parse_query(urlsplit(page_url).query.encode("ascii", "replace")) if origin_of(page_url) else {}
    codes = [query[name] for name in names if query.get(name)]
    codes += [of_page[name] for name in setup.url_parameters if of_page.get(name)]
    return setup.directory.referral(site.program_id, codes[0]) if codes else None


def _page_origin(headers: RequestHeaders) -> str | None:
    """Return the origin of the page that holds the image.

    Images carry no Origin, but browsers say at least the Referer's origin. A page of another site that hides it counts
    as a strange one: that is how somebody would load a partner's pixel where nobody clicked.
    """
    referer = headers.get(b"referer")
    if referer is None:
        return "null" if headers.get(b"sec-fetch-site") == b"cross-site" else None
    return origin_of(referer.decode("latin-1")) or "null"


def _cookie(setup: EdgeSetup, site: Site, headers: RequestHeaders, *, value: str, page_url: str) -> Headers:
    """Return Set-Cookie for a same-site page, on the widest domain that the page and we share."""
    if headers.get(b"sec-fetch-site") not in (b"same-origin", b"same-site"):
        return []
    ours = _text(headers, b"host").rsplit(":", 1)[0].lower()
    theirs = urlsplit(origin_of(page_url) or "").hostname
    domain = shared_domain(ours, theirs or ours)
    if domain is None:
        return []
    cookie = set_cookie(
        name=setup.cookie_name, value=value, days=site.cookie_days, domain=domain or None, secure=setup.is_secure
    )
    return [(b"set-cookie", cookie.encode())]


def _dropped(setup: EdgeSetup, reason: DropReason, body: bytes) -> Answer:
    setup.sink.count_drop(reason.value)
    return Answer(200, [*_IMAGE_HEADERS, (b"x-molva-drop", reason.value.encode())], body)


def _text(headers: RequestHeaders, name: bytes) -> str:
    return headers.get(name, b"").decode("latin-1")
