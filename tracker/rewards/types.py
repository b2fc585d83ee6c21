"""Records of rewards: the rule a program publishes and the commission it makes due."""

from typing import Annotated, Any, Literal

import msgspec

MINOR_MAX = 10**13  # largest amount anywhere, in minor units


class RewardRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a partner earns for a lead or a sale.

    `percent` takes `rate_bps` (basis points of the commission base, paid in the sale's currency), `fixed` takes
    `amount_minor` (in the program's currency, for a whole conversion; credits share it by weight).
    """

    reward_id: Annotated[str, msgspec.Meta(pattern="^[a-z0-9-]{1,40}$")]
    on: Literal["lead", "sale"]
    kind: Literal["percent", "fixed"]
    rate_bps: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 0
    amount_minor: Annotated[int, msgspec.Meta(ge=0, le=MINOR_MAX)] = 0


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """The commission that one reward owes one enrollment for one conversion, as things stand."""

    enrollment_id: str
    reward_id: str
    currency: str
    amount_minor: int
    available_at_ms: int
    # The arithmetic in words of the field, for the statement: base, part, weight, rate, net after refunds.
    calculation: dict[str, Any]
