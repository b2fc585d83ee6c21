"""Tables of the double-entry ledger; rows are only ever added, corrections are new rows."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, PrimaryKeyConstraint

from tracker.db.columns import Flag, Id, Int64, Json, Str
from tracker.db.metadata import append_only

transfers = append_only(
    "transfers",
    "One movement of money with its reason; its entries sum to zero per currency.",
    Column("transfer_id", Id("com"), primary_key=True),
    Column("seq", Int64, nullable=False, unique=True),
    Column("kind", Str, CheckConstraint("kind IN ('accrual', 'reversal')", name="kind_known"), nullable=False),
    Column("livemode", Flag, nullable=False),
    Column("program_id", Id("prg"), ForeignKey("programs.program_id"), nullable=False),
    Column("enrollment_id", Id("enr"), ForeignKey("enrollments.enrollment_id"), nullable=False),
    Column("conversion_id", Id("cnv"), ForeignKey("conversions.conversion_id"), nullable=False),
    Column("decision_id", Id("dec"), ForeignKey("decisions.decision_id"), nullable=False),
    # The accrual a reversal takes back from; null for accruals.
    Column("reverses_id", Id("com"), ForeignKey("transfers.transfer_id")),
    # The refund, verdict or decision that caused it: "refund:cnv_…", "verdict:vdt_…", "decision:dec_…".
    Column("cause", Str, nullable=False),
    Column("reward_id", Str, nullable=False),
    Column("created_at_ms", Int64, nullable=False),
    Column("reason_code", Str, nullable=False),
    # What the partner may read, as message id and parameters.
    Column("public_text", Json, nullable=False),
    # The arithmetic: base, rate, weight, program version.
    Column("calculation", Json, nullable=False),
    Column("actor", Str, nullable=False),
    CheckConstraint("(kind = 'accrual') = (reverses_id IS NULL)", name="reversal_names_accrual"),
    # Query: lines of a conversion (decide, refund, review) and of an enrollment (statement).
    Index("ix_transfers_conversion", "conversion_id"),
    Index("ix_transfers_enrollment", "enrollment_id", "seq"),
    # Query: what was taken back from an accrual.
    Index("ix_transfers_reverses", "reverses_id"),
)

entries = append_only(
    "entries",
    "The legs of a transfer; positive is owed to the account's owner.",
    Column("transfer_id", Id("com"), ForeignKey("transfers.transfer_id"), nullable=False),
    Column("line", Int64, nullable=False),
    Column(
        "account",
        Str,
        CheckConstraint("account IN ('program_expense', 'partner_payable')", name="account_known"),
        nullable=False,
    ),
    Column("enrollment_id", Id("enr"), ForeignKey("enrollments.enrollment_id"), nullable=False),
    Column("currency", Str, CheckConstraint("length(currency) = 3", name="currency_iso"), nullable=False),
    Column("amount_minor", Int64, CheckConstraint("amount_minor <> 0", name="amount_not_zero"), nullable=False),
    Column("available_at_ms", Int64, nullable=False),
    PrimaryKeyConstraint("transfer_id", "line"),
    # Query: balance of an enrollment per currency.
    Index("ix_entries_balance", "enrollment_id", "account", "currency"),
    # Query: commissions whose hold ended in a span (random checks).
    Index("ix_entries_available", "account", "available_at_ms"),
)

holds = append_only(
    "holds",
    "Freezes of an accrual by a case, and their releases; the newest row of a (accrual, case) pair counts.",
    Column("hold_id", Id("hld"), primary_key=True),
    Column("seq", Int64, nullable=False, unique=True),
    Column("transfer_id", Id("com"), ForeignKey("transfers.transfer_id"), nullable=False),
    Column("case_id", Id("cas"), nullable=False),
    Column("kind", Str, CheckConstraint("kind IN ('freeze', 'release')", name="kind_known"), nullable=False),
    Column("at_ms", Int64, nullable=False),
    Column("actor", Str, nullable=False),
    Column("reason_code", Str, nullable=False),
    # Query: is this accrual frozen?
    Index("ix_holds_transfer", "transfer_id", "case_id", "seq"),
    Index("ix_holds_case", "case_id"),
)
