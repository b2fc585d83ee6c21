"""Bounds and tails that say how sure a count makes us. The rules about partners ask here.

Mathematics only. Floats live inside these functions; what leaves them is rounded to parts per million, so the same
counts give the same finding on every machine.
"""

import math
from collections.abc import Callable, Iterable, Sequence

from fraud_rules.types import PPM

Z90 = 1.2815515655446004  # one-sided 90 %: the normal quantile of .9
BOUND = 0.1  # what the bounds below leave beyond themselves

COUNT_MAX = 1_000_000  # beyond it tails are 0 or 1 for any share the rules ask about
STEPS_MAX = 300  # of the continued fraction; it needs about the root of its larger parameter
HALVINGS = 40  # of the unit interval: far below a millionth
TINY = 1e-300


def wilson_lower_ppm(*, hits: int, trials: int) -> int:
    """Return the one-sided 90 % lower bound of a share (Wilson 1927), in ppm; 0 without trials."""
    return _wilson_ppm(hits, trials, sign=-1) if trials > 0 else 0


def wilson_upper_ppm(*, hits: int, trials: int) -> int:
    """Return the one-sided 90 % upper bound of a share (Wilson 1927), in ppm; 1 without trials."""
    return _wilson_ppm(hits, trials, sign=1) if trials > 0 else PPM


def binomial_tail_ppm(*, at_least: int, trials: int, share_ppm: int) -> int:
    """Return P(X >= at_least) in ppm for X hits in so many trials of this share."""
    if at_least <= 0:
        return PPM
    if at_least > trials or share_ppm <= 0:
        return 0
    if share_ppm >= PPM:
        return PPM
    # P(X >= k) = I_p(k, n - k + 1), which needs no sum over thousands of terms.
    return _to_ppm(_beta_below(share_ppm / PPM, float(at_least), float(trials - at_least + 1)))


def negative_binomial_tail_ppm(*, at_least: int, mean_ppm: int, shape_ppm: int) -> int:
    """Return P(X >= at_least) in ppm for a count of this mean and shape r (variance: mean + mean² / r)."""
    if at_least <= 0:
        return PPM
    if mean_ppm <= 0 or at_least > COUNT_MAX:
        return 0
    shape = max(shape_ppm, 1) / PPM
    mean = mean_ppm / PPM
    # P(X >= k) = I_q(k, r) with q = mean / (mean + r).
    return _to_ppm(_beta_below(mean / (mean + shape), float(at_least), shape))


def daily_rate_ppm(counts: Sequence[int], *, shape_max_ppm: int) -> tuple[int, int]:
    """Return mean and shape of a day's count, in ppm, for the tail above; prior: half a lead in half a day.

    The shape comes from moments: mean² over what the variance exceeds the mean by, and over what is unsure about
    the mean. It is at most `shape_max_ppm`: a few even days do not prove that days are even.
    """
    days, total = len(counts), sum(counts)
    mean = (total + 0.5) / (days + 0.5)
    excess = mean * mean / (total + 0.5)
    if days > 1:
        around = total / days
        variance = math.fsum((count - around) ** 2 for count in counts) / (days - 1)
        excess += max(variance - around, 0.0)
    shape = min(mean * mean / excess, shape_max_ppm / PPM)
    return round(PPM * mean), max(round(PPM * shape), 1)


def beta_binomial_lower_ppm(*, hits: int, trials: int, prior_ppm: int, prior_trials: int) -> int:
    """Return the 90 % lower bound of a share, in ppm, believing `prior_ppm` as if seen in `prior_trials`.

    The posterior is Beta(prior + hits, prior + misses); its tenth percentile is found by halving.
    """
    prior = min(max(prior_ppm, 1), PPM - 1) / PPM * max(prior_trials, 1)
    a = prior + hits
    b = max(prior_trials, 1) - prior + max(trials - hits, 0)
    return _to_ppm(_solve(lambda share: _beta_below(share, a, b) - BOUND))


def g_test_p_ppm(ours: Sequence[int], others: Sequence[int]) -> int:
    """Return the p value, in ppm, of two histograms over the same bins coming from one source (G-test).

    Bins empty on both sides say nothing; with fewer than two bins or an empty side the answer is 1.
    """
    table = [(mine, theirs) for mine, theirs in zip(ours, others, strict=True) if mine + theirs > 0]
    sums = [sum(column) for column in zip(*table, strict=True)]
    if len(table) < 2 or min(sums) <= 0:
        return PPM
    total = sum(sums)
    terms = (
        seen * math.log(seen * total / (side * sum(row)))
        for row in table
        for seen, side in zip(row, sums, strict=True)
        if seen > 0
    )
    return _to_ppm(_chi_square_above(2.0 * math.fsum(terms), len(table) - 1))


def entropy_share_ppm(counts: Iterable[int], *, kinds_max: int) -> int:
    """Return how mixed a crowd is, in ppm: its entropy over that of all different, at most `kinds_max` kinds."""
    present = [count for count in counts if count > 0]
    total = sum(present)
    kinds = min(total, kinds_max)
    if kinds < 2:
        return 0
    entropy = -math.fsum(count / total * math.log(count / total) for count in present)
    return _to_ppm(entropy / math.log(kinds))


def _wilson_ppm(hits: int, trials: int, *, sign: int) -> int:
    share = min(max(hits, 0), trials) / trials
    square = Z90 * Z90
    spread = Z90 * math.sqrt(share * (1.0 - share) / trials + square / (4.0 * trials * trials))
    return _to_ppm((share + square / (2.0 * trials) + sign * spread) / (1.0 + square / trials))


def _to_ppm(share: float) -> int:
    return round(PPM * min(max(share, 0.0), 1.0))


def _solve(rising: Callable[[float], float]) -> float:
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2.0
        low, high = (middle, high) if rising(middle) < 0.0 else (low, middle)
    return (low + high) / 2.0


def _beta_below(x: float, a: float, b: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b) (DLMF 8.17.22)."""
    if x <= 0.0 or x >= 1.0:
        return 0.0 if x <= 0.0 else 1.0
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    if x < (a + 1.0) / (a + b + 2.0):
        return front * _fraction(x, a, b) / a
    # The fraction settles fast only on this side; the other is its complement.
    return 1.0 - front * _fraction(1.0 - x, b, a) / b


def _fraction(x: float, a: float, b: float) -> float:
    """Return the continued fraction of I_x(a, b), by Lentz's method."""
    c, d = 1.0, 1.0 / _not_zero(1.0 - (a + b) * x / (a + 1.0))
    value = d
    for step in range(1, STEPS_MAX):
        even = step * (b - step) * x / ((a + 2 * step - 1) * (a + 2 * step))
        odd = -(a + step) * (a + b + step) * x / ((a + 2 * step) * (a + 2 * step + 1))
        for term in (even, odd):
            d = 1.0 / _not_zero(1.0 + term * d)
            c = _not_zero(1.0 + term / c)
            value *= c * d
        if abs(c * d - 1.0) < 1e-12:
            break
    return value


def _not_zero(value: float) -> float:
    return value if abs(value) > TINY else TINY


def _chi_square_above(value: float, freedom: int) -> float:
    """Return P(X > value) for chi-square with this many degrees of freedom (DLMF 8.4, finite sums)."""
    half = max(value, 0.0) / 2.0
    if half == 0.0:
        return 1.0
    is_odd = freedom % 2 == 1
    start = 0.5 if is_odd else 0.0
    log_half = math.log(half)
    powers = (start + step for step in range(freedom // 2))
    terms = math.fsum(math.exp(power * log_half - half - math.lgamma(power + 1.0)) for power in powers)
    return terms + (math.erfc(math.sqrt(half)) if is_odd else 0.0)
