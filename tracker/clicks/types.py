"""Records of projected clicks."""

from typing import Any

import msgspec


class ClickRow(msgspec.Struct, frozen=True, kw_only=True):
    """A projected click; `click_id` is the browser's own, shown as clk_…; times in Unix ms."""

    seq: int
    program_id: str
    click_id: str
    enrollment_id: str
    visitor_id: str
    livemode: bool
    source: str
    occurred_at_ms: int
    received_at_ms: int
    agent_id: int
    is_bot: bool
    host_key: bytes | None
    net_key: bytes | None
    next_host_key: bytes | None
    next_net_key: bytes | None
    masked_ip: str | None
    country: str | None
    asn: int | None
    network_class: str | None
    page_url: str | None
    http_referer: str | None
    details: dict[str, Any]


class AgentRow(msgspec.Struct, frozen=True, kw_only=True):
    """A distinct user agent and what was read from it."""

    agent_id: int
    text: str
    agent_key: str
    device: str
    os: str
    browser: str
    is_bot: bool
    bot_reason: str | None


class ClickFilter(msgspec.Struct, frozen=True, kw_only=True):
    """What a list of clicks shows; None means any."""

    livemode: bool = True
    program_id: str | None = None
    enrollment_id: str | None = None
    visitor_id: str | None = None
