"""What a sale is worth to a partner: the amount net of tax, shipping and refunds; pure, integers only."""

from collections.abc import Iterable
from fractions import Fraction

from tracker.conversions.types import ConversionRow
from tracker.programs.types import ProgramSettings


def commission_base(row: ConversionRow, settings: ProgramSettings) -> int:
    """Return the base in minor units: the amount less tax and shipping, unless the program pays on them too."""
    amount = row.amount_minor or 0
    taken = 0 if settings.commission_on_tax else int(row.report.get("tax", 0))
    taken += 0 if settings.commission_on_shipping else int(row.report.get("shipping", 0))
    return max(amount - taken, 0)


def refunded_total(sale: ConversionRow, refunds: Iterable[ConversionRow]) -> int:
    """Return what was given back of a sale, at most its amount. Refunds in another currency do not count."""
    given_back = sum(refund.amount_minor or 0 for refund in refunds if refund.currency == sale.currency)
    return min(given_back, sale.amount_minor or 0)


def net_base(base_minor: int, amount_minor: int, refunded_minor: int) -> int:
    """Return what refunds leave of the base, in proportion to the amount, half-even once."""
    if refunded_minor >= amount_minor:
        return 0 if refunded_minor else base_minor
    return round(Fraction(base_minor * (amount_minor - refunded_minor), amount_minor))
