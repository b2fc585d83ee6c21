"""Tables of runs that decide many conversions again, and of what each run changed or would change."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, PrimaryKeyConstraint

from tracker.db.columns import Blob, Flag, Id, Int64, Json, Str
from tracker.db.metadata import append_only, table

attribution_runs = table(
    "attribution_runs",
    "One computation of many decisions: what was looked at, with which engine, how far it came, what came out.",
    Column("run_id", Id("run"), primary_key=True),
    # A backfill decides by the settings of each conversion's instant; a what-if by others, and nothing pays by it.
    Column("kind", Str, CheckConstraint("kind IN ('backfill', 'what_if')", name="kind_known"), nullable=False),
    Column("state", Str, CheckConstraint("state IN ('running', 'done')", name="state_known"), nullable=False),
    # A dry run writes what would change and decides nothing.
    Column("is_dry_run", Flag, nullable=False),
    Column("engine", Str, nullable=False),
    Column("engine_version", Int64, nullable=False),
    # Null: every program.
    Column("program_id", Id("prg"), ForeignKey("programs.program_id")),
    # Conversions that happened before are left alone; null: none.
    Column("since_ms", Int64),
    # What a what-if puts in the place of the settings of then.
    Column("settings", Json, nullable=False),
    # Clicks and conversions with higher numbers came later and are not looked at.
    Column("click_watermark", Int64, nullable=False),
    Column("conversion_watermark", Int64, nullable=False),
    # Number of the last conversion whose group is done; a run goes on behind it.
    Column("position", Int64, nullable=False),
    Column("conversions", Int64, nullable=False),
    Column("decided", Int64, nullable=False),
    # Sum of the digests of all decisions modulo 2^256; see tracker/recompute/checksum.py.
    Column("digest_sum", Blob, nullable=False),
    Column("actor", Str, nullable=False),
    Column("started_at_ms", Int64, nullable=False),
    Column("moved_at_ms", Int64, nullable=False),
    Column("finished_at_ms", Int64),
)

attribution_changes = append_only(
    "attribution_changes",
    "What a run changed about a conversion, or would change where it was dry, a what-if, or came to a locked one.",
    Column("run_id", Id("run"), ForeignKey("attribution_runs.run_id"), nullable=False),
    Column("conversion_id", Id("cnv"), ForeignKey("conversions.conversion_id"), nullable=False),
    Column("before", Json, nullable=False),
    Column("after", Json, nullable=False),
    # Why the result stays as it is: "payable", "judged", "erased", "purged"; null where nothing locks it.
    Column("locked_by", Str),
    # The decision that was made of it; null where none was.
    Column("decision_id", Id("dec"), ForeignKey("decisions.decision_id")),
    PrimaryKeyConstraint("run_id", "conversion_id"),
    # Query: every change of one conversion.
    Index("ix_attribution_changes_conversion", "conversion_id"),
)
