"""Records of what a person judges: findings, cases, what they cover, verdicts and what a verdict does."""

from typing import Literal

import msgspec

from fraud_rules.types import Finding
from tracker.ledger.types import Commission, Hold, NewTransfer

CaseStatus = Literal["open", "claimed", "waiting_partner", "decided", "appealed"]
Verdict = Literal["fraud", "policy", "legitimate", "unsure"]
Action = Literal["clear", "reject", "void", "hold"]

# Which verdicts an action may stand on. Reject and void both end the conversion and take back what it earned: a
# rejected conversion owes nothing. They differ in what the partner is told.
VERDICTS_OF: dict[Action, tuple[Verdict, ...]] = {
    "clear": ("legitimate",),
    "reject": ("fraud", "policy"),
    "void": ("fraud", "policy"),
    "hold": ("unsure",),
}


class FindingRow(msgspec.Struct, frozen=True, kw_only=True):
    """A stored finding; `finding` is what the rule said, `allowed_by` the allow-list entry that silenced it.

    It is about a conversion, or about a partner as a whole: `enrollment_id` in the mode `livemode`.
    """

    finding_id: str
    conversion_id: str | None
    enrollment_id: str | None = None
    livemode: bool | None = None
    finding: Finding
    allowed_by: str | None
    evidence_digest: str
    created_at_ms: int


class CaseRow(msgspec.Struct, frozen=True, kw_only=True):
    """A stored case: one a program, partner and shared fact."""

    case_id: str
    program_id: str
    enrollment_id: str
    livemode: bool
    kind: Literal["risk"]
    status: CaseStatus
    cluster_key: str
    score: int
    claimed_by: str | None
    opened_at_ms: int
    due_at_ms: int
    decided_at_ms: int | None


class CoveredConversion(msgspec.Struct, frozen=True, kw_only=True):
    """A conversion a case covers; `other_cases` are further undecided cases that cover it too."""

    conversion_id: str
    kind: Literal["lead", "sale"]
    external_id: str
    status: str
    amount_minor: int | None
    refunded_minor: int
    currency: str | None
    occurred_at_ms: int
    received_at_ms: int
    masked_ip: str | None
    country: str | None
    other_cases: tuple[str, ...]


class VerdictRow(msgspec.Struct, frozen=True, kw_only=True):
    """A stored verdict; `public_text` is what the partner may read (a msgid when it is a default text)."""

    verdict_id: str
    case_id: str
    verdict: Verdict
    action: Action
    reason_code: str
    public_text: str
    note: str
    deciding_finding: str | None
    actor: str
    at_ms: int


class QueueRow(msgspec.Struct, frozen=True, kw_only=True):
    """A case as the queue shows it: the facts that weigh most, and the money that waits, by currency."""

    case: CaseRow
    program_name: str
    partner_id: str
    partner_name: str
    conversions: int
    headline: tuple[FindingRow, ...]
    at_stake: tuple[tuple[str, int], ...]


class CaseView(msgspec.Struct, frozen=True, kw_only=True):
    """Everything on a case's page; findings that weigh most come first, commissions and conversions oldest first."""

    case: CaseRow
    program_name: str
    partner_id: str
    partner_name: str
    findings: tuple[FindingRow, ...]
    conversions: tuple[CoveredConversion, ...]
    commissions: tuple[Commission, ...]
    verdicts: tuple[VerdictRow, ...]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a verdict does: the case's new status, conversions that change theirs, money and releases to book."""

    case_status: CaseStatus
    due_at_ms: int
    statuses: dict[str, str]
    transfers: tuple[NewTransfer, ...]
    releases: tuple[Hold, ...]


class LedgerChange(msgspec.Struct, frozen=True, kw_only=True):
    """How one accrual would stand after a verdict, in minor units."""

    transfer_id: str
    conversion_id: str
    enrollment_id: str
    currency: str
    before_minor: int
    after_minor: int
    status_before: str
    status_after: str


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What an action would do: the lines it changes, conversions' new statuses, and the sum taken back by currency."""

    action: Action
    changes: tuple[LedgerChange, ...]
    statuses: dict[str, str]
    taken_back: tuple[tuple[str, int], ...]


class ReviewResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a verdict did."""

    case: CaseRow
    verdict: VerdictRow
    statuses: dict[str, str]
    transfers: tuple[NewTransfer, ...]
    released: int


class CasesOpened(msgspec.Struct, frozen=True, kw_only=True):
    """What judging a conversion did to the cases: the one it opened or joined, and whether the conversion is held."""

    case_id: str | None
    is_new: bool
    is_held: bool


class PartnerOpened(msgspec.Struct, frozen=True, kw_only=True):
    """What judging a partner did to its case; `is_left` says that more conversions are to be held."""

    case_id: str | None
    is_new: bool
    is_left: bool
