"""Levels of the precedence ladder: which touches speak for a conversion, at which, and which may earn.

Called by the engine before any model; never picks a winner.
"""

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import TypeVar

import msgspec

from attribution.eligibility import Refusal, Standings, refuse_touch
from attribution.types import Conversion, CouponPolicy, Journey, Level, Settings, Touch

# A journey keeps its first and its latest touches, so that a hot key stays cheap; first, last and position models
# lose nothing by it. Touches that may earn are counted apart from those that may not: a flood of refused ones must
# never push out one that earned, and whether an engine hands refused ones in must not change who is paid.
CAP_HALF = 1_000
REFUSED = "refused"  # the name under which refused touches are capped; the others go by their level

# Where a valid code stands is the program's choice; everything else is the same for everyone.
LADDERS: dict[CouponPolicy, tuple[Level, ...]] = {
    "click_first": ("binding", "lead_id", "click_id", "clicks", "impressions", "code", "fingerprint"),
    "coupon_first": ("binding", "lead_id", "code", "click_id", "clicks", "impressions", "fingerprint"),
    "if_involved": ("binding", "lead_id", "code", "click_id", "clicks", "impressions", "fingerprint"),
}

# Only these make a code's owner "involved": a fingerprint is too weak a sign to turn a code on.
_INVOLVING: tuple[Level, ...] = ("click_id", "clicks", "impressions")


_Item = TypeVar("_Item")

_moment_of = attrgetter("at_ms", "seq", "touch_id")


class RefusedTouch(msgspec.Struct, frozen=True, kw_only=True):
    """A touch of the journey that may not earn, and why."""

    touch: Touch
    refusal: Refusal


class Cut(msgspec.Struct, frozen=True, kw_only=True):
    """Touches a cap left out of the middle of a long journey.

    name is their level or "refused"; touches counts all there were and kept those that stayed; the instants are
    those of the first and the last one left out.
    """

    name: str
    touches: int
    kept: int
    from_ms: int
    to_ms: int


class SortedTouches(msgspec.Struct, frozen=True, kw_only=True):
    """The journey sorted out.

    Eligible touches stand per level in time order; found are the levels at which there was anything at all; cuts
    say what was left out because there was too much of it.
    """

    eligible: dict[Level, tuple[Touch, ...]]
    refused: tuple[RefusedTouch, ...]
    cuts: tuple[Cut, ...]
    found: frozenset[Level]

    def involved(self) -> frozenset[str]:
        """Return the partners with an eligible touch of the visitor, the customer or the click id."""
        touches = [touch for level in _INVOLVING for touch in self.eligible.get(level, ())]
        return frozenset(touch.partner_id for touch in touches if touch.partner_id is not None)


def sort_touches(
    conversion: Conversion, journey: Journey, *, standings: Standings, settings: Settings
) -> SortedTouches:
    """Return the touches that concern the conversion, by level.

    A touch handed in twice counts once; one that belongs to no level is left out without a word. Of more than
    2,000 eligible ones of a level, and of more than 2,000 refused ones, the first and the latest 1,000 stay.
    """
    eligible: dict[Level, list[Touch]] = {}
    refused: list[RefusedTouch] = []
    found: set[Level] = set()
    visitors = journey.visitors
    if conversion.visitor_id is not None and conversion.visitor_id not in visitors:
        visitors |= {conversion.visitor_id}
    for touch in order_touches(journey.touches):
        level = _level_of(touch, conversion, visitors)
        if level is None:
            continue
        if level not in found and touch.kind != "direct":
            found.add(level)
        refusal = refuse_touch(touch, conversion, standings=standings, settings=settings)
        if refusal is None and level == "fingerprint" and not settings.fingerprint_fallback:
            refusal = Refusal(reason="fingerprint_disabled")
        if refusal is not None:
            refused.append(RefusedTouch(touch=touch, refusal=refusal))
        else:
            eligible.setdefault(level, []).append(touch)
    cuts: list[Cut | None] = []
    if len(journey.touches) > 2 * CAP_HALF:
        cuts = [_tell_cut(level, touches) for level, touches in eligible.items()]
        cuts.append(_tell_cut(REFUSED, [entry.touch for entry in refused]))
    return SortedTouches(
        eligible={level: _cap(touches) for level, touches in eligible.items()},
        refused=_cap(refused),
        cuts=tuple(filter(None, cuts)),
        found=frozenset(found),
    )


def order_touches(touches: Iterable[Touch]) -> list[Touch]:
    """Return each touch once, by instant, ingest sequence and id.

    Of two records of one touch the earlier one counts.
    """
    given = tuple(touches)
    if len(given) < 2:  # One touch is in order.
        return list(given)
    first = {touch.touch_id: touch for touch in given}
    if len(first) == len(given):
        return sorted(given, key=_moment_of)
    first = {}
    for touch in given:
        known = first.setdefault(touch.touch_id, touch)
        # The text of the whole record settles contradictory copies, so that the order handed in decides nothing.
        if (
            known is not touch
            and known != touch
            and (*_moment_of(touch), repr(touch)) < (*_moment_of(known), repr(known))
        ):
            first[touch.touch_id] = touch
    return sorted(first.values(), key=_moment_of)


def _cap(items: Sequence[_Item]) -> tuple[_Item, ...]:
    """Return all items, or the first and the latest 1,000 when there are more than 2,000."""
    if len(items) <= 2 * CAP_HALF:
        return tuple(items)
    return (*items[:CAP_HALF], *items[-CAP_HALF:])


def _tell_cut(name: str, touches: Sequence[Touch]) -> Cut | None:
    left_out = touches[CAP_HALF:-CAP_HALF] if len(touches) > 2 * CAP_HALF else ()
    if not left_out:
        return None
    kept = len(touches) - len(left_out)
    return Cut(name=name, touches=len(touches), kept=kept, from_ms=left_out[0].at_ms, to_ms=left_out[-1].at_ms)


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
