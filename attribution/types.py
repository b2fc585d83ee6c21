"""Records of the attribution engine: what the shell hands in and what it gets back.

Used by every module here, by fraud rules and by the tracker. Nothing in this file reads a clock, a database
or a setting: instants are UTC milliseconds, money is integer minor units, weights are exact rationals written
as text ("2/5").
"""

import re
from fractions import Fraction
from functools import lru_cache
from typing import Literal

import msgspec

ModelName = Literal["first_click", "last_click", "last_non_direct", "linear", "position_based", "time_decay", "custom"]
CustomBase = Literal["linear", "position_based", "time_decay"]
TouchKind = Literal["click", "impression", "direct"]
ConversionKind = Literal["lead", "sale"]
BindingPolicy = Literal["first_conversion", "none"]
CouponPolicy = Literal["click_first", "coupon_first", "if_involved"]
Status = Literal["attributed", "unattributed"]

# What earned the credit, as users read it; clicks and impressions of the timeline are both "visitor".
Via = Literal["binding", "lead_id", "coupon", "click_id", "visitor", "fingerprint"]

# The steps of the precedence ladder, finer than Via because clicks beat impressions.
Level = Literal["binding", "lead_id", "code", "click_id", "clicks", "impressions", "fingerprint"]

# won: took the credit (a binding that blocks everything is "refused"); outranked: could have won; refused: something
# was there and none of it was usable; absent: nothing was there; disabled: the program switched the level off.
Outcome = Literal["won", "outranked", "refused", "absent", "disabled"]

Reason = Literal[
    "outside_window",
    "after_conversion",
    "too_fast",
    "bot",
    "self_referral",
    "partner_inactive",
    "other_program",
    "test_mismatch",
    "view_through_disabled",
    "direct",
    "fingerprint_disabled",
    "not_selected",
    "lower_precedence",
    "unknown_click_id",
    "code_unknown",
    "code_expired",
    "code_other_program",
    "code_partner_not_involved",
    "capped",
]

Detail = dict[str, int | str]

DAY_MS = 86_400_000
DEFAULT_WINDOW_SECONDS = 2_592_000  # 30 days, the commonest window of referral tools
DEFAULT_VIEW_WINDOW_SECONDS = 86_400
DEFAULT_HALF_LIFE_SECONDS = 604_800  # 7 days, the half-life of the classic time-decay model

FACTORS_MAX = 20  # positions of one list that have a factor of their own; more than that nobody keeps apart
GROUPS_MAX = 100

_FACTOR = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3})?", re.ASCII)
# Nine digits a side keep a typed weight exact and the arithmetic on it cheap.
_WEIGHT = re.compile(r"[0-9]{1,9}(?:/[0-9]{1,9}|\.[0-9]{1,9})?", re.ASCII)


@lru_cache(maxsize=4096)  # the same few texts are read for every conversion, and reading one takes 3 µs
def parse_weight(text: str) -> Fraction:
    """Return the exact rational written as "2/5", "0.4" or "1".

    Refuses signs, exponents, more than nine digits a side and a zero denominator with ValueError.
    """
    if not _WEIGHT.fullmatch(text) or re.search(r"/0+$", text):
        raise ValueError(f'Weight "{text}" is not a fraction; write it like "2/5", "0.4" or "1".')
    return Fraction(text)


def parse_factor(text: str) -> Fraction:
    """Return the exact factor written as "2", "1.5" or "0"; at most 999.999.

    Refuses everything else with ValueError. Three digits a side are enough for ratios and keep the weights made
    of factors short when they are written out.
    """
    if not _FACTOR.fullmatch(text):
        raise ValueError(f'Factor "{text}" is no number from 0 to 999.999; write it like "2", "1.5" or "0".')
    return Fraction(text)


class CustomWeights(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A program's own weights: factors on the weights of a base model, by position and by partner group.

    from_start are the factors of the first, second ... touch, from_end of the last, last but one ...; a touch
    that both name has both, one that neither names has the factor between. groups are factors by the partner's
    group; a partner of another group or of none has 1. Refuses factors that are no numbers, a list of nothing
    and positions that are all 0 with ValueError.
    """

    base: CustomBase = "linear"
    from_start: tuple[str, ...] = ()
    from_end: tuple[str, ...] = ()
    between: str = "1"
    groups: dict[str, str] = {}

    def __post_init__(self) -> None:
        """Refuse what weighs nobody: wrong factors, too many of them, none at all, or only zeros."""
        positions = (*self.from_start, *self.from_end)
        for name, factors, most in (
            ("from_start", self.from_start, FACTORS_MAX),
            ("from_end", self.from_end, FACTORS_MAX),
            ("groups", tuple(self.groups.values()), GROUPS_MAX),
        ):
            if len(factors) > most:
                raise ValueError(f"custom_weights.{name} has {len(factors)} factors; give at most {most}.")
        if not positions and not self.groups:
            raise ValueError(
                "custom_weights name no position and no group; give from_start, from_end or groups, "
                'like {"from_start": ["3"], "from_end": ["2"]}.'
            )
        # Every factor is read, so that a wrong one is refused wherever it stands.
        weighing = [parse_factor(factor) for factor in (*positions, self.between, *self.groups.values())]
        if not any(weighing[: len(positions) + 1]):
            raise ValueError("custom_weights give every position 0, so nobody could earn; give one of them more.")


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The attribution rules of one program as of one instant.

    Windows and half-life in seconds; commission_months counts months of 30 days after the binding, None is
    for ever; position_weights are first, middle, last and sum to 1; custom_weights belong to the model
    custom. Refuses impossible values with ValueError.
    """

    program_id: str
    model: ModelName = "last_click"
    window_seconds: int = DEFAULT_WINDOW_SECONDS
    view_through: bool = False
    view_window_seconds: int = DEFAULT_VIEW_WINDOW_SECONDS
    min_click_to_conversion_seconds: int = 0
    binding: BindingPolicy = "first_conversion"
    commission_months: int | None = None
    coupon_policy: CouponPolicy = "click_first"
    fingerprint_fallback: bool = False
    position_weights: tuple[str, str, str] = ("2/5", "1/5", "2/5")
    half_life_seconds: int = DEFAULT_HALF_LIFE_SECONDS
    custom_weights: CustomWeights | None = None

    def __post_init__(self) -> None:
        """Refuse what no program can mean: negative spans, no half-life, weights that do not sum to 1."""
        spans = {
            "window_seconds": self.window_seconds,
            "view_window_seconds": self.view_window_seconds,
            "min_click_to_conversion_seconds": self.min_click_to_conversion_seconds,
            "commission_months": self.commission_months or 0,
        }
        for name, span in spans.items():
            if span < 0:
                raise ValueError(f"{name} is {span}; give 0 or more.")
        if self.half_life_seconds < 1:
            raise ValueError(f"half_life_seconds is {self.half_life_seconds}; give 1 or more.")
        if sum(map(parse_weight, self.position_weights)) != 1:
            written = ", ".join(self.position_weights)
            raise ValueError(f'position_weights {written} do not sum to 1; the default is "2/5", "1/5", "2/5".')
        if self.model == "custom" and self.custom_weights is None:
            raise ValueError(
                'model is custom and custom_weights are missing; give them, like {"from_start": ["3"]}, or choose '
                "another model."
            )


class Touch(msgspec.Struct, frozen=True, kw_only=True):
    """One contact of a visitor: a click or impression of a partner's link, or a direct visit (no partner).

    seq is the ingest sequence, which orders touches of one instant. fingerprint stands for IP and user agent
    together and is compared for equality only.
    """

    touch_id: str
    kind: TouchKind
    partner_id: str | None
    program_id: str
    visitor_id: str | None
    at_ms: int
    seq: int
    is_test: bool = False
    is_bot: bool = False
    fingerprint: str | None = None


class CodeEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A promo or partner code and its owner.

    The code counts up to and including valid_to_ms; None never ends.
    """

    code: str
    partner_id: str
    program_id: str
    valid_to_ms: int | None = None


class PartnerStanding(msgspec.Struct, frozen=True, kw_only=True):
    """A partner's standing in the program.

    Statuses are (effective_from_ms, status) in any order; own_customers are the partner himself as a
    customer. Only the status "active" earns; before the first entry a partner counts as active. Leave
    own_customers empty for a partner who may refer himself. group is what custom weights go by.
    """

    partner_id: str
    statuses: tuple[tuple[int, str], ...] = ()
    own_customers: frozenset[str] = frozenset()
    group: str | None = None


class Binding(msgspec.Struct, frozen=True, kw_only=True):
    """The partner a customer belongs to, since the instant of the conversion that bound the customer."""

    partner_id: str
    since_ms: int


class Credit(msgspec.Struct, frozen=True, kw_only=True):
    """One share of a conversion.

    touch_id is None for a binding and "code:" + the text as sent for a code; weight is an exact rational as
    text.
    """

    touch_id: str | None
    partner_id: str
    weight: str
    amount_minor: int


class Conversion(msgspec.Struct, frozen=True, kw_only=True):
    """A reported lead or sale.

    inherited holds the credits of the lead that lead_id names, None when there is no usable lead; coupon is
    the promo code and partner_code the partner's own code, both as sent.
    """

    conversion_id: str
    kind: ConversionKind
    program_id: str
    at_ms: int
    seq: int
    amount_minor: int
    currency: str
    visitor_id: str | None = None
    customer_id: str | None = None
    click_id: str | None = None
    coupon: str | None = None
    partner_code: str | None = None
    is_test: bool = False
    fingerprint: str | None = None
    inherited: tuple[Credit, ...] | None = None


class Journey(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the shell loaded for one conversion, in any order.

    visitors are those identified as the conversion's customer (its own visitor is always counted in). binding
    is the customer's earlier binding in the same program and mode. Touches that belong to no level are
    ignored.
    """

    touches: tuple[Touch, ...] = ()
    visitors: frozenset[str] = frozenset()
    codes: tuple[CodeEntry, ...] = ()
    partners: tuple[PartnerStanding, ...] = ()
    binding: Binding | None = None


class Rejection(msgspec.Struct, frozen=True, kw_only=True):
    """Something that got nothing, and why.

    touch is a touch id, "code:" + text, "click_id:" + text, "binding" or "lead_id"; touches that a cap left out
    are told together as "capped:" + their level or "capped:refused". detail holds the figures for the sentence
    a person reads.
    """

    touch: str
    partner_id: str | None
    at_ms: int | None
    reason: Reason
    detail: Detail


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """Whose merit a conversion is, with the whole explanation.

    Credits are in time order and their amounts sum to the conversion's amount; the window is the click
    window, inclusive at both ends.
    """

    conversion_id: str
    status: Status
    via: Via | None
    model: ModelName
    window_from_ms: int
    window_to_ms: int
    credits: tuple[Credit, ...]
    rejections: tuple[Rejection, ...]
    precedence: tuple[tuple[Level, Outcome], ...]
    commissionable: bool
