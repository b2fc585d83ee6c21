"""Records of the report that compares models: what is asked, what was found."""

import msgspec

from attribution.compare import Comparison

DAYS_MAX = 366  # days of one report: a year, and what a person can look over


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Which conversions a report looks at: those that happened from `since_ms` on and before `until_ms`.

    A lead has no currency; it counts where the program's own is asked for.
    """

    program_id: str
    livemode: bool
    currency: str
    since_ms: int
    until_ms: int


class ModelReport(msgspec.Struct, frozen=True, kw_only=True):
    """The comparison with what it is made of; its partners are partner ids.

    `is_cut`: there were more conversions, the newest were looked at. `lost`: journeys that ended without a conversion;
    `is_lost_cut`: there were more clicks than were walked, the newest were.
    """

    asked: Asked
    comparison: Comparison
    conversions: int
    is_cut: bool
    lost: int
    is_lost_cut: bool
