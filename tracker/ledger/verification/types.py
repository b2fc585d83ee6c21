"""Records of a verification of the ledger: the rows as they stand, what was wrong, the report."""

import msgspec


class CheckedEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A leg as stored."""

    transfer_id: str
    line: int
    account: str
    enrollment_id: str
    currency: str
    amount_minor: int
    available_at_ms: int


class CheckedTransfer(msgspec.Struct, frozen=True, kw_only=True):
    """A transfer as stored, and what the rows it refers to say; None where there is no such row."""

    transfer_id: str
    seq: int
    kind: str
    livemode: bool
    program_id: str
    enrollment_id: str
    conversion_id: str
    decision_id: str
    reverses_id: str | None
    cause: str
    reward_id: str
    program_of_enrollment: str | None
    program_of_conversion: str | None
    livemode_of_conversion: bool | None
    conversion_of_decision: str | None
    is_credited: bool
    entries: tuple[CheckedEntry, ...]


class CheckedHold(msgspec.Struct, frozen=True, kw_only=True):
    """A freeze or release as stored, with the kind of its transfer and the status of its case (None: no such row)."""

    hold_id: str
    seq: int
    transfer_id: str
    case_id: str
    kind: str
    transfer_kind: str | None
    case_status: str | None


class StoredTotals(msgspec.Struct, frozen=True, kw_only=True):
    """What the database itself counts: sequence counters, rows, and the sum of all entries per currency."""

    transfers_counter: int
    holds_counter: int
    entries: int
    sums: dict[str, int]


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A law that is broken, the first row that breaks it, and the values."""

    law: str
    row: str
    detail: str


class VerifyReport(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of a verification; problems in the order of rows, at most PROBLEMS_MAX."""

    ok: bool
    transactions: int
    entries: int
    problems: tuple[Problem, ...]
