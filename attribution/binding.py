"""Binding of customers: whom an attributed conversion binds a customer to, and how long a binding earns.

Called by the engine, the replay and the shell that stores bindings; never decides whether a program binds at
all.
"""

from collections.abc import Sequence
from fractions import Fraction

from attribution.types import DAY_MS, Binding, Credit, Settings

MONTH_MS = 30 * DAY_MS  # a commission month is 30 days, so that a limit never depends on the calendar


def partner_to_bind(credited: Sequence[Credit]) -> str | None:
    """Return the partner to whom these credits bind the customer, or None without credits.

    Credits stand in time order; the largest share binds, ties go to the partner who came earlier. A binding
    knows one partner, also where a model splits.
    """
    if len(credited) == 1:
        return credited[0].partner_id
    shares: dict[str, Fraction] = {}
    for credit in credited:
        shares[credit.partner_id] = shares.get(credit.partner_id, Fraction(0)) + Fraction(credit.weight)
    # max keeps the first of equals, and a dict keeps the order of first appearance.
    return max(shares, key=lambda partner_id: shares[partner_id], default=None)


def is_commissionable(binding: Binding, at_ms: int, settings: Settings) -> bool:
    """Tell whether a bound conversion still earns commission.

    It does up to and including commission_months of 30 days after the binding, or for ever when there is no
    limit.
    """
    if settings.commission_months is None:
        return True
    return at_ms - binding.since_ms <= settings.commission_months * MONTH_MS
