"""Integer money: splitting an amount by exact weights, posting refunds and applying a rate.

Called by the engine, the replay and the rewards. Never touches a float and never loses or invents a minor
unit.
"""

from collections.abc import Sequence
from fractions import Fraction

BPS = 10_000  # basis points in the whole


def apportion(total: int, shares: Sequence[int] | Sequence[Fraction]) -> list[int]:
    """Return whole parts of total (0 or more) in proportion to the shares, by largest remainder.

    Floors come first, then one unit each goes to the largest remainders, ties to the earlier share. Refuses
    negative shares and a sum of zero.
    """
    whole = sum(shares, start=Fraction(0))
    if whole <= 0 or min(shares) < 0:
        raise ValueError("Shares must not be negative and must not sum to zero.")
    exact = [total * Fraction(share) / whole for share in shares]
    parts = [part.numerator // part.denominator for part in exact]
    by_remainder = sorted(range(len(parts)), key=lambda i: (parts[i] - exact[i], i))
    for index in by_remainder[: total - sum(parts)]:
        parts[index] += 1
    return parts


def split_minor(amount_minor: int, weights: Sequence[Fraction]) -> list[int]:
    """Return amount_minor split by weights that sum to exactly 1.

    By largest remainder, ties to the earlier weight; a negative amount mirrors the positive one. No weights
    give no parts; weights with another sum are refused.
    """
    if not weights:
        return []
    if len(weights) == 1 and weights[0] == 1:
        return [amount_minor]
    if sum(weights) != 1:
        raise ValueError(f"Weights sum to {sum(weights)}; they must sum to 1.")
    sign = -1 if amount_minor < 0 else 1
    return [sign * part for part in apportion(abs(amount_minor), weights)]


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
