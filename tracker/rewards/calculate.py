"""What a conversion earns, computed from its credits and the program's rules; pure.

The processing of conversions calls `dues_of` for the first booking, after every refund and after every new decision;
the ledger then books the difference to what is posted. Nothing here knows a database, a clock or what was paid before.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, Literal

import msgspec

from attribution.money import percent_of, split_minor
from tracker.instants import DAY_MS
from tracker.rewards.types import Due, RewardRule


class RewardedCredit(msgspec.Struct, frozen=True, kw_only=True):
    """One part of a decision: the enrollment and its exact share as text ("2/5")."""

    enrollment_id: str
    weight: str


class RewardedConversion(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a reward depends on, as of the conversion.

    `base_minor` is the commission base, `net_base_minor` what refunds left of it (0 … base), both in `currency`, which
    only a lead without an amount lacks. `rate_overrides` holds basis points by enrollment id. `is_fully_refunded` says
    what a base of zero cannot say by itself.
    """

    kind: Literal["lead", "sale"]
    base_minor: int
    net_base_minor: int
    currency: str | None
    program_currency: str
    program_version: int
    occurred_at_ms: int
    hold_days: int
    credits: tuple[RewardedCredit, ...]
    rules: tuple[RewardRule, ...]
    rate_overrides: Mapping[str, int] = {}
    is_fully_refunded: bool = False


def dues_of(conversion: RewardedConversion) -> tuple[Due, ...]:
    """Return what each fitting rule owes each credited enrollment, zero amounts included.

    One due per (rule, enrollment), rules in their order, enrollments in the order of their first credit. A percent rule
    pays in the sale's currency and gives nothing where there is none; a fixed rule pays in the program's currency. Hold
    counts from `occurred_at_ms`. A net base outside 0 … base is a bug of the caller and raises ValueError.
    """
    if not 0 <= conversion.net_base_minor <= conversion.base_minor:
        message = (
            f"Net base {conversion.net_base_minor} is outside 0 … {conversion.base_minor}; cap refunds at the sale."
        )
        raise ValueError(message)
    if not conversion.credits:
        return ()
    dues: list[Due] = []
    for rule in conversion.rules:
        if rule.on != conversion.kind:
            continue
        if rule.kind == "fixed":
            dues.extend(_fixed_dues(conversion, rule))
        elif conversion.currency is not None:
            dues.extend(_percent_dues(conversion, rule, conversion.currency))
    return tuple(dues)


def _percent_dues(conversion: RewardedConversion, rule: RewardRule, currency: str) -> list[Due]:
    net_base = 0 if conversion.is_fully_refunded else conversion.net_base_minor
    dues = []
    for enrollment_id, part_minor in _parts(net_base, conversion.credits).items():
        override = conversion.rate_overrides.get(enrollment_id)
        rate_bps = rule.rate_bps if override is None else override
        amount_minor = percent_of(part_minor, rate_bps)
        calculation = _calculation(conversion, rule, enrollment_id) | {
            "part_minor": part_minor,
            "rate_bps": rate_bps,
            "rate_from": "rule" if override is None else "enrollment",
            "amount_minor": amount_minor,
        }
        dues.append(_due(conversion, rule, enrollment_id=enrollment_id, currency=currency, calculation=calculation))
    return dues


def _fixed_dues(conversion: RewardedConversion, rule: RewardRule) -> list[Due]:
    dues = []
    for enrollment_id, part_minor in _parts(rule.amount_minor, conversion.credits).items():
        amount_minor = _kept(part_minor, conversion)
        calculation = _calculation(conversion, rule, enrollment_id) | {
            "reward_minor": rule.amount_minor,
            "part_minor": part_minor,
            "amount_minor": amount_minor,
        }
        dues.append(
            _due(
                conversion,
                rule,
                enrollment_id=enrollment_id,
                currency=conversion.program_currency,
                calculation=calculation,
            )
        )
    return dues


def _kept(part_minor: int, conversion: RewardedConversion) -> int:
    """Return what refunds leave of a fixed part: pro rata to the base, half-even, once per line."""
    if conversion.is_fully_refunded:
        return 0
    if conversion.net_base_minor == conversion.base_minor:
        return part_minor
    # round() of a Fraction is exact and half-even.
    return round(Fraction(part_minor * conversion.net_base_minor, conversion.base_minor))


def _parts(amount_minor: int, parts_of: Sequence[RewardedCredit]) -> dict[str, int]:
    """Return the amount split by the credits' weights, summed per enrollment; the parts add up to the amount."""
    parts: dict[str, int] = {}
    shares = split_minor(amount_minor, [Fraction(credit.weight) for credit in parts_of])
    for credit, share in zip(parts_of, shares, strict=True):
        parts[credit.enrollment_id] = parts.get(credit.enrollment_id, 0) + share
    return parts


def _calculation(conversion: RewardedConversion, rule: RewardRule, enrollment_id: str) -> dict[str, Any]:
    return {
        "rule": rule.kind,
        "base_minor": conversion.base_minor,
        "net_base_minor": 0 if conversion.is_fully_refunded else conversion.net_base_minor,
        "base_currency": conversion.currency,
        "weights": [credit.weight for credit in conversion.credits if credit.enrollment_id == enrollment_id],
        "hold_days": conversion.hold_days,
        "program_version": conversion.program_version,
    }


def _due(
    conversion: RewardedConversion,
    rule: RewardRule,
    *,
    enrollment_id: str,
    currency: str,
    calculation: dict[str, Any],
) -> Due:
    return Due(
        enrollment_id=enrollment_id,
        reward_id=rule.reward_id,
        currency=currency,
        amount_minor=calculation["amount_minor"],
        available_at_ms=conversion.occurred_at_ms + conversion.hold_days * DAY_MS,
        calculation=calculation,
    )
