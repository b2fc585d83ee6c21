"""Records of programs and their versioned terms."""

from typing import Annotated, Any, Literal

import msgspec

from attribution.types import Settings as AttributionSettings
from fraud_rules.scoring import REVIEW_FROM, REVIEW_FROM_MAX, REVIEW_FROM_MIN
from ingest.events import AMOUNT_MAX, ReferralCode
from tracker.rewards.types import RewardRule

HoldDays = Annotated[int, msgspec.Meta(ge=0, le=365)]
ReviewFrom = Annotated[int, msgspec.Meta(ge=REVIEW_FROM_MIN, le=REVIEW_FROM_MAX)]
WeeklyCases = Annotated[int, msgspec.Meta(ge=1, le=10_000)]
CookieDays = Annotated[int, msgspec.Meta(ge=1, le=400)]  # browsers clamp cookies at 400 days


class ReferredDiscount(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a referred visitor gets from the shop, for its pages to show; the shop grants it, Molva does not.

    Value: whole percents, or minor units of the program's currency. Code: what to type at the checkout, if anything.
    """

    kind: Literal["percent", "amount"]
    value: Annotated[int, msgspec.Meta(ge=1, le=AMOUNT_MAX)]
    code: ReferralCode | None = None


class ProgramSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The terms of a program from one version on; stored whole, never edited."""

    rewards: tuple[RewardRule, ...]
    hold_days: HoldDays = 30
    attribution: AttributionSettings
    cookie_days: CookieDays = 60
    gpc: Literal["honor", "ignore"] = "honor"
    # The snippet takes code and token out of the page's address once they are kept.
    clean_urls: bool = False
    # Nothing is kept in the visitor's browser; see docs/privacy.md for what that costs.
    cookieless: bool = False
    referred_discount: ReferredDiscount | None = None
    # Partners may buy through their own link without a finding.
    allow_own_purchases: bool = False
    # Commissions are computed on the amount with tax and shipping only when these are set.
    commission_on_tax: bool = False
    commission_on_shipping: bool = False
    # A verdict that moves more than this, in minor units of the program's currency, needs a second person; None: none.
    four_eyes_minor: Annotated[int, msgspec.Meta(ge=0, le=AMOUNT_MAX)] | None = None
    # Settings of fraud rules by rule id; unknown ids and fields are refused when published.
    fraud_rules: dict[str, dict[str, Any]] = {}
    # The score from which a person looks and money waits, and how many cases a week people can read.
    review_from: ReviewFrom = REVIEW_FROM
    weekly_cases: WeeklyCases | None = None


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """What is offered; `settings` are those in force when it was loaded."""

    program_id: str
    name: str
    currency: str
    time_zone: str
    created_at_ms: int
    version: int
    settings: ProgramSettings


class ProgramVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One published version of a program's terms."""

    version: int
    effective_from_ms: int
    settings: ProgramSettings
    published_by: str
    note: str
