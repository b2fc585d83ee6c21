"""Tables of programs: what is offered, under which versioned settings, on which sites."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, PrimaryKeyConstraint

from tracker.db.columns import Id, Int64, Json, Str
from tracker.db.metadata import append_only, table

programs = table(
    "programs",
    "What is offered to partners; its terms are in program_versions.",
    Column("program_id", Id("prg"), primary_key=True),
    Column("name", Str, nullable=False),
    Column("currency", Str, CheckConstraint("length(currency) = 3", name="currency_iso"), nullable=False),
    Column("time_zone", Str, nullable=False),
    Column("created_at_ms", Int64, nullable=False),
)

program_versions = append_only(
    "program_versions",
    "The terms of a program from an instant on; a change is a new row.",
    Column("program_id", Id("prg"), ForeignKey("programs.program_id"), nullable=False),
    Column("version", Int64, CheckConstraint("version >= 1", name="version_positive"), nullable=False),
    Column("effective_from_ms", Int64, nullable=False),
    Column("settings", Json, nullable=False),
    Column("published_by", Str, nullable=False),
    Column("note", Str, nullable=False),
    PrimaryKeyConstraint("program_id", "version"),
)

program_sites = table(
    "program_sites",
    "Origins (scheme, host, port) whose pages may carry the program's tag and be linked to.",
    Column("program_id", Id("prg"), ForeignKey("programs.program_id"), nullable=False),
    Column("origin", Str, nullable=False),
    Column("created_at_ms", Int64, nullable=False),
    PrimaryKeyConstraint("program_id", "origin"),
)

test_clocks = table(
    "test_clocks",
    "How far ahead of real time a program's test objects live.",
    Column("program_id", Id("prg"), ForeignKey("programs.program_id"), primary_key=True),
    Column("offset_ms", Int64, CheckConstraint("offset_ms >= 0", name="forward_only"), nullable=False),
)
