"""How common a name is among a program's customers, counted in a sample that is kept with the connection.

The sample is the newest customers. Each look adds those that came since; it is made anew every hour, when names that
were erased or told later count as they are. Two servers may differ by what the other has not looked at yet.
"""

from collections import Counter

from sqlalchemy import Connection, select

from fraud_rules.identity import name_tokens
from fraud_rules.types import PPM
from tracker.conversions.tables import customers
from tracker.conversions.types import Customer
from tracker.db.prepared import Prepared, given
from tracker.fraud.facts.remembered import Remembered

SAMPLE_MAX = 2000  # newest customers; a share of 0.05 % is one of them
WORDS_PER_NAME = 20  # more than a name has


_NEWER = Prepared(
    select(customers.c.customer_id, customers.c.name)
    .where(
        customers.c.program_id == given("program_id", customers.c.program_id),
        customers.c.livemode == given("livemode", customers.c.livemode),
        customers.c.customer_id > given("after", customers.c.customer_id),
    )
    .order_by(customers.c.customer_id.desc())
    .limit(SAMPLE_MAX)
)
FIRST_ID = f"cus_{'0' * 32}"


class NameSample:
    """The name words of the newest customers of one program and mode."""

    def __init__(self) -> None:
        """Begin empty."""
        self._newest: str | None = None
        self._names: dict[str, frozenset[str]] = {}
        self._counts: Counter[str] = Counter()

    def follow(self, conn: Connection, *, program_id: str, livemode: bool) -> None:
        """Add the customers that came since the last look; ids begin with their instant."""
        after = self._newest or FIRST_ID
        rows = _NEWER.rows(conn, program_id=program_id, livemode=livemode, after=after)
        for row in reversed(rows):
            self._newest = row.customer_id
            words = frozenset(name_tokens(row.name))
            if words:
                self._names[row.customer_id] = words
                self._counts.update(words)
        while len(self._names) > SAMPLE_MAX:
            words = self._names.pop(next(iter(self._names)))
            self._counts.subtract(words)
        if len(self._counts) > len(self._names) * WORDS_PER_NAME:
            self._counts = +self._counts  # Without the words nobody carries any more.

    def share_ppm(self, customer: Customer) -> int:
        """Return the share of the others who carry the rarest word of the customer's name."""
        words = name_tokens(customer.name)
        own = self._names.get(customer.customer_id, frozenset())
        others = len(self._names) - bool(own)
        if not words or others <= 0:
            return 0
        return min(self._counts[word] - (word in own) for word in words) * PPM // others


# Some 0.5 MB each at most.
_SAMPLES: Remembered[NameSample] = Remembered("name_samples", fresh_s=3600, most=200)


def name_sample(conn: Connection, *, program_id: str, livemode: bool) -> NameSample:
    """Return the sample of a program and mode, up to date."""
    key = (program_id, livemode)
    sample = _SAMPLES.get(conn, key) or _SAMPLES.put(conn, key, NameSample())
    sample.follow(conn, program_id=program_id, livemode=livemode)
    return sample
