"""Bounds that say how sure a count makes us. Rules about partners and the pages of rules ask here.

Mathematics only. Floats live inside these functions; what leaves them is rounded to parts per million.
"""

import math

from fraud_rules.types import PPM

Z90 = 1.2815515655446004  # one-sided 90 %: the normal quantile of .9


def wilson_lower_ppm(*, hits: int, trials: int) -> int:
    """Return the one-sided 90 % lower bound of a share (Wilson 1927), in ppm; 0 without trials."""
    return _wilson_ppm(hits, trials, sign=-1) if trials > 0 else 0


def wilson_upper_ppm(*, hits: int, trials: int) -> int:
    """Return the one-sided 90 % upper bound of a share (Wilson 1927), in ppm; 1 without trials."""
    return _wilson_ppm(hits, trials, sign=1) if trials > 0 else PPM


def _wilson_ppm(hits: int, trials: int, *, sign: int) -> int:
    share = min(max(hits, 0), trials) / trials
    square = Z90 * Z90
    spread = Z90 * math.sqrt(share * (1.0 - share) / trials + square / (4.0 * trials * trials))
    bound = (share + square / (2.0 * trials) + sign * spread) / (1.0 + square / trials)
    return round(PPM * min(max(bound, 0.0), 1.0))
