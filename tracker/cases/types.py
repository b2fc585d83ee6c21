"""Records of what a person judges: findings, cases, what they cover, verdicts and what a verdict does."""

from typing import Any, Literal

import msgspec

from fraud_rules.types import Finding
from tracker.conversions.booking import Known
from tracker.ledger.types import Commission, Hold, NewTransfer
from tracker.partners.types import EnrollmentStatus

CaseStatus = Literal["open", "claimed", "waiting_partner", "decided", "appealed"]
Verdict = Literal["fraud", "policy", "legitimate", "unsure"]
Action = Literal["clear", "reject", "void", "ask", "hold", "pause", "ban"]
# What a stored verdict did; an undo takes back the one it names.
Deed = Literal["clear", "reject", "void", "ask", "hold", "pause", "ban", "undo"]
MessageKind = Literal["reply", "appeal"]

# Which verdicts an action may stand on. Reject and void both end the conversion and take back what it earned: a
# rejected conversion owes nothing. They differ in what the partner is told. Pause and ban reject, and the partner's
# enrollment earns nothing new.
VERDICTS_OF: dict[Action, tuple[Verdict, ...]] = {
    "clear": ("legitimate",),
    "reject": ("fraud", "policy"),
    "void": ("fraud", "policy"),
    "ask": ("unsure",),
    "hold": ("unsure",),
    "pause": ("fraud", "policy"),
    "ban": ("fraud", "policy"),
}
AGAINST: frozenset[str] = frozenset({"reject", "void", "pause", "ban"})  # the partner may appeal against these
POSTPONING: frozenset[str] = frozenset({"ask", "hold"})  # everything stays frozen, and the case undecided


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
    """A stored case: one a program, partner and shared fact.

    A claim ends at `claim_ends_at_ms` (None: never). Until `postponed_until_ms` nobody is offered the case. An appeal
    can be made once, at `appealed_at_ms`. `reminded_days` is the last age in days that was told; a case with a
    `proposal_id` waits for a second person.
    """

    case_id: str
    program_id: str
    enrollment_id: str
    livemode: bool
    kind: Literal["risk", "audit"]
    status: CaseStatus
    cluster_key: str
    score: int
    claimed_by: str | None
    opened_at_ms: int
    due_at_ms: int
    decided_at_ms: int | None
    claim_ends_at_ms: int | None = None
    postponed_until_ms: int | None = None
    appealed_at_ms: int | None = None
    reminded_days: int = 0
    proposal_id: str | None = None


class CoveredConversion(msgspec.Struct, frozen=True, kw_only=True):
    """A conversion a case covers.

    `other_cases` are further undecided cases that cover it too, `other_rejections` decided ones that stand against it.
    """

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
    other_rejections: tuple[str, ...] = ()


class VerdictRow(msgspec.Struct, frozen=True, kw_only=True):
    """A stored verdict; `public_text` is what the partner may read (a msgid when it is a default text).

    `days` says how long ask and hold wait; `undoes` names the verdict an undo takes back; `confirmed_by` is the second
    person, where one was needed; `effects` is what an undo needs to know (`Effects` as plain data).
    """

    verdict_id: str
    case_id: str
    verdict: Verdict
    action: Deed
    reason_code: str
    public_text: str
    note: str
    deciding_finding: str | None
    actor: str
    at_ms: int
    days: int | None = None
    undoes: str | None = None
    confirmed_by: str | None = None
    effects: dict[str, Any] | None = None


class Effects(msgspec.Struct, frozen=True, kw_only=True):
    """What a verdict changed: the case before and as it left it, conversions' statuses before, the enrollment's.

    `known` is what the conversions' commissions were computed from then.
    """

    case: CaseRow
    left: CaseStatus
    statuses: dict[str, str]
    known: dict[str, Known]
    enrollment_before: EnrollmentStatus | None = None
    enrollment_after: EnrollmentStatus | None = None


class ProposalRow(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict that waits for a second person; `amounts` is the money it would move, by currency."""

    proposal_id: str
    case_id: str
    verdict: Verdict
    action: Action
    reason_code: str
    public_text: str
    note: str
    deciding_finding: str | None
    amounts: dict[str, int]
    actor: str
    at_ms: int


class PartnerMessage(msgspec.Struct, frozen=True, kw_only=True):
    """What the partner wrote about a case: an answer to a question, or an appeal; `verdict_id` is what it is about."""

    message_id: str
    case_id: str
    kind: MessageKind
    text: str
    verdict_id: str
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
    enrollment_status: EnrollmentStatus
    messages: tuple[PartnerMessage, ...]
    proposal: ProposalRow | None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a verdict does: the case's new status, conversions that change theirs, money and releases to book.

    `enrollment_status` is the partner's new one, None where it stays.
    """

    case_status: CaseStatus
    due_at_ms: int
    postponed_until_ms: int | None = None
    enrollment_status: EnrollmentStatus | None = None
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
    """What an action would do: the lines it changes, conversions' new statuses, sums by currency.

    `given_again` is booked anew by an appeal that is upheld, `released` is what stops being frozen, `still_frozen` what
    this case lets go of and another one does not.
    """

    action: Action
    changes: tuple[LedgerChange, ...]
    statuses: dict[str, str]
    taken_back: tuple[tuple[str, int], ...]
    given_again: tuple[tuple[str, int], ...] = ()
    released: tuple[tuple[str, int], ...] = ()
    still_frozen: tuple[tuple[str, int], ...] = ()
    enrollment_status: EnrollmentStatus | None = None
    needs_second: bool = False


class Proposed(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict over the program's limit: nothing has happened, a second person must confirm it."""

    case: CaseRow
    proposal: ProposalRow


class ReviewResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a verdict did."""

    case: CaseRow
    verdict: VerdictRow
    statuses: dict[str, str]
    transfers: tuple[NewTransfer, ...]
    released: int
    enrollment_status: EnrollmentStatus | None = None


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
