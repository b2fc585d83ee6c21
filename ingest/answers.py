"""What the edge answers to an event: the JSON the snippet reads, the renewed cookie, the drop reason, CORS.

The doors of `/r/e` call it; nothing here decides whether an event is taken.
"""

from typing import Any

import msgspec

from ingest.click_pipeline import RequestHeaders
from ingest.cookie import cookie_domain, cookie_value, forget_cookie, is_doubled, read_cookie, set_cookie
from ingest.directory import Referral, Site
from ingest.drops import DropReason
from ingest.events import BrowserEvent
from ingest.http import Answer, Headers, headers_of
from ingest.setup import EdgeSetup

_EXPOSED = (b"access-control-expose-headers", b"X-Molva-Drop")


def text_of(value: bytes | None) -> str:
    """Return a header's text, empty when it is absent."""
    return "" if value is None else value.decode("latin-1")


def taken(
    setup: EdgeSetup,
    event: BrowserEvent,
    site: Site,
    headers: RequestHeaders,
    *,
    referral: Referral | None,
    now_ms: int,
    extra: dict[str, Any] | None = None,
) -> Answer:
    """Return the 200 with what the snippet needs, and the cookie where it will be kept.

    The referral, where the event is a click, brings what the page may show; `extra` is put on top.
    """
    answer: dict[str, Any] = {"c": event.click_id or None, "r": referral.code if referral else event.code}
    # The snippet keeps the referral no longer than this, so 0 takes away what it wrote before it asked.
    answer["ttl"] = 0 if site.cookieless else site.cookie_days * 86400
    if referral is not None:
        answer["partner"] = {"name": referral.partner_name}
        if site.discount is not None:
            answer["discount"] = site.discount
        if site.clean_urls:
            answer["clean"] = True
    if extra:
        answer |= extra
    out = _cors(site, headers)
    for cookie in _cookies(setup, event, site, headers, referral=referral, now_ms=now_ms):
        out.append((b"set-cookie", cookie.encode()))
    return Answer(200, out, msgspec.json.encode(answer))


def _cookies(
    setup: EdgeSetup,
    event: BrowserEvent,
    site: Site,
    headers: RequestHeaders,
    *,
    referral: Referral | None,
    now_ms: int,
) -> list[str]:
    """Return Set-Cookie for a same-site request, so that the browser counts the cookie as the server's.

    A page that does not know the domain of a cookie it has (another host of the site wrote it) gets none: it would be a
    second one, of this host alone, and hide the first.
    """
    if headers.get(b"sec-fetch-site") not in (b"same-origin", b"same-site"):
        return []
    sent = text_of(headers.get(b"cookie"))
    value = read_cookie(sent, setup.cookie_name)
    host = text_of(headers.get(b"host")).rsplit(":", 1)[0].lower()
    domain = cookie_domain(event.cookie_domain, host)
    if site.cookieless:
        places = dict.fromkeys((None, domain)) if setup.cookie_name in sent else {}
        return [forget_cookie(setup.cookie_name, place) for place in places]
    if value is None:
        if referral is None or not event.click_id:
            return []
        value = cookie_value(click_id=event.click_id, code=referral.code, at_ms=now_ms, previous=None)
    elif event.cookie_domain is None and cookie_domain(host, host) is not None:
        return []
    made = set_cookie(name=setup.cookie_name, value=value, days=site.cookie_days, domain=domain, secure=setup.is_secure)
    if domain is not None and is_doubled(sent, setup.cookie_name):
        return [forget_cookie(setup.cookie_name), made]
    return [made]


def dropped(
    setup: EdgeSetup, site: Site | None, headers: RequestHeaders, reason: DropReason, *, body: bytes = b"{}"
) -> Answer:
    """Return the 200 of an event that is not taken: final for the browser, with the reason; and count it."""
    return as_dropped(setup, Answer(200, _cors(site, headers), body), reason)


def as_dropped(setup: EdgeSetup, answer: Answer, reason: DropReason) -> Answer:
    """Return the answer with the reason why nothing more is stored; and count it."""
    setup.sink.count_drop(reason.value)
    shown: Headers = [*answer.headers, (b"x-molva-drop", reason.value.encode()), _EXPOSED]
    return Answer(answer.status, shown, answer.body)


def drop_reason(answer: Answer) -> str:
    """Return why an answered event was dropped, "" when it was taken."""
    return next((value.decode() for name, value in answer.headers if name == b"x-molva-drop"), "")


def _cors(site: Site | None, headers: RequestHeaders) -> Headers:
    """Return the CORS headers: any origin may read, credentials only for the program's own."""
    origin = headers.get(b"origin")
    out: Headers = [(b"content-type", b"application/json")]
    if site is not None and origin is not None and origin.decode("latin-1") in site.origins:
        return [*out, (b"access-control-allow-origin", origin), (b"access-control-allow-credentials", b"true")]
    return [*out, (b"access-control-allow-origin", b"*")]


def answer_preflight(setup: EdgeSetup, scope: dict[str, Any]) -> Answer:
    """Answer OPTIONS: signed bodies carry headers that need asking for."""
    out: Headers = [
        (b"access-control-allow-methods", b"POST"),
        (b"access-control-allow-headers", b"content-type, webhook-id, webhook-timestamp, webhook-signature"),
        (b"access-control-max-age", b"86400"),
        *shared_with(setup, headers_of(scope).get(b"origin")),
    ]
    return Answer(204, out, b"")


def shared_with(setup: EdgeSetup, origin: bytes | None) -> Headers:
    """Return the CORS headers of an answer that belongs to no key: credentials for any program's origin."""
    if origin is None or not setup.directory.is_known_origin(origin.decode("latin-1")):
        return [(b"vary", b"Origin"), (b"access-control-allow-origin", b"*")]
    return [
        (b"vary", b"Origin"),
        (b"access-control-allow-origin", origin),
        (b"access-control-allow-credentials", b"true"),
    ]
