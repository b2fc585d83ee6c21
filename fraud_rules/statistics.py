"""Bounds and tails that say how sure a count makes us. The rules about partners ask here.

Mathematics only. Floats live inside these functions; what leaves them is rounded to parts per million.
"""

import math

from fraud_rules.types import PPM

Z90 = 1.2815515655446004  # one-sided 90 %: the normal quantile of .9


def wilson_lower_ppm(*, hits: int, trials: int) -> int:
    """Return the one-sided 90 % lower bound of a share (Wilson 1927), in ppm; 0 without trials."""
    if trials <= 0:
        return 0
    share = hits / trials
    spread = Z90 * math.sqrt(share * (1 - share) / trials + Z90**2 / (4 * trials**2))
    bound = (share + Z90**2 / (2 * trials) - spread) / (1 + Z90**2 / trials)
    return round(PPM * min(max(bound, 0.0), 1.0))


def binomial_tail_ppm(*, at_least: int, trials: int, share_ppm: int) -> int:
    """Return P(X >= at_least) in ppm for X hits in so many trials of this share."""
    if at_least <= 0:
        return PPM
    if at_least > trials or share_ppm <= 0:
        return 0
    if share_ppm >= PPM:
        return PPM
    share = share_ppm / PPM
    tail = math.fsum(
        math.exp(
            math.lgamma(trials + 1)
            - math.lgamma(hits + 1)
            - math.lgamma(trials - hits + 1)
            + hits * math.log(share)
            + (trials - hits) * math.log1p(-share)
        )
        for hits in range(at_least, trials + 1)
    )
    return round(PPM * min(tail, 1.0))
