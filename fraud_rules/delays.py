"""Summary of a program's click-to-conversion delays, the sample `too_fast` compares with.

The shell hands in the delays of accepted conversions, without the one being judged.
"""

from collections.abc import Iterable

from fraud_rules.types import DelaySample


def summarize_delays(delays_ms: Iterable[int]) -> DelaySample | None:
    """Return count, first percentile and median (nearest rank, the lower one) of delays in any order.

    Negative delays come from wrong clocks and are left out; None when nothing is left.
    """
    ordered = sorted(delay for delay in delays_ms if delay >= 0)
    if not ordered:
        return None
    count = len(ordered)
    return DelaySample(count=count, p1_ms=ordered[(count - 1) // 100], median_ms=ordered[(count - 1) // 2])
