"""Amounts as a browser sends them, turned into minor units; pure.

A whole number is minor units already; a decimal text is what a person would write, and the currency says how many of
its digits are a fraction (ISO 4217). Floats never get here: the decoder refuses them.
"""

from ingest.events import AMOUNT_MAX
from ingest.problems import FieldError, invalid


def minor_units(amount: int | str, *, currency: str, decimals: int, field: str = "m") -> int:
    """Return an amount in minor units; `decimals` is the currency's exponent, `field` what the sender calls the amount.

    Raises ProblemError 422 naming the field when a text has more decimals than the currency, or is too large.
    """
    if isinstance(amount, int):
        return amount
    whole, _, fraction = amount.partition(".")
    if len(fraction) > decimals:
        cause = f'"{amount}" has more decimals than {currency}, which has {decimals}'
        raise invalid(FieldError(field=field, message=f"{cause}; round it before you send it."))
    minor = int(whole + fraction.ljust(decimals, "0"))
    if minor > AMOUNT_MAX:
        raise invalid(FieldError(field=field, message=f'"{amount}" is more than {AMOUNT_MAX} minor units; send less.'))
    return minor
