"""The table of what verdicts taught, kept so that judging a conversion need not read all verdicts."""

from sqlalchemy import Column, ForeignKey

from tracker.db.columns import Id, Int64, Json
from tracker.db.metadata import table

learned_weights = table(
    "learned_weights",
    "What a program's verdicts taught of its fraud rules; computed anew when there is a new verdict, and every day.",
    Column("program_id", Id("prg"), ForeignKey("programs.program_id"), primary_key=True),
    # The terms, the UTC day and the newest verdict it was computed with.
    Column("version", Int64, nullable=False),
    Column("day", Int64, nullable=False),
    Column("decided_at_ms", Int64),
    # By rule id: learned weight over the program's own, parts per million.
    Column("scales", Json, nullable=False),
    # Rules a person should be asked to switch off.
    Column("suggested_off", Json, nullable=False),
)
