"""Why the edge did not take an event: the closed set answered in `X-Molva-Drop` and counted per day."""

from enum import StrEnum


class DropReason(StrEnum):
    """A refusal at the edge; a value, not an exception."""

    UNKNOWN_KEY = "unknown_key"
    UNKNOWN_CODE = "unknown_code"
    ORIGIN_NOT_ALLOWED = "origin_not_allowed"
    PREFETCH = "prefetch"
    NOT_NAVIGATION = "not_navigation"
    FRAMED = "framed"
    GPC = "gpc"
    DUPLICATE = "duplicate"
    RATE_LIMITED = "rate_limited"
