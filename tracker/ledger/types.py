"""Records of the ledger: what is posted, what is about to be posted, freezes, and what a person reads of it."""

from typing import Any, Literal

import msgspec

TransferKind = Literal["accrual", "reversal"]
Account = Literal["program_expense", "partner_payable"]
HoldKind = Literal["freeze", "release"]
Status = Literal["pending", "payable", "frozen", "void"]
STATUSES: tuple[Status, ...] = ("pending", "payable", "frozen", "void")


class PublicText(msgspec.Struct, frozen=True, kw_only=True):
    """What the partner may read: a message id and its parameters, or a person's own words without parameters."""

    message: str
    params: dict[str, Any] = {}


class Leg(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of a transfer in minor units; positive is owed to the account's owner."""

    account: Account
    currency: str
    amount_minor: int
    available_at_ms: int


class NewTransfer(msgspec.Struct, frozen=True, kw_only=True):
    """A movement of money to be posted; its legs sum to zero."""

    transfer_id: str
    kind: TransferKind
    livemode: bool
    program_id: str
    enrollment_id: str
    conversion_id: str
    decision_id: str
    reverses_id: str | None
    cause: str
    reward_id: str
    reason_code: str
    public_text: PublicText
    calculation: dict[str, Any]
    actor: str
    created_at_ms: int
    legs: tuple[Leg, ...]

    @property
    def amount_minor(self) -> int:
        """What the transfer changes for the partner: positive for accruals, negative for reversals."""
        return sum(leg.amount_minor for leg in self.legs if leg.account == "partner_payable")

    @property
    def currency(self) -> str:
        """The currency of the transfer's legs."""
        return self.legs[0].currency


class PostedLine(msgspec.Struct, frozen=True, kw_only=True):
    """A posted transfer as its partner sees it: one signed amount (`com_` is its id)."""

    transfer_id: str
    seq: int
    kind: TransferKind
    livemode: bool
    program_id: str
    enrollment_id: str
    conversion_id: str
    decision_id: str
    reverses_id: str | None
    cause: str
    reward_id: str
    reason_code: str
    public_text: PublicText
    calculation: dict[str, Any]
    actor: str
    created_at_ms: int
    currency: str
    amount_minor: int
    available_at_ms: int


class Occasion(msgspec.Struct, frozen=True, kw_only=True):
    """Why money moves now: goes unchanged into every transfer it causes.

    `cause` is "decision:dec_…", "refund:cnv_…" or "verdict:vdt_…"; `actor` as in the audit trail.
    """

    cause: str
    reason_code: str
    public_text: PublicText
    actor: str
    at_ms: int


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """The conversion money is booked for, with the decision in force."""

    livemode: bool
    program_id: str
    conversion_id: str
    decision_id: str


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """A case freezes or releases an accrual; the newest row of an (accrual, case) pair counts.

    `seq` is 0 until the row is stored.
    """

    hold_id: str
    seq: int = 0
    transfer_id: str
    case_id: str
    kind: HoldKind
    at_ms: int
    actor: str
    reason_code: str


class StatusView(msgspec.Struct, frozen=True, kw_only=True):
    """The computed status of a commission, why, and from which day (ISO date) it is payable."""

    status: Status
    # "hold_period", "case:cas_…", "reversed"; empty for payable.
    reasons: tuple[str, ...]
    payable_on: str | None


class Commission(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the ledger with its computed status; `remaining_minor` is what reversals left of its accrual."""

    line: PostedLine
    partner_id: str
    remaining_minor: int
    view: StatusView


class CommissionFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which commissions a list gives; instants are inclusive and mean the posting."""

    livemode: bool
    program_id: str | None = None
    enrollment_id: str | None = None
    partner_id: str | None = None
    conversion_id: str | None = None
    status: Status | None = None
    created_from_ms: int | None = None
    created_to_ms: int | None = None


class StatementLine(msgspec.Struct, frozen=True, kw_only=True):
    """A commission on a statement and the balance, in its currency, after it."""

    commission: Commission
    conversion_kind: str
    conversion_external_id: str
    balance_minor: int


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """What is owed in one currency, split by status at an instant; the three parts sum to the balance.

    `next_available_at_ms` is the earliest instant at which something pending becomes payable.
    """

    currency: str
    pending_minor: int
    payable_minor: int
    frozen_minor: int
    next_available_at_ms: int | None

    @property
    def total_minor(self) -> int:
        """All that is owed."""
        return self.pending_minor + self.payable_minor + self.frozen_minor


class Debt(msgspec.Struct, frozen=True, kw_only=True):
    """What a program owes all its partners in one currency."""

    program_id: str
    balance: Balance
