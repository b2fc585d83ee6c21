"""The tests a touch, a code owner or a bound partner must pass before any model or precedence looks at it.

Called by the levels, the codes and the engine; gives the first failing test as the reason and never decides
who wins.
"""

from collections.abc import Mapping

import msgspec

from attribution.types import Conversion, Detail, Journey, PartnerStanding, Reason, Settings, Touch

ACTIVE = "active"
UNKNOWN = "unknown"  # shown as the status of a partner the shell knows nothing about

Standings = Mapping[str, PartnerStanding]


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why something earns nothing, with the figures that show it."""

    reason: Reason
    detail: Detail = {}


def index_standings(journey: Journey) -> dict[str, PartnerStanding]:
    """Return the standings by partner.

    Two different standings of one partner are a bug of the caller and raise ValueError, because the answer
    would depend on their order.
    """
    standings: dict[str, PartnerStanding] = {}
    for standing in journey.partners:
        known = standings.setdefault(standing.partner_id, standing)
        if known is not standing and known != standing:
            raise ValueError(f'Partner "{standing.partner_id}" has two standings in one journey; hand in one.')
    return standings


def status_at(standing: PartnerStanding | None, at_ms: int) -> str:
    """Return the partner's status at an instant; a change counts from its own instant on.

    Of two statuses of one instant the inactive one counts, whatever their order. No standing at all is
    "unknown".
    """
    if standing is None:
        return UNKNOWN
    if len(standing.statuses) == 1:  # nearly everybody: active since joining
        ((from_ms, status),) = standing.statuses
        return status if from_ms <= at_ms else ACTIVE
    begun = [entry for entry in standing.statuses if entry[0] <= at_ms]
    if not begun:
        return ACTIVE
    latest = max(entry[0] for entry in begun)
    return max((entry[1] for entry in begun if entry[0] == latest), key=lambda status: (status != ACTIVE, status))


def refuse_partner(partner_id: str, conversion: Conversion, standings: Standings) -> Refusal | None:
    """Return why this partner cannot earn from this conversion, or None.

    The reasons are self_referral, then partner_inactive as of the conversion's instant.
    """
    standing = standings.get(partner_id)
    if standing and conversion.customer_id is not None and conversion.customer_id in standing.own_customers:
        return Refusal(reason="self_referral", detail={"customer_id": conversion.customer_id})
    status = status_at(standing, conversion.at_ms)
    if status != ACTIVE:
        return Refusal(reason="partner_inactive", detail={"status": status})
    return None


def refuse_touch(touch: Touch, conversion: Conversion, *, standings: Standings, settings: Settings) -> Refusal | None:
    """Return the first failing test of a touch, or None when it may earn.

    Windows are elapsed time, inclusive at both ends. Direct visits pass the same tests first, so that one
    after the conversion says so, and then fail as direct: no partner stands behind them.
    """
    if touch.is_test != conversion.is_test:
        return Refusal(reason="test_mismatch", detail={"touch_mode": "test" if touch.is_test else "live"})
    if touch.program_id != conversion.program_id:
        return Refusal(reason="other_program", detail={"program_id": touch.program_id})
    if touch.is_bot:
        return Refusal(reason="bot")
    window = settings.window_seconds
    if touch.kind == "impression":
        if not settings.view_through:
            return Refusal(reason="view_through_disabled")
        window = settings.view_window_seconds
    age_ms = conversion.at_ms - touch.at_ms
    minimum = settings.min_click_to_conversion_seconds
    if age_ms < 0:
        return Refusal(reason="after_conversion", detail={"late_by_ms": -age_ms})
    if age_ms > window * 1000:
        return Refusal(reason="outside_window", detail={"age_ms": age_ms, "window_seconds": window})
    if age_ms < minimum * 1000:
        return Refusal(reason="too_fast", detail={"age_ms": age_ms, "minimum_seconds": minimum})
    if touch.kind == "direct" or touch.partner_id is None:
        return Refusal(reason="direct")
    return refuse_partner(touch.partner_id, conversion, standings)
