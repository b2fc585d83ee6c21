"""Levels of the precedence ladder: which touches speak for a conversion, at which, and which may earn.

Called by the engine before any model; never picks a winner.
"""

from collections.abc import Iterable, Sequence

import msgspec

from attribution.eligibility import Refusal, Standings, refuse_touch
from attribution.types import Conversion, CouponPolicy, Journey, Level, Settings, Touch

# A journey keeps its first and its latest touches, so that a hot key stays cheap; first, last and position models
# lose nothing by it.
CAP_HALF = 1_000

# Where a valid code stands is the program's choice; everything else is the same for everyone.
LADDERS: dict[CouponPolicy, tuple[Level, ...]] = {
    "click_first": ("binding", "lead_id", "click_id", "clicks", "impressions", "code", "fingerprint"),
    "coupon_first": ("binding", "lead_id", "code", "click_id", "clicks", "impressions", "fingerprint"),
    "if_involved": ("binding", "lead_id", "code", "click_id", "clicks", "impressions", "fingerprint"),
}

# Only these make a code's owner "involved": a fingerprint is too weak a sign to turn a code on.
_INVOLVING: tuple[Level, ...] = ("click_id", "clicks", "impressions")


class RefusedTouch(msgspec.Struct, frozen=True, kw_only=True):
    """A touch of the journey that may not earn, and why."""

    touch: Touch
    refusal: Refusal


class SortedTouches(msgspec.Struct, frozen=True, kw_only=True):
    """The journey sorted out.

    Eligible touches stand per level in time order; found are the levels at which there was anything at all.
    """

    eligible: dict[Level, tuple[Touch, ...]]
    refused: tuple[RefusedTouch, ...]
    found: frozenset[Level]

    def involved(self) -> frozenset[str]:
        """Return the partners with an eligible touch of the visitor, the customer or the click id."""
        touches = [touch for level in _INVOLVING for touch in self.eligible.get(level, ())]
        return frozenset(touch.partner_id for touch in touches if touch.partner_id is not None)


def sort_touches(
    conversion: Conversion, journey: Journey, *, standings: Standings, settings: Settings
) -> SortedTouches:
    """Return the touches that concern the conversion, by level.

    A touch handed in twice counts once; one that belongs to no level is left out without a word; the cap
    counts eligible touches alone, so that ineligible ones never push an eligible one out.
    """
    eligible: dict[Level, list[Touch]] = {}
    refused: list[RefusedTouch] = []
    found: set[Level] = set()
    visitors = journey.visitors | ({conversion.visitor_id} if conversion.visitor_id is not None else frozenset())
    for touch in order_touches(journey.touches):
        level = _level_of(touch, conversion, visitors)
        if level is None:
            continue
        if touch.kind != "direct":
            found.add(level)
        refusal = refuse_touch(touch, conversion, standings=standings, settings=settings)
        if refusal is None and level == "fingerprint" and not settings.fingerprint_fallback:
            refusal = Refusal(reason="fingerprint_disabled")
        if refusal:
            refused.append(RefusedTouch(touch=touch, refusal=refusal))
        else:
            eligible.setdefault(level, []).append(touch)
    kept = {level: cap_touches(touches) for level, touches in eligible.items()}
    for level, touches in eligible.items():
        refused.extend(_refuse_middle(touches, kept=len(kept[level])))
    return SortedTouches(eligible=kept, refused=tuple(refused), found=frozenset(found))


def order_touches(touches: Iterable[Touch]) -> list[Touch]:
    """Return each touch once, by instant, ingest sequence and id.

    Of two records of one touch the earlier one counts.
    """
    first: dict[str, Touch] = {}
    for touch in touches:
        known = first.setdefault(touch.touch_id, touch)
        # The text of the whole record settles contradictory copies, so that the order handed in decides nothing.
        if known is not touch and known != touch and (*_moment_of(touch), repr(touch)) < (*_moment_of(known), repr(known)):
            first[touch.touch_id] = touch
    return sorted(first.values(), key=_moment_of)


def cap_touches(touches: Sequence[Touch]) -> tuple[Touch, ...]:
    """Return all touches, or the first and the latest 1,000 when there are more than 2,000."""
    if len(touches) <= 2 * CAP_HALF:
        return tuple(touches)
    return (*touches[:CAP_HALF], *touches[-CAP_HALF:])


def _refuse_middle(touches: Sequence[Touch], *, kept: int) -> list[RefusedTouch]:
    if kept == len(touches):
        return []
    refusal = Refusal(reason="capped", detail={"touches": len(touches), "kept": kept})
    return [RefusedTouch(touch=touch, refusal=refusal) for touch in touches[CAP_HALF:-CAP_HALF]]


def _level_of(touch: Touch, conversion: Conversion, visitors: frozenset[str]) -> Level | None:
    """Return the strongest level at which a touch speaks for the conversion.

    A direct visit counts to the clicks of its visitor, where it is refused later; only clicks are matched by
    id or fingerprint.
    """
    is_click = touch.kind == "click"
    if is_click and touch.touch_id == conversion.click_id:
        return "click_id"
    if touch.visitor_id is not None and touch.visitor_id in visitors:
        return "impressions" if touch.kind == "impression" else "clicks"
    if is_click and touch.fingerprint is not None and touch.fingerprint == conversion.fingerprint:
        return "fingerprint"
    return None


def _moment_of(touch: Touch) -> tuple[int, int, str]:
    return (touch.at_ms, touch.seq, touch.touch_id)
