"""The fields of what two models need, in the form of a program's terms: position weights and half-life; pure.

`program_terms.py` calls it. Fields that are not in the form leave the settings as they were.
"""

from fractions import Fraction

from attribution.types import Settings, parse_weight
from tracker.admin.forms import Form
from tracker.i18n.messages import msg

POSITIONS = 3  # first, between, last
HALF_LIFE_DAYS_MAX = 3650
_DAY_SECONDS = 86_400


def weight_fields(settings: Settings) -> dict[str, str]:
    """Return the form's fields; a half-life of less than a day shows as 1 and stays as it is unless changed."""
    return {
        "position_weights": " ".join(settings.position_weights),
        "half_life_days": str(_days(settings)),
    }


def read_position_weights(form: Form, current: Settings) -> tuple[str, str, str]:
    """Return the typed weights of first, middle and last; those of now with the refusal noted otherwise."""
    typed = form.get("position_weights").replace(",", ".").split()
    if not typed:
        return current.position_weights
    if len(typed) == POSITIONS and _sum(typed) == 1:
        first, middle, last = typed
        return first, middle, last
    form.errors["position_weights"] = msg(
        "Give three weights that sum to 1, for the first click, those between and the last, such as 2/5 1/5 2/5."
    )
    return current.position_weights


def read_half_life(form: Form, current: Settings) -> int:
    """Return the typed half-life in seconds."""
    if not form.get("half_life_days"):
        return current.half_life_seconds
    days = form.whole("half_life_days", low=1, high=HALF_LIFE_DAYS_MAX)
    return current.half_life_seconds if days == _days(current) else days * _DAY_SECONDS


def _days(settings: Settings) -> int:
    return max(settings.half_life_seconds // _DAY_SECONDS, 1)


def _sum(weights: list[str]) -> Fraction | None:
    """Return the sum of weights, None where one of them is none."""
    try:
        return sum(map(parse_weight, weights), start=Fraction(0))
    except ValueError:
        return None
