"""The rule everybody writes first: three leads from one address within a day."""

from collections import deque
from collections.abc import Iterable
from datetime import datetime, timedelta

from tracker.fraud.baselines.types import Baseline, Holds, Line, Result, conversions

LEADS_MIN = 3
WINDOW = timedelta(hours=24)


def judge(lines: Iterable[Line]) -> Result:
    """Return all leads of an address that stand in a day with three or more; through whom they came is no matter."""
    holds = Holds()
    recent: dict[str, deque[tuple[datetime, Line]]] = {}
    for line in conversions(lines):
        if "ip" not in line:
            continue
        at = datetime.fromisoformat(line["at"])
        together = recent.setdefault(line["ip"], deque())
        together.append((at, line))
        while at - together[0][0] > WINDOW:
            together.popleft()
        if len(together) >= LEADS_MIN:
            for _, each in together:
                holds.hold(each, "three from one address", line["ip"])
    return holds.result()


BASELINE = Baseline(
    name="three_per_address",
    title="Three per address and day",
    source="the naive rule",
    left_out="nothing",
    judge=judge,
)
