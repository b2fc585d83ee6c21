"""Records of custom events."""

from typing import Literal

import msgspec


class CustomEventRow(msgspec.Struct, frozen=True, kw_only=True):
    """A kept custom event; `payload` is the body as it was sent, times in Unix ms."""

    event_id: str
    program_id: str
    livemode: bool
    name: str
    trust: Literal["verified", "unverified"]
    browser_event_id: str | None
    click_id: str | None
    visitor_id: str | None
    occurred_at_ms: int
    received_at_ms: int
    payload: bytes


class CustomEventFilter(msgspec.Struct, frozen=True, kw_only=True):
    """What to list; None means everything. Instants in Unix ms, both bounds included."""

    livemode: bool | None = None
    program_id: str | None = None
    name: str | None = None
    received_from_ms: int | None = None
    received_to_ms: int | None = None
