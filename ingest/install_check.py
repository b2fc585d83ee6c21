"""The check of an installation: a click with a reserved code, which belongs to no partner and counts for nobody.

The staff page opens the owner's page with such a code; the edge drops the click like any unknown code and hands what it
saw of it to the sink. Codes are made here, too; nothing else knows their form.
"""

import re
import secrets

import msgspec

from ingest.events import BrowserEvent

CHECK_PREFIX = "mvcheck-"
_CODE = re.compile(r"mvcheck-[A-Za-z0-9_-]{22}\Z")
_URL_MAX = 300  # characters of the page's address that are shown
_TEXT_MAX = 100


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """What the edge saw of a check's click: as the event says it, and what the browser's headers say."""

    key: str
    drop: str
    host: str
    origin: str
    fetch_site: str
    page_url: str
    state: int
    is_cookie_sent: bool


def make_check_code() -> str:
    """Return a new code of a check: 128 random bits behind the reserved prefix."""
    return CHECK_PREFIX + secrets.token_urlsafe(16)


def is_check_code(code: str) -> bool:
    """Tell whether a code has the form of a check's."""
    return _CODE.match(code) is not None


def sighting_of(event: BrowserEvent, headers: dict[bytes, bytes], drop: str) -> Sighting:
    """Return what was seen of a click; the cookie counts as sent when it carries this very click."""

    def text(name: bytes) -> str:
        return headers.get(name, b"").decode("latin-1")[:_TEXT_MAX]

    cookie = headers.get(b"cookie", b"").decode("latin-1")
    return Sighting(
        key=event.key,
        drop=drop,
        host=text(b"host").lower(),
        origin=text(b"origin"),
        fetch_site=text(b"sec-fetch-site"),
        page_url=(event.page_url or "").partition("?")[0][:_URL_MAX],
        state=event.state,
        is_cookie_sent=event.click_id is not None and f"=1.{event.click_id}." in cookie,
    )
