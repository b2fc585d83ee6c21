"""The steps a click passes, whichever door it came through: a page's snippet, a link, a pixel, a shop's server.

A step is a pure function that lets the click pass or says why not. Each door has its list of steps below, in the order
in which they are asked; the doors build the arrival, ask, and store what passed. Nothing here waits or stores.
"""

from collections.abc import Callable, Iterable
from typing import Literal

import msgspec

from ingest.directory import Referral
from ingest.drops import DropReason
from ingest.events import STATE_FRAMED, STATE_GPC, ClickSource

RequestHeaders = dict[bytes, bytes]

_FRAMES = (b"iframe", b"frame", b"embed", b"object")


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """An event at a door: what came with the request and what is known of its program.

    `page_origin`: the page that sent it, None when nothing tells; `origins`: the program's sites; `referral`: whose
    code it is, None for nobody's; `state`: the snippet's bits.
    """

    headers: RequestHeaders
    method: str = "POST"
    page_origin: str | None = None
    origins: frozenset[str] = frozenset()
    gpc: Literal["honor", "ignore"] = "honor"
    state: int = 0
    referral: Referral | None = None
    is_over_limit: bool = False


Step = Callable[[Arrival], DropReason | None]


def check_origin(arrival: Arrival) -> DropReason | None:
    """Pass events from the program's own pages; hygiene, not authentication."""
    if arrival.page_origin is None or not arrival.origins or arrival.page_origin in arrival.origins:
        return None
    return DropReason.ORIGIN_NOT_ALLOWED


def check_prefetch(arrival: Arrival) -> DropReason | None:
    """Pass what a person asked for."""
    headers = arrival.headers
    is_ahead = b"prefetch" in headers.get(b"sec-purpose", b"") or b"prefetch" in headers.get(b"purpose", b"")
    return DropReason.PREFETCH if is_ahead else None


def check_frame(arrival: Arrival) -> DropReason | None:
    """Pass events of pages that are not framed by another site."""
    is_framed = arrival.state & STATE_FRAMED or arrival.headers.get(b"sec-fetch-dest") in _FRAMES
    return DropReason.FRAMED if is_framed else None


def check_method(arrival: Arrival) -> DropReason | None:
    """Pass what is fetched whole; HEAD only asks whether something is there."""
    return DropReason.NOT_NAVIGATION if arrival.method == "HEAD" else None


def check_navigation(arrival: Arrival) -> DropReason | None:
    """Pass visits to an address. Absent headers mean an older browser, not a robot."""
    is_visit = arrival.headers.get(b"sec-fetch-dest", b"document") == b"document"
    return None if is_visit else DropReason.NOT_NAVIGATION


def check_gpc(arrival: Arrival) -> DropReason | None:
    """Pass browsers that did not object to being tracked (Global Privacy Control)."""
    objects = arrival.headers.get(b"sec-gpc") == b"1" or bool(arrival.state & STATE_GPC)
    return DropReason.GPC if objects and arrival.gpc == "honor" else None


def check_code(arrival: Arrival) -> DropReason | None:
    """Pass codes of active partners."""
    return DropReason.UNKNOWN_CODE if arrival.referral is None else None


def check_rate(arrival: Arrival) -> DropReason | None:
    """Pass networks that do not flood. The snippet's and the API's doors answer 429 instead: those can be retried."""
    return DropReason.RATE_LIMITED if arrival.is_over_limit else None


CLICK_STEPS: dict[ClickSource, tuple[Step, ...]] = {
    "snippet": (check_origin, check_prefetch, check_frame, check_gpc, check_code),
    # An objection makes a link's click anonymous instead, because the visitor is on the way already.
    "redirect": (check_prefetch, check_frame, check_method, check_navigation, check_code, check_rate),
    "pixel": (check_method, check_origin, check_prefetch, check_frame, check_gpc, check_code, check_rate),
    "server": (check_code,),
}
# Leads, sales and custom events of a browser.
REPORT_STEPS: tuple[Step, ...] = (check_origin, check_gpc)


def first_refusal(steps: Iterable[Step], arrival: Arrival) -> DropReason | None:
    """Return why an arrival is not taken, None when every step lets it pass."""
    for step in steps:
        reason = step(arrival)
        if reason is not None:
            return reason
    return None
