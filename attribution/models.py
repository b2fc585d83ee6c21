"""Attribution models: how the eligible touches of the winning level share one conversion.

Called by the engine with touches that already passed every test; a model never filters, never sees money and
returns exact fractions.
"""

from collections.abc import Callable
from fractions import Fraction
from math import isqrt, prod
from typing import Final

import msgspec

from attribution.money import apportion
from attribution.types import DEFAULT_HALF_LIFE_SECONDS, CustomWeights, ModelName, Settings, parse_factor, parse_weight

BILLION: Final = 1_000_000_000  # time-decay weights are whole parts of it, so they are the same on every machine

_ALL: Final = Fraction(1)
_NONE: Final = Fraction(0)

_FRACTION_BITS: Final = 128  # bits of the exponent that are used; far below one part in a billion
_SCALE_BITS: Final = 160  # fixed point; 32 guard bits swallow the rounding of 128 multiplications


class TouchPath(msgspec.Struct, frozen=True, kw_only=True):
    """What a model may know of the touches and the program.

    Per touch, in time order: its age in ms at the conversion, whether it was a direct visit and the group of
    its partner (no groups at all are none). half_life_ms is 1 or more; position is first, middle, last.
    """

    ages_ms: tuple[int, ...]
    directs: tuple[bool, ...] = ()
    groups: tuple[str | None, ...] = ()
    half_life_ms: int = DEFAULT_HALF_LIFE_SECONDS * 1000
    position: tuple[Fraction, Fraction, Fraction] = (Fraction(2, 5), Fraction(1, 5), Fraction(2, 5))
    custom: CustomWeights | None = None


def first_click(path: TouchPath) -> list[Fraction]:
    """Give everything to the earliest touch."""
    return _all_to(0, len(path.ages_ms))


def last_click(path: TouchPath) -> list[Fraction]:
    """Give everything to the latest touch."""
    return _all_to(len(path.ages_ms) - 1, len(path.ages_ms))


def last_non_direct(path: TouchPath) -> list[Fraction]:
    """Give everything to the latest touch that is no direct visit.

    Only direct visits leave all weights at zero.
    """
    count = len(path.ages_ms)
    directs = path.directs or (False,) * count
    winner = max((i for i in range(count) if not directs[i]), default=-1)
    return _all_to(winner, count)


def linear(path: TouchPath) -> list[Fraction]:
    """Give every touch the same share."""
    count = len(path.ages_ms)
    return [Fraction(1, count)] * count


def position_based(path: TouchPath) -> list[Fraction]:
    """Give the first and the last touch their shares and spread the middle share evenly between them.

    Two touches take half of the middle share each, so that nothing is lost; a single touch takes all.
    """
    first, middle, last = path.position
    count = len(path.ages_ms)
    if count == 1:
        return [Fraction(1)]
    if count == 2:
        return [first + middle / 2, last + middle / 2]
    return [first, *[middle / (count - 2)] * (count - 2), last]


def time_decay(path: TouchPath) -> list[Fraction]:
    """Give each touch its part of the sum of 2^(-age / half-life).

    Parts are whole parts per billion by largest remainder, ties to the earlier touch. Ages are counted from
    the latest touch, which cancels out of the quotient and keeps very old journeys from vanishing altogether.
    """
    youngest = min(path.ages_ms)
    powers = [half_power(age - youngest, path.half_life_ms) for age in path.ages_ms]
    return [Fraction(part, BILLION) for part in apportion(BILLION, powers)]


def custom(path: TouchPath) -> list[Fraction]:
    """Give each touch its part of the sum of base weight x factor of its position x factor of its group.

    A sum of zero leaves all weights at zero: who gets nothing by the program's own weights gets nothing. Refuses
    a path without custom weights with ValueError.
    """
    own = path.custom
    if own is None:
        raise ValueError("The model custom needs custom_weights; hand them in with the path.")
    count = len(path.ages_ms)
    groups = path.groups or (None,) * count
    shares = [
        base * factor * parse_factor(own.groups.get(group or "", "1"))
        for base, factor, group in zip(MODELS[own.base](path), _position_factors(own, count), groups, strict=True)
    ]
    whole = sum(shares, start=Fraction(0))
    return [share / whole for share in shares] if whole else [Fraction(0)] * count


def _position_factors(own: CustomWeights, count: int) -> list[Fraction]:
    """Return the factor of each position; one that both lists name has both, one that neither names between."""
    factors = []
    for index in range(count):
        named = [*own.from_start[index : index + 1], *own.from_end[count - 1 - index : count - index]]
        factors.append(prod(map(parse_factor, named or [own.between]), start=Fraction(1)))
    return factors


def half_power(elapsed_ms: int, half_life_ms: int) -> int:
    """Return 2^(-elapsed / half-life) in fixed point (2^160 is 1), in integers alone.

    The exponent's whole part is a shift; its fraction is read bit by bit, and each bit k multiplies by
    2^(-2^-k), made by repeated integer square roots. The relative error is below 2^-120, so no mathematics
    library can move a part per billion.
    """
    halvings, rest = divmod(elapsed_ms, half_life_ms)
    if not rest:
        return 1 << _SCALE_BITS >> halvings
    bits = (rest << _FRACTION_BITS) // half_life_ms
    power = 1 << _SCALE_BITS
    for index, root in enumerate(_ROOTS):
        if bits >> (_FRACTION_BITS - 1 - index) & 1:
            power = power * root >> _SCALE_BITS
    return power >> halvings


def lay_path(ages_ms: tuple[int, ...], groups: tuple[str | None, ...], settings: Settings) -> TouchPath:
    """Return the path of touches that a partner stands behind, under a program's settings."""
    first, middle, last = map(parse_weight, settings.position_weights)
    return TouchPath(
        ages_ms=ages_ms,
        groups=groups,
        half_life_ms=settings.half_life_seconds * 1000,
        position=(first, middle, last),
        custom=settings.custom_weights,
    )


def weigh(model: ModelName, path: TouchPath) -> tuple[Fraction, ...]:
    """Return one weight per touch of the path.

    They sum to exactly 1, or all are 0: last_non_direct over direct visits alone, and custom weights that give
    every touch of the path nothing. An empty path has no weights.
    """
    if not path.ages_ms:
        return ()
    return tuple(MODELS[model](path))


def _all_to(winner: int, count: int) -> list[Fraction]:
    return [_ALL if index == winner else _NONE for index in range(count)]


def _half_roots() -> tuple[int, ...]:
    """Return 2^(-1/2), 2^(-1/4), 2^(-1/8) ... in fixed point."""
    roots = []
    root = 1 << (_SCALE_BITS - 1)
    for _ in range(_FRACTION_BITS):
        root = isqrt(root << _SCALE_BITS)
        roots.append(root)
    return tuple(roots)


_ROOTS: Final = _half_roots()

MODELS: Final[dict[ModelName, Callable[[TouchPath], list[Fraction]]]] = {
    "first_click": first_click,
    "last_click": last_click,
    "last_non_direct": last_non_direct,
    "linear": linear,
    "position_based": position_based,
    "time_decay": time_decay,
    "custom": custom,
}
