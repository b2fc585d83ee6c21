"""How unusual a crowd at one address is, against what that address normally brings.

`same_ip_leads` asks here. Floats live inside these functions only; what leaves them is rounded to parts
per million, so the same facts give the same finding on every machine.
"""

import math

from fraud_rules.types import PPM

PRIOR_LEADS_PPM = 500_000  # a = .5: half a lead of prior belief in the class mean

DAYS_OBSERVED_MAX = 28


def expected_daily_ppm(*, earlier_leads: int, days_observed: int, class_daily_ppm: int) -> int:
    """Return the leads per day expected of an address, in ppm: (a + n) / (a / m_class + days).

    Days are held between 1 and 28. A class mean of 0 is read as one lead in a million days.
    """
    days = min(max(days_observed, 1), DAYS_OBSERVED_MAX)
    mean_ppm = max(class_daily_ppm, 1)
    leads_ppm = PRIOR_LEADS_PPM + max(earlier_leads, 0) * PPM
    # Exact: both sides of the fraction are multiplied by the class mean.
    return round_ratio(leads_ppm * mean_ppm, PRIOR_LEADS_PPM + days * mean_ppm)


def poisson_tail_ppm(*, at_least: int, mean_ppm: int) -> int:
    """Return P(X >= at_least) in ppm for a Poisson count X with this mean."""
    if at_least <= 0:
        return PPM
    if mean_ppm <= 0:
        return 0
    mean = mean_ppm / PPM
    log_mean = math.log(mean)
    # In logarithms, or exp(-mean) would vanish for busy addresses and every crowd there look normal.
    below = math.fsum(math.exp(count * log_mean - mean - math.lgamma(count + 1)) for count in range(at_least))
    return round(PPM * min(max(1.0 - below, 0.0), 1.0))


def crowd_strength_ppm(*, people: int, damping_ppm: int, agent_repeats: bool) -> int:
    """Return s = min(1, 1 - e^(-.35 (k - 1) d) + .25 d if an agent repeats), in ppm."""
    damping = damping_ppm / PPM
    strength = 1.0 - math.exp(-0.35 * max(people - 1, 0) * damping)
    if agent_repeats:
        strength += 0.25 * damping
    return round(PPM * min(strength, 1.0))


def round_ratio(numerator: int, denominator: int) -> int:
    """Return the quotient of two non-negative integers, rounded half up."""
    return (2 * numerator + denominator) // (2 * denominator)
