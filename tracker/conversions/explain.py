"""The explanation of a decision: one object for the API, the admin page and, masked, the partner; pure.

Stored with the decision, so that what was known then can be read later without computing anything again.
"""

from typing import Any

from attribution.types import Decision, Rejection
from tracker.clicks.types import ClickRow


def explain(
    decision: Decision,
    *,
    clicks: tuple[ClickRow, ...],
    settings_version: int,
    partner_ids: dict[str, str],
    known_at_ms: int,
) -> dict[str, Any]:
    """Return the explanation. Partner ids: by enrollment id, the engine's partner; instants in Unix ms."""
    seen = {click.click_id: click for click in clicks}
    return {
        "model": decision.model,
        "via": decision.via,
        "window": {"from_ms": decision.window_from_ms, "to_ms": decision.window_to_ms},
        "settings_version": settings_version,
        "commissionable": decision.commissionable,
        "known_at_ms": known_at_ms,
        "winner": [
            {
                "partner": partner_ids.get(credit.partner_id, credit.partner_id),
                "enrollment": credit.partner_id,
                "touch": _touch_name(credit.touch_id, seen),
                "weight": credit.weight,
                "amount": credit.amount_minor,
                "at_ms": _instant(credit.touch_id, seen),
            }
            for credit in decision.credits
        ],
        "considered": [
            *(
                {
                    "touch": _touch_name(credit.touch_id, seen) or "binding",
                    "partner": partner_ids.get(credit.partner_id, credit.partner_id),
                    "verdict": "credited",
                    "reason": None,
                    "detail": {},
                    "at_ms": _instant(credit.touch_id, seen),
                }
                for credit in decision.credits
            ),
            *(_rejected(rejection, seen, partner_ids) for rejection in decision.rejections),
        ],
        "precedence": [{"level": level, "outcome": outcome} for level, outcome in decision.precedence],
    }


def _rejected(rejection: Rejection, seen: dict[str, ClickRow], partner_ids: dict[str, str]) -> dict[str, Any]:
    return {
        "touch": _touch_name(rejection.touch, seen),
        "partner": partner_ids.get(rejection.partner_id, rejection.partner_id) if rejection.partner_id else None,
        "verdict": "rejected",
        "reason": rejection.reason,
        "detail": dict(rejection.detail),
        "at_ms": rejection.at_ms,
    }


def _touch_name(touch: str | None, seen: dict[str, ClickRow]) -> str | None:
    """Return a click's id in its shown form, any other touch as the engine names it."""
    return f"clk_{touch}" if touch in seen else touch


def _instant(touch: str | None, seen: dict[str, ClickRow]) -> int | None:
    return seen[touch].occurred_at_ms if touch in seen else None
