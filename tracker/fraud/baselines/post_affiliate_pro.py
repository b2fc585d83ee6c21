"""Post Affiliate Pro: a conversion from an address that converted within the last 24 hours is a repeat."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from tracker.fraud.baselines.types import Baseline, Holds, Line, Result, conversions

WINDOW = timedelta(hours=24)


def judge(lines: Iterable[Line]) -> Result:
    """Return the repeats; the first of an address is let through, as there."""
    holds = Holds()
    last: dict[tuple[str, str], datetime] = {}
    for line in conversions(lines):
        if "ip" not in line:
            continue
        key = (line["program_id"], line["ip"])
        at = datetime.fromisoformat(line["at"])
        if key in last and at - last[key] <= WINDOW:
            holds.hold(line, "repeat from one address", line["ip"])
        last[key] = at
    return holds.result()


BASELINE = Baseline(
    name="post_affiliate_pro",
    title="Post Affiliate Pro",
    source="documentation; 24 hours for its seconds",
    left_out="order ids used again (the world has none), banned countries and referrers, click rules",
    judge=judge,
)
