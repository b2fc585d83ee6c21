"""Decided journeys as the comparison of models reads them, from stored explanations and clicks; pure.

The explanation of a decision names every touch that could have earned, so nothing is computed again.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from attribution.compare import DecidedJourney, PathTouch
from attribution.reports.paths import CountedPath
from attribution.types import Credit, Touch

# Where a model has a say; a code, a binding and a lead's credit stay as they are.
_MODELLED = (None, "click_id", "visitor", "fingerprint")


def read_journey(
    conversion_id: str, explanation: Mapping[str, Any], *, at_ms: int, base_minor: int, currency: str
) -> DecidedJourney:
    """Return a conversion as decided. Base: what is shared, in minor units."""
    winner = explanation["winner"]
    return DecidedJourney(
        conversion_id=conversion_id,
        at_ms=at_ms,
        amount_minor=base_minor,
        currency=currency,
        credits=tuple(
            Credit(
                touch_id=each["touch"], partner_id=each["partner"], weight=each["weight"], amount_minor=each["amount"]
            )
            for each in winner
        ),
        touches=_eligible(explanation) if explanation["via"] in _MODELLED else (),
    )


def _eligible(explanation: Mapping[str, Any]) -> tuple[PathTouch, ...]:
    """Return the touches that could have earned, in time order.

    Of one instant the credited one stands where the model looked for it: an explanation does not say which came first.
    """
    passed_over = [each for each in explanation["considered"] if each["reason"] == "not_selected"]
    credited = [each for each in explanation["considered"] if each["verdict"] == "credited"]
    both = credited + passed_over if explanation["model"] == "first_click" else passed_over + credited
    timed = [each for each in both if each["at_ms"] is not None and each["partner"] is not None]
    return tuple(
        PathTouch(partner_id=each["partner"], at_ms=each["at_ms"])
        for each in sorted(timed, key=lambda each: int(each["at_ms"]))
    )


def clicks_in(explanation: Mapping[str, Any]) -> set[str]:
    """Return the browsers' ids of the clicks an explanation names."""
    return {
        each["touch"].removeprefix("clk_")
        for each in explanation["considered"]
        if str(each["touch"]).startswith("clk_")
    }


def count_lost(touches: Iterable[Touch], partner_ids: Mapping[str, str], *, converted: set[str]) -> list[CountedPath]:
    """Return the ways of visitors who did not convert, counted. Partner ids: by enrollment; converted: visitors."""
    ways: dict[str, list[Touch]] = {}
    for touch in touches:
        if touch.visitor_id and touch.visitor_id not in converted:
            ways.setdefault(touch.visitor_id, []).append(touch)
    counted = Counter(tuple(_partners_of(way, partner_ids)) for way in ways.values())
    return [CountedPath(partners=way, losses=times) for way, times in sorted(counted.items()) if way]


def _partners_of(way: Iterable[Touch], partner_ids: Mapping[str, str]) -> Iterable[str]:
    for touch in sorted(way, key=lambda each: (each.at_ms, each.seq)):
        if touch.partner_id is not None and touch.partner_id in partner_ids:
            yield partner_ids[touch.partner_id]
