"""How much money a verdict moves, and whether that needs a second person; pure.

The review asks before it books anything; the limit is a term of the program in its own currency.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from tracker.cases.types import Outcome
from tracker.ledger.transfers import remaining
from tracker.ledger.types import NewTransfer, PostedLine


def taken_back(transfers: Iterable[NewTransfer]) -> dict[str, int]:
    """Return what a verdict takes back, by currency in minor units."""
    return by_currency((each.currency, -each.amount_minor) for each in transfers if each.amount_minor < 0)


def given_again(transfers: Iterable[NewTransfer]) -> dict[str, int]:
    """Return what a verdict books anew, by currency in minor units."""
    return by_currency((each.currency, each.amount_minor) for each in transfers if each.amount_minor > 0)


def set_free(outcome: Outcome, lines: Sequence[PostedLine], *, only: Collection[str] | None = None) -> dict[str, int]:
    """Return what stops being frozen by the case and stays the partner's, by currency in minor units.

    Only: the accruals that are looked at, None for all.
    """
    left = remaining(lines)
    for transfer in outcome.transfers:
        if transfer.reverses_id is not None:
            left[transfer.reverses_id] += transfer.amount_minor
    currencies = {line.transfer_id: line.currency for line in lines}
    freed = {hold.transfer_id for hold in outcome.releases if only is None or hold.transfer_id in only}
    return by_currency((currencies[each], left[each]) for each in sorted(freed) if left.get(each, 0) > 0)


def moved(outcome: Outcome, lines: Sequence[PostedLine]) -> dict[str, int]:
    """Return all that a verdict takes back, books anew or sets free, by currency in minor units."""
    parts = (taken_back(outcome.transfers), given_again(outcome.transfers), set_free(outcome, lines))
    return by_currency((currency, amount) for part in parts for currency, amount in part.items())


def needs_second(amounts: Mapping[str, int], *, limit_minor: int | None, currency: str) -> bool:
    """Tell whether a second person must confirm what moves these amounts.

    The limit is in the program's currency, None for no limit. Other currencies have no rate to be compared by, so with
    a limit any amount in them needs the second person.
    """
    if limit_minor is None:
        return False
    return any(amount > (limit_minor if name == currency else 0) for name, amount in amounts.items())


def by_currency(parts: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Return amounts added up by currency, in the order of their names."""
    found: dict[str, int] = {}
    for currency, amount in parts:
        found[currency] = found.get(currency, 0) + amount
    return dict(sorted(found.items()))
