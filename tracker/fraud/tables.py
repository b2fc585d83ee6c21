"""Tables of the nightly judging of partners, and of rules that failed."""

from sqlalchemy import Column, ForeignKey, PrimaryKeyConstraint

from tracker.db.columns import Flag, Id, Int64, Str
from tracker.db.metadata import table

fraud_nights = table(
    "fraud_nights",
    "The newest nightly judging of a program's partners: how far it came and what came out.",
    Column("program_id", Id("prg"), ForeignKey("programs.program_id"), nullable=False),
    Column("livemode", Flag, nullable=False),
    # The day in the program's time zone, as days since 1970-01-01.
    Column("day", Int64, nullable=False),
    Column("started_at_ms", Int64, nullable=False),
    # The last partner that was judged; a run that was cut off goes on behind it.
    Column("position", Id("enr")),
    Column("partners", Int64, nullable=False),
    Column("findings", Int64, nullable=False),
    Column("failures", Int64, nullable=False),
    Column("took_ms", Int64, nullable=False),
    Column("finished_at_ms", Int64),
    PrimaryKeyConstraint("program_id", "livemode"),
)

rule_failures = table(
    "rule_failures",
    "Fraud rules that could not judge, by rule and UTC day; the error names a kind and a place, never a value.",
    Column("rule", Str, nullable=False),
    Column("day", Int64, nullable=False),
    Column("failures", Int64, nullable=False),
    Column("error", Str, nullable=False),
    PrimaryKeyConstraint("rule", "day"),
)
