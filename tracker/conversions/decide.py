"""What a conversion's facts make of its status and its commissions; pure.

`process.py` loads the facts, asks here and saves the answer in one transaction.
"""

from collections.abc import Sequence

from attribution.types import Decision
from tracker.conversions.base import commission_base, net_base
from tracker.conversions.types import ConversionRow, ConversionStatus
from tracker.programs.types import Program
from tracker.rewards.calculate import RewardedConversion, RewardedCredit, dues_of
from tracker.rewards.types import Due


def dues(
    row: ConversionRow,
    program: Program,
    credited: Sequence[RewardedCredit],
    *,
    refunded_minor: int,
    rate_overrides: dict[str, int],
) -> tuple[Due, ...]:
    """Return what the credited partners are owed as things stand; nothing for what may not pay.

    Unverified reports never pay, rejected conversions owe nothing.
    """
    if row.trust != "verified" or row.status == "rejected" or row.kind == "refund":
        return ()
    amount_minor = row.amount_minor or 0
    base_minor = commission_base(row, program.settings)
    return dues_of(
        RewardedConversion(
            kind="lead" if row.kind == "lead" else "sale",
            base_minor=base_minor,
            net_base_minor=net_base(base_minor, amount_minor, refunded_minor),
            currency=row.currency,
            program_currency=program.currency,
            program_version=program.version,
            occurred_at_ms=row.occurred_at_ms,
            hold_days=program.settings.hold_days,
            credits=tuple(credited),
            rules=program.settings.rewards,
            rate_overrides=rate_overrides,
            is_fully_refunded=0 < amount_minor <= refunded_minor,
        )
    )


def status_of(row: ConversionRow, decision: Decision, *, is_held: bool, refunded_minor: int) -> ConversionStatus:
    """Return the status a decided lead or sale has; a rejected one stays rejected."""
    if row.status == "rejected":
        return "rejected"
    if decision.status != "attributed":
        return "unattributed"
    if row.trust != "verified":
        return "attributed"
    return "in_review" if is_held else refund_status(row, refunded_minor)


def refund_status(row: ConversionRow, refunded_minor: int) -> ConversionStatus:
    """Return the status of an accepted sale after what was given back."""
    if refunded_minor == 0:
        return "accepted"
    return "refunded" if refunded_minor >= (row.amount_minor or 0) else "part_refunded"
