"""Integer money: splitting an amount by exact weights, posting refunds and applying a rate.

Called by the engine, the replay and the rewards. Never touches a float and never loses or invents a minor
unit.
"""

from collections.abc import Sequence
from fractions import Fraction
from math import lcm

BPS = 10_000  # basis points in the whole


def apportion(total: int, shares: Sequence[int] | Sequence[Fraction]) -> list[int]:
    """Return whole parts of total (0 or more) in proportion to the shares, by largest remainder.

    Floors come first, then one unit each goes to the largest remainders, ties to the earlier share. Refuses
    negative shares and a sum of zero.
    """
    whole, _ = _to_integers(shares)
    if not any(whole) or min(whole) < 0:
        raise ValueError("Shares must not be negative and must not sum to zero.")
    return _divide([total * share for share in whole], sum(whole))


def round_parts(exact: Sequence[Fraction]) -> list[int]:
    """Return whole parts that keep the sum of the exact ones, by largest remainder, ties to the earlier part.

    Refuses parts that do not sum to a whole number with ValueError.
    """
    parts, unit = _to_integers(exact)
    if sum(parts) % unit:
        raise ValueError(f"Parts sum to {Fraction(sum(parts), unit)}; only parts of a whole number can be rounded.")
    return _divide(parts, unit)


def split_minor(amount_minor: int, weights: Sequence[Fraction]) -> list[int]:
    """Return amount_minor split by weights that sum to exactly 1.

    By largest remainder, ties to the earlier weight; a negative amount mirrors the positive one. No weights
    give no parts; weights with another sum are refused.
    """
    if not weights:
        return []
    if len(weights) == 1 and weights[0] == 1:
        return [amount_minor]
    shares, unit = _to_integers(weights)
    if sum(shares) != unit:
        raise ValueError(f"Weights sum to {Fraction(sum(shares), unit)}; they must sum to 1.")
    sign = -1 if amount_minor < 0 else 1
    return [sign * part for part in apportion(abs(amount_minor), shares)]


def _to_integers(shares: Sequence[int] | Sequence[Fraction]) -> tuple[list[int], int]:
    """Return the shares in the largest unit that divides all of them, and how many of it make 1."""
    unit = lcm(*(share.denominator for share in shares))
    return [share.numerator * (unit // share.denominator) for share in shares], unit


def _divide(numerators: Sequence[int], denominator: int) -> list[int]:
    """Return the quotients as whole numbers that keep their sum, which is whole."""
    divided = [divmod(numerator, denominator) for numerator in numerators]
    parts = [part for part, _ in divided]
    by_remainder = sorted(range(len(parts)), key=lambda i: (-divided[i][1], i))
    for index in by_remainder[: sum(numerators) // denominator - sum(parts)]:
        parts[index] += 1
    return parts


def refund_delta(net_before: int, net_after: int, weights: Sequence[Fraction]) -> list[int]:
    """Return what a refund posts per credit: split(net after) - split(net before).

    Whatever the steps, the parts always sum to the net, and a full refund ends at zero for everyone.
    """
    before = split_minor(net_before, weights)
    after = split_minor(net_after, weights)
    return [new - old for new, old in zip(after, before, strict=True)]


def percent_of(amount_minor: int, rate_bps: int) -> int:
    """Return rate_bps basis points of amount_minor, rounded once, half to even."""
    part, rest = divmod(amount_minor * rate_bps, BPS)
    # divmod floors, so rest is never negative and one comparison serves both signs.
    if 2 * rest > BPS or (2 * rest == BPS and part % 2):
        return part + 1
    return part
